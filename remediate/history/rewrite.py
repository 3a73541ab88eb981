"""Makes the successor of every doomed object: blobs, trees, commits, tags, each byte for byte.

Nothing is normalised, so whatever is not a secret, an id or a dead signature is as it was. All that
is decided here follows from the objects and the secrets alone, so every machine makes the same ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remediate.history import huge, texts, trees
from remediate.history.graph import in_order
from remediate.history.matcher import Matcher
from remediate.history.model import Lost, Progress, Unreadable
from remediate.history.objects import read_many
from remediate.history.packwriter import PackWriter
from remediate.history.plan import Plan

_PROGRESS_EVERY = 1000


@dataclass
class Rewritten:
    """What came of it."""

    objects: dict[str, str] = field(default_factory=dict)
    """Old id to new id."""
    commits: dict[str, str] = field(default_factory=dict)
    """The part that are commits, in the order in which they were made."""
    entries: dict[str, tuple[trees.Entry, ...]] = field(default_factory=dict)
    """Old tree to its entries that lead to a secret."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """Old bytes of the doomed commits and tags."""
    lost: list[Lost] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    packed: set[str] = field(default_factory=set)
    """Old blobs in which a container was packed again."""
    notes: list[str] = field(default_factory=list)
    """What a person should know: an archive that was replaced whole."""


def rewrite(
    directory: Path,
    plan: Plan,
    matcher: Matcher,
    writer: PackWriter,
    named: Collection[str],
    progress: Progress,
) -> Rewritten:
    """Write the successors of all that *plan* names into *writer*.

    *named* are the commits that an abbreviated id in a message can stand for: those that refs reach,
    so that what lies about unnamed on one machine does not change its ids.
    """
    work = _Work(directory, plan, matcher, writer, progress)
    ids = texts.Ids(named)
    work.blobs()
    work.trees([tree for tree in plan.trees if tree not in work.late])
    work.commits(ids)
    work.tags(ids)
    return work.done


class _Work:
    def __init__(
        self, directory: Path, plan: Plan, matcher: Matcher, writer: PackWriter, progress: Progress
    ) -> None:
        self.done = Rewritten()
        self._directory = directory
        self._plan = plan
        self._matcher = matcher
        self._writer = writer
        self._progress = progress
        self._entries = _Entries()
        self._rows: dict[bytes, str] = {}
        self._before = self._trees_before()
        self.late = _linked(plan)

    def _each(self, oids: Sequence[str], step: str) -> Iterator[tuple[str, bytes]]:
        for number, read in enumerate(read_many(self._directory, oids)):
            if number % _PROGRESS_EVERY == 0:
                self._progress(step, number, len(oids))
            if read.content is None:
                self.done.unreadable.append(Unreadable(f"object {read.oid}", read.reason))
            else:
                yield read.oid, read.content

    def _add(self, old: str, kind: str, content: bytes, like: Sequence[str] = ()) -> None:
        new = self._writer.add(kind, content, like=like)
        if new != old:
            self.done.objects[old] = new

    def blobs(self) -> None:
        large = huge.among(self._directory, self._plan.blobs)
        for oid in large:
            self._huge(oid)
        small = [oid for oid in self._plan.blobs if oid not in large]
        for oid, content in self._each(small, "Replacing in files"):
            mended = self._matcher.mend(content)
            self.done.notes += (f"In blob {oid}, {note}." for note in mended.notes)
            if mended.packed:
                self.done.packed.add(oid)
            self._add(oid, "blob", mended.data)

    def _huge(self, oid: str) -> None:
        """A blob that is never held whole: read once to learn how long it becomes, once to write it."""
        fixed, size = huge.measured(self._directory, oid, self._matcher)
        noted: dict[str, None] = {}
        read = huge.pieces(self._directory, oid)
        changed = huge.replaced(
            read, self._matcher, keep_length=fixed, told=lambda note: noted.setdefault(note)
        )
        new = self._writer.add_stream("blob", size, changed)
        self.done.notes += (f"In blob {oid}, {note}." for note in noted)
        if new != oid:
            self.done.objects[oid] = new

    def trees(self, oids: Sequence[str]) -> None:
        """Rewrite *oids*, inner ones first; but for those in `late`, which wait for commits."""
        objects = self.done.objects
        graph = self._plan.graph
        before, rows = self._before, self._rows
        for oid, content in self._each(oids, "Rewriting folders"):
            inside = (*graph.doomed_trees[oid], *graph.links.get(oid, ()))
            doomed = [child for child in inside if child in objects]
            found = self._entries.leading_to(doomed, content, len(oid) // 2)
            # Else the last tree that begins with the same name: mostly the same folder's.
            row = content[: content.find(b"\0")]
            like = (before.get(oid, ""), rows.get(row, ""))
            if oid in self._plan.holding:
                old = trees.parse(content, len(oid) // 2)
                new = _renamed(old, objects, self._matcher)
                found = tuple(entry for entry in old if entry not in new)
                content = trees.serialise(new)
            else:
                for child in doomed:
                    successor = bytes.fromhex(objects[child])
                    content = content.replace(b"\0" + bytes.fromhex(child), b"\0" + successor)
            self.done.entries[oid] = found
            self._add(oid, "tree", content, like=[objects[o] for o in like if o in objects])
            rows[row] = oid

    def _trees_before(self) -> dict[str, str]:
        """A commit's tree to its first parent's."""
        graph = self._plan.graph
        return {
            graph.trees[commit]: graph.trees[parents[0]]
            for commit in self._plan.commits
            if (parents := graph.parents[commit]) and parents[0] in graph.trees
        }

    def commits(self, ids: texts.Ids) -> None:
        contents = dict(self._each(self._plan.commits, "Reading messages"))
        self.done.contents |= contents
        graph = self._plan.graph
        needs = {
            oid: (
                *graph.parents[oid],
                *self.late.get(graph.trees[oid], ()),
                *ids.named_in(texts.message(content)),
            )
            for oid, content in contents.items()
        }
        order = in_order(contents, needs)
        for number, oid in enumerate(order):
            if number % _PROGRESS_EVERY == 0:
                self._progress("Rewriting commits", number, len(order))
            self._late_tree(graph.trees[oid])
            self._text(oid, "commit", contents[oid], ids)
        objects = self.done.objects
        self.done.commits = {oid: objects[oid] for oid in order if oid in objects}
        for tree in self.late:
            self._late_tree(tree)

    def _late_tree(self, tree: str) -> None:
        """Rewrite a tree that waited for the commits that are linked in it, and the ones within first."""
        if tree in self.late and tree not in self.done.entries:
            for inner in self._plan.graph.doomed_trees[tree]:
                self._late_tree(inner)
            self.trees([tree])

    def tags(self, ids: texts.Ids) -> None:
        for oid, content in self._each(self._plan.tags, "Rewriting tags"):
            self.done.contents[oid] = content
            self._text(oid, "tag", content, ids)

    def _text(self, oid: str, kind: str, content: bytes, ids: texts.Ids) -> None:
        clean = self._matcher.replace if oid in self._plan.holding else _as_it_is
        changed = texts.change(content, self.done.objects, ids, clean)
        self._add(oid, kind, changed.content)
        if oid in self.done.objects:
            self.done.lost += [Lost(kind, oid) for kind in changed.lost]


def _as_it_is(text: bytes) -> bytes:
    return text


def _linked(plan: Plan) -> dict[str, frozenset[str]]:
    """Trees with gitlinks to commits that are rewritten too, in them or further in, to those commits."""
    found: dict[str, frozenset[str]] = {}
    if plan.graph.links:
        for tree in plan.trees:
            inner = (found.get(child, frozenset()) for child in plan.graph.doomed_trees[tree])
            if commits := frozenset(plan.graph.links.get(tree, ())).union(*inner):
                found[tree] = commits
    return found


class _Entries:
    """Finds the entries of a tree that have certain ids, without taking all of it apart each time.

    The trees of a history are mostly alike: an entry that was seen in one is looked for in the next.
    """

    def __init__(self) -> None:
        self._seen: dict[str, dict[bytes, trees.Entry]] = {}
        """Id to its entries, by their bytes."""
        self._same: dict[tuple[trees.Entry, ...], tuple[trees.Entry, ...]] = {}

    def leading_to(
        self, oids: Sequence[str], content: bytes, length: int
    ) -> tuple[trees.Entry, ...]:
        """The entries of the tree *content* whose id is one of *oids*."""
        found: list[trees.Entry] = []
        for oid in oids:
            here = [e for raw, e in self._seen.get(oid, {}).items() if raw in content]
            if len(here) != content.count(b"\0" + bytes.fromhex(oid)):
                self._learn(oids, content, length)
                here = [e for raw, e in self._seen[oid].items() if raw in content]
            found += here
        result = tuple(found)
        return self._same.setdefault(result, result)

    def _learn(self, oids: Sequence[str], content: bytes, length: int) -> None:
        wanted = {bytes.fromhex(oid): oid for oid in oids}
        for entry in trees.parse(content, length):
            if entry.oid in wanted:
                raw = b"%s %s\0%s" % (entry.mode, entry.name, entry.oid)
                self._seen.setdefault(wanted[entry.oid], {})[raw] = entry


def _renamed(
    entries: Sequence[trees.Entry], new: Mapping[str, str], matcher: Matcher
) -> list[trees.Entry]:
    """*entries* with new ids, and without a secret in a name."""
    names = trees.new_names([entry.name for entry in entries], matcher.replace)
    return [
        trees.Entry(entry.mode, names[entry.name], bytes.fromhex(new.get(oid, oid)))
        for entry in entries
        for oid in (entry.oid.hex(),)
    ]
