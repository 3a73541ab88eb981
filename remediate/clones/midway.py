"""What git keeps of work that is half done (a rebase, a cherry-pick, a bisection), mapped to new ids.

Its files name commits by id, in full or abbreviated (git's sequencer.c, rebase-merge/ and sequencer/).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from remediate.history.durable import replace_file
from remediate.history.edits import Ids
from remediate.history.model import Rehearsal
from remediate.history.repo import Repo

_FOLDERS = ("rebase-merge", "rebase-apply", "sequencer")
_FILES = (
    "BISECT_START",
    "BISECT_LOG",
    "BISECT_EXPECTED_REV",
    "BISECT_NAMES",
    "MERGE_MSG",
    "SQUASH_MSG",
)


def map_midway(repo: Repo, rehearsal: Rehearsal) -> int:
    """Put the new ids into those files; gives how many changed. Safe to repeat."""
    ids = Ids(rehearsal.objects, rehearsal.commits)
    changed = 0
    for path in _files(repo):
        before = path.read_bytes()
        after = ids.map(before)
        if after != before:
            replace_file(path, [after])
            changed += 1
    return changed


def in_progress(repo: Repo) -> list[str]:
    """What is under way, for people: "a rebase in /path"."""
    names = {"rebase-merge": "a rebase", "rebase-apply": "a rebase or git am", "sequencer": "a cherry-pick",
             "MERGE_HEAD": "a merge", "BISECT_START": "a bisection"}  # fmt: skip
    return [
        f"{what} in {tree.path or tree.git_dir}"
        for tree in repo.worktrees
        for name, what in names.items()
        if (tree.git_dir / name).exists()
    ]


def _files(repo: Repo) -> Iterator[Path]:
    for tree in repo.worktrees:
        for name in _FOLDERS:
            folder = tree.git_dir / name
            if folder.is_dir():
                yield from (p for p in sorted(folder.rglob("*")) if p.is_file())
        for name in _FILES:
            if (tree.git_dir / name).is_file():
                yield tree.git_dir / name
