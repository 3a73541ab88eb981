"""Reflogs, rewritten entry by entry: every entry survives, with the new ids and without the secret.

A stash but the newest is nothing but an entry of the log of ``refs/stash``. The format is that of
git's files backend (gitrepository-layout(5), "logs")::

    <old id> SP <new id> SP <name> SP '<' <address> '>' SP <seconds> SP <zone> TAB <message> LF
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from remediate.history.edits import Clean, Edit, Ids
from remediate.history.repo import Repo

#: The message of what ``update-ref`` notes when we move a ref; such an entry tells nothing (the ids
#: in the entries around it are the new ones already) and is dropped.
MARK = "remediate: history rewritten"

_ENTRY = re.compile(rb"([0-9a-f]{64}|[0-9a-f]{40}) ([0-9a-f]{64}|[0-9a-f]{40}) (.*)", re.DOTALL)


@dataclass(frozen=True)
class Log:
    """What becomes of one reflog."""

    edit: Edit
    entries: int
    """How many entries get another text or other ids."""
    dropped: int
    """How many named an object that goes and has no successor."""


def logs(repo: Repo) -> Iterator[Path]:
    """Every reflog, of every worktree."""
    for tree in repo.worktrees:
        for path in sorted((tree.git_dir / "logs").rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix != ".lock":
                yield path


def plan(
    repo: Repo, objects: Mapping[str, str], doomed: Set[str], ids: Ids, clean: Clean
) -> Iterator[Log]:
    """What becomes of each reflog that has to change. *objects* says old id to new id."""
    for path in logs(repo):
        # Gone since it was listed, with its branch: nothing to do.
        with contextlib.suppress(FileNotFoundError):
            before = path.read_bytes()
            log = rewrite(path, before, objects, doomed, ids, clean)
            if log.edit.after != before:
                yield log


def rewrite(
    path: Path,
    before: bytes,
    objects: Mapping[str, str],
    doomed: Set[str],
    ids: Ids,
    clean: Clean,
) -> Log:
    """What becomes of the reflog *before*, read from *path*."""
    after: list[bytes] = []
    changed = dropped = 0
    for line in io.BytesIO(before):
        if marked(line):
            continue
        new = _entry(line, objects, doomed, ids, clean)
        if new is None:
            dropped += 1
            continue
        changed += new != line
        after.append(new)
    return Log(Edit(path, before, b"".join(after)), changed, dropped)


def marked(line: bytes) -> bool:
    """Whether an entry is one that moving a ref to apply or undo a rewrite left."""
    return line.rstrip(b"\n").endswith(b"\t" + MARK.encode("ascii"))


def without_marks(text: bytes) -> bytes:
    """A reflog without the entries that `marked` knows."""
    return b"".join(line for line in io.BytesIO(text) if not marked(line))


def _entry(
    line: bytes, objects: Mapping[str, str], doomed: Set[str], ids: Ids, clean: Clean
) -> bytes | None:
    found = _ENTRY.fullmatch(line)
    if found is None:
        return clean(line)
    old, new = (found[n].decode("ascii") for n in (1, 2))
    if new in doomed and new not in objects:
        return None
    if old in doomed and old not in objects:
        old = "0" * len(old)
    who, tab, message = found[3].partition(b"\t")
    # A message may name commits: "checkout: moving from 1a2b3c4 to main" is what @{-1} is read from.
    rest = clean(who) + tab + ids.map(clean(message))
    return f"{objects.get(old, old)} {objects.get(new, new)} ".encode("ascii") + rest
