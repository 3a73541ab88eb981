"""A secret somewhere within base64 or base64url, at any alignment, in lines of any length.

Encoded text is found by the letters that a piece of the secret gives at each of the three places it
can have in a group. Then the text around is decoded, the secret is looked for in what comes out by
its other finders, and the letters that held it are written anew: the rest stays, letter for letter.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediate.history.match import Finder, Found, literal

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL_SAFE = _STANDARD[:62] + b"-_"
_SIX = {c: six for letters in (_STANDARD, _URL_SAFE) for six, c in enumerate(letters)}

#: Letters, or what may stand between two of them where the text was broken, escaped or quoted.
_TOKEN = re.compile(
    rb"(?P<letters>[A-Za-z0-9+/_-]+)"
    rb"|(?:[\s\"',>#*]|\\+[rnt]|\\(?=\s)){1,80}"
    rb"|(?P<other>[^A-Za-z0-9+/_-])"
)


def within(
    pieces: Sequence[bytes], inner: Sequence[Finder], length: int, *, most: int = 9
) -> Finder:
    """The finder for what *inner* find, in base64.

    *pieces* are parts of the secret of which one at least stands unbroken in it; *length* is how many
    bytes its longest inner form has.
    """
    cores = [core(piece, before) for piece in pieces for before in range(3)][:most]

    def find(data: bytes, start: int, end: int) -> Iterator[Found]:
        done = -1
        for run in _runs(data, start, end):
            for found in run.places(inner):
                # Two side by side share letters.
                if found.end > done:
                    yield found
                    done = found.end

    patterns = tuple(b"".join(map(_either, each)) for each in cores)
    # Lines of 20 letters with an indentation of 20 are twice as long.
    return Finder(patterns, 2 * (length * 4 // 3 + 4) + 512, find)


def core(value: bytes, before: int) -> bytes:
    """The letters that *value* alone decides, *before* bytes into a group of three."""
    first, last = -(-before * 8 // 6), (before + len(value)) * 8 // 6
    return b64encode(bytes(before) + value + b"\0\0")[first:last]


def _either(letter: int) -> bytes:
    """A pattern for a letter in either alphabet."""
    return {ord("+"): b"[+-]", ord("/"): b"[/_]"}.get(letter) or literal(bytes([letter]))


@dataclass
class _Run:
    """Letters that belong together, and where each stretch of them stands in the text."""

    data: bytes
    letters: bytes
    numbers: list[int]
    """The number of each stretch's first letter…"""
    offsets: list[int]
    """…and where it stands."""

    def offset(self, number: int) -> int:
        """Where a letter stands."""
        stretch = bisect_right(self.numbers, number) - 1
        return self.offsets[stretch] + number - self.numbers[stretch]

    def places(self, inner: Sequence[Finder]) -> list[Found]:
        """What *inner* find in what the letters encode, whichever of them begins a group."""
        standard = self.letters.translate(_TO_STANDARD)
        found: list[Found] = []
        for skip in range(4):
            decoded = _decoded(standard[skip:])
            found += (
                self._encoded(place, skip)
                for finder in inner
                for place in finder.find(decoded, 0, len(decoded))
            )
        return sorted(found, key=lambda f: (f.start, -f.end))

    def _encoded(self, place: Found, skip: int) -> Found:
        """*place* in the decoded text, as a place in the encoded."""
        first, last = place.start * 8 // 6, -(-place.end * 8 // 6)
        start, end = self.offset(first + skip), self.offset(last - 1 + skip) + 1
        offset = first * 6 - place.start * 8

        def onto(text: bytes) -> bytes:
            new = place.fixed
            if place.onto is not None:
                new = place.onto(_read(text, offset, place.end - place.start))
            return _written(text, offset, new)

        text = onto(self.data[start:end])
        name = "base64" if place.encoding == "plain" else f"base64+{place.encoding}"
        return Found(start, end, name, text, text, onto)


def _read(text: bytes, offset: int, size: int) -> bytes:
    """*size* bytes out of encoded *text*, whose first letter stands *offset* bits (none, or below
    zero) before them.
    """
    bits = count = 0
    for at in _letters(text):
        bits = bits << 6 | _SIX[text[at]]
        count += 6
    surplus = count + offset - size * 8
    return (bits >> surplus & (1 << size * 8) - 1).to_bytes(size, "big")


def _written(text: bytes, offset: int, filling: bytes) -> bytes:
    """Encoded *text* with *filling*'s bits in it; all other bits and all breaks are kept.

    Its first letter stands *offset* bits into *filling*: none, or below zero.
    """
    letters = _URL_SAFE if b"-" in text or b"_" in text else _STANDARD
    size = len(filling) * 8
    bits = int.from_bytes(b"\0" + filling + b"\0", "big")
    out = bytearray(text)
    for at in _letters(text):
        ours = sum(32 >> bit for bit in range(6) if 0 <= offset + bit < size)
        out[at] = letters[bits >> size + 2 - offset & ours | _SIX[text[at]] & ~ours]
        offset += 6
    return bytes(out)


def _letters(text: bytes) -> Iterator[int]:
    """Where the letters of encoded *text* stand."""
    for token in _TOKEN.finditer(text):
        if token["letters"] is not None:
            yield from range(token.start(), token.end())


def _decoded(letters: bytes) -> bytes:
    whole = len(letters) // 4 * 4
    rest = len(letters) - whole
    try:
        return binascii.a2b_base64(letters + b"===" if rest > 1 else letters[:whole])
    except binascii.Error:
        return b""


def _runs(data: bytes, start: int, end: int) -> Iterator[_Run]:
    """The runs of letters in ``data[start:end]``."""
    numbers: list[int] = []
    offsets: list[int] = []
    parts: list[bytes] = []
    count = 0
    for token in _TOKEN.finditer(data, start, end):
        if (letters := token["letters"]) is not None:
            numbers.append(count)
            offsets.append(token.start())
            parts.append(letters)
            count += len(letters)
        elif token["other"] is not None and parts:
            yield _Run(data, b"".join(parts), numbers, offsets)
            numbers, offsets, parts, count = [], [], [], 0
    if parts:
        yield _Run(data, b"".join(parts), numbers, offsets)
