"""Signing and checking with the user's own SSH key, by ``ssh-keygen -Y`` (OpenSSH 8.2 and newer).

The list of allowed signers is in ssh-keygen's own format (ssh-keygen(1), "ALLOWED SIGNERS"): a line a
person, ``bob@example.com ssh-ed25519 AAAA…``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import Error, ExitStatus, UsageError
from remediate.passing import passing_folder

NAMESPACE = "remediate"
"""What a signature is for: one made for git or for mail is not taken for an approval, nor ours there."""
ARMOUR = b"-----BEGIN SSH SIGNATURE-----"
_GOOD = re.compile(r'^Good "remediate" signature for .* with \S+ key (SHA256:\S+)$', re.MULTILINE)
_KEY = re.compile(rb"(?:^|\s)((?:ssh|ecdsa|sk)-[a-zA-Z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,2})(?:\s|$)")
_SECONDS = 300


class SignatureError(Error):
    """A signature that proves nothing: altered, by nobody who may, or for something else."""

    exit_status = ExitStatus.TAMPERED


@dataclass(frozen=True)
class Signer:
    """Who signed."""

    principals: tuple[str, ...]
    """Every name that the list gives to this key, the one that was verified first."""
    key: str
    """The key's fingerprint, as ``ssh-keygen -l`` shows it: ``SHA256:…``."""


@dataclass(frozen=True)
class SigningKey:
    """A key to sign with: a file, or a public key whose private half an agent holds."""

    file: Path | None = None
    literal: str = ""


def default_key(given: Path | None, environment: Mapping[str, str]) -> SigningKey:
    """The key that *given* names, else git's ``user.signingKey`` (the user's own setting, never a
    repository's), else ``~/.ssh/id_ed25519``. Raises `UsageError` where there is none."""
    if given is not None:
        if not given.is_file():
            raise UsageError(
                f"There is no key in {given}.", hint="Give --key FILE, an SSH private key."
            )
        return SigningKey(given)
    home = Path(environment.get("HOME") or "~").expanduser()
    named = user_setting("user.signingKey", environment)
    if named.startswith(("key::", "ssh-", "ecdsa-", "sk-")):
        return SigningKey(literal=named.removeprefix("key::"))
    for path in (Path(named).expanduser() if named else None, home / ".ssh" / "id_ed25519"):
        if path is not None and path.is_file():
            return SigningKey(path)
    raise UsageError(
        "There is no SSH key to sign with.",
        hint="Give --key FILE, or make one: ssh-keygen -t ed25519",
    )


def user_setting(name: str, environment: Mapping[str, str]) -> str:
    """git's own setting *name* of this user, empty where there is none."""
    plain = {k: v for k, v in environment.items() if not k.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "config", "--global", "--get", name],
            env={**plain, **{k: v for k, v in environment.items() if k == "GIT_CONFIG_GLOBAL"}},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


def sign(data: bytes, key: SigningKey) -> bytes:
    """An armoured signature of *data*. ssh-keygen asks for the key's passphrase itself, on the terminal.

    Raises `UsageError` with ssh-keygen's own words where it can't sign.
    """
    with passing_folder() as scratch:
        path = key.file
        if path is None:
            path = Path(scratch, "key.pub")
            path.write_text(key.literal + "\n", "utf-8")
        done = _ssh_keygen("-Y", "sign", "-f", str(path), "-n", NAMESPACE, stdin=data)
    if done.returncode != 0 or not done.stdout.startswith(ARMOUR):
        raise UsageError(
            f"The key {key.file or 'of the agent'} could not sign: {_said(done)}",
            hint="Give another one: --key FILE",
        )
    return done.stdout


def fingerprint(key: SigningKey) -> str | None:
    """The fingerprint of *key*'s public half, None where it can't be read without its passphrase."""
    if key.file is None:
        blobs = _blobs(key.literal.encode())
        return blobs[0] if blobs else None
    public = key.file if key.file.suffix == ".pub" else key.file.with_name(key.file.name + ".pub")
    try:
        blobs = _blobs(public.read_bytes()[:100_000])
    except OSError:
        return None
    return blobs[0] if blobs else None


def verify(data: bytes, signature: bytes, signers: bytes) -> Signer:
    """Who signed *data*, of those that *signers* (an allowed-signers file's content) lists.

    Raises `SignatureError`.
    """
    with passing_folder() as scratch:
        # Copies: what was looked at is what ssh-keygen is given.
        allowed, armoured = Path(scratch, "allowed"), Path(scratch, "signature")
        allowed.write_bytes(signers)
        armoured.write_bytes(signature)
        common = ("-f", str(allowed), "-s", str(armoured))
        found = _ssh_keygen("-Y", "find-principals", *common)
        names = found.stdout.decode("utf-8", "replace").splitlines()
        if found.returncode != 0 or not names:
            raise SignatureError(
                "The signature is of nobody whom the list of signers names, or is no signature.",
                hint="Have somebody sign whom the list names, or look what became of the file.",
            )
        for name in names:
            if re.search(r"[*?!,\s]", name):
                continue  # a pattern names nobody
            done = _ssh_keygen("-Y", "verify", *common, "-I", name, "-n", NAMESPACE, stdin=data)
            good = _GOOD.search(done.stdout.decode("utf-8", "replace"))
            if done.returncode == 0 and good:
                return Signer(_all_names(name, names, good[1], signers), good[1])
    raise SignatureError(
        "The signature does not fit: what was signed is not what is here, or it was made for "
        "something else.",
        hint="Have the file signed again, as it is now.",
    )


def _all_names(verified: str, matched: Sequence[str], key: str, signers: bytes) -> tuple[str, ...]:
    """Every name that the list gives to *key*, on whichever line: one person may stand there twice."""
    names = [verified, *matched]
    for line in signers.splitlines():
        if not line.lstrip().startswith(b"#") and key in _blobs(line):
            first = line.decode("utf-8", "replace").split(maxsplit=1)[0]
            names += first.strip('"').split(",")
    return tuple(dict.fromkeys(names))


def _blobs(text: bytes) -> list[str]:
    """The fingerprint of each public key that stands in *text* (RFC 4253, 6.6, in base64)."""
    found = []
    for match in _KEY.finditer(text):
        try:
            blob = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        found.append(f"SHA256:{digest}")
    return found


def _ssh_keygen(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            input=stdin,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError(
            "ssh-keygen is not installed; signatures are made and checked with it.",
            hint="Install OpenSSH 8.2 or newer (Debian: apt install openssh-client).",
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"ssh-keygen did not end within {_SECONDS} seconds; nothing was signed.",
            hint="Is a passphrase or a touch of the key wanted?",
        ) from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"exit {done.returncode}"
