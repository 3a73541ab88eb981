"""Writes objects into one pack (gitformat-pack(5), version 2) and its index.

Both are read back by git, and each object's id reckoned again from what git makes of it, by the
verification of the rehearsal (`remediate.history.verify`).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from types import TracebackType

from remediate.history.delta import delta

_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_OFFSET_DELTA = 6

#: Compressed so hard: the pack lives on in the repository, but git repacks it sooner or later.
_LEVEL = 1

#: No chain of deltas is longer: git has to go through all of it to read the last (pack.depth).
_DEPTH = 50

#: Smaller objects are written whole.
_WORTH_A_DELTA = 256

#: Offsets from here on have eight bytes in an index.
_FAR = 1 << 31

#: So many bytes of trees are kept at hand for others to be deltas of.
_HELD = 48 << 20


class PackWriter:
    """One pack file, object after object. Use it as a context manager."""

    def __init__(self, path: Path, object_format: str) -> None:
        self.path = path
        self._format = object_format
        self._file = path.open("w+b")
        self._file.write(b"PACK\0\0\0\2\0\0\0\0")
        self._entries: dict[str, tuple[int, int]] = {}
        """Of each object the checksum of its bytes in the pack, and where they begin."""
        self._at = self._file.tell()
        self._recent: OrderedDict[str, _Base] = OrderedDict()
        self._held = 0

    @property
    def count(self) -> int:
        """How many objects it holds."""
        return len(self._entries)

    def add(self, kind: str, content: bytes, *, like: Iterable[str] = ()) -> str:
        """Write one object (once, however often it is added); gives its id.

        *like* are objects added not long ago that are much the same, the best first: it is written
        as a delta of one that is still at hand, if that is short.
        """
        oid = self._id(kind, content)
        if oid in self._entries:
            return oid
        start = self._at
        depth = 0
        bases = (self._recent[other] for other in like if other in self._recent)
        base = next((base for base in bases if base.depth < _DEPTH), None)
        short = delta(base.content, content) if base is not None else None
        if base is not None and short is not None and len(short) < len(content) // 2:
            depth = base.depth + 1
            head = entry_header(_OFFSET_DELTA, len(short)) + distance(start - base.start)
            # Mostly ids, which no compression makes shorter.
            written = head + (_stored(short) if len(short) < 1 << 16 else zlib.compress(short))
        else:
            head = entry_header(_TYPES[kind], len(content))
            written = head + zlib.compress(content, _LEVEL)
        self._entries[oid] = zlib.crc32(written), start
        self._at += self._file.write(written)
        if kind == "tree" and len(content) > _WORTH_A_DELTA:
            self._remember(oid, _Base(content, start, depth))
        return oid

    def add_stream(self, kind: str, size: int, content: Iterable[bytes]) -> str:
        """Write one object of *size* bytes that comes piece by piece; gives its id.

        Raises ValueError where it is not as long as was said.
        """
        digest = hashlib.new(self._format, usedforsecurity=False)
        digest.update(b"%s %d\0" % (kind.encode("ascii"), size))
        packer = zlib.compressobj(_LEVEL)
        head = entry_header(_TYPES[kind], size)
        start, checksum = self._at, zlib.crc32(head)
        self._at += self._file.write(head)
        left = size
        for piece in content:
            digest.update(piece)
            left -= len(piece)
            checksum = self._more(packer.compress(piece), checksum)
        checksum = self._more(packer.flush(), checksum)
        if left:
            raise ValueError(f"{left} bytes too few")
        oid = digest.hexdigest()
        if oid in self._entries:
            # It is there already: take this one back.
            self._at = start
            self._file.seek(start)
            self._file.truncate()
        else:
            self._entries[oid] = checksum, start
        return oid

    def _more(self, data: bytes, checksum: int) -> int:
        self._at += self._file.write(data)
        return zlib.crc32(data, checksum)

    def _id(self, kind: str, content: bytes) -> str:
        digest = hashlib.new(self._format, usedforsecurity=False)
        digest.update(b"%s %d\0" % (kind.encode("ascii"), len(content)))
        digest.update(content)
        return digest.hexdigest()

    def _remember(self, oid: str, base: _Base) -> None:
        self._recent[oid] = base
        self._held += len(base.content)
        while self._held > _HELD:
            _, oldest = self._recent.popitem(last=False)
            self._held -= len(oldest.content)

    def finish(self) -> None:
        """Write the number of objects, the checksum and the index; without objects there is no pack."""
        if not self._entries:
            self._file.close()
            self.path.unlink()
            return
        self._file.seek(8)
        self._file.write(self.count.to_bytes(4, "big"))
        self._file.seek(0)
        digest = hashlib.new(self._format, usedforsecurity=False)
        while piece := self._file.read(1 << 20):
            digest.update(piece)
        self._file.write(digest.digest())
        self._file.close()
        write_index(self.path.with_suffix(".idx"), self._entries, digest.digest())

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self._file.close()


def _stored(data: bytes) -> bytes:
    """*data*, of less than 64 KiB, as a zlib stream that does not compress it (RFC 1950, 1951)."""
    size = len(data)
    checksum = zlib.adler32(data)
    return (
        b"\x78\x01\x01"
        + struct.pack("<HH", size, size ^ 0xFFFF)
        + data
        + struct.pack(">I", checksum)
    )


class _Base:
    """An object at hand, for another to be written as a delta of it."""

    __slots__ = ("content", "depth", "start")

    def __init__(self, content: bytes, start: int, depth: int) -> None:
        self.content = content
        self.start = start
        self.depth = depth


def entry_header(type_: int, size: int) -> bytes:
    """What stands before an object in a pack: its type, and its size in groups of 7 bits."""
    byte = type_ << 4 | size & 15
    size >>= 4
    header = bytearray()
    while size:
        header.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    header.append(byte)
    return bytes(header)


def distance(offset: int) -> bytes:
    """How far back in the pack a delta's base begins, in git's own big-endian groups of 7 bits."""
    groups = [offset & 0x7F]
    offset >>= 7
    while offset:
        offset -= 1
        groups.append(offset & 0x7F | 0x80)
        offset >>= 7
    return bytes(reversed(groups))


def write_index(path: Path, entries: Mapping[str, tuple[int, int]], checksum: bytes) -> None:
    """The index (version 2) of a pack: of each object its checksum (CRC-32) and its offset.

    *checksum* is what the pack ends in.
    """
    ordered = sorted(entries)
    raw = b"".join(map(bytes.fromhex, ordered))
    counts = [0] * 256
    for oid in ordered:
        counts[int(oid[:2], 16)] += 1
    large: list[int] = []
    small: list[int] = []
    for oid in ordered:
        offset = entries[oid][1]
        if offset < _FAR:
            small.append(offset)
        else:
            small.append(_FAR | len(large))
            large.append(offset)
    number = len(ordered)
    content = b"".join(
        (
            b"\xfftOc\0\0\0\2",
            struct.pack(">256I", *accumulate(counts)),
            raw,
            struct.pack(f">{number}I", *(entries[oid][0] for oid in ordered)),
            struct.pack(f">{number}I", *small),
            struct.pack(f">{len(large)}Q", *large),
            checksum,
        )
    )
    digest = hashlib.new("sha1" if len(checksum) == 20 else "sha256", usedforsecurity=False)
    digest.update(content)
    path.write_bytes(content + digest.digest())
