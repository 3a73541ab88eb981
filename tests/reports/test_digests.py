"""A value that a report hides behind a mask or a hash: found where it stands, and nothing else taken for it."""

from __future__ import annotations

import hashlib

import pytest

from remediate.model import Finding, Hints, Location
from remediate.reports.digests import digest, proves
from remediate.reports.recover import look
from remediate.reports.secrets import resolve
from remediate.secret import Secret

VALUE = "tok-9f3Kq2LmZ8" + "xPw71"
OTHER = "tok-9f3Kq2LmZ8" + "yPw72"
FILE = f'a = "{OTHER}"\nb = "{VALUE}"  # {OTHER}\nc = 1\n'.encode()
KEY = "-----BEGIN RSA PRIVATE KEY-----\nTUlJRQ==\n-----END RSA PRIVATE KEY-----"


def found(hints: Hints | None, line: int = 2, text: bytes = FILE) -> str | None:
    finding = Finding(None, Location(path="f", start_line=line), hints=hints)
    value = look(finding, lambda _commit, _path: text).value
    return value.reveal_text() if value else None


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_hash_chooses_among_what_stands_there(algorithm: str) -> None:
    known = digest(algorithm, hashlib.new(algorithm, VALUE.encode()).hexdigest())
    assert found(Hints(digest=known)) == VALUE
    assert found(None) is None, "without it nothing is guessed"


def test_a_hash_of_the_value_and_something_behind_it() -> None:
    known = digest("sha256", hashlib.sha256(f"{VALUE},apikey".encode()).hexdigest(), ",apikey")
    assert found(Hints(digest=known)) == VALUE


def test_gitguardians_hash() -> None:
    scrypt = hashlib.scrypt(
        VALUE.encode(), salt=hashlib.sha256(b"GitGuardian").digest(), n=2048, r=8, p=1, dklen=32
    )
    known = digest("hmsl", scrypt.hex())
    assert known is not None
    assert proves(known, VALUE.encode())
    assert found(Hints(digest=known)) == VALUE


def test_a_hash_of_another_value_finds_nothing() -> None:
    assert found(Hints(digest=digest("sha1", hashlib.sha1(b"else").hexdigest()))) is None


def test_a_hash_proves_a_line_beside_the_one_that_is_told() -> None:
    known = digest("sha256", hashlib.sha256(VALUE.encode()).hexdigest())
    assert found(Hints(digest=known), line=3) == VALUE
    assert found(Hints(digest=known), line=1) == VALUE


@pytest.mark.parametrize("text", ["", "12", "z" * 40, "a" * 41, "hmac-sha256:" + "a" * 28])
def test_what_is_no_hash(text: str) -> None:
    assert digest("sha1", text) is None


def test_a_hash_does_not_show_itself() -> None:
    known = digest("sha1", "a" * 40)
    assert "aaaa" not in repr(known)


@pytest.mark.parametrize(
    "mask", [f"tok-9f3{'*' * 7}xPw71", f"{'*' * 14}xPw71", f"tok-9f3Kq2LmZ8x{'*' * 4}"]
)
def test_a_mask_chooses_among_what_stands_there(mask: str) -> None:
    assert found(Hints(mask=Secret(mask))) == VALUE


def test_a_mask_that_two_values_fit_chooses_none() -> None:
    assert found(Hints(mask=Secret(f"tok-9f3Kq2LmZ8{'*' * 5}"))) is None


def test_a_mask_counts_characters_and_not_bytes() -> None:
    text = 'p = "pässwörtchen-ß1"\n'.encode()
    assert found(Hints(mask=Secret("päss******en-*1")), 1, text) == "pässwörtchen-ß1"


def test_a_mask_of_a_key() -> None:
    mask = KEY.replace("TUlJRQ", "TU****")
    assert found(Hints(mask=Secret(mask)), 1, f"{KEY}\n".encode()) == KEY


def test_a_first_line_that_was_hashed_stands_for_the_key() -> None:
    known = digest("sha1", hashlib.sha1(b"BEGIN RSA PRIVATE KEY").hexdigest())
    assert found(Hints(digest=known), 1, f"{KEY}\n".encode()) == KEY


def test_what_one_place_does_not_show_another_of_the_same_entry_does() -> None:
    known = digest("sha256", hashlib.sha256(VALUE.encode()).hexdigest())
    here = Finding(None, Location(path="f", start_line=2), source="x", hints=Hints(digest=known))
    gone = Finding(None, Location("abcdef1"), source="x", hints=Hints(digest=known))
    other = Finding(
        None, Location("abcdef1"), source="x", hints=Hints(mask=Secret("nothing" + "*" * 12))
    )
    result = resolve([here, gone, other], lambda _commit, _path: FILE)
    assert [s.value.reveal_text() for s in result.secrets] == [VALUE]
    assert [u.finding for u in result.unread] == [other], "an entry's id alone is no proof"
