"""Look into every object, reachable or not, and every file of git's, for every form of every secret.

Blobs, commits and tags first; then the trees, in which the ids of the blobs that were found are
looked for in the same pass as secrets in file names. So each object is read once, and afterwards it
is known which trees are doomed.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from remediate.history import trees
from remediate.history.files import scan_files
from remediate.history.graph import Graph
from remediate.history.match import Match, literal
from remediate.history.matcher import Matcher
from remediate.history.model import (
    Hit,
    Needle,
    Progress,
    Scan,
    Searched,
    Unreadable,
    no_progress,
)
from remediate.history.objects import Inventory, inventory, read_many
from remediate.history.prefilter import Prefilter, prefilter
from remediate.history.repo import Repo
from remediate.history.stream import Chunk, on_all_cores


def scan(repo: Repo, needles: Sequence[Needle], *, progress: Progress = no_progress) -> Scan:
    """Everything that can be found of *needles* in *repo*. Writes nothing.

    What could not be read is in the result, by name, never passed over.
    """
    matcher = Matcher(needles)
    progress("Listing objects", 0, None)
    there = inventory(repo.common_dir)
    looked = _Looked()
    _scan_kind(repo.common_dir, "blob", there, matcher, looked, progress)
    _scan_kind(repo.common_dir, "commit", there, matcher, looked, progress)
    _scan_kind(repo.common_dir, "tag", there, matcher, looked, progress)
    _scan_trees(repo, there, matcher, looked, progress)
    files = scan_files(repo, matcher, progress=progress)
    return Scan(
        hits=tuple(sorted(looked.hits, key=lambda h: (h.type, h.oid, h.needle, h.encoding))),
        file_hits=files.hits,
        unreadable=(*out_of_reach(repo), *there.unreadable, *looked.unreadable, *files.unreadable),
        searched=Searched(there.count, there.bytes, files.searched, matcher.forms),
        graph=looked.graph,
    )


def out_of_reach(repo: Repo) -> Iterator[Unreadable]:
    """What is known not to be in *repo*, or not to be found, before anything is read."""
    if repo.shallow:
        yield Unreadable("history before the clone's beginning", "the clone is shallow")
    if repo.partial:
        yield Unreadable("objects left at the remote", "the clone is partial")
    for path in repo.alternates:
        if not path.is_dir():
            yield Unreadable(f"alternate {path}", "the folder it names can't be read")


@dataclass
class _Looked:
    """What one stretch, or all of them together, found."""

    hits: list[Hit] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    graph: Graph = field(default_factory=Graph)
    large: set[str] = field(default_factory=set)
    """Large blobs with an anchor in them: to be looked at whole."""

    def look(self, matcher: Matcher, content: bytes, oid: str, kind: str) -> None:
        """Look through one object, the containers in it too."""
        seen = matcher.look(content)
        self.hits += hits_in(seen.matches, oid, kind)
        self.unreadable += (Unreadable(f"object {oid}", reason) for reason in seen.closed)

    def add(self, other: _Looked) -> None:
        self.hits += other.hits
        self.unreadable += other.unreadable
        self.large |= other.large
        self.graph.trees |= other.graph.trees
        self.graph.parents |= other.graph.parents
        self.graph.targets |= other.graph.targets


_COMMIT = re.compile(rb"tree ([0-9a-f]{40,64})\n((?:parent [0-9a-f]{40,64}\n)*)")
_TAG = re.compile(rb"object ([0-9a-f]{40,64})\n")


def _scan_kind(
    directory: Path,
    kind: str,
    there: Inventory,
    matcher: Matcher,
    looked: _Looked,
    progress: Progress,
) -> None:
    def work(chunks: Iterator[Chunk | Unreadable]) -> _Looked:
        found = _Looked()
        mine = matcher.fork()
        search = mine.prefilter
        for chunk in chunks:
            if isinstance(chunk, Unreadable):
                found.unreadable.append(chunk)
                continue
            if kind != "blob":
                _relate(chunk, found)
            for index in sorted({chunk.index(end) for _, end in search.hits(chunk.data)}):
                oid = chunk.oids[index].decode("ascii")
                if chunk.piece:
                    found.large.add(oid)
                else:
                    found.look(mine, chunk.content(index), oid, kind)
        return found

    step = {"blob": "Reading files", "commit": "Reading commits", "tag": "Reading tags"}[kind]
    for part in on_all_cores(
        directory, kind, there.oids[kind], there.sizes[kind], work, step=step, progress=progress
    ):
        looked.add(part)
    for read in read_many(directory, sorted(looked.large)):
        if read.content is None:
            looked.unreadable.append(Unreadable(f"object {read.oid}", read.reason))
        else:
            looked.look(matcher, read.content, read.oid, kind)
    looked.large.clear()


def hits_in(matches: Iterable[Match], oid: str, kind: str) -> list[Hit]:
    """*matches* in one object, as hits: one for each secret and encoding."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for match in matches:
        grouped.setdefault((match.needle.id, match.encoding), []).append(match.start)
    return [
        Hit(needle, oid, kind, encoding, tuple(offsets))
        for (needle, encoding), offsets in grouped.items()
    ]


def _relate(chunk: Chunk, found: _Looked) -> None:
    """Read off commits and tags what they point at."""
    pattern = _COMMIT if chunk.kind == "commit" else _TAG
    for raw, start in zip(chunk.oids, chunk.starts, strict=True):
        oid = raw.decode("ascii")
        head = pattern.match(chunk.data, start)
        if head is None:
            found.unreadable.append(Unreadable(f"object {oid}", f"it is no {chunk.kind} git wrote"))
        elif chunk.kind == "tag":
            found.graph.targets[oid] = head[1].decode("ascii")
        else:
            found.graph.trees[oid] = head[1].decode("ascii")
            found.graph.parents[oid] = tuple(head[2].decode("ascii").split()[1::2])


@dataclass
class _Trees:
    """What a stretch of trees holds."""

    hits: list[Hit] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    holders: dict[bytes, set[str]] = field(default_factory=dict)
    """Trees with a doomed blob, or a secret in a name, right within; and which blobs."""
    within: dict[bytes, array[int]] = field(default_factory=dict)
    """Tree to the numbers of the trees right within it."""


def _scan_trees(
    repo: Repo, there: Inventory, matcher: Matcher, looked: _Looked, progress: Progress
) -> None:
    length = repo.hex_length // 2
    doomed = sorted({hit.oid for hit in looked.hits if hit.type == "blob"})
    anchors = matcher.anchors
    patterns = prefilter([*anchors, *(literal(bytes.fromhex(oid)) for oid in doomed)])
    numbers: dict[bytes, int] = {}
    counter = count()

    def work(chunks: Iterator[Chunk | Unreadable]) -> _Trees:
        search = _TreeSearch(matcher.fork(), patterns.fork(), doomed, length, numbers, counter)
        return search.look_into(chunks)

    parts = on_all_cores(
        repo.common_dir,
        "tree",
        there.oids["tree"],
        there.sizes["tree"],
        work,
        step="Reading folders",
        progress=progress,
    )
    within: dict[bytes, array[int]] = {}
    holders: dict[bytes, set[str]] = {}
    for part in parts:
        looked.hits += part.hits
        looked.unreadable += part.unreadable
        within |= part.within
        holders |= part.holders
    looked.graph.doomed_trees = _doomed_trees(holders, within, numbers)


@dataclass
class _TreeSearch:
    matcher: Matcher
    search: Prefilter
    """The matcher's anchors, then the ids of `doomed`."""
    doomed: Sequence[str]
    length: int
    """Bytes of an id."""
    numbers: dict[bytes, int]
    """A number for each tree that is within another; shared by all threads."""
    counter: Iterator[int]

    def look_into(self, chunks: Iterable[Chunk | Unreadable]) -> _Trees:
        """Go through a stretch of trees."""
        found = _Trees()
        for chunk in chunks:
            if isinstance(chunk, Unreadable):
                found.unreadable.append(chunk)
            else:
                self._one(chunk, found)
        return found

    def _one(self, chunk: Chunk, found: _Trees) -> None:
        raws = [bytes.fromhex(oid.decode("ascii")) for oid in chunk.oids]
        anchors = len(self.matcher.anchors)
        named: set[int] = set()
        for pattern, end in self.search.hits(chunk.data):
            index = chunk.index(end)
            if pattern < anchors:
                named.add(index)
            else:
                found.holders.setdefault(raws[index], set()).add(self.doomed[pattern - anchors])
        for index in sorted(named):
            if hits := _hits_in_names(chunk, index, self.matcher, self.length):
                found.hits += hits
                found.holders.setdefault(raws[index], set())
        for raw, start, size in zip(raws, chunk.starts, chunk.sizes, strict=True):
            if below := trees.subtrees(chunk.data, start, start + size, self.length):
                # In one step, so that threads can't give two trees one number.
                numbers = [self.numbers.setdefault(oid, next(self.counter)) for oid in below]
                found.within[raw] = array("Q", numbers)


def _hits_in_names(chunk: Chunk, index: int, matcher: Matcher, length: int) -> list[Hit]:
    oid = chunk.oids[index].decode("ascii")
    names = (entry.name for entry in trees.parse(chunk.content(index), length))
    return hits_in((match for name in names for match in matcher.find(name)), oid, "tree")


def _doomed_trees(
    holders: dict[bytes, set[str]], within: dict[bytes, array[int]], numbers: dict[bytes, int]
) -> dict[str, tuple[str, ...]]:
    """All trees that reach one of *holders*, each with the doomed blobs and trees right within it.

    They come in the order of *within*, the pack's.
    """
    doomed = set(holders)
    reached = {numbers[raw] for raw in holders if raw in numbers}
    fresh = reached
    while fresh:
        above = {raw for raw, below in within.items() if not fresh.isdisjoint(below)} - doomed
        doomed |= above
        fresh = {numbers[raw] for raw in above if raw in numbers} - reached
        reached = reached | fresh
    names = {numbers[raw]: raw.hex() for raw in doomed if raw in numbers}
    ordered = [
        *(raw for raw in within if raw in doomed),
        *(raw for raw in holders if raw not in within),
    ]
    return {
        raw.hex(): (
            *sorted(holders.get(raw, ())),
            *dict.fromkeys(names[n] for n in within.get(raw, ()) if n in names),
        )
        for raw in ordered
    }
