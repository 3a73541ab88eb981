"""Writes objects into one pack (gitformat-pack(5), version 2), which ``git index-pack`` then checks."""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Iterable
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

#: So many bytes of trees are kept at hand for others to be deltas of.
_HELD = 48 << 20


class PackWriter:
    """One pack file, object after object. Use it as a context manager."""

    def __init__(self, path: Path, object_format: str) -> None:
        self.path = path
        self._format = object_format
        self._file = path.open("w+b")
        self._file.write(b"PACK\0\0\0\2\0\0\0\0")
        self._seen: set[str] = set()
        self._at = self._file.tell()
        self._recent: OrderedDict[str, _Base] = OrderedDict()
        self._held = 0

    @property
    def count(self) -> int:
        """How many objects it holds."""
        return len(self._seen)

    def add(self, kind: str, content: bytes, *, like: Iterable[str] = ()) -> str:
        """Write one object (once, however often it is added); gives its id.

        *like* are objects added not long ago that are much the same, the best first: it is written
        as a delta of one that is still at hand, if that is short.
        """
        oid = self._id(kind, content)
        if oid in self._seen:
            return oid
        self._seen.add(oid)
        start = self._at
        depth = 0
        bases = (self._recent[other] for other in like if other in self._recent)
        base = next((base for base in bases if base.depth < _DEPTH), None)
        short = delta(base.content, content) if base is not None else None
        if base is not None and short is not None and len(short) < len(content) // 2:
            depth = base.depth + 1
            self._write(entry_header(_OFFSET_DELTA, len(short)) + distance(start - base.start))
            self._write(zlib.compress(short, _LEVEL))
        else:
            self._write(entry_header(_TYPES[kind], len(content)))
            self._write(zlib.compress(content, _LEVEL))
        if kind == "tree" and len(content) > _WORTH_A_DELTA:
            self._remember(oid, _Base(content, start, depth))
        return oid

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

    def _write(self, data: bytes) -> None:
        self._at += self._file.write(data)

    def finish(self) -> None:
        """Write the number of objects and the checksum; the file is whole then."""
        self._file.seek(8)
        self._file.write(self.count.to_bytes(4, "big"))
        self._file.seek(0)
        digest = hashlib.new(self._format, usedforsecurity=False)
        while piece := self._file.read(1 << 20):
            digest.update(piece)
        self._file.write(digest.digest())
        self._file.close()

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
