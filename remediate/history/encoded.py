"""A secret within text or bytes that were encoded whole: UTF-16, hex, a key's own bytes.

What takes its place has the same length in all of them and decodes as the rest does: what stands
around a secret in the same encoding stays readable, and nothing that counts its bytes is misled.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator

from remediate.history.match import WINDOW, Finder, Found, Lazy, any_case, fit, kept, literal
from remediate.history.multiline import Block

#: Shorter values are too likely to come out of an encoder by chance.
SHORTEST = 6

_DIGIT = re.compile(rb"[0-9a-fA-F]")

#: What may stand between two digits where a dump was broken into lines (xxd: after 60 of them).
_BREAK = rb"(?:[\s\"',>#*]|\\+[rnt]|\\(?=\s)){0,80}?"


def utf16(value: bytes, replacement: bytes) -> Iterator[Finder]:
    """The finder for *value* in UTF-16, little or big end first."""
    if not value.isascii():
        return
    core = wide(value)[:-1]

    def find(data: bytes, start: int, end: int) -> Iterator[Found]:
        at = data.find(core, start, end)
        while at >= 0:
            # The letters are in every other byte; which of the two orders it is, their place tells.
            stop = at + len(core)
            zero_before, zero_after = at > 0 and data[at - 1] == 0, data[stop : stop + 1] == b"\0"
            big = zero_before and (at % 2 == 1 or not zero_after)
            begin = at - 1 if big else at
            stop += zero_after and not big
            text = fit(replacement, len(value)).decode("ascii")
            fixed = text.encode("utf-16-be" if big else "utf-16-le")[: stop - begin]
            yield kept(begin, "utf-16", fixed)
            at = data.find(core, stop, end)

    yield Finder((literal(core[: 2 * WINDOW]),), 2 * len(value) + 2, find)


def wide(text: bytes) -> bytes:
    """ASCII *text* in UTF-16, little end first."""
    return b"".join(bytes([byte, 0]) for byte in text)


def hexadecimal(value: bytes, replacement: bytes) -> Iterator[Finder]:
    """The finder for *value* in hex digits of either case, in lines or not."""
    if len(value) < SHORTEST:
        return
    digits = value.hex().encode("ascii")
    pattern = Lazy(lambda: _BREAK.join(any_case(b"%c" % digit) for digit in digits))
    filled = fit(replacement, len(value)).hex().encode("ascii")

    def find(data: bytes, start: int, end: int) -> Iterator[Found]:
        for found in pattern.compiled.finditer(data, start, end):
            out = bytearray(found.group())
            new = filled.upper() if out.isupper() else filled
            for digit, place in zip(new, _DIGIT.finditer(found.group()), strict=True):
                out[place.start()] = digit
            yield kept(found.start(), "hex", bytes(out))

    # A line end stands in one of the two at most.
    size = min(2 * WINDOW, len(digits) // 2)
    first = len(digits) // 2 - size
    anchors = (digits[first : first + size], digits[first + size : first + 2 * size])
    yield Finder(tuple(map(any_case, anchors)), 4 * len(digits) + 512, find)


def key_in_der(key: Block, replacement: bytes) -> Iterator[Finder]:
    """The finder for the bytes that a key's body encodes (X.690), as in a .der file."""
    try:
        der = b64decode(key.body, validate=True)
    except ValueError:
        return
    if len(der) < 2 * WINDOW:
        return
    fixed = fit(replacement, len(der))

    def find(data: bytes, start: int, end: int) -> Iterator[Found]:
        at = data.find(der, start, end)
        while at >= 0:
            yield kept(at, "der", fixed)
            at = data.find(der, at + len(der), end)

    middle = len(der) // 3
    yield Finder((literal(der[middle : middle + 2 * WINDOW]),), len(der), find)
