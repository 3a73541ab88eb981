from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.clones.derive import mark_of, values_between

MARK = mark_of("REMOVED-{kind}", ["github-pat", "secret", "x"])
VALUE = b"s3cr3t" + b"-of-some-length"


def test_what_stood_in_a_marks_place_is_found() -> None:
    before = b"a = 1\nkey = '" + VALUE + b"'\nother = " + VALUE + b"x\n"
    after = before.replace(VALUE, b"REMOVED-github-pat")
    assert set(values_between(before, after, MARK)) == {(VALUE, b"REMOVED-github-pat")}


def test_a_padded_mark_in_a_binary_is_one() -> None:
    before = b"\0\0" + VALUE + b"\0"
    after = b"\0\0" + b"REMOVED-x".ljust(len(VALUE), b"*") + b"\0"
    assert list(values_between(before, after, MARK)) == [(VALUE, b"REMOVED-x")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"same", b"same"),
        (b"REMOVED-x stays", b"REMOVED-x stays"),
        (b"another text", b"key REMOVED-x end"),
        (b"key abc end", b"key REMOVED-x end"),
        (b"", b""),
    ],
)
def test_nothing_is_told_where_nothing_can_be(before: bytes, after: bytes) -> None:
    assert list(values_between(before, after, MARK)) == []


@given(
    st.lists(st.binary(max_size=20), min_size=2, max_size=4),
    st.from_regex(rb"[A-Za-z0-9_]{8,30}", fullmatch=True),
)
@settings(max_examples=150, deadline=None)
def test_whatever_stands_around_it(parts: list[bytes], value: bytes) -> None:
    parts = [part.replace(b"REMOVED", b"").replace(value, b"").replace(b"*", b"") for part in parts]
    if re.search(rb"^[a-z0-9-]", b"".join(parts[1:])):
        parts[1] = b"\n" + parts[1]
    parts = [parts[0], *(b"\n" + part for part in parts[1:])]
    before, after = value.join(parts), b"REMOVED-secret".join(parts)
    found = list(values_between(before, after, MARK))
    assert [mark for _, mark in found] == [b"REMOVED-secret"] * (len(parts) - 1)
    # The shortest reading may stop early where the text after it is ambiguous; joined it is the same.
    assert before == b"".join(
        part + (found[at][0] if at < len(found) else b"") for at, part in enumerate(parts)
    )
