r"""Text in which every character is escaped, and dumps: ``\x41\x42…``, ``%41%42…``, ``41:42:…``.

A secret itself in such a form is found by `remediate.history.spelled`. Here the text is decoded whole, so
that whatever else can be in it is found as well, however often it was encoded before. What takes a
secret's place in there is as long, and only its characters are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from remediate.history.containers.model import Opened, Part, Room

#: So many in a row begin a text that is escaped throughout.
_ROW = 4


@dataclass(frozen=True)
class Style:
    """One way to write every character by its number."""

    name: str
    base: int
    row: bytes
    """A printable character, in the syntax that hyperscan and `re` share."""
    unit: bytes
    """Any character, its number in a group, with what may follow it."""
    longest: int
    """Bytes of one in a row, at most."""

    @property
    def pattern(self) -> bytes:
        """Hits in every text of this style."""
        return b"(?:%s){%d}" % (self.row, _ROW)


_GAP = rb"(?:[ \t]*\\?\r?\n[ \t]*)?"
_HEX = rb"([0-9a-fA-F]{2})"
#: Dumps with blanks or dashes are left out: to look for those everywhere halves the speed.
STYLES: tuple[Style, ...] = (
    Style("c", 16, rb"\\x[2-7][0-9a-fA-F]", rb"\\x" + _HEX + _GAP, 4),
    Style("json", 16, rb"\\u00[2-7][0-9a-fA-F]", rb"\\u00" + _HEX, 6),
    Style("percent", 16, rb"%[2-7][0-9a-fA-F]", b"%" + _HEX, 3),
    Style("octal", 8, rb"\\[01][0-7][0-7]", rb"\\([0-3][0-7]{2})" + _GAP, 4),
    Style("html", 10, rb"&#[1-9][0-9][0-9]?;", rb"&#([0-9]{1,3});", 6),
    Style("html", 16, rb"&#[xX][2-7][0-9a-fA-F];", rb"&#[xX]([0-9a-fA-F]{1,2});", 6),
    Style("hex", 16, rb"[2-7][0-9a-fA-F]:", _HEX + rb"(?:[:]|(?![0-9a-fA-F]))" + _GAP, 3),
    Style("hex", 16, rb"0x[2-7][0-9a-fA-F],\x20?", rb"0x" + _HEX + rb"(?:,[ ]?)?" + _GAP, 6),
)
_ROWS = [re.compile(style.pattern) for style in STYLES]
_UNITS = [re.compile(style.unit) for style in STYLES]


def escaped(number: int, data: bytes, end: int, _room: Room) -> Opened | None:
    """The text in the style of that *number* that a hit of its pattern, ending at *end*, is part of."""
    style = STYLES[number]
    first = _ROWS[number].search(data, max(0, end - _ROW * style.longest), end)
    if first is None:
        return None
    spots: list[tuple[int, int]] = []
    at = first.start()
    while (found := _UNITS[number].match(data, at)) is not None:
        spots.append(found.span(1))
        at = found.end()
    numbers = [int(data[a:b], style.base) for a, b in spots]
    if len(spots) < _ROW or max(numbers) > 255:
        return None
    content = bytes(numbers)
    start, stop = first.start(), at

    def pack(new: Sequence[bytes | None]) -> bytes:
        text = content if new[0] is None else new[0]
        out: list[bytes] = []
        done = start
        for (a, b), old, byte in zip(spots, content, text, strict=True):
            out += [
                data[done:a],
                data[a:b] if byte == old else _number(data[a:b], byte, style.base),
            ]
            done = b
        return b"".join([*out, data[done:stop]])

    return Opened(style.name, start, stop, [Part.of(content, filled=True)], pack)


def _number(old: bytes, byte: int, base: int) -> bytes:
    if base == 16:
        digits = b"%02x" % byte
        return digits.upper() if old.isupper() else digits
    return b"%03o" % byte if base == 8 else b"%d" % byte
