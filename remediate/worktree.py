"""What git says about one file of a work tree, for a store that is about to write a secret there."""

from __future__ import annotations

import os
from pathlib import Path

from remediate.errors import GitError
from remediate.history import git


def is_tracked(file: Path) -> bool:
    """Whether a git repository around *file* has it in its index; False outside any.

    Raises `remediate.errors.GitError` where git can't tell.
    """
    if not _inside(file.parent):
        return False
    return bool(git.run(file.parent, "ls-files", "-z", "--", file.name, environment=_LITERAL))


def is_ignored(file: Path) -> bool | None:
    """Whether the repository's own rules ignore *file*; None outside any repository.

    A user's personal ignore file does not count: the next clone has not got it.
    """
    if not _inside(file.parent):
        return None
    # ./ keeps a name that starts with a colon from being taken for more than a name.
    name = f"./{file.name}"
    return bool(
        git.run(
            file.parent, "check-ignore", "--", name, accept=(0, 1), environment=_REPOSITORY_ALONE
        )
    )


_LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}
_REPOSITORY_ALONE = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.excludesFile",
    "GIT_CONFIG_VALUE_0": os.devnull,
}


def _inside(folder: Path) -> bool:
    try:
        return git.text(folder, "rev-parse", "--is-inside-work-tree") == "true"
    except GitError:
        # No repository, then; but one that git can't open is no reason to call a file untracked.
        if any((above / ".git").exists() for above in (folder, *folder.parents)):
            raise
        return False
