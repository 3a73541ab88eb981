"""Many objects, in chunks of whole objects, on all cores.

What a chunk holds, and where, follows from the inventory, so nothing is parsed on the way: one search
goes over megabytes at a time. Where git says otherwise than the inventory did (an object is gone or
damaged), the rest of that stretch is read again with care, one object at a time.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from remediate.errors import GitError
from remediate.history import huge, window
from remediate.history.inventory import Stretch
from remediate.history.model import Progress, Unreadable
from remediate.history.objects import base_cache, open_batch, read_many
from remediate.history.window import Window

#: A blob that is too large for a chunk comes in pieces, each beginning with the end of the one before.
_OVERLAP = 256 << 10

Buffer = bytes | memoryview
Result = TypeVar("Result")


@dataclass(frozen=True)
class Chunk:
    """Whole objects of one type, or a piece of one large blob. Good until the next one is asked for."""

    kind: str
    data: Buffer
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
        return bytes(self.data[start : start + self.sizes[index]])


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Source:
    """Reads stretches of objects, one after another. For one thread; a context manager."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._settings = base_cache(cores())
        self._window: Window | None = None

    def chunks(self, stretch: Stretch) -> Iterator[Chunk | Unreadable]:
        """What *stretch* holds, in its order."""
        if stretch.large and stretch.kind == "blob":
            at = yield from self._pieces(stretch)
        elif stretch.large:
            at = 0
        elif window.AVAILABLE:
            at = yield from self._windows(stretch)
        else:
            at = yield from self._piped(stretch)
        if at < len(stretch.sizes):
            yield from _with_care(self._directory, stretch.kind, stretch.oids[at:])

    def _windows(self, stretch: Stretch) -> Generator[Chunk, None, int]:
        """Through shared memory: one half of the window is looked at while git fills the other."""
        if self._window is None:
            self._window = Window(self._directory, self._settings)
        shared, oids = self._window, stretch.oids
        extents = list(_extents(stretch, window.room()))
        for number, (a, b, total) in enumerate(extents):
            if number == 0:
                shared.ask(0, oids[a:b], total)
            chunk = None
            if shared.wait():
                if number + 1 < len(extents):
                    c, d, following = extents[number + 1]
                    shared.ask((number + 1) % 2, oids[c:d], following)
                chunk = _cut(stretch, shared.part(number % 2, total), a, b)
            if chunk is None:
                self.close()
                return a
            yield chunk
        return len(oids)

    def _piped(self, stretch: Stretch) -> Generator[Chunk, None, int]:
        """Through a pipe, where there is no such memory."""
        child = open_batch(self._directory, stretch.oids, self._settings)
        out = child.stdout
        assert out is not None
        try:
            for a, b, total in _extents(stretch, window.room()):
                data = out.read(total)
                chunk = _cut(stretch, data, a, b) if len(data) == total else None
                if chunk is None:
                    return a
                yield chunk
        finally:
            child.kill()
            child.wait()
            out.close()
        return len(stretch.sizes)

    def _pieces(self, stretch: Stretch) -> Generator[Chunk | Unreadable, None, int]:
        """One large blob, piece by piece."""
        oid = stretch.oids[0]
        carried = b""
        with contextlib.suppress(GitError):
            for fresh in huge.pieces(self._directory, oid.decode("ascii")):
                data = carried + fresh
                yield Chunk("blob", data, [oid], [0], [len(data)], piece=True)
                carried = data[-_OVERLAP:]
            return 1
        if stretch.sizes[0] <= huge.HUGE:
            return 0
        yield Unreadable(f"object {oid.decode('ascii')}", "git can't read all of it: it is damaged")
        return 1

    def close(self) -> None:
        """End the child."""
        if self._window is not None:
            self._window.close()
            self._window = None


def _extents(stretch: Stretch, most: int) -> Iterator[tuple[int, int, int]]:
    """(from, to, bytes) of the chunks of *stretch*; none has more bytes than *most*."""
    begin = total = 0
    for at, (head, size) in enumerate(zip(stretch.headers, stretch.sizes, strict=True)):
        framed = len(head) + size + 1
        if at > begin and total + framed > most:
            yield begin, at, total
            begin, total = at, 0
        total += framed
    yield begin, len(stretch.sizes), total


def _cut(stretch: Stretch, data: Buffer, a: int, b: int) -> Chunk | None:
    """The chunk that *data* is; None where it is not what the inventory foresaw."""
    starts = []
    at = 0
    for head, size in zip(stretch.headers[a:b], stretch.sizes[a:b], strict=True):
        start = at + len(head)
        if data[at:start] != head:
            return None
        starts.append(start)
        at = start + size + 1
    return Chunk(stretch.kind, data, stretch.oids[a:b], starts, stretch.sizes[a:b])


def _with_care(directory: Path, kind: str, oids: Sequence[bytes]) -> Iterator[Chunk | Unreadable]:
    for read in read_many(directory, [oid.decode("ascii") for oid in oids]):
        if read.content is None or read.kind != kind:
            yield Unreadable(f"object {read.oid}", read.reason or f"it is a {read.kind}")
        else:
            yield Chunk(kind, read.content, [read.oid.encode("ascii")], [0], [len(read.content)])


class Cores:
    """Threads, each with a source of its own, that work goes to stretch by stretch.

    Threads do: git's children inflate on their own cores, and hyperscan lets go of the lock. A context
    manager: whatever is under way is broken off at its end.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._local = threading.local()
        self._sources: list[Source] = []
        self._pool = ThreadPoolExecutor(cores())

    def each(
        self,
        stretches: Iterable[Stretch],
        begin: Callable[[], Callable[[str, Iterator[Chunk | Unreadable]], Result]],
        *,
        step: str,
        progress: Progress,
        total: Callable[[], int | None],
    ) -> list[Result]:
        """The work on each of *stretches*, in their order; they are begun as they come.

        *begin* gives each thread a worker of its own, which is told the type and the chunks. Progress
        counts bytes; *total* gives how many there are, once that is known.
        """
        own = threading.local()

        def work(stretch: Stretch) -> Result:
            if not hasattr(own, "worker"):
                own.worker = begin()
            result: Result = own.worker(stretch.kind, self._source().chunks(stretch))
            return result

        sizes: dict[Future[Result], int] = {}
        for stretch in stretches:
            sizes[self._pool.submit(work, stretch)] = stretch.bytes
        done = 0
        # The first failure ends it, whichever stretch it is of.
        for future in as_completed(sizes):
            future.result()
            done += sizes[future]
            progress(step, done, total())
        return [future.result() for future in sizes]

    def _source(self) -> Source:
        if not hasattr(self._local, "source"):
            self._local.source = Source(self._directory)
            self._sources.append(self._local.source)
        source: Source = self._local.source
        return source

    def __enter__(self) -> Cores:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        for source in self._sources:
            source.close()
