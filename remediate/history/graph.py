"""How objects hang together: which commit has which tree and parents, which tag points where.

Read off the objects themselves while they are scanned, so that what nothing names any more is in it
as well. Replace refs and grafts are never followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class Graph:
    """Commits, tags, and of the trees only those that are doomed."""

    trees: dict[str, str] = field(default_factory=dict)
    """Commit to its tree."""
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Commit to its parents; every commit there is."""
    targets: dict[str, str] = field(default_factory=dict)
    """Tag to what it points at."""
    doomed_trees: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Tree that holds or reaches a secret, to the doomed blobs and trees right within it."""
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Tree with a gitlink to a commit of this very repository that is affected, to those commits."""

    def affected(self, holding: Iterable[str]) -> set[str]:
        """The commits *holding* a secret, those whose tree is doomed, and all that descend from them."""
        direct = set(holding)
        direct.update(c for c, tree in self.trees.items() if tree in self.doomed_trees)
        return self.descendants(direct)

    def children(self) -> dict[str, list[str]]:
        """Commit to the commits whose parent it is."""
        below: dict[str, list[str]] = {}
        for commit, parents in self.parents.items():
            for parent in parents:
                below.setdefault(parent, []).append(commit)
        return below

    def descendants(self, commits: Iterable[str]) -> set[str]:
        """*commits* and every commit that descends from one of them."""
        children = self.children()
        found = set(commits)
        pending = list(found)
        while pending:
            for child in children.get(pending.pop(), ()):
                if child not in found:
                    found.add(child)
                    pending.append(child)
        return found

    def ancestors(self, commits: Iterable[str]) -> set[str]:
        """*commits* and every commit that one of them descends from, as far as they are there."""
        found: set[str] = set()
        pending = list(commits)
        while pending:
            commit = pending.pop()
            if commit not in found and commit in self.parents:
                found.add(commit)
                pending.extend(self.parents[commit])
        return found

    def peel(self, oid: str) -> str:
        """What *oid* is after all tags are taken off."""
        while oid in self.targets:
            oid = self.targets[oid]
        return oid


def in_order(items: Iterable[str], needs: Mapping[str, Iterable[str]]) -> list[str]:
    """*items* so that each comes after those of them that it needs; else in their given order.

    A circle (which hashes allow by accident only, through ids named in messages) is cut where it is
    met first.
    """
    wanted = dict.fromkeys(items)
    done: dict[str, None] = {}
    open_: set[str] = set()
    for first in wanted:
        stack = [first]
        while stack:
            item = stack[-1]
            if item in done:
                stack.pop()
                continue
            open_.add(item)
            waiting = [
                n for n in needs.get(item, ()) if n in wanted and n not in done and n not in open_
            ]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            done[item] = None
            open_.discard(item)
            stack.pop()
    return list(done)
