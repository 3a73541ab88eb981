"""Reading objects: one at a time, or many in a row.

All of it through ``git cat-file``, never a process per object. Ids go in by an unlinked temporary
file where many are wanted, so that no pipe can fill up and stop both sides.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO

from remediate.errors import GitError
from remediate.history import git
from remediate.passing import temporary_folder

#: Above this many bytes git streams a blob that is not stored as a delta instead of holding it.
STREAMED_FROM = 32 << 20

#: So many bytes of objects that others are deltas of are kept by all children of git together (git's
#: own default is 96 MiB for each).
_BASES = 128 << 20

_BATCH = ("-c", f"core.bigFileThreshold={STREAMED_FROM}", "cat-file", "--buffer")
#: Seconds in which a child that has closed its output is gone.
_DYING = 5.0
_HEADER = re.compile(rb"([0-9a-f]{40,64}) (\w+) (\d+)\n")


def base_cache(cores: int) -> tuple[str, str]:
    """Settings for each of as many children at once, so that together they stay within bounds."""
    return "-c", f"core.deltaBaseCacheLimit={max(_BASES // cores, 16 << 20)}"


def ids_file(oids: Iterable[bytes]) -> IO[bytes]:
    """A file without a name that holds *oids*, one a line, to be a child's standard input."""
    handle = tempfile.TemporaryFile(dir=temporary_folder())  # noqa: SIM115 (the child outlives this function)
    try:
        handle.write(b"".join(oid + b"\n" for oid in oids))
        handle.seek(0)
    except BaseException:
        handle.close()
        raise
    return handle


def open_batch(
    directory: Path, oids: Iterable[bytes], settings: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """A ``cat-file --batch`` that writes *oids* in their order; the caller ends it."""
    with ids_file(oids) as stdin:
        return git.start(directory, *settings, *_BATCH, "--batch", stdin=stdin)


@dataclass(frozen=True)
class Read:
    """One object as it was read; `content` is None where it could not be."""

    oid: str
    kind: str
    content: bytes | None
    reason: str = ""
    killed: bool = False
    """Whether git was ended by a signal, so that nothing is known of the object."""


def read_many(directory: Path, oids: Sequence[str]) -> Iterator[Read]:
    """Read *oids* in their order, with one child (another one after each that git died of).

    Where somebody killed the child, the object is not at fault: it is asked for once more.
    """
    at, again = 0, -1
    while at < len(oids):
        for read in _until_dead(directory, oids[at:]):
            if read.killed and again != at:
                again = at
                break
            at += 1
            yield read


def _until_dead(directory: Path, oids: Sequence[str]) -> Iterator[Read]:
    child = open_batch(directory, (oid.encode("ascii") for oid in oids))
    out = child.stdout
    assert out is not None
    try:
        for oid in oids:
            line = out.readline()
            header = _HEADER.fullmatch(line)
            if header is None:
                reason = line.decode("ascii", "replace").strip().rpartition(" ")[2]
                if not line.endswith(b"\n"):
                    yield _lost(oid, child, "git can't read it: it is damaged")
                    return
                yield Read(oid, "", None, reason)
                continue
            size = int(header[3])
            content = out.read(size)
            if len(content) < size or out.read(1) != b"\n":
                yield _lost(oid, child, "git can't read all of it: it is damaged")
                return
            yield Read(oid, header[2].decode("ascii"), content)
    finally:
        child.kill()
        child.wait()
        out.close()


def _lost(oid: str, child: subprocess.Popen[bytes], damaged: str) -> Read:
    """What is told of an object after which nothing came."""
    try:
        killed = child.wait(_DYING) < 0
    except subprocess.TimeoutExpired:
        killed = False
    return Read(oid, "", None, "git was killed over it" if killed else damaged, killed)


class Reader:
    """One object after another, where which one is next depends on the last."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._child: subprocess.Popen[bytes] | None = None

    def read(self, oid: str) -> tuple[str, bytes]:
        """An object's type and bytes; raises `GitError` where it can't be read."""
        if self._child is None:
            self._child = git.start(self._directory, *_BATCH[:-1], "--batch")
        out, into = self._child.stdout, self._child.stdin
        assert out is not None and into is not None
        try:
            into.write(oid.encode("ascii") + b"\n")
            into.flush()
            header = _HEADER.fullmatch(out.readline())
        except BrokenPipeError:
            header = None
        if header is None:
            self.close()
            raise GitError(
                f"object {oid} can't be read.", hint="git fsck --full names what is wrong."
            )
        content = out.read(int(header[3]))
        out.read(1)
        return header[2].decode("ascii"), content

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """*items* in lists of at most *size*."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
