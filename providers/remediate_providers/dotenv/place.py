"""Which file a ``dotenv:PATH#NAME`` means, and whether a secret may be written there."""

from __future__ import annotations

import stat
from pathlib import Path

from remediate.errors import UsageError
from remediate.plugins.store import Target
from remediate.worktree import is_tracked
from remediate_providers.dotenv.lines import NAME

MAX_SIZE = 1024 * 1024
"""Bytes; a larger file is not a ``.env``."""


def located(target: Target) -> Path:
    """The file, looked at. Raises `UsageError` with what is wrong and what to write instead."""
    if not target.place or not target.keys:
        raise UsageError(
            f"{target.spec!r} does not say which variable of which file.",
            hint="Write dotenv:PATH#NAME, as in dotenv:.env.local#API_KEY",
        )
    for name, _part in target.keys:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{target.spec}: {name!r} is no name for a variable.",
                hint="Letters, digits and _, not a digit first, as a shell has it.",
            )
    file = _file(target)
    _look(target, file)
    if is_tracked(file):
        raise UsageError(
            f"{target.spec}: git tracks this file; the new credential would be committed next.",
            hint=f"Name another file, or first: git rm --cached {target.place}",
        )
    return file


def _file(target: Target) -> Path:
    path = Path(target.place)
    if path.is_absolute():
        return path
    if target.root is None:
        raise UsageError(
            f"{target.spec}: there is no work tree that {target.place} could be relative to.",
            hint="Give the file's absolute path.",
        )
    if ".." in path.parts:
        raise UsageError(
            f"{target.spec} leads out of the work tree by '..'.",
            hint="A file outside the repository is named by its absolute path.",
        )
    # A link on the way could lead anywhere, into a tracked folder of another repository too.
    for folder in path.parents:
        if (target.root / folder).is_symlink() and folder != Path():
            raise UsageError(
                f"{target.spec}: {folder} is a symbolic link.",
                hint="Name the folder that it leads to, by its absolute path.",
            )
    return target.root / path


def _look(target: Target, file: Path) -> None:
    if not file.parent.is_dir():
        raise UsageError(
            f"{target.spec}: the folder {file.parent} does not exist.",
            hint=f"mkdir -p {file.parent}",
        )
    if ".git" in file.parts:
        raise UsageError(
            f"{target.spec} lies in git's own folder.", hint="Name a file in the work tree."
        )
    try:
        found = file.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise UsageError(
            f"{target.spec}: this file is a symbolic link.",
            hint="Name the file that it leads to.",
        )
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{target.spec}: this is no plain file.", hint="Name another file.")
    if found.st_size > MAX_SIZE:
        raise UsageError(
            f"{target.spec}: {found.st_size} bytes is too much for a .env file.",
            hint="Name another file.",
        )
