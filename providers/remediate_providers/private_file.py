"""A file that holds secrets, changed in one step: what stores that write files share."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

PRIVATE = 0o600


def read(file: Path) -> str:
    """The file's text, its line endings as they are; bytes that are not UTF-8 come through."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read().decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Keep other remediates off this folder's files. Ends with the process, leaves no file."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def replace(file: Path, text: str) -> list[str]:
    """Put *text* in the place of *file* in one step, on disk when this returns; warnings.

    A file that everyone could read becomes 0600. One that a group may read was made so on purpose,
    for the program that reads it, and stays so.
    """
    warnings: list[str] = []
    mode, owner = PRIVATE, None
    with contextlib.suppress(FileNotFoundError):
        found = file.lstat()
        mode, owner = stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid)
        if mode & stat.S_IRWXO:
            warnings.append(f"its mode was {mode:04o} and is now {PRIVATE:04o}")
            mode = PRIVATE
    new = leftover(file)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            if owner is not None and owner != (os.geteuid(), os.fstat(descriptor).st_gid):
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            stream.write(text.encode("utf-8", "surrogateescape"))
            stream.flush()
            os.fsync(descriptor)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync(file.parent)
    return warnings


def leftover(file: Path) -> Path:
    """Where the new text is written first: one name, so that a crash can't leave many."""
    return file.with_name(f".{file.name}.remediate")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
