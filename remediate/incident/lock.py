"""Who works here: an advisory lock an incident and one a repository. A dead holder's lock is free."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from remediate.clock import utc_now
from remediate.errors import BusyError, StateError


@contextlib.contextmanager
def hold(path: Path, what: str, doing: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock at *path* while the body runs; with *wait*, once whoever has it is done.

    Raises `BusyError` naming the holder where another process has it, `StateError` where it can't be
    opened (a read-only folder, a link in its place). The kernel frees it when its
    holder dies (flock(2)), so nothing is ever left locked.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise StateError(
            f"The lock {path} in the state folder can't be had: {error.strerror}. Nothing was done.",
            hint="Mend that, or set REMEDIATE_HOME to a folder that you can write to.",
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            holder = os.pread(descriptor, 500, 0).decode("utf-8", "replace").strip()
            raise BusyError(
                f"{what} is being worked on by another remediate ({holder or 'just starting'}).",
                hint="Wait for it to end, or stop it, then: remediate resume",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, {doing}, since {utc_now()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold_folder(folder: Path, what: str) -> Iterator[None]:
    """Hold *folder* itself while the body runs: nothing is written there (flock(2) takes a folder, too).

    For whoever has another state folder, and so other locks. Raises `BusyError`. A folder that can't be opened, or
    a file system that knows no such locks (some NFS), is none of this one's matter: `hold` is had beside it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"{what} is being worked on by another remediate, of another user or with another state "
                "folder (REMEDIATE_HOME).",
                hint="Wait for it to end: two would issue two new credentials. Then: remediate resume",
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)


def repository_lock(locks: Path, common_dir: Path) -> Path:
    """The lock's path for the repository whose common git directory is *common_dir*."""
    name = hashlib.sha256(os.fsencode(common_dir.resolve())).hexdigest()[:32]
    return locks / f"repository-{name}"
