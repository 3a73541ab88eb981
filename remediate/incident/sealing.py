"""Encryption at rest: one age key pair an incident, unlocked by the OS keyring or by the user's key.

Custody and the backup are encrypted to the pair's recipient (age, https://age-encryption.org/v1);
the identity that opens them lies in a safe OS keyring, or in the incident's folder wrapped under a key
made from the user's passphrase or key file (scrypt, RFC 7914; ChaCha20-Poly1305, RFC 8439). With
neither there is no pair: values stay in memory.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage

from remediate.errors import CustodyError, StateError
from remediate.incident.home import sync_folder, write_private
from remediate.keyrings import Answer, ask, drop, keep, safe_keyring, why_not
from remediate.secret import Secret

_SERVICE = "remediate"
_N, _R, _P = 2**15, 8, 1  # about 0.1 s and 32 MB: OWASP's floor for interactive scrypt is 2**15


@dataclass(frozen=True)
class Seal:
    """An incident's key pair. The identity is None until it is unlocked."""

    recipient: pyrage.x25519.Recipient
    identity: pyrage.x25519.Identity
    held_by: str
    """``keyring`` or ``key``: what a person needs in order to open it again."""


def read_key_file(path: Path) -> Secret:
    """The key that a file holds: its bytes without the last newline. Raises `CustodyError`."""
    try:
        value = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise CustodyError(
            f"The key file {path} can't be read: {error.strerror}.", hint="Give --key-file FILE."
        ) from None
    if len(value) < 8:
        raise CustodyError(
            f"The key file {path} holds fewer than 8 bytes; that is no protection.",
            hint="Make one: head -c 32 /dev/urandom | base64 > KEY && chmod 600 KEY",
        )
    return Secret(value)


def make(folder: Path, key: Secret | None, *, name: str) -> Seal | None:
    """A new key pair for the incident *name*; None where nothing safe can hold its identity.

    A keyring that is locked, or does not give back what it was given, is none.
    """
    identity = pyrage.x25519.Identity.generate()
    recipient = identity.to_public()
    wrap: dict[str, Any]
    if key is not None:
        wrap = _wrap(str(identity).encode(), key)
        held_by = "key"
    else:
        ring = safe_keyring()
        if ring is None or keep(ring, _SERVICE, name, str(identity)):
            return None
        wrap = {"kind": "keyring"}
        held_by = "keyring"
    document = {"version": 1, "recipient": str(recipient), "wrap": wrap}
    write_private(folder / "seal.json", json.dumps(document).encode() + b"\n")
    return Seal(recipient, identity, held_by)


def exists(folder: Path) -> bool:
    """Whether the incident has a key pair."""
    return (folder / "seal.json").exists()


def wants_key(folder: Path) -> bool:
    """Whether the incident's key pair is opened by a key of the user's, and not by the keyring."""
    try:
        return bool(json.loads((folder / "seal.json").read_bytes())["wrap"]["kind"] == "key")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def unlock(folder: Path, key: Secret | None, *, name: str) -> Seal:
    """The incident's key pair. Raises `CustodyError` where its key is missing or wrong."""
    try:
        document = json.loads((folder / "seal.json").read_bytes())
        recipient = pyrage.x25519.Recipient.from_str(document["recipient"])
        wrap = document["wrap"]
        kind = wrap["kind"]
    except (OSError, ValueError, KeyError, TypeError, pyrage.RecipientError, RecursionError):
        raise StateError(
            f"{folder / 'seal.json'} is damaged; what was sealed with it can't be opened.",
            hint="Restore the file from a backup, or go on with: remediate resume --report FILE",
        ) from None
    if kind == "keyring":
        ring = safe_keyring()
        if ring is None:
            raise _shut(why_not().rstrip("."), "Unlock that keyring, then: remediate resume")
        said = ask(ring, _SERVICE, name)
        if said.trouble:
            raise _shut(said.trouble, "Unlock that keyring, then: remediate resume")
        try:
            identity = pyrage.x25519.Identity.from_str(said.text or "")
        except pyrage.IdentityError:
            raise _shut(
                "it holds no such key any more",
                "Go on without what was sealed: remediate resume --report FILE",
            ) from None
        return Seal(recipient, identity, "keyring")
    if key is None:
        raise CustodyError(
            "This incident's values are sealed with a key of yours, and none was given.",
            hint="Give --key-file FILE or set REMEDIATE_KEY_FILE to the file used before.",
        )
    return Seal(recipient, pyrage.x25519.Identity.from_str(_unwrap(wrap, key)), "key")


def set_aside(path: Path) -> None:
    """Put a file that can't be opened any more out of the way, and keep it: ``lost-`` before its name."""
    path.replace(path.with_name(f"lost-{path.name}"))
    sync_folder(path.parent)


def forget(folder: Path, *, name: str) -> None:
    """Destroy the identity: whatever was sealed with it stays closed for good."""
    (folder / "seal.json").unlink(missing_ok=True)
    ring = safe_keyring()
    if ring is not None:
        # One that can't be asked now keeps a key to nothing: what it sealed is gone.
        drop(ring, _SERVICE, name)


def lost(folder: Path, *, name: str) -> bool:
    """Whether what the incident sealed can't be opened by anybody any more.

    That is so where its key pair's file is damaged, or the keyring answers and holds no such key. One that is
    locked, or does not answer, may hold it.
    """
    try:
        unlock(folder, None, name=name)
    except StateError:
        return True
    except CustodyError:
        ring = None if wants_key(folder) else safe_keyring()
        return ring is not None and ask(ring, _SERVICE, name) == Answer(None)
    return False


def _shut(why: str, hint: str) -> CustodyError:
    return CustodyError(
        "This incident's values are sealed with a key in the OS keyring, and it can't be had: "
        f"{why}. Nothing was done.",
        hint=hint,
    )


def _derive(key: Secret, salt: bytes, n: int, r: int, p: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(key.reveal())


def _wrap(value: bytes, key: Secret) -> dict[str, Any]:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    salt, nonce = os.urandom(16), secrets.token_bytes(12)
    sealed = ChaCha20Poly1305(_derive(key, salt, _N, _R, _P)).encrypt(nonce, value, b"remediate 1")
    return {
        "kind": "key",
        "kdf": "scrypt",
        "n": _N,
        "r": _R,
        "p": _P,
        "salt": base64.b64encode(salt).decode(),
        "nonce": base64.b64encode(nonce).decode(),
        "sealed": base64.b64encode(sealed).decode(),
    }


def _unwrap(wrap: dict[str, Any], key: Secret) -> str:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    try:
        n, r, p = int(wrap["n"]), int(wrap["r"]), int(wrap["p"])
        # A doctored file must not make us eat the machine's memory.
        if not (n <= 2**20 and r <= 16 and p <= 4):
            raise ValueError
        derived = _derive(key, base64.b64decode(wrap["salt"]), n, r, p)
        nonce, sealed = base64.b64decode(wrap["nonce"]), base64.b64decode(wrap["sealed"])
        return ChaCha20Poly1305(derived).decrypt(nonce, sealed, b"remediate 1").decode("ascii")
    except (InvalidTag, ValueError, KeyError, TypeError):
        raise CustodyError(
            "The key given is not the one that this incident was sealed with.",
            hint="Give --key-file FILE or set REMEDIATE_KEY_FILE to the file used before.",
        ) from None
