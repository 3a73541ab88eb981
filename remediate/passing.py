"""Folders that are gone with whoever made them: what a killed process left, the next one clears.

They lie in the temporary folder (``TMPDIR``), for not everything that needs one belongs to an incident.
Each is 0700 and locked (flock(2)) for as long as its maker lives; one that nobody locks is a dead one's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: How their names begin; no other folder's name in the temporary folder does.
PREFIX = "remediate-passing-"


@contextlib.contextmanager
def passing_folder() -> Iterator[Path]:
    """An empty folder of this process's own, 0700, gone afterwards. Raises OSError.

    Those of dead processes are cleared first, as by `clear_dead`.
    """
    clear_dead()
    path, descriptor = _made()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def clear_dead() -> None:
    """Remove what killed processes of this user left in the temporary folder. Never raises OSError."""
    with contextlib.suppress(OSError):
        for path in temporary_folder().glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                _clear(path)


def temporary_folder() -> Path:
    """Where temporary files go. Raises FileNotFoundError where nothing can be written anywhere.

    `tempfile.gettempdir` tries each place by writing a file, which a killed process leaves behind.
    """
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    for folder in [*filter(None, named), "/tmp", "/var/tmp"]:  # noqa: S108 (private ones are made in it)
        if Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder).absolute()
    raise FileNotFoundError("no temporary folder can be written to; set TMPDIR")


def _made() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary_folder()))
        descriptor = _opened(path)
        if descriptor is None:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            return path, descriptor
        # Somebody took it for a dead one's between its making and its locking.
        os.close(descriptor)


def _opened(path: Path) -> int | None:
    """A descriptor of the folder itself, never of what a link leads to; None where it is gone."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None


def _clear(path: Path) -> None:
    descriptor = _opened(path)
    if descriptor is None:
        return
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)
