"""What pins old ids: tracked files that name a commit which was rewritten (lock files, workflows, gitlinks)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from remediate.history import git
from remediate.history.repo import Repo

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
_MOST = 100


@dataclass(frozen=True)
class Pin:
    """One place that names an old commit."""

    path: str
    commit: str
    """The old id."""


def pins(repo: Repo, old: Collection[str]) -> list[Pin]:
    """Where HEAD's files, and submodules' links, name one of *old* in full; `_MOST` at most.

    Our own commits named by other repositories can't be seen from here.
    """
    if not old:
        return []
    found: list[Pin] = []
    raw = git.run(
        repo.git_dir,
        *("grep", "-I", "-z", "-o", "-h", "--full-name", "-E", "-e", "[0-9a-f]{40}", "HEAD"),
        accept=(0, 1, 128),
    )
    if any(oid in old for oid in _ID.findall(raw.decode("utf-8", "replace"))):
        named = git.run(
            repo.git_dir,
            *("grep", "-I", "-z", "--full-name", "-E", "-e", "[0-9a-f]{40}", "HEAD"),
            accept=(0, 1, 128),
        )
        for line in named.decode("utf-8", "replace").splitlines():
            path, _, text = line.removeprefix("HEAD:").partition("\0")
            found += [Pin(path, oid) for oid in _ID.findall(text) if oid in old]
    links = git.run(repo.git_dir, "ls-tree", "-r", "-z", "HEAD", accept=(0, 128))
    for entry in links.decode("utf-8", "replace").split("\0"):
        facts, _, path = entry.partition("\t")
        if facts.startswith("160000 ") and (oid := facts.split(" ")[2]) in old:
            found.append(Pin(path, oid))
    return list(dict.fromkeys(found))[:_MOST]
