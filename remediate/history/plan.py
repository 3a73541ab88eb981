"""Which objects are doomed, and in what order their successors can be made.

Doomed is what holds a secret or reaches what does: blobs, then trees, commits, tags. A commit that
neither holds one nor descends from one that does is not touched, and keeps its id and its signature.
Whether anything names an object does not matter: what nothing names is purged like the rest, and has
a successor like the rest, for the reflog or the stash that may name it.
"""

from __future__ import annotations

from dataclasses import dataclass

from remediate.history.graph import Graph, in_order
from remediate.history.model import Scan


@dataclass(frozen=True)
class Plan:
    """Doomed objects; of each type in an order in which they can be rewritten."""

    blobs: tuple[str, ...]
    trees: tuple[str, ...]
    """Inner ones first."""
    commits: tuple[str, ...]
    """Parents first."""
    tags: tuple[str, ...]
    """A tag after the tag that it points at."""
    holding: frozenset[str]
    """Those that hold a secret themselves, of any type."""
    graph: Graph


def plan(scan: Scan) -> Plan:
    """What has to be rewritten for what *scan* found."""
    graph = scan.graph
    holding = frozenset(hit.oid for hit in scan.hits)
    blobs = sorted({hit.oid for hit in scan.hits if hit.type == "blob"})
    affected = graph.affected(hit.oid for hit in scan.hits if hit.type == "commit")
    commits = in_order(sorted(affected), graph.parents)
    trees = _inner_first(graph)
    tags = _doomed_tags(graph, {*blobs, *trees, *commits}, holding)
    return Plan(tuple(blobs), tuple(trees), tuple(commits), tuple(tags), holding, graph)


def _inner_first(graph: Graph) -> list[str]:
    """Doomed trees so that each comes after those within it; else as their commits were made.

    (A pack has commits newest first.) So the tree of a commit's parent is not long gone by, and a
    short delta can be made of it.
    """
    within = graph.doomed_trees
    height: dict[str, int] = {}
    for tree in in_order(within, within):
        height[tree] = 1 + max((height.get(inner, 0) for inner in within[tree]), default=0)
    tops = (tree for tree in reversed(graph.trees.values()) if tree in within)
    return sorted(dict.fromkeys((*tops, *within)), key=lambda tree: height[tree])


def _doomed_tags(graph: Graph, doomed: set[str], holding: frozenset[str]) -> list[str]:
    found = {
        tag
        for tag in graph.targets
        if any(step in doomed or step in holding for step in _chain(graph, tag))
    }
    return in_order(sorted(found), {tag: (graph.targets[tag],) for tag in found})


def _chain(graph: Graph, tag: str) -> list[str]:
    """*tag*, the tag within it, and so on, and what the last one points at."""
    steps = [tag]
    while steps[-1] in graph.targets:
        steps.append(graph.targets[steps[-1]])
    return steps
