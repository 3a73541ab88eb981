"""Many objects as one long stream from git, cut into chunks of whole objects, on all cores.

What a chunk holds, and where, follows from the inventory's sizes, so nothing is parsed on the way:
one search goes over megabytes at a time. Where git says otherwise than the inventory did (an object
is gone or damaged), the rest of that stretch is read again with care, one object at a time.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from remediate.history.model import Progress, Unreadable
from remediate.history.objects import open_batch, read_many

#: A chunk holds about so many bytes, but whole objects.
_CHUNK = 2 << 20
#: A blob larger than this comes in pieces of this size, each beginning with the end of the one before.
LARGE = 16 << 20
_OVERLAP = 256 << 10

#: A stretch, which one git child reads: small enough to share the work out, large enough for git to
#: have the base of the next delta at hand.
_STRETCH = 128 << 20

Result = TypeVar("Result")


@dataclass(frozen=True)
class Chunk:
    """Whole objects of one type, or a piece of one large blob."""

    kind: str
    data: bytes
    oids: Sequence[bytes]
    starts: Sequence[int]
    """Where in `data` each object's content begins."""
    sizes: Sequence[int]
    piece: bool = False
    """Whether it is a piece of a blob too large for one chunk."""

    def index(self, end: int) -> int:
        """Which object a hit that ends at *end* falls into."""
        return max(0, bisect.bisect_left(self.starts, end) - 1)

    def content(self, index: int) -> bytes:
        """One object's bytes (of a piece: what there is)."""
        start = self.starts[index]
        return self.data[start : start + self.sizes[index]]


def chunks(
    directory: Path, kind: str, oids: Sequence[bytes], sizes: Sequence[int]
) -> Iterator[Chunk | Unreadable]:
    """*oids*, all of one *kind* and of *sizes* as `inventory` gave them, read in their order."""
    child = open_batch(directory, oids)
    out = child.stdout
    assert out is not None
    at = 0
    try:
        while at < len(oids):
            upto, total = _extent(kind, oids, sizes, at)
            if kind == "blob" and sizes[at] > LARGE:
                head = len(_header(oids[at], kind, sizes[at]))
                if out.read(head) != _header(oids[at], kind, sizes[at]):
                    break
                if not (yield from _pieces(out.read, oids[at], sizes[at])):
                    break
                at += 1
                continue
            data = out.read(total)
            chunk = _cut(kind, data, oids[at:upto], sizes[at:upto]) if len(data) == total else None
            if chunk is None:
                break
            yield chunk
            at = upto
    finally:
        child.kill()
        child.wait()
        out.close()
    if at < len(oids):
        yield from _with_care(directory, kind, oids[at:])


def _header(oid: bytes, kind: str, size: int) -> bytes:
    return b"%s %s %d\n" % (oid, kind.encode("ascii"), size)


def _extent(kind: str, oids: Sequence[bytes], sizes: Sequence[int], at: int) -> tuple[int, int]:
    """Up to which object a chunk from *at* on goes, and how many bytes it has."""
    fixed = len(oids[at]) + len(kind) + 4
    total = 0
    upto = at
    while upto < len(oids) and (upto == at or total + sizes[upto] <= _CHUNK):
        total += fixed + len(str(sizes[upto])) + sizes[upto]
        upto += 1
    return upto, total


def _cut(kind: str, data: bytes, oids: Sequence[bytes], sizes: Sequence[int]) -> Chunk | None:
    """The chunk that *data* is; None where it is not what the inventory foresaw."""
    starts = []
    at = 0
    for oid, size in zip(oids, sizes, strict=True):
        header = _header(oid, kind, size)
        if not data.startswith(header, at):
            return None
        starts.append(at + len(header))
        at += len(header) + size + 1
    return Chunk(kind, data, oids, starts, sizes)


def _pieces(read: Callable[[int], bytes], oid: bytes, size: int) -> Generator[Chunk, None, bool]:
    """A large blob, piece by piece. The generator's value: whether it came whole."""
    left = size
    carried = b""
    while left:
        fresh = read(min(LARGE, left))
        if not fresh:
            return False
        left -= len(fresh)
        data = carried + fresh
        yield Chunk("blob", data, [oid], [0], [len(data)], piece=True)
        carried = data[-_OVERLAP:]
    return read(1) == b"\n"


def _with_care(directory: Path, kind: str, oids: Sequence[bytes]) -> Iterator[Chunk | Unreadable]:
    for read in read_many(directory, [oid.decode("ascii") for oid in oids]):
        if read.content is None or read.kind != kind:
            yield Unreadable(f"object {read.oid}", read.reason or f"it is a {read.kind}")
        else:
            yield Chunk(kind, read.content, [read.oid.encode("ascii")], [0], [len(read.content)])


def on_all_cores(
    directory: Path,
    kind: str,
    oids: Sequence[bytes],
    sizes: Sequence[int],
    work: Callable[[Iterator[Chunk | Unreadable]], Result],
    *,
    step: str,
    progress: Progress,
) -> list[Result]:
    """*work* on each stretch of *oids*, in threads; the results in the stretches' order.

    Threads do: git's children inflate on their own cores, and hyperscan lets go of the lock.
    """
    bounds = _stretches(sizes)
    done = 0
    results: dict[int, Result] = {}

    def stretch(a: int, b: int) -> Result:
        return work(chunks(directory, kind, oids[a:b], sizes[a:b]))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        futures = {pool.submit(stretch, a, b): (a, b) for a, b in bounds}
        try:
            for future in as_completed(futures):
                a, b = futures[future]
                results[a] = future.result()
                done += b - a
                progress(step, done, len(oids))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[a] for a, _ in bounds]


def _stretches(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Where to cut, so that each stretch has about as many bytes and every core has work."""
    limit = min(_STRETCH, max(_CHUNK, sum(sizes) // (2 * (os.cpu_count() or 1))))
    found = []
    begin, held = 0, 0
    for index, size in enumerate(sizes):
        held += size + 100
        if held >= limit:
            found.append((begin, index + 1))
            begin, held = index + 1, 0
    if begin < len(sizes):
        found.append((begin, len(sizes)))
    return found
