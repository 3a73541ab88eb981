"""tar: ustar, pax and GNU (POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar").

Every header stays as it is but for a member's size, where that changes, and the header's checksum.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from remediate.history.containers.model import MOST_MEMBERS, BrokenError, Opened, Part, Room

_BLOCK = 512
_SIZE, _CHECKSUM, _KIND, _MAGIC = slice(124, 136), slice(148, 156), 156, slice(257, 263)

#: Members whose text counts its own bytes, or whose size another header tells as well.
_COUNTED = frozenset(b"xgLKS")
#: Members without data, whatever their size field says (links, devices, folders).
_EMPTY = frozenset(b"123456")

_PAX_SIZE = re.compile(rb"(?:\A|\n)\d+ (?:GNU\.sparse\.)?(?:size|realsize)=")


@dataclass(frozen=True)
class _Member:
    header: int
    """Where its header begins."""
    size: int


def tar(data: bytes, start: int, _room: Room) -> Opened | None:
    """See `Opener`."""
    if start or not _is_header(data[:_BLOCK]):
        return None
    members: list[_Member] = []
    parts: list[Part] = []
    at = 0
    reason = ""
    counted = False
    while (header := data[at : at + _BLOCK]).strip(b"\0"):
        if len(members) >= MOST_MEMBERS:
            return Opened("tar", 0, len(data), [], None, (f"more than {MOST_MEMBERS} members",))
        if not _is_header(header):
            reason = "it is damaged" if len(header) == _BLOCK else "it breaks off"
            break
        kind = header[_KIND]
        try:
            size = 0 if kind in _EMPTY else _number(header[_SIZE])
        except BrokenError as error:
            reason = error.reason
            break
        body = data[at + _BLOCK : at + _BLOCK + size]
        if len(body) < size:
            reason = "it breaks off"
        fixed = True if kind in _COUNTED or counted or reason else None
        counted = kind == ord("x") and _PAX_SIZE.search(body) is not None
        # The header's texts (names) and the member's own.
        parts += [Part.of(header, keep_length=True, flat=True), Part.of(body, keep_length=fixed)]
        members.append(_Member(at, size))
        at += _BLOCK + size + -size % _BLOCK
    closed = (reason,) if reason else ()
    rest = data[at:]

    def pack(new: Sequence[bytes | None]) -> bytes:
        out = []
        for number, member in enumerate(members):
            out.append(_packed(data, member, new[2 * number], new[2 * number + 1]))
        return b"".join([*out, rest])

    return Opened("tar", 0, len(data), parts, pack, closed)


def _packed(data: bytes, member: _Member, header: bytes | None, body: bytes | None) -> bytes:
    begin = member.header + _BLOCK
    end = begin + member.size + -member.size % _BLOCK
    if header is None and body is None:
        return data[member.header : end]
    head = bytearray(data[member.header : begin] if header is None else header)
    rest = data[begin:end]
    if body is not None:
        if len(body) != member.size:
            digits = head[_SIZE]
            if digits[0] & 0x80 or len(body) >= 8**11:
                head[_SIZE] = (len(body) | 1 << 95).to_bytes(12, "big")
            else:
                head[_SIZE] = b"%011o" % len(body) + digits[11:]
        rest = body + b"\0" * (-len(body) % _BLOCK)
    head[_CHECKSUM] = b"%06o\0 " % _checksum(head)
    return bytes(head) + rest


def _checksum(header: bytes | bytearray) -> int:
    return sum(header[: _CHECKSUM.start]) + 8 * ord(" ") + sum(header[_CHECKSUM.stop :])


def _is_header(header: bytes) -> bool:
    """Whether 512 bytes are a header whose checksum is right (not as a signed sum, as some did before POSIX)."""
    if len(header) < _BLOCK or not header[_MAGIC].startswith(b"ustar"):
        return False
    try:
        return _number(header[_CHECKSUM]) == _checksum(header)
    except BrokenError:
        return False


def _number(text: bytes) -> int:
    """A number as in tar headers: octal digits, or base 256 where the first bit is set."""
    if text[:1] and text[0] & 0x80:
        return int.from_bytes(bytes([text[0] & 0x7F]) + text[1:], "big")
    digits = text.strip(b" \0").split(b"\0")[0]
    try:
        return int(digits or b"0", 8)
    except ValueError:
        raise BrokenError("it is damaged") from None
