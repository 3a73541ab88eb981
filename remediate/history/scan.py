"""Look into every object, reachable or not, and every file of git's, for every form of every secret.

Blobs, commits and tags first; then the trees, in which the ids of the blobs that were found are
looked for in the same pass as secrets in file names. So each object is read once, and afterwards it
is known which trees are doomed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remediate.errors import GitError
from remediate.history import huge, largefiles, trees, within
from remediate.history.files import scan_files
from remediate.history.graph import Graph
from remediate.history.inventory import Inventory, Stretch, listed
from remediate.history.match import Match, literal
from remediate.history.matcher import Matcher
from remediate.history.memory import Known, Memory, Packs, TreesSeen, beyond, packs
from remediate.history.model import (
    FileHit,
    Hit,
    Needle,
    Progress,
    Scan,
    Searched,
    Unreadable,
    no_progress,
)
from remediate.history.nesting import Nesting, doomed_trees
from remediate.history.objects import read_many
from remediate.history.prefilter import Prefilter, engine
from remediate.history.repo import Repo, open_repo
from remediate.history.stream import Chunk, Cores


def scan(
    repo: Repo,
    needles: Sequence[Needle],
    *,
    progress: Progress = no_progress,
    memory: Memory | None = None,
) -> Scan:
    """Everything that can be found of *needles* in *repo*. Writes nothing into it.

    What could not be read is in the result, by name, never passed over. With a *memory*, what it knows of
    packs is not read again.
    """
    stored = largefiles.find(repo.common_dir, needles)
    wanted = (*needles, *largefiles.pointers(stored))
    matcher = Matcher(wanted)
    looked, there = _objects(repo, matcher, progress, memory, wanted)
    files = scan_files(repo, matcher, progress=progress)
    inner, closed = _in_submodules(repo, matcher)
    return Scan(
        hits=tuple(sorted(looked.hits, key=lambda h: (h.type, h.oid, h.needle, h.encoding))),
        file_hits=(*files.hits, *inner),
        unreadable=(
            *out_of_reach(repo),
            *(*there.unreadable, *looked.unreadable, *files.unreadable, *closed),
        ),
        searched=Searched(there.count, sum(there.bytes.values()), files.searched, matcher.forms),
        graph=looked.graph,
        lfs=stored,
    )


def _objects(
    repo: Repo,
    matcher: Matcher,
    progress: Progress,
    memory: Memory | None = None,
    needles: Sequence[Needle] = (),
) -> tuple[_Looked, Inventory]:
    """What the objects of *repo* hold, and how many there are."""
    before = packs(repo) if memory is not None else None
    if memory is not None and before is not None:
        known = memory.recall(repo, needles, before)
        if known is not None and (found := _only_new(repo, matcher, progress, known)) is not None:
            return found
    looked, apart, there = _Looked(), _Looked(), Inventory()
    loose = beyond(repo, before) if before is not None else frozenset()
    with Cores(repo.common_dir) as cores:
        stretches = listed(repo.common_dir, there, loose=loose)
        look = _Look(repo, cores, there, matcher, progress)
        folders = look.texts(stretches, looked, apart)
        doomed = _doomed(looked, apart)
        parts = look.trees(folders, doomed)
    packed = [part for part, stretch in zip(parts, folders, strict=True) if not stretch.loose]
    dark = (*there.unreadable, *looked.unreadable, *(u for part in packed for u in part.unreadable))
    if memory is not None and before is not None and not dark and packs(repo) == before:
        memory.keep(repo, needles, _learned(before, looked, packed, there, doomed))
    looked.add(apart)
    _join(looked, parts)
    return looked, there


def _only_new(
    repo: Repo, matcher: Matcher, progress: Progress, known: Known
) -> tuple[_Looked, Inventory] | None:
    """The same, with what is *known* of packs not read again; None where that does not do."""
    fresh, looked, there = beyond(repo, known.packs), _Looked(), Inventory()
    looked.hits += (hit for hit in known.hits if hit.type != "tree")
    looked.graph = Graph(dict(known.trees), dict(known.parents), dict(known.targets))
    named = [hit for hit in known.hits if hit.type == "tree"]
    with Cores(repo.common_dir) as cores:
        look = _Look(repo, cores, there, matcher, progress)
        stretches = listed(repo.common_dir, there, loose=fresh, alone=True)
        folders = look.texts(stretches, _Looked(), looked)
        doomed = _doomed(looked)
        if not doomed <= known.doomed:
            # The trees in the packs were not searched for these.
            return None
        parts = look.trees(folders, doomed)
    kept = {bytes.fromhex(hit.oid) for hit in named}
    for seen in known.folders:
        holders = {raw: blobs & doomed for raw, blobs in seen.holders.items()}
        holders = {raw: blobs for raw, blobs in holders.items() if blobs or raw in kept}
        parts.append(_Trees(named, [], holders, seen.links, seen.nesting))
        named = []
    _join(looked, parts)
    there.count += known.count
    for kind, size in known.bytes.items():
        there.bytes[kind] += size
    return looked, there


def _learned(
    before: Packs,
    looked: _Looked,
    packed: Sequence[_Trees],
    there: Inventory,
    doomed: frozenset[str],
) -> Known:
    """What is worth remembering: of packs alone, for a loose object can go."""
    return Known(
        packs=before,
        count=there.count - there.loose,
        bytes={kind: size - there.loose_bytes[kind] for kind, size in there.bytes.items()},
        hits=[*looked.hits, *(hit for part in packed for hit in part.hits)],
        trees=looked.graph.trees,
        parents=looked.graph.parents,
        targets=looked.graph.targets,
        doomed=doomed,
        folders=[TreesSeen(part.holders, part.links, part.nesting) for part in packed],
    )


def _doomed(*looked: _Looked) -> frozenset[str]:
    return frozenset(hit.oid for each in looked for hit in each.hits if hit.type == "blob")


def _in_submodules(repo: Repo, matcher: Matcher) -> tuple[list[FileHit], list[Unreadable]]:
    """What the objects of sub-modules hold: named, for each is a repository of its own."""
    hits: dict[FileHit, None] = {}
    unreadable: list[Unreadable] = []
    for git_dir in within.submodules(repo):
        inner = open_repo(git_dir)
        looked, there = _objects(inner, matcher, no_progress)
        path = os.path.relpath(git_dir, repo.common_dir)
        hits |= dict.fromkeys(FileHit(h.needle, "submodule", path, h.encoding) for h in looked.hits)
        found = (*out_of_reach(inner), *there.unreadable, *looked.unreadable)
        unreadable += [Unreadable(f"{path}: {thing.what}", thing.reason) for thing in found]
    return list(hits), unreadable


def out_of_reach(repo: Repo) -> Iterator[Unreadable]:
    """What is known not to be in *repo*, or not to be found, before anything is read."""
    if repo.shallow:
        yield Unreadable("history before the clone's beginning", "the clone is shallow")
    if repo.partial:
        yield Unreadable("objects left at the remote", "the clone is partial")
    if (folder := largefiles.elsewhere(repo)) is not None:
        yield Unreadable(f"LFS objects in {folder}", "they are outside of the repository")
    yield from within.unfinished(repo)
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


@dataclass
class _Look:
    """One pass over the objects of a repository."""

    repo: Repo
    cores: Cores
    there: Inventory
    matcher: Matcher
    progress: Progress

    def texts(self, stretches: Iterator[Stretch], looked: _Looked, apart: _Looked) -> list[Stretch]:
        """Blobs, commits and tags, those told apart into *apart*.

        Gives the trees, for which these have to be known.
        """
        folders: list[Stretch] = []
        loose: list[bool] = []

        def texts() -> Iterator[Stretch]:
            for stretch in stretches:
                if stretch.kind == "tree":
                    folders.append(stretch)
                else:
                    loose.append(stretch.loose)
                    yield stretch

        def begin() -> Callable[[str, Iterator[Chunk | Unreadable]], _Looked]:
            mine = self.matcher.fork()
            return lambda kind, chunks: _look(kind, chunks, mine)

        self.progress("Reading objects", 0, None)
        parts = self.cores.each(
            texts(),
            begin,
            step="Reading objects",
            progress=self.progress,
            total=lambda: self.there.total("blob", "commit", "tag"),
        )
        for part, single in zip(parts, loose, strict=True):
            (apart if single else looked).add(part)
        for each in (looked, apart):
            _look_whole(self.repo.common_dir, self.matcher, each)
        return folders

    def trees(self, folders: Sequence[Stretch], doomed: frozenset[str]) -> list[_Trees]:
        """What each of *folders* holds of the blobs *doomed*, and of secrets in names."""
        wanted, length = sorted(doomed), self.repo.hex_length // 2
        ids = engine([*(literal(bytes.fromhex(oid)) for oid in wanted), literal(_GITLINK)])

        def begin() -> Callable[[str, Iterator[Chunk | Unreadable]], _Trees]:
            search = _TreeSearch(self.matcher.fork(), ids.fork(), wanted, length)
            return lambda _, chunks: search.look_into(chunks)

        return self.cores.each(
            folders,
            begin,
            step="Reading folders",
            progress=self.progress,
            total=lambda: self.there.total("tree"),
        )


def _look_whole(directory: Path, matcher: Matcher, looked: _Looked) -> None:
    """Look through the large blobs in which there was an anchor."""
    large = huge.among(directory, sorted(looked.large))
    for oid in sorted(large):
        try:
            matches = list(huge.find(huge.pieces(directory, oid), matcher))
            looked.hits += hits_in(matches, oid, "blob")
        except GitError as error:
            looked.unreadable.append(Unreadable(f"object {oid}", error.message))
    for read in read_many(directory, sorted(looked.large - large)):
        if read.content is None:
            looked.unreadable.append(Unreadable(f"object {read.oid}", read.reason))
        else:
            looked.look(matcher, read.content, read.oid, "blob")
    looked.large.clear()


def _look(kind: str, chunks: Iterator[Chunk | Unreadable], matcher: Matcher) -> _Looked:
    found = _Looked()
    search = matcher.prefilter
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
                found.look(matcher, chunk.content(index), oid, kind)
    return found


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
    links: dict[bytes, set[str]] = field(default_factory=dict)
    """Trees with gitlinks, to the commits that these name."""
    nesting: Nesting = field(default_factory=Nesting)


def _join(looked: _Looked, parts: Sequence[_Trees]) -> None:
    """Take in what was seen in the trees, and tell which of them are doomed."""
    holders: dict[bytes, set[str]] = {}
    for part in parts:
        looked.hits += part.hits
        looked.unreadable += part.unreadable
        for raw, blobs in part.holders.items():
            holders.setdefault(raw, set()).update(blobs)
    nestings = [part.nesting for part in parts]
    looked.graph.doomed_trees = doomed_trees(holders, nestings)
    links = {tree: commits for part in parts for tree, commits in part.links.items()}
    _follow_links(looked, holders, nestings, links)


def _follow_links(
    looked: _Looked,
    holders: dict[bytes, set[str]],
    nestings: Sequence[Nesting],
    links: Mapping[bytes, set[str]],
) -> None:
    """Doom the trees with a gitlink to a commit of this repository that gets another id, and so on."""
    graph = looked.graph
    known = {
        tree: found for tree, named in links.items() if (found := named & graph.parents.keys())
    }
    while known:
        affected = graph.affected(hit.oid for hit in looked.hits if hit.type == "commit")
        now = {t.hex(): tuple(sorted(c & affected)) for t, c in known.items() if c & affected}
        if now == graph.links:
            return
        graph.links = now
        for tree in now:
            holders.setdefault(bytes.fromhex(tree), set())
        graph.doomed_trees = doomed_trees(holders, nestings)


@dataclass
class _TreeSearch:
    matcher: Matcher
    ids: Prefilter
    """For the raw ids of `doomed`, and for gitlinks."""
    doomed: Sequence[str]
    length: int
    """Bytes of an id."""

    def look_into(self, chunks: Iterable[Chunk | Unreadable]) -> _Trees:
        """Go through a stretch of trees."""
        found = _Trees()
        for chunk in chunks:
            if isinstance(chunk, Unreadable):
                found.unreadable.append(chunk)
            else:
                self._one(chunk, found)
        found.nesting.close()
        return found

    def _one(self, chunk: Chunk, found: _Trees) -> None:
        data, length, nesting = chunk.data, self.length, found.nesting
        raws = [bytes.fromhex(oid.decode("ascii")) for oid in chunk.oids]
        for number, end in self.ids.hits(data):
            index = chunk.index(end)
            if number < len(self.doomed):
                found.holders.setdefault(raws[index], set()).add(self.doomed[number])
            elif linked := _gitlink(bytes(data[end : end + _LONGEST_ENTRY]), length):
                found.links.setdefault(raws[index], set()).add(linked)
        named = {chunk.index(end) for _, end in self.matcher.prefilter.hits(data)}
        for index in sorted(named):
            if hits := _hits_in_names(chunk, index, self.matcher, length):
                found.hits += hits
                found.holders.setdefault(raws[index], set())
        for raw, start, size in zip(raws, chunk.starts, chunk.sizes, strict=True):
            if below := trees.subtrees(data, start, start + size, length):
                # Which tree is another version of which, their first names tell.
                nesting.add(
                    raw, bytes(data[start : start + _FIRST_NAME]).partition(b"\0")[0], below
                )


#: How a gitlink's entry begins, and how long one's name and id can be.
_GITLINK = b"160000 "
_LONGEST_ENTRY = 4096 + 33


def _gitlink(entry: bytes, length: int) -> str:
    """The commit that the entry names whose mode stands before *entry*.

    Where that was no mode but a part of an id, it is one that nobody has, which does no harm.
    """
    return entry.partition(b"\0")[2][:length].hex()


#: So much of a tree holds its first entry's mode and name, or enough of it to tell it by.
_FIRST_NAME = 64


def _hits_in_names(chunk: Chunk, index: int, matcher: Matcher, length: int) -> list[Hit]:
    oid = chunk.oids[index].decode("ascii")
    names = (entry.name for entry in trees.parse(chunk.content(index), length))
    return hits_in((match for name in names for match in matcher.find(name)), oid, "tree")
