"""Signatures by the user's SSH key: who may sign, what they prove, and what proves nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from remediate import signing
from remediate.errors import UsageError
from remediate.signing import SignatureError, SigningKey

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")


def made(folder: Path, name: str, *, passphrase: str = "", kind: str = "ed25519") -> Path:
    path = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", str(path)], check=True
    )
    return path


def listed(name: str, key: Path, options: str = "") -> bytes:
    public = key.with_name(key.name + ".pub").read_text().strip()
    return f"{name} {options}{' ' if options else ''}{public}\n".encode()


@pytest.fixture
def bob(tmp_path: Path) -> Path:
    return made(tmp_path, "bob")


def test_what_was_signed_is_verified_and_nothing_else(bob: Path) -> None:
    signers = listed("bob@example.com", bob)
    signature = signing.sign(b"the plan", SigningKey(bob))
    signer = signing.verify(b"the plan", signature, signers)
    assert signer.principals == ("bob@example.com",)
    assert signer.key == signing.fingerprint(SigningKey(bob))
    for data in (b"", b"the plan ", b"another"):
        with pytest.raises(SignatureError, match="does not fit"):
            signing.verify(data, signature, signers)


@pytest.mark.parametrize("signature", [b"", b"x", signing.ARMOUR, b"\x00" * 5000])
def test_garbage_is_no_signature(bob: Path, signature: bytes) -> None:
    with pytest.raises(SignatureError):
        signing.verify(b"x", signature, listed("bob@example.com", bob))


def test_somebody_whom_the_list_does_not_name(tmp_path: Path, bob: Path) -> None:
    mallory = made(tmp_path, "mallory")
    signature = signing.sign(b"x", SigningKey(mallory))
    for signers in (b"", b"# nobody\n", listed("bob@example.com", bob), b"\xff\x00 garbage\n"):
        with pytest.raises(SignatureError, match="nobody whom the list"):
            signing.verify(b"x", signature, signers)


def test_a_signature_for_something_else(bob: Path) -> None:
    """One that git made over the same bytes is no approval."""
    made_for_git = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", str(bob), "-n", "git"],
        input=b"x",
        capture_output=True,
        check=True,
    ).stdout
    with pytest.raises(SignatureError):
        signing.verify(b"x", made_for_git, listed("bob@example.com", bob))


def test_a_key_that_the_list_allows_for_other_things_or_till_yesterday(bob: Path) -> None:
    signature = signing.sign(b"x", SigningKey(bob))
    for options in ('namespaces="git"', 'valid-before="20200101"'):
        with pytest.raises(SignatureError):
            signing.verify(b"x", signature, listed("bob@example.com", bob, options))
    fine = listed("bob@example.com", bob, 'namespaces="git,remediate"')
    assert signing.verify(b"x", signature, fine).principals == ("bob@example.com",)


def test_a_pattern_names_nobody(bob: Path) -> None:
    signature = signing.sign(b"x", SigningKey(bob))
    with pytest.raises(SignatureError):
        signing.verify(b"x", signature, listed("*@example.com", bob))


def test_every_name_of_one_key_is_told(bob: Path) -> None:
    signers = listed("bob@example.com,rob@example.com", bob) + listed('"ada@example.com"', bob)
    signer = signing.verify(b"x", signing.sign(b"x", SigningKey(bob)), signers)
    assert signer.principals == ("bob@example.com", "rob@example.com", "ada@example.com")


def test_a_key_that_wants_a_passphrase_and_nobody_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    with pytest.raises(UsageError, match="could not sign"):
        signing.sign(b"x", SigningKey(made(tmp_path, "locked", passphrase="a passphrase")))


def test_which_key_is_taken(tmp_path: Path, sealed: Path, bob: Path) -> None:
    environment = {"HOME": str(sealed), "GIT_CONFIG_GLOBAL": str(sealed / ".gitconfig"),
                   "PATH": "/usr/bin:/bin"}  # fmt: skip
    with pytest.raises(UsageError, match="no SSH key"):
        signing.default_key(None, environment)
    with pytest.raises(UsageError, match="no key in"):
        signing.default_key(tmp_path / "none", environment)
    assert signing.default_key(bob, environment).file == bob
    (sealed / ".ssh").mkdir()
    own = made(sealed / ".ssh", "id_ed25519")
    assert signing.default_key(None, environment).file == own

    def git(value: str) -> None:
        subprocess.run(
            ["git", "config", "--file", str(sealed / ".gitconfig"), "user.signingKey", value],
            check=True,
        )

    git(str(bob))
    assert signing.default_key(None, environment).file == bob
    public = bob.with_name("bob.pub").read_text().strip()
    git(f"key::{public}")
    literal = signing.default_key(None, environment)
    assert literal.literal == public
    assert signing.fingerprint(literal) == signing.fingerprint(SigningKey(bob))
    git("0xDEADBEEF")  # a GPG key's id
    assert signing.default_key(None, environment).file == own


def test_a_repositorys_own_setting_does_not_choose_the_key(
    tmp_path: Path, sealed: Path, bob: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "r")], check=True)
    subprocess.run(
        ["git", "-C", str(tmp_path / "r"), "config", "user.signingKey", str(bob)], check=True
    )
    monkeypatch.chdir(tmp_path / "r")
    with pytest.raises(UsageError):
        signing.default_key(None, {"HOME": str(sealed), "PATH": "/usr/bin:/bin"})


def test_without_ssh_keygen_it_is_said(bob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UsageError, match="not installed"):
        signing.sign(b"x", SigningKey(bob))
