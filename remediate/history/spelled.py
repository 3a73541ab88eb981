r"""A secret as it is, and with characters written by escapes: JSON, C, shells, URLs, HTML, XML.

One expression takes all of them, mixed as well: each character stands for itself or in any of its
other spellings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from remediate.history.match import (
    ALPHANUMERIC,
    Finder,
    Found,
    Lazy,
    any_case,
    fit,
    literal,
    windows,
)

#: No spelling of one byte is longer (``&#x0002b;``).
_LONGEST = 9

#: As many bytes of a secret, all of them escaped, make an anchor.
_ESCAPED_WINDOW = 4

#: hyperscan takes patterns of 16,000 characters, and a byte is four of them.
_LONGEST_ANCHOR = 256

_SHORT = {8: b"b", 9: b"t", 10: b"n", 12: b"f", 13: b"r"}
_NAMED = {b"&": b"amp", b"<": b"lt", b">": b"gt", b'"': b"quot", b"'": b"apos", b"/": b"sol"}
_NAMED |= {b"+": b"plus", b"=": b"equals"}


def finders(value: bytes, replacement: bytes) -> Iterator[Finder]:
    """The finder for *value* in itself and escaped."""
    pieces = windows(value, 3)
    anchors = [literal(piece) for piece in pieces] or [literal(value[:_LONGEST_ANCHOR])]
    if not pieces:
        # Every stretch of it has a character that an escape may stand for.
        anchors.append(b"".join(_spellings(byte) for byte in value[:_ESCAPED_WINDOW]))
    styles = zip(*map(_escapes, value[:_ESCAPED_WINDOW]), strict=True)
    anchors += map(b"".join, styles)
    pattern = Lazy(lambda: b"".join(map(_spellings, value)))

    def find(data: bytes, start: int, end: int) -> Iterator[Found]:
        for found in pattern.compiled.finditer(data, start, end):
            length = found.end() - found.start()
            yield Found(
                found.start(),
                found.end(),
                _name(found.group(), value),
                replacement,
                fit(replacement, length),
            )

    yield Finder(tuple(anchors), _LONGEST * len(value) + _LONGEST, find)


@lru_cache(maxsize=256)
def _escapes(byte: int) -> tuple[bytes, ...]:
    """Patterns for one character in each style that can write any character."""
    code = b"%02x" % byte
    return (
        any_case(rb"\\u00" + code),
        any_case(rb"\\x" + code),
        any_case(b"%" + code),
        rb"\\%03o" % byte,
        b"&#%d;" % byte,
        any_case(b"&#x%x;" % byte),
    )


@lru_cache(maxsize=256)
def _spellings(byte: int) -> bytes:
    """A pattern for one character in any of its spellings."""
    ways = [literal(bytes([byte])), *_escapes(byte)]
    character = bytes([byte])
    if byte in _SHORT:
        ways.append(rb"\\" + _SHORT[byte])
    elif 33 <= byte < 127 and byte not in ALPHANUMERIC:
        # JSON's \/ \" \\, and what a shell or a regular expression escapes.
        ways.append(rb"\\" + literal(character))
    if character in _NAMED:
        ways.append(b"&" + _NAMED[character] + b";")
    # Leading zeros are allowed, and rare: no anchor has them.
    ways += [b"&#0{1,3}%d;" % byte, any_case(b"&#x0{1,3}%x;" % byte)]
    return b"(?:" + b"|".join(ways) + b")"


def _name(text: bytes, value: bytes) -> str:
    """Which encoding *text*, a spelling of *value*, is in."""
    if text == value:
        return "plain"
    for name, mark in _MARKS:
        if mark.search(text):
            return name
    return "escaped"


_MARKS = (
    ("json", re.compile(rb'\\u00|\\[/"]')),
    ("percent", re.compile(rb"%[0-9a-fA-F]{2}")),
    ("html", re.compile(rb"&(?:#|\w+;)")),
)
