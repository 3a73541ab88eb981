"""Git LFS: the objects that pushed commits name go up before the commits do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from remediate.history import git, remote
from remediate.history.repo import Repo

_MOST = 200
"""How many commits are named in one go."""
_FILTER = re.compile(r"filter=lfs\b")


@dataclass(frozen=True)
class LfsPushed:
    """What came of pushing LFS objects."""

    used: bool
    """Whether any of the commits uses LFS at all."""
    problem: str = ""
    """Why not, in one sentence; empty where all is there."""


def push_lfs(repo: Repo, name: str, commits: Sequence[str]) -> LfsPushed:
    """Have git-lfs bring to the remote *name* whatever *commits* name and it lacks.

    Our own pushes run no hooks, so git-lfs's pre-push does not do it.
    """
    used = [commit for commit in commits if _uses(repo, commit)]
    if not used:
        return LfsPushed(used=False)
    if shutil.which("git-lfs") is None:
        return LfsPushed(used=True, problem="git-lfs is not installed here")
    for at in range(0, len(used), _MOST):
        done = remote.run(remote.place(repo), ["lfs", "push", name, *used[at : at + _MOST]])
        if done.returncode:
            cause = remote.cause_of(remote.words(done))
            return LfsPushed(used=True, problem=remote.MEANS[cause])
    return LfsPushed(used=True)


def _uses(repo: Repo, commit: str) -> bool:
    """Whether a ``.gitattributes`` of *commit* sends anything through LFS."""
    found = git.run(
        repo.common_dir,
        *("grep", "-h", "-e", "filter=lfs", commit, "--", ".gitattributes", "**/.gitattributes"),
        accept=(0, 1, 128),
    )
    return _FILTER.search(found.decode("utf-8", "replace")) is not None
