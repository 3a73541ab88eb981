"""The verifier's reading of objects, spread over processes: undoing encodings is Python's own work.

Each process is told where the objects are and what to look for on its standard input, never in its
arguments or environment, and answers on its standard output. It is given one share of the objects
after another. One that ends early ends the verification: what nobody read is not clean.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from remediate.errors import GitError
from remediate.hardening import harden
from remediate.history import reread
from remediate.history.model import Progress, Remnant, Unreadable
from remediate.history.readings import Reader, Wanted
from remediate.history.reread import Seen

#: Fewer objects than this are read before a process has begun.
_WORTH = 4_000
#: Each holds some 50 MB, and its git as much as it may keep of what deltas are made from.
_MOST = 8
#: Objects in a share: enough for git to make use of what it holds, few enough for all to end together.
_LEAST_SHARE, _LARGEST_SHARE, _SHARES_EACH = 500, 20_000, 12

#: Run with ``-I``: what is looked for never comes from the current folder, nor from the user's site.
_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from remediate.history.rereaders import child; child()"
)


def look_into(
    directory: Path,
    oids: Sequence[bytes],
    reader: Reader,
    seen: Seen,
    progress: Progress,
    *,
    hashed: bool = False,
) -> None:
    """`remediate.history.reread.look_into`, on all cores where there is much to read.

    Raises `GitError` also where a process ended before it had read its share.
    """
    processes = _processes(len(oids))
    if processes < 2:
        reread.look_into(directory, oids, reader, seen, progress, hashed=hashed)
        return
    size = len(oids) // (processes * _SHARES_EACH) + 1
    size = max(_LEAST_SHARE, min(_LARGEST_SHARE, size))
    shares = iter([oids[at : at + size] for at in range(0, len(oids), size)])
    setup = _setup(directory, reader, hashed=hashed)
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
    lock = Lock()
    children: list[_Child] = []
    try:
        for _ in range(processes):
            children.append(_Child(setup, shares, lock, answers))  # noqa: PERF401 (each is ended below)
        _gather(answers, children, len(oids), seen, progress)
    finally:
        for each in children:
            each.end()


def _processes(objects: int) -> int:
    """How many to begin for this many *objects*."""
    frozen = not sys.executable or getattr(sys, "frozen", False)
    return 1 if objects < _WORTH or frozen else _cores()


def _cores() -> int:
    there = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return min(there, _MOST)


def _setup(directory: Path, reader: Reader, *, hashed: bool) -> bytes:
    """The first two lines that a process reads."""
    asked = {
        "directory": str(directory),
        "hashed": hashed,
        "secrets": [[w.needle, w.value.decode("latin-1"), w.key] for w in reader.secrets],
    }
    path = [entry for entry in sys.path if os.path.isabs(entry)]  # noqa: PTH117
    return b"".join(json.dumps(line).encode("ascii") + b"\n" for line in (path, asked))


_Answer = tuple["_Child", "Seen | int | GitError | None"]
"""Of one process: a share that is done, how far it is in one, why it ended, or that it has no more."""


def _gather(
    answers: queue.SimpleQueue[_Answer],
    children: Sequence[_Child],
    total: int,
    seen: Seen,
    progress: Progress,
) -> None:
    under_way = dict.fromkeys(children, 0)
    done = 0
    while under_way:
        who, what = answers.get()
        if what is None:
            del under_way[who]
        elif isinstance(what, GitError):
            raise what
        elif isinstance(what, Seen):
            done += what.objects
            under_way[who] = 0
            seen.add(what)
        else:
            under_way[who] = what
        progress("Verifying objects", done + sum(under_way.values()), total)


class _Child:
    """One process, and the thread that hands it share after share."""

    def __init__(
        self,
        setup: bytes,
        shares: Iterator[Sequence[bytes]],
        lock: Lock,
        answers: queue.SimpleQueue[_Answer],
    ) -> None:
        self._setup = setup
        self._shares, self._lock, self._answers = shares, lock, answers
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BEGIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for what in self._answered():
                self._answers.put((self, what))
        except GitError as error:
            self._answers.put((self, error))
        except (OSError, ValueError, LookupError, TypeError):
            # Something that is no answer, or none at all.
            self._process.kill()
            self._answers.put((self, _ended(self._process.wait())))
        else:
            self._answers.put((self, None))

    def _answered(self) -> Iterator[Seen | int]:
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        into.write(self._setup)
        while True:
            with self._lock:
                share = next(self._shares, None)
            if share is None:
                return
            into.write(b" ".join(share) + b"\n")
            into.flush()
            at: Seen | int = 0
            while isinstance(at, int):
                # No line at all is no JSON either.
                at = _taken(json.loads(out.readline()))
                yield at

    def end(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


def _ended(code: int) -> GitError:
    error = GitError(
        f"A process that read objects again ended early ({code}), so nothing is said to be clean.",
        hint="Nothing is lost. With more memory free, type: remediate resume",
    )
    error.killed = code < 0
    return error


def _taken(answer: dict[str, Any]) -> Seen | int:
    """One line of a process's. Raises `GitError` for one that it could not go on after."""
    if "error" in answer:
        raise GitError(answer["error"], hint=answer["hint"])
    if "at" in answer:
        return int(answer["at"])
    return Seen(
        {Remnant(n, where, how, object=oid): None for n, where, how, oid in answer["remnants"]},
        [Unreadable(what, reason) for what, reason in answer["unreadable"]],
        objects=answer["objects"],
        bytes=answer["bytes"],
    )


def child() -> None:
    """What each process does: read shares to the end of standard input."""
    # Ctrl-C goes to every process at the terminal; the one that began this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    harden()
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    asked = json.loads(lines.readline())
    reader = Reader(Wanted(n, value.encode("latin-1"), key) for n, value, key in asked["secrets"])
    names = reread.Names()

    def say(answer: dict[str, Any]) -> None:
        # Nobody reads any more: the error that this raises ends the process.
        out.write(json.dumps(answer).encode("ascii") + b"\n")
        out.flush()

    for line in lines:
        seen = Seen()
        try:
            reread.look_into(
                Path(asked["directory"]),
                line.split(),
                reader,
                seen,
                lambda *told: say({"at": told[1]}),
                hashed=asked["hashed"],
                names=names,
            )
        except GitError as error:
            say({"error": error.message, "hint": error.hint})
            return
        say(
            {
                "remnants": [[r.needle, r.where, r.encoding, r.object] for r in seen.remnants],
                "unreadable": [[u.what, u.reason] for u in seen.unreadable],
                "objects": seen.objects,
                "bytes": seen.bytes,
            }
        )
