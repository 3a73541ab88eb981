"""Where secrets came in: the commit that first brought one to a path, not each copy of it since."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from remediate.history import huge, texts
from remediate.history.containers.search import PACKED
from remediate.history.matcher import Matcher
from remediate.history.model import Hit, Place, Scan
from remediate.history.objects import read_many
from remediate.history.plan import Plan
from remediate.history.rewrite import Rewritten
from remediate.history.trees import Entry


@dataclass(frozen=True)
class Line:
    """A secret on a line of one blob."""

    needle: str
    encoding: str
    number: int
    """Counts from 1."""
    text: bytes
    """A digest of the whole line, to know it again when others are put in before it."""

    @property
    def told(self) -> int | None:
        """The line as people are told it: a packed file has none."""
        return None if self.encoding.partition("+")[0] in PACKED else self.number


def places(
    directory: Path,
    scan: Scan,
    plan: Plan,
    done: Rewritten,
    matcher: Matcher,
    notes: Set[str] = frozenset(),
) -> tuple[Place, ...]:
    """Every place, the oldest commit's first; *notes* are the commits that hold notes, not files."""
    lines = _lines(directory, [hit for hit in scan.hits if hit.type == "blob"])
    teller = _Teller(done, matcher.replace)
    in_names = any(hit.type == "tree" for hit in scan.hits)
    found: list[Place] = []
    for commit in plan.commits:
        where = "note" if commit in notes else "file"
        for path, entry, new in _new_files(commit, plan, done, lines):
            found += [
                teller.place(where, commit, path, line.told, line.needle, line.encoding)
                for line in new
            ]
            if in_names and (named := _in_name(entry, matcher)):
                found += [teller.place("path", commit, path, None, *hit) for hit in named]
    held = _held(plan)
    for hit in scan.hits:
        if hit.type in ("commit", "tag"):
            found += _in_text(hit, done, teller)
        elif hit.type == "blob" and hit.oid not in held:
            # Staged, tagged by itself, or forgotten: no commit has it.
            found.append(teller.place("object", None, None, None, hit.needle, hit.encoding))
    found += [Place(f.needle, f.where, None, f.path, None, f.encoding) for f in scan.file_hits]
    # By time; of one second, parents first: they were found in that order.
    return tuple(sorted(dict.fromkeys(found), key=_when))


def _when(place: Place) -> float:
    """When its commit was made, in seconds; what belongs to no commit comes last."""
    return float("inf") if place.date is None else datetime.fromisoformat(place.date).timestamp()


class _Teller:
    """Puts what is known of a commit into a `Place`."""

    def __init__(self, done: Rewritten, clean: Callable[[bytes], bytes]) -> None:
        self._done = done
        self._clean = clean

    def place(
        self,
        where: str,
        commit: str | None,
        path: bytes | None,
        line: int | None,
        needle: str,
        encoding: str,
    ) -> Place:
        author, date = self._who(commit) if commit is not None else (None, None)
        shown = None if path is None else self._clean(path).decode("utf-8", "surrogateescape")
        return Place(needle, where, commit, shown, line, encoding, author, date)

    def _who(self, commit: str) -> tuple[str | None, str | None]:
        content = self._done.contents.get(commit, b"")
        encoding = "utf-8"
        author = date = None
        for name, header in texts.headers(content):
            if name == b"encoding":
                encoding = header.partition(b" ")[2].decode("ascii", "replace")
            elif name == b"author":
                author = _PERSON.match(self._clean(header))
            elif name == b"committer":
                date = moment(header)
        return (None if author is None else _decoded(author[1], encoding)), date


_PERSON = re.compile(rb"\w+ (.*?>)")
_WHEN = re.compile(rb"> (-?\d+) ([+-])(\d\d)(\d\d)$")


def moment(header: bytes) -> str | None:
    """When an author or committer line says, as RFC 3339 with the line's own offset."""
    found = _WHEN.search(header)
    if found is None:
        return None
    offset = timedelta(hours=int(found[3]), minutes=int(found[4]))
    zone = timezone(-offset if found[2] == b"-" else offset) if offset < timedelta(days=1) else UTC
    try:
        return datetime.fromtimestamp(int(found[1]), zone).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def _decoded(text: bytes, encoding: str) -> str:
    try:
        return text.decode(encoding)
    except (LookupError, UnicodeDecodeError):
        return text.decode("utf-8", "surrogateescape")


def _lines(directory: Path, hits: Sequence[Hit]) -> dict[bytes, tuple[Line, ...]]:
    """Raw id of each blob with a secret, to the lines they stand on."""
    by_blob: dict[str, list[Hit]] = {}
    for hit in hits:
        by_blob.setdefault(hit.oid, []).append(hit)
    large = huge.among(directory, list(by_blob))
    found: dict[bytes, tuple[Line, ...]] = {}
    for oid in sorted(large):
        at = sorted({at for hit in by_blob[oid] for at in hit.offsets})
        known = huge.lines(huge.pieces(directory, oid), at)
        found[bytes.fromhex(oid)] = _sorted(
            Line(hit.needle, hit.encoding, known[at][0], sha256(known[at][1]).digest())
            for hit in by_blob[oid]
            for at in hit.offsets
        )
    for read in read_many(directory, [oid for oid in by_blob if oid not in large]):
        content = read.content or b""
        found[bytes.fromhex(read.oid)] = _sorted(
            _line(hit, content, at) for hit in by_blob[read.oid] for at in hit.offsets
        )
    return found


def _sorted(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: line.number))


def _line(hit: Hit, content: bytes, at: int) -> Line:
    start = content.rfind(b"\n", 0, at) + 1
    end = content.find(b"\n", at)
    text = content[start : end if end >= 0 else len(content)]
    number = content.count(b"\n", 0, at) + 1
    return Line(hit.needle, hit.encoding, number, sha256(text).digest())


_NewFile: TypeAlias = tuple[bytes, Entry, list[Line]]
"""A path, what is there, and the lines by which a secret stands there more often than before."""


def _held(plan: Plan) -> set[str]:
    """Doomed objects that some commit has."""
    held: set[str] = set()
    pending = [plan.graph.trees[commit] for commit in plan.commits]
    while pending:
        tree = pending.pop()
        if tree not in held:
            held.add(tree)
            pending.extend(plan.graph.doomed_trees.get(tree, ()))
    return held


def _in_name(entry: Entry, matcher: Matcher) -> list[tuple[str, str]]:
    return list(dict.fromkeys((m.needle.id, m.encoding) for m in matcher.find(entry.name)))


def _new_files(
    commit: str, plan: Plan, done: Rewritten, lines: Mapping[bytes, tuple[Line, ...]]
) -> Iterator[_NewFile]:
    """What *commit* has and each of its parents has not, as far as it leads to a secret."""
    graph = plan.graph
    parents = [graph.trees[p] for p in graph.parents[commit] if p in graph.trees]
    yield from _compare(b"", graph.trees[commit], parents, done.entries, lines)


def _compare(
    prefix: bytes,
    tree: str,
    parents: Sequence[str | None],
    entries: Mapping[str, tuple[Entry, ...]],
    lines: Mapping[bytes, tuple[Line, ...]],
) -> Iterator[_NewFile]:
    if tree in parents:
        return
    beside = [{entry.name: entry for entry in entries.get(p or "", ())} for p in parents]
    for entry in entries.get(tree, ()):
        others = [other.get(entry.name) for other in beside]
        if any(other is not None and other.oid == entry.oid for other in others):
            continue
        if entry.folder:
            if not any(others):
                yield prefix + entry.name, entry, []
            below = [o.oid.hex() if o is not None and o.folder else None for o in others]
            yield from _compare(prefix + entry.name + b"/", entry.oid.hex(), below, entries, lines)
        else:
            before = [lines.get(other.oid, ()) for other in others if other is not None]
            new = _more(lines.get(entry.oid, ()), before)
            if new or not before:
                yield prefix + entry.name, entry, new


def _more(now: Sequence[Line], before: Sequence[Sequence[Line]]) -> list[Line]:
    """The lines by which a secret stands here more often than in each of *before*."""
    new: list[Line] = []
    for needle, encoding in dict.fromkeys((line.needle, line.encoding) for line in now):
        here = [line for line in now if (line.needle, line.encoding) == (needle, encoding)]
        there = [
            [line.text for line in lines if (line.needle, line.encoding) == (needle, encoding)]
            for lines in before
        ]
        surplus = len(here) - max(map(len, there), default=0)
        if surplus > 0:
            # Lines that were not there first; of lines all alike, the last ones.
            known = {text for texts_there in there for text in texts_there}
            ranked = sorted(here, key=lambda line: (line.text in known, -line.number))
            new += ranked[:surplus]
    return sorted(new, key=lambda line: line.number)


def _in_text(hit: Hit, done: Rewritten, teller: _Teller) -> Iterator[Place]:
    """Places in the text of a commit or tag: its message, its name, or the people it names."""
    content = done.contents.get(hit.oid, b"")
    head = len(content) - len(texts.message(content))
    commit = hit.oid if hit.type == "commit" else None

    def sort(offset: int) -> str:
        line = content[content.rfind(b"\n", 0, offset) + 1 :]
        return (
            f"{hit.type}-message" if offset >= head else "ref" if line[:4] == b"tag " else "author"
        )

    for where in dict.fromkeys(map(sort, hit.offsets)):
        yield teller.place(where, commit, None, None, hit.needle, hit.encoding)
