"""Private keys: wrappings of one key are one credential."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import found, surroundings
from remediate_providers.table.pem import identity, locked, ssh_fingerprint
from remediate_providers.table.provider import TableProvider
from remediate_providers.table.rows import PRIVATE_KEY, row_of

PROVIDER = TableProvider()
VENDOR = surroundings({})
RSA = rsa.generate_private_key(65537, 2048)
OTHER = ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())


def pem(key: object, form: s.PrivateFormat, passphrase: bytes | None = None) -> Secret:
    lock = s.BestAvailableEncryption(passphrase) if passphrase else s.NoEncryption()
    return Secret(key.private_bytes(s.Encoding.PEM, form, lock))  # type: ignore[attr-defined]


PKCS1 = pem(RSA, s.PrivateFormat.TraditionalOpenSSL)
PKCS8 = pem(RSA, s.PrivateFormat.PKCS8)
OPENSSH = pem(RSA, s.PrivateFormat.OpenSSH)
IN_JSON = Secret(PKCS8.reveal().replace(b"\n", b"\\n"))
MISLABELLED = Secret(PKCS1.reveal().replace(b"RSA PRIVATE", b"PRIVATE"))
WRAPPINGS = [PKCS1, PKCS8, OPENSSH, IN_JSON, MISLABELLED, Secret(PKCS8.reveal().strip())]


def test_every_wrapping_of_one_key_is_the_same_key() -> None:
    assert len({identity(value) for value in WRAPPINGS}) == 1
    assert identity(PKCS1)[1] is True


@pytest.mark.parametrize("order", [1, -1])
def test_they_are_secrets_of_one_credential(order: int) -> None:
    values = [found(value) for value in WRAPPINGS[::order]]
    (one,) = PROVIDER.identify(values)
    assert one.credential.kind == "private-key"
    assert set(one.credential.parts) == {"value", *(f"value-{n}" for n in range(2, 7))}
    assert set(one.credential.parts.values()) == {value.fingerprint for value in values}
    assert set(one.kinds.values()) == {"private-key"}
    assert one.credential.public_id == f"sha256:{identity(PKCS1)[0]}"
    assert one.credential.id == f"private-key:{identity(PKCS1)[0][:12]}"


def test_two_keys_are_two_credentials() -> None:
    values = [PKCS8, pem(OTHER, s.PrivateFormat.PKCS8), pem(EC, s.PrivateFormat.TraditionalOpenSSL)]
    assert len(PROVIDER.identify([found(value) for value in values])) == 3


@pytest.mark.parametrize("key", [OTHER, EC], ids=["ed25519", "p-256"])
def test_other_sorts_of_key(key: object) -> None:
    forms = [pem(key, s.PrivateFormat.PKCS8), pem(key, s.PrivateFormat.OpenSSH)]
    assert len({identity(value) for value in forms}) == 1


def test_the_sample_key_as_it_stands_in_two_files(fixtures: Path) -> None:
    plain = (fixtures / "reports" / "planted_key.pem").read_bytes().rstrip()
    account = plain.replace(b"RSA PRIVATE", b"PRIVATE").replace(b"\n", b"\\n")
    (one,) = PROVIDER.identify([found(plain), found(account)])
    assert len(one.credential.parts) == 2


def test_a_key_behind_a_passphrase_is_told_by_its_body() -> None:
    locked = pem(RSA, s.PrivateFormat.PKCS8, b"open sesame")
    again = Secret(locked.reveal().replace(b"\n", b"\r\n"))
    assert identity(locked)[1] is False
    assert identity(locked) == identity(again)
    (one,) = PROVIDER.identify([found(locked), found(again)])
    assert one.credential.public_id is None
    assert identity(locked)[0][:12] not in one.credential.id, "a hash of a private body stays here"


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
@pytest.mark.parametrize("sort", ["rsa", "ed25519", "ecdsa"])
def test_openssh_s_form_tells_its_public_half_behind_a_passphrase(
    tmp_path: Path, sort: str
) -> None:
    file = tmp_path / "key"

    def keygen(*words: str) -> str:
        said = subprocess.run(
            ["ssh-keygen", *words, "-f", str(file)], check=True, capture_output=True
        )
        return said.stdout.decode()

    keygen("-q", "-t", sort, "-N", "open sesame")
    behind, listed = Secret(file.read_bytes()), keygen("-l")
    keygen("-q", "-p", "-P", "open sesame", "-N", "")
    plain = Secret(file.read_bytes())
    assert (locked(plain), locked(behind)) == (False, True)
    assert identity(behind) == identity(plain)
    print_ = ssh_fingerprint(behind)
    assert print_ == ssh_fingerprint(plain)
    assert str(print_) in listed, "as ssh-keygen has it"
    (one,) = PROVIDER.identify([found(behind)])
    held = Held(one.credential, {"value": behind})
    facts = PROVIDER.describe(held, VENDOR)
    assert facts.known == {"passphrase": True, "ssh_fingerprint": print_}
    step = PROVIDER.revoke([held], VENDOR)[held.id].manual
    assert step is not None
    assert str(print_) in step.instructions[0]
    assert "guessed" in step.instructions[1]


@pytest.mark.parametrize("form", [s.PrivateFormat.PKCS8, s.PrivateFormat.TraditionalOpenSSL])
def test_any_other_form_behind_a_passphrase_says_what_to_do(form: s.PrivateFormat) -> None:
    behind = pem(RSA, form, b"open sesame")
    assert locked(behind)
    assert ssh_fingerprint(behind) is None
    (one,) = PROVIDER.identify([found(behind)])
    held = Held(one.credential, {"value": behind})
    facts = PROVIDER.describe(held, VENDOR)
    assert "ssh-keygen -y" in facts.unknown["ssh_fingerprint"]
    step = PROVIDER.revoke([held], VENDOR)[held.id].manual
    assert step is not None
    assert "passphrase" in step.instructions[0]


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_openssh_body_makes_it_fall(inner: bytes) -> None:
    body = base64.b64encode(b"openssh-key-v1\0" + inner)
    value = Secret(b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + body + b"\n-----END OPENSSH")
    assert len(identity(value)[0]) == 64
    assert ssh_fingerprint(value) is None or locked(value)


def test_a_key_cut_short_is_still_one() -> None:
    cut = Secret(PKCS8.reveal()[:900])
    assert row_of(cut) is PRIVATE_KEY
    assert identity(cut)[1] is False


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN RSA PRIVATE KEY-----",
        b"-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 400,
        b"-----BEGIN CERTIFICATE-----\n" + b"A" * 400,
        b"key = -----BEGIN PRIVATE KEY-----\n" + b"A" * 400,
    ],
)
def test_what_is_no_private_key(text: bytes) -> None:
    assert row_of(Secret(text)) is None


def test_a_pgp_block_is_one() -> None:
    block = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" + b"lQVYBF" * 40
    value = Secret(block + b"\n-----END PGP PRIVATE KEY BLOCK-----\n")
    assert row_of(value) is PRIVATE_KEY
    assert identity(value)[1] is False


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_body_has_an_identity(body: bytes) -> None:
    value = Secret(b"-----BEGIN PRIVATE KEY-----\n" + body + b"\n-----END PRIVATE KEY-----")
    mark, _ = identity(value)
    assert len(mark) == 64


def held() -> Held:
    (one,) = PROVIDER.identify([found(PKCS1)])
    return Held(one.credential, {"value": PKCS1})


def test_a_new_pair_is_taken_and_ends_in_a_line_break() -> None:
    new = pem(OTHER, s.PrivateFormat.OpenSSH)
    made = PROVIDER.accept(held(), Secret(new.reveal().rstrip()), VENDOR)
    assert made.outcome.status is Status.DONE
    assert made.values == {"value": new}


@pytest.mark.parametrize("value", WRAPPINGS)
def test_the_old_key_in_another_wrapping_is_refused(value: Secret) -> None:
    made = PROVIDER.accept(held(), value, VENDOR)
    assert made.outcome.status is Status.REFUSED
    assert "leaked one itself" in made.outcome.reason


def test_something_that_is_no_key_is_refused() -> None:
    assert "not a private key" in PROVIDER.accept(held(), Secret("hunter2"), VENDOR).outcome.reason
