"""Redaction: whatever form a program prints a value in, it does not reach a reader."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.incident.redaction import SHOWN, harmless, redactor
from remediate.secret import Secret

VALUE = b"Zk8+pass/word==9!"


@pytest.mark.parametrize(
    "shown",
    [
        VALUE.decode(),
        base64.b64encode(VALUE).decode(),
        base64.urlsafe_b64encode(VALUE).decode().rstrip("="),
        quote(VALUE, safe=""),
        VALUE.hex(),
        VALUE.hex().upper(),
        repr(b"\x00\xff" + VALUE)[10:-1],
    ],
)
def test_common_forms_are_taken_out(shown: str) -> None:
    assert redactor([Secret(VALUE)])(f"got <{shown}> here") == f"got <{SHOWN}> here"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(min_size=8, max_size=30), min_size=1, max_size=4), st.data())
def test_no_value_survives_in_any_text(values: list[bytes], data: st.DataObject) -> None:
    redact = redactor([Secret(v) for v in values])
    parts = data.draw(st.lists(st.sampled_from(values) | st.binary(max_size=5), max_size=6))
    text = b"".join(parts).decode("utf-8", "surrogateescape")
    cleaned = redact(text).encode("utf-8", "surrogateescape")
    for value in values:
        assert value not in cleaned.replace(SHOWN.encode(), b"\n")


@pytest.mark.parametrize("user", ["", "u", "us", "user", "x-token"])
def test_within_a_basic_header(user: str) -> None:
    """A program that shows its request shows the value in base64, with a name before it."""
    header = base64.b64encode(f"{user}:".encode() + VALUE + b"\n").decode()
    cleaned = redactor([Secret(VALUE)])(f"Authorization: Basic {header}")
    assert SHOWN in cleaned
    left = cleaned.removeprefix("Authorization: Basic ").replace(SHOWN, "")
    assert len(left) < len(user) * 4 / 3 + 8


def test_the_repr_of_bytes() -> None:
    value = b"\x00\xffabc\n'key\x80"
    assert redactor([Secret(value)])(f"got {value!r}") in (f"got b'{SHOWN}'", f'got b"{SHOWN}"')


def test_the_longest_goes_first() -> None:
    redact = redactor([Secret(b"abcdefgh"), Secret(b"abcdefgh-and-more")])
    assert redact("abcdefgh-and-more") == SHOWN


def test_nothing_to_redact_changes_nothing() -> None:
    assert redactor([])("text") == "text"


def test_terminal_escapes_are_made_harmless() -> None:
    assert harmless("\udce9\u200b\ufeff\U000e0041") == "????"
    assert harmless("a\x1b[2Jb\x07c\u202ed\x9b31m\ne\r") == "a?[2Jb?c?d?31m\ne?"
