"""What is in a pack that is a file's content: one that was committed, or the one in a bundle.

Finding and the verifier both read packs by this, the one thing that they share. Nothing can be misread
unnoticed: a pack tells each object's size, zlib's checksum vouches for each stream, and the pack ends in
the hash of all its bytes (gitformat-pack(5), gitformat-bundle(5)).
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

#: What a pack begins with; versions 2 and 3 are alike but for the number.
PACK = re.compile(rb"PACK\0\0\0[\2\3]")
BUNDLE = re.compile(rb"# v[23] git bundle\n")

#: What secrets in a pack, or in a bundle, are said to be encoded in.
KINDS = ("git-pack", "git-bundle")

_TYPES = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
_BY_OFFSET, _BY_ID = 6, 7
_PIECE, _MOST_AT_ONCE = 64 << 10, 1 << 20
_HEADER = 12
#: Bytes of an id by a hash's name. A pack does not say which it is of; a bundle of SHA-256 does.
_HASHES = {20: "sha1", 32: "sha256"}

Spend = Callable[[int], None]
"""Told how many bytes more are held; raises what its caller likes where it is too much."""


class PackError(Exception):
    """A pack that can't be read whole, for the reason that its text says."""

    def __init__(self, reason: str, salvaged: tuple[bytes, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.salvaged = salvaged
        """What could be read of it."""


@dataclass
class _Read:
    """What was read of a pack so far."""

    by_offset: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    """Type and content."""
    waiting: list[tuple[int, int | bytes, bytes]] = field(default_factory=list)
    """Offset, base (its offset or id) and delta of what could not be put together yet."""


def begins(text: bytes) -> bool:
    """Whether *text* is a pack or a bundle."""
    return PACK.match(text) is not None or BUNDLE.match(text) is not None


def objects(text: bytes, at: int, spend: Spend) -> tuple[list[bytes], int]:
    """The content of every object in the pack that begins at *at* of *text*, and where the pack ends.

    Raises `PackError`, with what could be read of it.
    """
    faults = []
    for length in _HASHES:
        try:
            return _objects(text, at, spend, length)
        except PackError as error:
            faults.append(error)
    raise max(faults, key=lambda fault: sum(map(len, fault.salvaged)))


def _objects(text: bytes, at: int, spend: Spend, length: int) -> tuple[list[bytes], int]:
    read = _Read()
    end = at + _HEADER
    try:
        for _ in range(int.from_bytes(text[at + 8 : at + _HEADER], "big")):
            end = _one(text, end, read, spend, length)
        digest = hashlib.new(_HASHES[length], memoryview(text)[at:end], usedforsecurity=False)
        if digest.digest() != text[end : end + length]:
            raise PackError("its checksum is wrong")
        _put_together(read, spend, length)
    except IndexError:
        raise PackError("it breaks off", _salvaged(read)) from None
    except (zlib.error, PackError) as error:
        reason = error.reason if isinstance(error, PackError) else "it is damaged"
        raise PackError(reason, _salvaged(read)) from None
    return [content for _, content in read.by_offset.values()], end + length


def _salvaged(read: _Read) -> tuple[bytes, ...]:
    # What a delta puts in is text of its own.
    loose = (inserted for _, _, delta in read.waiting for inserted in _inserted(delta))
    return (*(content for _, content in read.by_offset.values()), *loose)


def _one(text: bytes, start: int, read: _Read, spend: Spend, length: int) -> int:
    """Read the object that begins at *start*; gives where it ends."""
    byte, at = text[start], start + 1
    kind, size, shift = byte >> 4 & 7, byte & 15, 4
    while byte & 0x80:
        byte, at = text[at], at + 1
        size |= (byte & 0x7F) << shift
        shift += 7
    base: int | bytes | None = None
    if kind == _BY_OFFSET:
        byte, at = text[at], at + 1
        back = byte & 0x7F
        while byte & 0x80:
            byte, at = text[at], at + 1
            back = (back + 1 << 7) | (byte & 0x7F)
        base = start - back
    elif kind == _BY_ID:
        base, at = text[at : at + length], at + length
    elif kind not in _TYPES:
        raise PackError("it is damaged")
    content, end = _inflated(text, at, size, spend)
    if base is None:
        read.by_offset[start] = _TYPES[kind], content
    elif isinstance(base, int) and base in read.by_offset:
        type_, whole = read.by_offset[base]
        read.by_offset[start] = type_, _patched(whole, content, spend)
    else:
        read.waiting.append((start, base, content))
    return end


def _inflated(text: bytes, at: int, size: int, spend: Spend) -> tuple[bytes, int]:
    """The *size* bytes of the stream at *at*, and where it ends. What is promised costs nothing yet."""
    engine, parts, got = zlib.decompressobj(), [], 0
    view = memoryview(text)
    while not engine.eof:
        before = engine.unconsumed_tail
        piece = before or view[at : at + _PIECE]
        if not piece:
            raise PackError("it breaks off")
        # One byte more than is told, that what is longer than it says is seen.
        fresh = engine.decompress(piece, min(size - got + 1, _MOST_AT_ONCE))
        if not before:
            at += len(piece)
        spend(len(fresh))
        parts.append(fresh)
        got += len(fresh)
        if got > size:
            break
    if got != size:
        raise PackError("it is damaged")
    return b"".join(parts), at - len(engine.unused_data)


def _put_together(read: _Read, spend: Spend, length: int) -> None:
    """What waits for a base that comes after it, or is told by its id."""
    known: dict[bytes, int] = {}
    named: set[int] = set()
    while read.waiting:
        for offset in read.by_offset.keys() - named:
            known[_id(*read.by_offset[offset], length)] = offset
            named.add(offset)
        left = []
        for offset, base, delta in read.waiting:
            where = known.get(base) if isinstance(base, bytes) else base
            if where in read.by_offset:
                type_, whole = read.by_offset[where]
                read.by_offset[offset] = type_, _patched(whole, delta, spend)
            else:
                left.append((offset, base, delta))
        if len(left) == len(read.waiting):
            raise PackError("it rests on objects that are not in it")
        read.waiting = left


def _id(type_: bytes, content: bytes, length: int) -> bytes:
    head = b"%s %d\0" % (type_, len(content))
    return hashlib.new(_HASHES[length], head + content, usedforsecurity=False).digest()


def _patched(base: bytes, delta: bytes, spend: Spend) -> bytes:
    """*base* as *delta* changes it (gitformat-pack(5), "Deltified representation")."""
    told, at = _size(delta, 0)
    size, at = _size(delta, at)
    if told != len(base):
        raise PackError("it is damaged")
    pieces = list(_instructions(delta, at))
    if any(start + length > len(delta if here else base) for start, length, here in pieces):
        raise PackError("it is damaged")
    if sum(length for _, length, _ in pieces) != size:
        raise PackError("it is damaged")
    spend(size)
    return b"".join(
        (delta if here else base)[start : start + length] for start, length, here in pieces
    )


def _inserted(delta: bytes) -> Iterator[bytes]:
    """What *delta* brings with it, as far as it can be followed."""
    try:
        _, at = _size(delta, 0)
        _, at = _size(delta, at)
        for start, length, here in _instructions(delta, at):
            if here:
                yield delta[start : start + length]
    except (IndexError, PackError):
        return


def _instructions(delta: bytes, at: int) -> Iterator[tuple[int, int, bool]]:
    """(start, length, whether it stands in the delta itself) of each piece of the result."""
    while at < len(delta):
        op, at = delta[at], at + 1
        if op & 0x80:
            start = length = 0
            for bit in range(4):
                if op & 1 << bit:
                    start |= delta[at] << 8 * bit
                    at += 1
            for bit in range(3):
                if op & 0x10 << bit:
                    length |= delta[at] << 8 * bit
                    at += 1
            yield start, length or 0x10000, False
        elif op:
            yield at, op, True
            at += op
        else:
            raise PackError("it is damaged")


def _size(delta: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte, at = delta[at], at + 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return size, at
