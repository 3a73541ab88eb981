"""What the verifier's ways of opening a text have in common: how much may come out, and what did."""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PIECE = 1 << 20
#: Bytes that may come out of one object in all.
MOST = 256 << 20
#: Bytes that are read of one object in all, counting each reading of it.
_WORK = 4 << 30

#: What comes out of something that then turns out to be damaged was no coincidence from here on.
TELLING = 64


class OverError(Exception):
    """What was unpacked is more than there is room for."""


@dataclass
class Allowance:
    """How much may be unpacked out of one object and read of it, and what could not be."""

    left: int = field(default_factory=lambda: MOST)
    work: int = field(default_factory=lambda: _WORK)
    told: list[str] = field(default_factory=list)
    """What is damaged or sealed."""
    bounds: dict[str, None] = field(default_factory=dict)
    """What was not read for being too much."""

    def take(self, size: int) -> None:
        """Use *size* bytes of it."""
        self.left -= size
        if self.left < 0:
            raise OverError

    def read(self, size: int) -> bool:
        """Whether another *size* bytes may be read."""
        self.work -= size
        if self.work < 0:
            self.bounds[f"all that it can stand for is more than {_WORK >> 20} MiB"] = None
        return self.work >= 0


class Inner(NamedTuple):
    """Something that was packed in a text."""

    kind: str
    content: bytes
    sound: bool
    """Whether a checksum or its own end vouches for it; else a slip further out may have damaged it."""


def stream(
    make: Callable[[], Any], text: bytes, at: int, allowance: Allowance, step: int = PIECE
) -> tuple[bytes, int, str]:
    """What comes out, how many bytes it took, and what was wrong; *step* bytes are fed at once."""
    engine = make()
    out = io.BytesIO()
    done = 0
    piece = b""
    while not engine.eof:
        piece = piece or text[at + done : at + done + step]
        before = done
        try:
            fresh = engine.decompress(piece, PIECE)
        except FAULTS:
            # What came out of the last piece before the fault is lost: once more, byte by byte.
            content = b"".join(slowly(make(), text[at : at + before + len(piece)], step))
            return content, 1, "it is damaged"
        allowance.take(len(fresh))
        out.write(fresh)
        # At its end zlib tells what is left as unused data, too.
        rest = b"" if engine.eof else getattr(engine, "unconsumed_tail", b"")
        done += len(piece) - len(rest)
        if not fresh and not piece and not engine.eof:
            return out.getvalue(), 1, "it breaks off"
        piece = rest
    return out.getvalue(), max(1, done - len(engine.unused_data)), ""


#: What a reader of compressed bytes raises where they are none.
FAULTS = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError)


def slowly(engine: Any, text: bytes, step: int) -> Iterator[bytes]:
    """All that *engine* makes of *text* before it fails, which it does in the last *step* bytes."""
    fast = max(0, len(text) - step)
    try:
        yield engine.decompress(text[:fast])
        for at in range(fast, len(text)):
            yield engine.decompress(text[at : at + 1])
    except FAULTS:
        return
