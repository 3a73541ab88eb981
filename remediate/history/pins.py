"""What pins old ids: tracked files that name a commit which was rewritten (lock files, workflows, gitlinks)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from remediate.history import git
from remediate.history.repo import Repo

_ID = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-f])")
_MOST = 100
_TIPS = 20
"""So many branches are looked at, HEAD and then the newest: a `git grep` each."""


@dataclass(frozen=True)
class Pin:
    """One place that names an old commit."""

    path: str
    commit: str
    """The old id."""
    ref: str = "HEAD"
    """Where it stands, of the branches that were looked at the first."""


@dataclass(frozen=True)
class Pins:
    """What was found, and where nobody looked."""

    found: tuple[Pin, ...]
    """`_MOST` at most; each path and commit once."""
    unseen: int = 0
    """How many more branches there are, with other files at their tips."""


def pins(repo: Repo, old: Collection[str]) -> Pins:
    """Where the files at branches' tips, and submodules' links, name one of *old* in full.

    Branches of remotes too, as this clone knows them. Our own commits named by other repositories
    can't be seen from here.
    """
    if not old:
        return Pins(())
    tips = list(_tips(repo))
    found: dict[tuple[str, str], Pin] = {}
    for ref, tip in tips[:_TIPS]:
        for path, oid in (*_in_files(repo, tip, old), *_links(repo, tip, old)):
            found.setdefault((path, oid), Pin(path, oid, ref))
    return Pins(tuple(found.values())[:_MOST], len(tips[_TIPS:]))


def _tips(repo: Repo) -> Iterator[tuple[str, str]]:
    """(name, id) of HEAD and every branch whose files are not those of one before, newest first."""
    raw = git.run(
        repo.git_dir,
        *("for-each-ref", "--sort=-committerdate", "--format=%(refname)%00%(objectname)%00%(tree)"),
        *("refs/heads", "refs/remotes"),
    )
    head = git.run(
        repo.git_dir, "log", "-1", "--no-walk", "--format=HEAD%x00%H%x00%T", "HEAD", accept=(0, 128)
    )
    seen: set[str] = set()
    for line in (head + raw).decode("utf-8", "surrogateescape").splitlines():
        ref, _, rest = line.partition("\0")
        oid, _, tree = rest.partition("\0")
        if tree and tree not in seen:
            seen.add(tree)
            yield ref, oid


def _in_files(repo: Repo, tip: str, old: Collection[str]) -> Iterator[tuple[str, str]]:
    raw = git.run(
        repo.git_dir,
        *("grep", "-I", "-z", "-o", "-h", "--full-name", "-E", "-e", "[0-9a-f]{40}", tip),
        accept=(0, 1, 128),
    )
    if not any(oid in old for oid in _ID.findall(raw.decode("utf-8", "replace"))):
        return
    named = git.run(
        repo.git_dir,
        *("grep", "-I", "-z", "--full-name", "-E", "-e", "[0-9a-f]{40}", tip),
        accept=(0, 1, 128),
    )
    for line in named.decode("utf-8", "replace").splitlines():
        path, _, text = line.removeprefix(f"{tip}:").partition("\0")
        yield from ((path, oid) for oid in _ID.findall(text) if oid in old)


def _links(repo: Repo, tip: str, old: Collection[str]) -> Iterator[tuple[str, str]]:
    raw = git.run(repo.git_dir, "ls-tree", "-r", "-z", tip, accept=(0, 128))
    for entry in raw.decode("utf-8", "replace").split("\0"):
        facts, _, path = entry.partition("\t")
        if facts.startswith("160000 ") and (oid := facts.split(" ")[2]) in old:
            yield path, oid
