"""Who writes into a repository, and what to do with the lock files of a writer that was killed.

git marks what it is about to write by ``<file>.lock`` and takes the mark away when it ends, unless it
is killed. Whoever goes on after that must tell a dead writer's marks from those of a git that is at
work right now. So the marks that are about to be made are written down first, in a file that stays
locked (flock(2)) for as long as this process or a git child of it lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from remediate.errors import BusyError, GitError
from remediate.history import git
from remediate.history.durable import sync_folder

#: In the common git directory while something is being changed there.
NAME = "remediate-writing"

#: How long, in seconds, a child that outlived a killed parent may take to see that and end.
_PATIENCE = 20.0


class Guard:
    """Held by whoever changes a repository; its children inherit it."""

    def __init__(self, common_dir: Path, descriptor: int) -> None:
        self._common_dir = common_dir
        self._descriptor = descriptor

    @contextlib.contextmanager
    def expecting(self, files: Iterable[Path]) -> Iterator[None]:
        """Say that the body lets git take ``<file>.lock`` for each of *files*.

        The names that git gives, and takes away, are on disk when it ends: git brings the content of files there
        and not the folders that they stand in. Raises `BusyError`, naming it, where somebody else holds one
        of the marks now.
        """
        locked = set(files)
        marks = sorted(
            {Path(f"{file}.lock") for file in locked}
            | {file.with_suffix(".new") for file in locked if file.name == "packed-refs"}
        )
        for mark in marks:
            if os.path.lexists(mark):
                raise BusyError(
                    f"Another git process is at work here: it holds {mark}.",
                    hint=f"Wait for it to end (if none is running: rm '{mark}'), then: remediate resume",
                )
        names = json.dumps([os.path.relpath(mark, self._common_dir) for mark in marks])
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, names.encode("ascii"), 0)
        os.fsync(self._descriptor)
        try:
            yield
        except GitError as error:
            # A git that fails takes its marks away; one that was killed could not.
            if not error.killed:
                os.ftruncate(self._descriptor, 0)
            raise
        self._sync_folders(locked)
        os.ftruncate(self._descriptor, 0)

    def _sync_folders(self, files: Iterable[Path]) -> None:
        """Bring to disk what the folders of *files* hold, and each folder above them in the git directory."""
        within = {folder for file in files for folder in file.parents}
        for folder in sorted(f for f in within if f.is_relative_to(self._common_dir)):
            # git takes away a folder whose last ref it took away; the one above tells of that.
            with contextlib.suppress(FileNotFoundError):
                sync_folder(folder)

    def git(
        self,
        directory: Path,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        accept: Iterable[int] = (0,),
    ) -> bytes:
        """Like `remediate.history.git.run`, for a command that writes.

        What git writes into files is on disk on return (core.fsync, git 2.36 and newer), reflogs are not begun
        where there are none, and the reflog's writer is remediate, whatever the user is called.
        """
        return git.run(
            directory,
            *("-c", "core.fsync=all", "-c", "core.logAllRefUpdates=false"),
            *("-c", "core.untrackedCache=keep"),
            *arguments,
            stdin=stdin,
            environment=_WRITER | dict(environment or {}),
            accept=accept,
            inherit=(self._descriptor,),
        )

    def clear(self) -> None:
        """Take away the lock files that a killed predecessor's git left behind.

        What is written down is believed of git's own marks in here alone: whoever made the repository may have
        written it.
        """
        try:
            names = json.loads(os.pread(self._descriptor, 1 << 28, 0) or b"[]")
        except (ValueError, RecursionError):
            names = []  # killed while writing them down: then no git had been started
        for name in names if isinstance(names, list) else ():
            mark = self._mark(name)
            if mark is not None:
                mark.unlink(missing_ok=True)
        os.ftruncate(self._descriptor, 0)

    def _mark(self, name: object) -> Path | None:
        """The mark that *name* is, None where it is none of git's or lies outside of the git directory."""
        if not isinstance(name, str) or "\0" in name:
            return None
        path = self._common_dir / name
        if path.suffix != ".lock" and path.name != "packed-refs.new":
            return None
        try:
            inside = path.parent.resolve().is_relative_to(self._common_dir.resolve())
        except (OSError, RuntimeError):  # a circle of links
            return None
        return path if inside and (path.is_symlink() or path.is_file()) else None

    @property
    def marked(self) -> bool:
        """Whether lock files may be standing that nobody will take away."""
        return os.fstat(self._descriptor).st_size > 0


_WRITER = {"GIT_COMMITTER_NAME": "remediate", "GIT_COMMITTER_EMAIL": "remediate@localhost"}


@contextlib.contextmanager
def writing(common_dir: Path) -> Iterator[Guard]:
    """Hold the right to change the repository whose common git directory is *common_dir*.

    Lock files of a predecessor that was killed are gone when the body begins. Raises `BusyError`
    where another remediate is changing it.
    """
    path = common_dir / NAME
    descriptor = _acquire(path)
    try:
        guard = Guard(common_dir, descriptor)
        guard.clear()
        try:
            yield guard
        finally:
            if not guard.marked:
                path.unlink(missing_ok=True)
                # Back after a cut of power, it would have another's lock taken for a dead git's of ours.
                sync_folder(common_dir)
    finally:
        os.close(descriptor)


def _acquire(path: Path) -> int:
    deadline = time.monotonic() + _PATIENCE
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise BusyError(
                    "Another remediate is changing this repository.",
                    hint="Wait for it to end, then: remediate resume",
                ) from None
            time.sleep(0.05)
            continue
        # The one before may have taken the file away between our open and our lock.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        os.close(descriptor)
