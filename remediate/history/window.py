"""A window on git's output: a child writes many objects into memory that it shares with us.

Through a pipe each byte is copied twice, and for gigabytes that costs as much as inflating them. Here
one child stays for as long as there is work. It is asked for as many objects as fill one half of the
window, and while it writes the next ones into the other half, these are looked at where they lie.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from remediate.history import git

#: Bytes of one half. Small enough to stay in a core's cache for the most part.
HALF = 8 << 20

#: What the child says when it is through: the answer to a question about an object that nobody has.
_NOBODY = b"0" * 40
_END = _NOBODY + b" missing\n"

#: Between two looks at how far the child is, in seconds; and when a look at its last words is due.
_SHORTEST, _LONGEST, _QUIET = 0.0002, 0.01, 0.05

#: Whether this system has such memory (Linux does); elsewhere there is the pipe.
AVAILABLE = hasattr(os, "memfd_create")


def room() -> int:
    """How many bytes of objects, with what stands around each, fit into one half."""
    return HALF - len(_END)


class Window:
    """One child and its window. For one thread; a context manager.

    How much the child has written is told by the offset of the open file, which both share: no other
    word passes between the two.
    """

    def __init__(self, directory: Path, settings: Sequence[str] = ()) -> None:
        self._file = os.memfd_create("objects")
        os.ftruncate(self._file, 2 * HALF)
        self._memory = mmap.mmap(self._file, 2 * HALF)
        self._view = memoryview(self._memory)
        self._child = git.start(
            directory, *settings, "cat-file", "--batch-command", "--buffer", stdout=self._file
        )
        self._until = 0

    def ask(self, half: int, oids: Sequence[bytes], size: int) -> None:
        """Have *oids* written into *half* (0 or 1); *size* bytes in all, with what stands around each.

        The answer to the question before has to be complete.
        """
        assert size + len(_END) <= HALF
        into = self._child.stdin
        assert into is not None
        os.lseek(self._file, half * HALF, os.SEEK_SET)
        self._until = half * HALF + size + len(_END)
        # If the child is gone, `wait` says so.
        with contextlib.suppress(BrokenPipeError):
            into.write(b"".join([b"contents %s\n" % oid for oid in oids]))
            into.write(b"info %s\nflush\n" % _NOBODY)
            into.flush()

    def part(self, half: int, size: int) -> memoryview:
        """The first *size* bytes of *half*, where they lie: until the next question for that half."""
        return self._view[half * HALF : half * HALF + size]

    def wait(self) -> bool:
        """Until the answer is complete; False where it is not what was foreseen, or the child died."""
        pause = _SHORTEST
        last, since = -1, 0.0
        while (at := os.lseek(self._file, 0, os.SEEK_CUR)) != self._until:
            now = time.monotonic()
            if at != last:
                last, since = at, now
                pause = _SHORTEST
            elif now - since > _QUIET and self._through(at):
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)
        return self._ends_at(at)

    def _through(self, at: int) -> bool:
        """Whether no more will come, though it is not as much as was foreseen, or too much."""
        if self._child.poll() is not None:
            return os.lseek(self._file, 0, os.SEEK_CUR) != self._until
        return at > 2 * HALF or self._ends_at(at)

    def _ends_at(self, at: int) -> bool:
        return bytes(self._view[max(0, at - len(_END)) : at]) == _END

    def close(self) -> None:
        """End the child and give the memory back."""
        self._child.kill()
        with contextlib.suppress(OSError):
            self._child.communicate()
        self._view.release()
        # Should somebody still hold a part of it, it goes with that one.
        with contextlib.suppress(BufferError):
            self._memory.close()
        os.close(self._file)

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
