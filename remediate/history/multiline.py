r"""Keys of many lines (BEGIN…END, RFC 7468), however they were broken, escaped, quoted or indented.

What makes such a key is the sequence of its body's characters. Between any two of them there may be
a *gap*: line ends (LF, CRLF, or written out as ``\n``), indentation, quotes and joins of a string
literal, comment and quote marks. A body found in that way is replaced whole, with its BEGIN and END
lines where they stand, so that no half of a key is left.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from remediate.history.match import ALPHANUMERIC, Found, any_case, fit, kept, literal

#: One token of a gap. A backslash never belongs to a body, so an escape is never mistaken for one.
_TOKEN = (
    rb"(?:<br ?/?>|[\s\"'`+,;:#>*|.<-]|\\+[nrt]|\\+(?=[\s\"'])|\\+u000[aAdD9]|//|%0[aAdD9]|%20"
    rb"|&#(?:0?10|0?13|0?9|[xX]0?[aAdD9]);|&quot;)"
)
_GAP = re.compile(_TOKEN)

#: The same for the prefilter, in the syntax that hyperscan and `re` share (no lookahead), and looser.
_LOOSE_GAP = rb"(?:[^A-Za-z0-9]|\\[nrt]|u000[aAdD9]|%0[aAdD9]|%20|#[xX0-9aAdD]{1,4}|quot|<br)*"

#: So many letters and digits of a body in a row tell it from any other (62 to the 10th).
_ANCHOR = 10

#: No gap is longer: more would be another text that happens to go on with the same letter.
_GAP_LIMIT = 512

_BEGIN = re.compile(rb"-{4,5} ?BEGIN[ +%]")
_BLOCK = re.compile(
    rb"-{4,5} ?BEGIN(?P<label>[A-Z0-9 +%]{1,60}?) ?-{4,5}(?P<inner>.*?)(?:-{4,5} ?END[A-Z0-9 +%]{1,60}?-{4,5}|\Z)",
    re.DOTALL,
)
_LABEL_BEFORE = re.compile(
    rb"-{4,5} ?BEGIN(?P<label>[A-Z0-9 +%]{1,60}?) ?-{4,5}"
    rb"(?:" + _TOKEN + rb"|[A-Za-z-]{1,40}: [^\n\\]{0,200}?(?=\\|\r|\n))*\Z",
    re.DOTALL,
)
_END_AFTER = re.compile(rb"(?:" + _TOKEN + rb")*?-{4,5} ?END[A-Z0-9 +%]{1,60}?-{4,5}", re.DOTALL)

#: How far before a body its BEGIN line and headers are looked for, in bytes.
_BEFORE = 2048

#: A text that holds a body is at most so many times as long.
_SPREAD = 96

#: A body shorter than this is no key: it is taken as ordinary text.
_SHORTEST = 24


@dataclass(frozen=True)
class Block:
    """What makes a key of many lines."""

    label: bytes
    """``RSA PRIVATE KEY``; empty where there is no BEGIN line."""
    body: bytes
    """Its characters without any gap, headers (``Proc-Type: …``) left out."""
    lines: tuple[bytes, ...]
    """The whole of it as its lines stood, BEGIN and END included."""

    def __repr__(self) -> str:
        return "Block(...)"


def block(value: bytes) -> Block | None:
    """The key that *value* holds, in whatever form it was handed in; None where it is none."""
    found = _BLOCK.search(value)
    if found is None:
        return None
    plain = re.sub(rb"\\+r\\+n|\\+[nr]", b"\n", found.group()).replace(b"\\/", b"/")
    lines = [line.strip(b" \t\r\"'`,;\\") for line in plain.splitlines()]
    inner = [line for line in lines if b"-----" not in line and b": " not in line]
    body = b"".join(b"".join(line.split()) for line in inner)
    if len(lines) == 1:
        body = b"".join(re.sub(rb"-{4,5}[^-]*-{4,5}", b"", lines[0]).split())
    if len(body) < _SHORTEST:
        return None
    return Block(found["label"].strip(), body, tuple(line for line in lines if line))


@dataclass(frozen=True)
class BlockMatch:
    """Where a key stands, and how."""

    start: int
    end: int
    encoding: str
    label: bytes | None
    """Of the BEGIN line there; None for a body alone."""
    wide: str = ""
    """The codec, where it stands there in UTF-16."""

    def replaced_by(self, replacement: bytes) -> Found:
        """The place, with what takes its place."""
        length = self.end - self.start
        if not self.wide:
            return Found(self.start, self.end, self.encoding, replacement, fit(replacement, length))
        fixed = fit(replacement, length // 2).decode("ascii").encode(self.wide)
        return kept(self.start, self.encoding, fixed)


class BlockFinder:
    """Finds one key's body in every form; see the module."""

    def __init__(self, body: bytes, lines: Collection[tuple[bytes, ...]] = ()) -> None:
        """*lines*: how the key's lines stand where it was not changed (`Block.lines`)."""
        self._body = body
        self._lines = frozenset(lines)
        head = body[:12]
        self._start = re.compile(
            (rb"(?:" + _TOKEN + rb"){0,64}?").join(_character(byte) for byte in head)
        )
        self.anchors = (_anchor(body),)
        """See `Finder`."""
        self.reach = _SPREAD * len(body) + _BEFORE

    def find(self, data: bytes, start: int, end: int) -> Iterator[BlockMatch]:
        """Every place of the key around ``data[start:end]``, from left to right, none overlapping."""
        if b"\0" in data[start:end]:
            yield from self._find_wide(data, start, end)
        yield from self._find(data, start, end)

    def _find_wide(self, data: bytes, start: int, end: int) -> Iterator[BlockMatch]:
        for odd in (start, start + 1):
            view = data[odd:end:2]
            for found in self._find(view, 0, len(view)):
                at, stop = odd + 2 * found.start, odd + 2 * found.end - 1
                big = (
                    at > 0 and data[at - 1] == 0 and (at % 2 == 1 or data[stop : stop + 1] != b"\0")
                )
                wide = "utf-16-be" if big else "utf-16-le"
                name = "utf-16" if found.encoding == "plain" else f"utf-16+{found.encoding}"
                yield BlockMatch(at - big, stop + (not big), name, found.label, wide)

    def _find(self, data: bytes, at: int, limit: int) -> Iterator[BlockMatch]:
        while (start := self._start.search(data, at, limit)) is not None:
            end = self._walk(data, start.start())
            if end is None:
                at = start.start() + 1
                continue
            found = self._whole(data, start.start(), end, at)
            yield found
            at = found.end

    def _walk(self, data: bytes, at: int) -> int | None:
        """Where the body that begins at *at* ends; None where it breaks off."""
        size = len(data)
        gap = 0
        done = 0
        body = self._body
        while done < len(body):
            if at >= size or gap > _GAP_LIMIT:
                return None
            if data[at] == body[done]:
                at, done, gap = at + 1, done + 1, 0
                continue
            written = _ESCAPES[body[done]].match(data, at)
            if written is not None:
                at, done, gap = written.end(), done + 1, 0
                continue
            token = _GAP.match(data, at)
            if token is None:
                return None
            gap += token.end() - at
            at = token.end()
        return at

    def _whole(self, data: bytes, start: int, end: int, floor: int) -> BlockMatch:
        begin = None
        window = max(floor, start - _BEFORE)
        before = data[window:start]
        # The last BEGIN line before the body: one search from each, as regex can't look backwards.
        for line in reversed(list(_BEGIN.finditer(before))):
            begin = _LABEL_BEFORE.match(before, line.start())
            if begin is not None:
                break
        after = _END_AFTER.match(data, end)
        label = None
        body_start, body_end = start, end
        if begin is not None:
            label = begin["label"].replace(b"%20", b" ").replace(b"+", b" ").strip()
            start = window + begin.start()
        if after is not None:
            end = after.end()
        encoding = self._encoding(data[start:end], data[body_start:body_end], label)
        return BlockMatch(start, end, encoding, label)

    def _encoding(self, text: bytes, body: bytes, label: bytes | None) -> str:
        if re.search(rb"\\+[nr]|\\+u000", text):
            return "json"
        if re.search(rb"%0[aAdD]|%2[bBfF]", text):
            return "percent"
        if label is None and b"\n" not in body:
            return "body"
        lines = tuple(text.splitlines())
        if lines in self._lines:
            return "crlf" if b"\r" in text else "plain"
        return "indented" if tuple(line.strip() for line in lines) in self._lines else "rewrapped"


def _escapes(byte: int) -> re.Pattern[bytes]:
    """Other ways in which one character of a body is written."""
    code = b"%02x" % byte
    ways = [
        rb"\\+u00" + code,
        b"%" + code,
        rb"\\+x" + code,
        b"&#0?%d;" % byte,
        b"&#x0?" + code + b";",
    ]
    if byte in b"/":
        ways.append(rb"\\+/")
    return re.compile(b"(?i:" + b"|".join(ways) + b")")


_ESCAPES = tuple(_escapes(byte) for byte in range(256))


def _character(byte: int) -> bytes:
    return b"(?:" + re.escape(bytes([byte])) + b"|" + _ESCAPES[byte].pattern + b")"


def _anchor(body: bytes) -> bytes:
    """A pattern for a piece of *body* from its middle: many keys begin alike.

    Letters and digits stand as they are in each form; what else there is may be written otherwise.
    """
    middle = len(body) // 3
    plain = re.compile(rb"[A-Za-z0-9]{%d}" % _ANCHOR)
    found = plain.search(body, middle) or plain.search(body)
    piece = found.group() if found is not None else body[middle : middle + _ANCHOR]
    return _LOOSE_GAP.join(
        bytes([byte]) if byte in ALPHANUMERIC else b"(?:" + b"|".join(_ways(byte)) + b")"
        for byte in piece
    )


def _ways(byte: int) -> list[bytes]:
    """`_ESCAPES`, in the syntax that hyperscan and `re` share."""
    code = any_case(b"%02x" % byte)
    return [literal(bytes([byte])), b"u00" + code, b"%" + code, b"x" + code, b"#0?%d;" % byte]
