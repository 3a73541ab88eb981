r"""Containers within text: in base64 or hex, up to three times over, or with all that in UTF-16.

What a container begins with tells the letters that its encoding begins with, so that letters are
decoded only where a container begins. After a change it is encoded again in the same alphabet, with the
same line length, breaks and escapes; where that can't be told from the old text, it can't be packed.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remediate.history.containers.model import BrokenError, Opened, Part
from remediate.history.match import any_case, literal

#: What begins a container. Of bzip2's nine levels only the usual one: three bytes are too few.
_BEGINNINGS = (b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh91AY", b"\xfd7zXZ\x00")
_DEPTH = 3
#: zlib's beginning is two bytes, too few: it counts in as many letters as eight bytes that it holds take.
_ZLIB, _ZLIB_BYTES = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"), 16

#: What stands between the bytes of a dump: ``1f 8b``, ``1f:8b``, ``0x1f, 0x8b``, ``\x1f\x8b``.
_BETWEEN = (b" ", b":", b"-", b", 0x", b",0x", rb"\x")

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")

_LINE_END = rb"(?:[ \t\"'#>*]|\\t)*(?:\r?\n|\r|\\+r\\+n|\\+n|\\(?=\n))(?:[\s\"'#>*]|\\+[rnt])*"
_ESCAPES = {
    b"+": rb"\\+u002[bB]|%2[bB]|&#43;|&#[xX]2[bB];",
    b"/": rb"\\+/|\\+u002[fF]|%2[fF]|&#47;|&#[xX]2[fF];",
    b"=": rb"\\+u003[dD]|%3[dD]|&#61;|&#[xX]3[dD];",
}
_SIGNS = {b"+": "plus", b"/": "slash", b"=": "equals"}
_BASE64 = re.compile(
    rb"(?P<letters>[A-Za-z0-9+/_-]+)|(?P<end>=+)|(?P<gap>"
    + _LINE_END
    + rb")|"
    + b"|".join(b"(?P<%s>%s)" % (_SIGNS[sign].encode(), text) for sign, text in _ESCAPES.items())
)
_DUMP = re.compile(rb"([0-9a-fA-F]{2})((?:0x|\\+x|[ :,-]|" + _LINE_END + rb"){0,12})")


def patterns() -> list[tuple[str, int, bytes]]:
    """(layer, length of what it matches, pattern) for all that encoded containers begin with.

    In the syntax that hyperscan and `re` share.
    """
    found: list[tuple[str, int, bytes]] = []
    level = list(_BEGINNINGS)
    for depth in range(1, _DEPTH + 1):
        base64 = [b64encode(text + b"\0\0")[: len(text) * 8 // 6] for text in level]
        digits = [text.hex().encode("ascii") for text in level]
        found += (("base64", len(text), literal(text)) for text in base64)
        found += (("hex", len(text), any_case(text)) for text in digits)
        level = base64 + digits
        if depth < _DEPTH:
            wide = [b"\0".join(bytes([byte]) for byte in text) for text in level]
            found += (("utf-16", len(text), literal(text)) for text in wide)
    # xz begins with a slash, which is written otherwise where it has to be.
    for slash in (b"_", rb"\/", b"%2F", b"%2f", rb"\u002f", rb"\u002F", b"&#x2F;", b"&#47;"):
        text = slash + b64encode(_BEGINNINGS[3])[1:]
        found.append(("base64", len(text), literal(text)))
    for text in _ZLIB:
        letters = [b64encode(text + bytes([n]))[:3] for n in range(0, 256, 64)]
        third = b"[" + b"".join(each[2:] for each in letters) + b"]"
        length = _ZLIB_BYTES * 8 // 6
        rest = b"[A-Za-z0-9+/_-]{%d}" % (length - 3)
        found.append(("base64", length, letters[0][:2] + third + rest))
        rest = b"[0-9a-fA-F]{%d}" % (2 * _ZLIB_BYTES - 4)
        found.append(("hex", 2 * _ZLIB_BYTES, any_case(text.hex().encode("ascii")) + rest))
    for text in _BEGINNINGS:
        pairs = [b"%02x" % byte for byte in text]
        for between in _BETWEEN:
            length = len(between.join(pairs))
            found.append(("hex", length, literal(between).join(map(any_case, pairs))))
    return found


def base64(data: bytes, start: int, most: int) -> Opened | None:
    """The run of base64 or base64url letters that begins at *start*, for up to *most* bytes.

    Where it goes on behind those, what takes their place is filled up, so that the rest still decodes.
    """
    run = _Run(-(-most * 4 // 3))
    at = start
    while not run.ended and (token := _BASE64.match(data, at)) is not None:
        at = token.end()
        if token["gap"] is not None:
            if not run.next_line(token["gap"]):
                break
        elif token["letters"] is not None:
            run.take(token.group(), token.start())
        elif token["end"] is not None:
            run.pad(token.group(), at)
        else:
            sign = next(sign for sign, name in _SIGNS.items() if token[name] is not None)
            run.written[sign] = token.group()
            if sign == b"=":
                run.pad(sign, at)
            else:
                run.take(sign, at - 1)
    if run.irregular:
        return None
    text = b"".join(run.letters)
    bare = text.rstrip(b"=").translate(_TO_STANDARD)
    whole = bare[: len(bare) - (len(bare) % 4 == 1)]
    content = b64decode(whole + b"=" * (-len(whole) % 4))
    content, rest = content[:most], content[most:]
    goes_on = run.full and run.goes_on
    url_safe = b"-" in text or b"_" in text
    written = _written(run.written, text)

    def lay(new: bytes) -> bytes:
        filling = b"*" * (-(len(new) + len(rest)) % 3) if goes_on else b""
        out = b64encode(new + filling + rest)
        # Where it came out even, nothing tells whether it would have been filled up.
        filled = b"=" in text or (len(whole) % 4 == 0 and not url_safe)
        out = out if filled else out.rstrip(b"=")
        out = out.translate(_TO_URL_SAFE) if url_safe else out
        width = run.width or len(out) or 1
        lines = [out[at : at + width] for at in range(0, len(out), width)]
        for sign, escape in written.items():
            lines = [line.replace(sign, escape) for line in lines]
        return run.gap.join(lines)

    old = data[start : run.end]
    return Opened("base64", start, run.end, [Part.of(content)], _packing(old, content, lay))


def _written(seen: dict[bytes, bytes], text: bytes) -> dict[bytes, bytes]:
    """How signs are escaped: as it was *seen*, and those that *text* does not have likewise."""
    written = dict(seen)
    for example in seen.values():
        for sign in _SIGNS:
            if sign not in text and example[-1:] != b"/":
                code = (b"%02x" if example[-2:].islower() else b"%02X") % sign[0]
                for start, style in _STYLES.items():
                    if example.startswith(start):
                        written.setdefault(sign, style % code)
                        break
    return {sign: written[sign] for sign in sorted(written, key=b"/+=".index)}


#: Escapes by what they begin with. (Decimal references in HTML are written as hexadecimal ones.)
_STYLES = {b"%": b"%%%s", b"\\": b"\\u00%s", b"&": b"&#x%s;"}


class _Run:
    """Letters of base64 being read, and how they are laid out."""

    def __init__(self, wanted: int) -> None:
        self.letters: list[bytes] = []
        self.written: dict[bytes, bytes] = {}
        """Signs that are escaped, and how."""
        self.width = 0
        """Letters in a line (0: there is one line)."""
        self.gap = b""
        self.end = 0
        self.ended = self.irregular = False
        self.full = False
        """Whether as many letters were taken as were wanted."""
        self.goes_on = False
        """Whether more of them follow."""
        self._spare = -wanted % 4
        """Letters that are more than those, to make whole groups of them."""
        self._left = wanted + self._spare
        self._since = 0

    def take(self, letters: bytes, at: int) -> None:
        """*letters* that stand at *at*; of an escaped one its last byte does."""
        taken = letters[: self._left]
        self._left -= len(taken)
        self._since += len(taken)
        self.ended = self.goes_on = len(taken) < len(letters)
        self.full = self._left == 0
        if taken:
            self.letters.append(taken)
            self.end = at + len(taken)
        self.irregular |= 0 < self.width < self._since

    def pad(self, letters: bytes, end: int) -> None:
        """What fills the last group up."""
        self.letters.append(letters)
        self.full = False
        self.end = end
        self._since += len(letters)
        self._left = 0

    def next_line(self, gap: bytes) -> bool:
        """Whether *gap* leads to the next line of the same text: those before are alike."""
        alike = gap == self.gap and self._since == self.width
        if self._left <= 0 or ((self.gap or self._left <= self._spare) and not alike):
            self.goes_on = alike
            return False
        self.width, self.gap, self._since = self._since, gap, 0
        return True


def hexadecimal(data: bytes, start: int, most: int) -> Opened | None:
    """The run of hex digits that begins at *start*, for up to *most* bytes, and what is between them."""
    pairs: list[bytes] = []
    gaps: list[bytes] = []
    at = end = start
    while len(pairs) < most and (token := _DUMP.match(data, at)) is not None:
        pairs.append(token[1])
        gaps.append(token[2])
        at = token.end()
        end = token.end(1)
    content = bytes.fromhex(b"".join(pairs).decode("ascii"))
    shape = _shape_of(gaps[:-1])
    upper = any(pair.isupper() for pair in pairs)

    def lay(new: bytes) -> bytes:
        digits = new.hex().encode("ascii")
        return shape.lay(digits.upper() if upper else digits)

    return Opened("hex", start, end, [Part.of(content)], _packing(data[start:end], content, lay))


@dataclass(frozen=True)
class _Shape:
    """How a dump is laid out."""

    unit: int
    """Bytes that stand together (0: all of a line)."""
    gap: bytes
    """What follows each unit but a line's last one."""
    line: int
    """Bytes in a line (0: there is one line)."""
    line_gap: bytes

    def lay(self, digits: bytes) -> bytes:
        """*digits* in this shape."""
        width = 2 * self.line or len(digits) or 1
        lines = [digits[at : at + width] for at in range(0, len(digits), width)]
        if self.unit:
            step = 2 * self.unit
            lines = [
                self.gap.join(line[at : at + step] for at in range(0, len(line), step))
                for line in lines
            ]
        return self.line_gap.join(lines)


def _shape_of(gaps: Sequence[bytes]) -> _Shape:
    """The shape of a dump with *gaps* after each byte but the last."""
    broken = next((n for n, gap in enumerate(gaps) if b"\n" in gap or b"\\n" in gap), None)
    line_gap = b"" if broken is None else gaps[broken]
    unit = next((n for n, gap in enumerate(gaps) if gap and gap != line_gap), None)
    line = 0 if broken is None else broken + 1
    if unit is None:
        return _Shape(0, b"", line, line_gap)
    return _Shape(unit + 1, gaps[unit], line, line_gap)


def utf_16(data: bytes, start: int, most: int) -> Opened | None:
    """ASCII text in UTF-16, either end first, from *start* to where it stops."""
    found = _WIDE.match(data, start)
    if found is None:
        return None
    end = min(found.end(), start + 2 * most)
    content = data[start:end:2]

    def pack(new: Sequence[bytes | None]) -> bytes:
        text = content if new[0] is None else new[0]
        return b"\0".join(bytes([byte]) for byte in text)

    return Opened("utf-16", start, end, [Part.of(content)], pack)


_WIDE = re.compile(rb"(?:[^\0]\0)*[^\0]")


def _packing(
    text: bytes, content: bytes, lay: Callable[[bytes], bytes]
) -> Callable[[Sequence[bytes | None]], bytes]:
    def pack(new: Sequence[bytes | None]) -> bytes:
        if new[0] is None:
            return text
        if lay(content) != text:
            raise BrokenError("its letters are laid out irregularly")
        return lay(new[0])

    return pack
