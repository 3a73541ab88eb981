"""zip, and so jar, docx, whl… (PKWARE APPNOTE 6.3.10).

A member that changes gets new sizes and a new checksum wherever they are told; all else stays byte for
byte: order, names, times, modes, extra fields, comments, what stands before the archive and between.
"""

from __future__ import annotations

import bz2
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from remediate.history.containers.inflating import deflated, inflate, raw_deflate
from remediate.history.containers.model import MOST_MEMBERS, BrokenError, Opened, Part, Room
from remediate.wording import bent, count

_LOCAL, _CENTRAL, _END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_DESCRIPTOR, _END64, _LOCATOR64 = b"PK\7\x08", b"PK\6\6", b"PK\6\7"
_LOCAL_SIZE, _CENTRAL_SIZE, _END_SIZE, _END64_SIZE, _LOCATOR64_SIZE = 30, 46, 22, 56, 20

_ENCRYPTED, _HAS_DESCRIPTOR = 1, 8
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12
_METHODS = frozenset((*range(21), *range(92, 100)))

_FULL = 0xFFFFFFFF
_END_CANDIDATES = 1000


@dataclass(frozen=True)
class _Entry:
    """One row of the central directory."""

    row: int
    """Where it stands."""
    row_end: int
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    """Where the local header stands."""
    body: int
    """Where the member's bytes begin."""


@dataclass(frozen=True)
class _Archive:
    start: int
    base: int
    """What has to be added to the offsets that are told."""
    directory: int
    tail: int
    """Where the directory ends and the end records begin."""
    end: int
    entries: tuple[_Entry, ...]


def zip_(data: bytes, start: int, room: Room) -> Opened | None:
    """See `Opener`."""
    try:
        archive = _archive(data, start)
    except (struct.error, BrokenError):
        archive = None
    if archive is None:
        return _salvaged(data, start, room)
    parts: list[Part] = []
    held: list[_Entry] = []
    sealed = other = 0
    for entry in archive.entries:
        if entry.flags & _ENCRYPTED:
            sealed += 1
        elif entry.method in (_STORED, _DEFLATED, _BZIP2):
            parts.append(Part(partial(_content, data, entry, room)))
            held.append(entry)
        else:
            other += 1
    closed = []
    members = count(len(archive.entries), "member")
    if sealed:
        closed.append(f"{sealed} of its {members} {bent(sealed, 'is', 'are')} encrypted")
    if other:
        packed = f"{bent(other, 'is', 'are')} packed in a way that can't be unpacked here"
        closed.append(f"{other} of its {members} {packed}")

    def pack(new: Sequence[bytes | None]) -> bytes:
        changed = {e.row: c for e, c in zip(held, new, strict=True) if c is not None}
        return _packed(data, archive, changed)

    return Opened("zip", archive.start, archive.end, parts, pack, tuple(closed))


def _content(data: bytes, entry: _Entry, room: Room) -> bytes:
    end = entry.body + entry.packed
    if entry.method == _STORED:
        content = data[entry.body : end]
        room.spend(len(content))
    elif entry.method == _BZIP2:
        content, _ = inflate(bz2.BZ2Decompressor, data, entry.body, end, room)
    else:
        content, _ = inflate(raw_deflate, data, entry.body, end, room)
    if zlib.crc32(content) != entry.crc:
        raise BrokenError("a member's checksum is wrong", content)
    return content


def _archive(data: bytes, start: int) -> _Archive | None:
    """The archive whose first local header stands at *start*."""
    at = start - 1
    for _ in range(_END_CANDIDATES):
        at = data.find(_END, at + 1)
        if at < 0 or at + _END_SIZE > len(data):
            return None
        found = _ended(data, start, at)
        if found is not None:
            return found
    return None


def _ended(data: bytes, start: int, end: int) -> _Archive | None:
    """The archive from *start* on whose end record stands at *end*."""
    count, size, offset, comment = struct.unpack_from("<HIIH", data, end + 10)
    tail = end
    locator = end - _LOCATOR64_SIZE
    if data[locator : locator + 4] == _LOCATOR64:
        tail = locator - _END64_SIZE
        if data[tail : tail + 4] != _END64:
            return None
        count, size, offset = struct.unpack_from("<QQQ", data, tail + 32)
    directory = tail - size
    base = directory - offset
    if directory < start or count > MOST_MEMBERS:
        return None
    entries = tuple(_entries(data, directory, tail, base))
    if len(entries) != count or min((e.offset for e in entries), default=start) != start:
        return None
    whole = end + _END_SIZE + comment
    return _Archive(start, base, directory, tail, min(whole, len(data)), entries)


def _entries(data: bytes, at: int, end: int, base: int) -> Iterator[_Entry]:
    while data[at : at + 4] == _CENTRAL and at < end:
        flags, method = struct.unpack_from("<HH", data, at + 8)
        crc, packed, size, name, extra, comment = struct.unpack_from("<IIIHHH", data, at + 16)
        (offset,) = struct.unpack_from("<I", data, at + 42)
        row_end = at + _CENTRAL_SIZE + name + extra + comment
        wide = _wide_fields(data, at + _CENTRAL_SIZE + name, extra, (size, packed, offset))
        size, packed, offset = (
            value if place is None else struct.unpack_from("<Q", data, place)[0]
            for value, place in zip((size, packed, offset), wide, strict=True)
        )
        local = base + offset
        if local < 0 or data[local : local + 4] != _LOCAL:
            raise BrokenError("it is damaged")
        lengths = struct.unpack_from("<HH", data, local + 26)
        body = local + _LOCAL_SIZE + sum(lengths)
        yield _Entry(at, row_end, flags, method, crc, packed, size, local, body)
        at = row_end


def _wide_fields(
    data: bytes | bytearray, at: int, length: int, values: Sequence[int]
) -> list[int | None]:
    """Where each of *values* stands in the extra field for zip64, if its own field is full."""
    places: list[int | None] = [None] * len(values)
    end = at + length
    while at + 4 <= end:
        tag, size = struct.unpack_from("<HH", data, at)
        if tag == 1:
            place = at + 4
            for index, value in enumerate(values):
                if value == _FULL and place + 8 <= at + 4 + size:
                    places[index] = place
                    place += 8
        at += 4 + size
    return places


def _packed(data: bytes, archive: _Archive, changed: dict[int, bytes]) -> bytes:
    """The archive with *changed*, by the rows of their members."""
    ordered = sorted(archive.entries, key=lambda e: e.offset)
    out: list[bytes] = []
    moved: dict[int, int] = {}
    told: dict[int, tuple[int, int, int]] = {}
    position = archive.start
    for entry, following in zip(ordered, [*ordered[1:], None], strict=True):
        end = archive.directory if following is None else following.offset
        if entry.body + entry.packed > end:
            raise BrokenError("its members overlap")
        moved[entry.row] = position
        region = data[entry.offset : end]
        if entry.row in changed:
            content = changed[entry.row]
            body = _body(entry.method, content)
            told[entry.row] = zlib.crc32(content), len(body), len(content)
            region = _region(data, entry, end, body, told[entry.row])
        out.append(region)
        position += len(region)
    shift = position - archive.directory
    rows = bytearray(data[archive.directory : archive.tail])
    for entry in archive.entries:
        at = entry.row - archive.directory
        new = told.get(entry.row, (entry.crc, entry.packed, entry.size))
        _tell_row(rows, at, new, moved[entry.row] - archive.base)
    tail = bytearray(data[archive.tail : archive.end])
    _tell_end(tail, shift)
    return b"".join([*out, rows, tail])


def _body(method: int, content: bytes) -> bytes:
    if method == _STORED:
        return content
    return bz2.compress(content) if method == _BZIP2 else deflated(content)


def _region(data: bytes, entry: _Entry, end: int, body: bytes, told: tuple[int, int, int]) -> bytes:
    """A member's local header, bytes and descriptor."""
    header = bytearray(data[entry.offset : entry.body])
    crc, packed, size = struct.unpack_from("<III", header, 14)
    name, extra = struct.unpack_from("<HH", header, 26)
    if not entry.flags & _HAS_DESCRIPTOR or crc or packed or size:
        wide = _wide_fields(header, _LOCAL_SIZE + name, extra, (size, packed))
        struct.pack_into("<I", header, 14, told[0])
        for field, place, value in ((18, wide[1], told[1]), (22, wide[0], told[2])):
            struct.pack_into("<I" if place is None else "<Q", header, place or field, value)
    rest = bytearray(data[entry.body + entry.packed : end])
    if entry.flags & _HAS_DESCRIPTOR:
        at = 4 if rest.startswith(_DESCRIPTOR) else 0
        for form in ("<III", "<IQQ"):
            old = entry.crc, entry.packed, entry.size
            if rest[at : at + struct.calcsize(form)] == struct.pack(form, *old):
                struct.pack_into(form, rest, at, *told)
                break
        else:
            raise BrokenError("a member's sizes stand nowhere")
    return bytes(header) + body + bytes(rest)


def _tell_row(rows: bytearray, at: int, told: tuple[int, int, int], offset: int) -> None:
    crc, packed, size = told
    old_packed, old_size, name, extra = struct.unpack_from("<IIHH", rows, at + 20)
    (old_offset,) = struct.unpack_from("<I", rows, at + 42)
    wide = _wide_fields(rows, at + _CENTRAL_SIZE + name, extra, (old_size, old_packed, old_offset))
    struct.pack_into("<I", rows, at + 16, crc)
    for field, place, value in zip((24, 20, 42), wide, (size, packed, offset), strict=True):
        if place is None:
            struct.pack_into("<I", rows, at + field, value)
        else:
            struct.pack_into("<Q", rows, place, value)


def _tell_end(tail: bytearray, shift: int) -> None:
    """Move what the end records tell by *shift* bytes."""
    end = 0
    if tail.startswith(_END64):
        (offset,) = struct.unpack_from("<Q", tail, 48)
        struct.pack_into("<Q", tail, 48, offset + shift)
        (record,) = struct.unpack_from("<Q", tail, _END64_SIZE + 8)
        struct.pack_into("<Q", tail, _END64_SIZE + 8, record + shift)
        end = _END64_SIZE + _LOCATOR64_SIZE
    (offset,) = struct.unpack_from("<I", tail, end + 16)
    if offset != _FULL:
        struct.pack_into("<I", tail, end + 16, offset + shift)


def _salvaged(data: bytes, start: int, room: Room) -> Opened | None:
    """What can be read of an archive without a directory, if it is one: it begins the text."""
    parts: list[Part] = []
    at = start
    while data[at : at + 4] == _LOCAL and len(parts) < MOST_MEMBERS:
        try:
            flags, method = struct.unpack_from("<HH", data, at + 6)
            packed, _, name, extra = struct.unpack_from("<IIHH", data, at + 18)
        except struct.error:
            break
        if method not in _METHODS or not name:
            break
        body = at + _LOCAL_SIZE + name + extra
        at = body + packed
        if flags & _ENCRYPTED:
            parts.append(Part.of(b""))
        elif method == _DEFLATED:
            try:
                content, at = inflate(raw_deflate, data, body, len(data), room)
            except BrokenError as error:
                content = error.salvaged
            parts.append(Part.of(content))
            if flags & _HAS_DESCRIPTOR:
                at = data.find(_LOCAL, at)
        else:
            parts.append(Part.of(data[body:at] if method == _STORED else b""))
        if at < 0:
            break
    if not parts or start:
        return None
    reason = "it is damaged or breaks off: it has no directory"
    return Opened("zip", start, len(data), parts, None, (reason,))
