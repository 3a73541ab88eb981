"""Files written so that a crash or a power cut leaves the old content or the new, never a part."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

#: How the names of files begin that are being written. One left by a crash holds nothing that its
#: target does not come to hold, and the next attempt writes over it.
TEMPORARY = ".remediate-tmp-"


def sync_folder(path: Path) -> None:
    """Bring a folder's entries to disk, so that a rename or removal in it survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Bring a file's content to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> None:
    """Bring everything in the folder *path* to disk, and its own name."""
    for folder, _, files in os.walk(path):
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                sync_file(file)
        sync_folder(Path(folder))
    sync_folder(path.parent)


def temporary_for(path: Path) -> Path:
    """Where *path*'s next content is written first: beside it, the same name each time."""
    # A name may be 255 bytes long already (NAME_MAX).
    return path.with_name(TEMPORARY + os.fsdecode(os.fsencode(path.name)[:200]))


def discard_temporary(path: Path) -> None:
    """Take away what a crash left of an attempt to write *path*."""
    temporary_for(path).unlink(missing_ok=True)


def create(path: Path, mode: int) -> int:
    """A descriptor of a new, empty *path* made with *mode* (less the umask); an old one goes."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags, mode)


def replace_file(path: Path, chunks: Iterable[bytes], *, mode: int | None = None) -> None:
    """Give *path* a new content in one step, on disk on return. Raises OSError.

    The mode is *mode*, else that of the file it replaces; its owner is kept where this user may
    give files away. A symbolic link is replaced, not followed.
    """
    old = path.lstat() if os.path.lexists(path) else None
    temporary = temporary_for(path)
    if mode is None:
        mode = stat.S_IMODE(old.st_mode) if old is not None else 0o600
    try:
        with os.fdopen(create(temporary, 0o600), "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
            stream.flush()
            if old is not None and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                keep_owner(stream.fileno(), old)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_symlink(path: Path, target: str) -> None:
    """Make *path* a symbolic link to *target* in one step. Raises OSError."""
    temporary = temporary_for(path)
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)
    sync_folder(path.parent)


def keep_owner(descriptor: int, old: os.stat_result) -> None:
    """Give an open file the owner and group of *old*, as far as this user may."""
    for uid, gid in ((old.st_uid, old.st_gid), (-1, old.st_gid)):
        try:
            os.fchown(descriptor, uid, gid)
        except PermissionError:
            continue
        return
