"""Other repositories on this disk that borrow objects from one: removing some would break them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from remediate.errors import RepositoryError


def require_no_borrower(
    common_dir: Path, work_tree: Path | None, *, but: Path | None = None
) -> None:
    """Nothing, where no other repository is known to borrow, *but* for that one.

    Raises `RepositoryError` naming it, and how to mend it.
    """
    for found in borrowers(common_dir, work_tree):
        if but is None or found.resolve() != but:
            raise RepositoryError(
                f"{found} borrows objects from this repository; removing some would break it.",
                hint=f"Make it stand alone: cd '{found}' && git repack -a -d && "
                'rm "$(git rev-parse --git-path objects/info/alternates)"',
            )


def borrowers(common_dir: Path, work_tree: Path | None) -> list[Path]:
    """Repositories that borrow from the one at *common_dir*, as far as they lie beside or within it.

    git keeps no list of them; these are where ``git clone --shared`` and submodules usually are.
    """
    ours = (common_dir / "objects").resolve()
    return [
        git_dir.parent if git_dir.name == ".git" else git_dir
        for git_dir in _neighbours(common_dir, work_tree or common_dir)
        if ours in _borrowed(git_dir / "objects")
    ]


def _neighbours(common_dir: Path, root: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for entry in sorted(root.parent.iterdir()):
            if entry != root and entry.is_dir():
                yield entry / ".git"
                yield entry
    modules = common_dir / "modules"
    if modules.is_dir():
        yield from (config.parent for config in modules.rglob("config"))


def _borrowed(objects: Path) -> list[Path]:
    try:
        lines = (objects / "info" / "alternates").read_bytes().splitlines()
        return [(objects / os.fsdecode(line)).resolve() for line in lines]
    except (OSError, ValueError):
        return []
