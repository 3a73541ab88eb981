"""Unpacking within bounds, and deflate (RFC 1951) written so that it is the same on every machine."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from remediate.history.containers.model import BrokenError, Room

_PIECE = 1 << 20
_LARGEST_BLOCK = 0xFFFF


class Decompressor(Protocol):
    """What zlib, bz2 and lzma have in common."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What followed it."""
        ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes:
        """What comes out next."""
        ...


def inflate(
    make: Callable[[], Decompressor], data: bytes, at: int, end: int, room: Room
) -> tuple[bytes, int]:
    """What the stream that begins at *at* holds, and where it ends (at *end* at the latest).

    Raises `BrokenError`, with what could be read, and `TooMuchError`.
    """
    engine = make()
    parts: list[bytes] = []
    size, fed, waiting = 0, at, b""
    while not engine.eof:
        # zlib gives back what it did not take; bz2 and lzma keep it for the next call.
        chunk = waiting or data[fed : min(end, fed + _PIECE)]
        fed += 0 if waiting else len(chunk)
        try:
            out = engine.decompress(chunk, _PIECE)
        except _FAULTS:
            # What came out before the fault is lost with the last chunk: once more, byte by byte.
            salvaged = b"".join(_salvage(make(), data[at:fed]))
            raise BrokenError("it is damaged", salvaged) from None
        waiting = getattr(engine, "unconsumed_tail", b"")
        if not out and not chunk and not engine.eof:
            raise BrokenError("it breaks off", b"".join(parts))
        parts.append(out)
        size += len(out)
        room.spend(len(out), size, fed - at)
    # At the end zlib tells what is left in both ways; here it counts once.
    return b"".join(parts), fed - len(engine.unused_data)


_FAULTS = (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError)


def _salvage(engine: Decompressor, packed: bytes) -> Iterator[bytes]:
    """What comes out of *packed* until it goes wrong."""
    whole = max(0, len(packed) - _PIECE)
    try:
        yield engine.decompress(packed[:whole])
        for at in range(whole, len(packed)):
            yield engine.decompress(packed[at : at + 1])
    except _FAULTS:
        return


def raw_deflate() -> Decompressor:
    """For a deflate stream without a header, as in zip and, after its header, in gzip."""
    return zlib.decompressobj(wbits=-zlib.MAX_WBITS)


def deflated(content: bytes) -> bytes:
    """*content* as a deflate stream of blocks that are not compressed.

    Compressors give other bytes with every version and build (zlib, zlib-ng), and so other ids on
    another machine. git compresses what it stores by itself.
    """
    out = []
    for at in range(0, max(1, len(content)), _LARGEST_BLOCK):
        block = content[at : at + _LARGEST_BLOCK]
        last = at + len(block) >= len(content)
        size = len(block)
        out.append(
            bytes([last]) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")
        )
        out.append(block)
    return b"".join(out)
