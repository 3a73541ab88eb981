"""What lies in a git directory and is not to be read like the rest: other repositories.

A sub-module's repository (``.git/modules/…``) has a history of its own, to be rewritten by itself: what
it holds is named.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from remediate.history import packs
from remediate.history.model import Unreadable
from remediate.history.repo import Repo

#: A git that has not written to its unfinished file for so long, in seconds, is dead.
_PATIENCE = 3600.0


def submodules(repo: Repo) -> Iterator[Path]:
    """The git directories of *repo*'s sub-modules, and of theirs."""
    for folder, folders, names in os.walk(repo.common_dir / "modules"):
        folders.sort()
        if "HEAD" in names and "objects" in folders:
            yield Path(folder)
            folders[:] = [name for name in folders if name == "modules"]


def unfinished(repo: Repo) -> Iterator[Unreadable]:
    """What some git is writing just now, or left behind when it died not long ago."""
    for path in packs.unfinished(repo.objects_dir):
        if not abandoned(path):
            yield Unreadable(
                os.path.relpath(path, repo.common_dir),
                "a git is writing it, or has died over it: purge takes it away when it is an hour old",
            )


def abandoned(path: Path) -> bool:
    """Whether the git that was to finish *path* (a file, or a folder of them) is dead for long."""
    newest = path.lstat().st_mtime
    if path.is_dir() and not path.is_symlink():
        newest = max((inner.lstat().st_mtime for inner in path.rglob("*")), default=newest)
    return newest + _PATIENCE < time.time()
