"""Finds every form of every secret in a text and in the containers in it, and puts its replacement there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from remediate.history.containers import search
from remediate.history.containers.model import (
    BrokenError,
    Opened,
    Part,
    Room,
    TooMuchError,
)
from remediate.history.forms import Form, forms_of
from remediate.history.match import Found, Match, fit
from remediate.history.model import Needle
from remediate.history.prefilter import Prefilter, prefilter

#: Replacing can make a new hit of what stood around the old one; so often it is looked at again.
_ROUNDS = 4

#: A place within a container is ranked behind every other.
_WITHIN = 1 << 30


@dataclass(frozen=True)
class Looked:
    """What is in a text."""

    matches: list[Match]
    closed: tuple[str, ...]
    """Containers that could not be read whole, each with the reason."""


@dataclass(frozen=True)
class Mended:
    """A text with the replacements in it."""

    data: bytes
    notes: tuple[str, ...]
    """What had to be replaced otherwise than by its replacement alone."""
    packed: bool
    """Whether a container in it was packed again."""


class Matcher:
    """All forms of *needles* at once. For one thread; `fork` gives one for another."""

    def __init__(
        self,
        needles: Iterable[Needle],
        *,
        engine: Callable[[Sequence[bytes]], Prefilter] = prefilter,
    ) -> None:
        self._forms: tuple[Form, ...] = forms_of(needles)
        self._owners = [i for i, form in enumerate(self._forms) for _ in form.anchors]
        self._prefilter = engine(self.anchors)

    @property
    def anchors(self) -> list[bytes]:
        """Patterns of which one at least hits wherever a secret or a container stands."""
        anchors = [anchor for form in self._forms for anchor in form.anchors]
        # Without a secret there is nothing to open a container for.
        return [*anchors, *search.PATTERNS] if anchors else []

    @property
    def prefilter(self) -> Prefilter:
        """Hits wherever a secret or a container stands, and now and then elsewhere."""
        return self._prefilter

    @property
    def forms(self) -> int:
        """How many distinct forms are looked for."""
        return len(self._owners)

    @property
    def reach(self) -> int:
        """How far from an anchor's end, in bytes, the place that it stands for can begin or end."""
        return max((form.reach for form in self._forms), default=0)

    def fork(self) -> Matcher:
        """The same, for another thread."""
        other = Matcher(())
        other._forms, other._owners = self._forms, self._owners
        other._prefilter = self._prefilter.fork()
        return other

    def find(self, data: bytes) -> list[Match]:
        """Every place of every secret, from left to right; places may overlap.

        A place of a secret within a longer place of the same secret is left out: it is one place.
        Of a place within a container, start and end are the container's.
        """
        return self.look(data).matches

    def look(self, data: bytes) -> Looked:
        """What `find` finds, and what could not be read."""
        room = Room()
        matches = self._look(data, room)
        return Looked(matches, tuple(dict.fromkeys(room.closed)))

    def replace(self, data: bytes, *, keep_length: bool | None = None) -> bytes:
        """*data* with the replacement in each secret's place.

        Where places overlap, all that they cover is replaced at once, by the longest one's
        replacement: nothing of the other is left beside it. *keep_length* (default: where there is
        a NUL byte, as git tells binary files) cuts or pads each replacement to the old length.
        A container is packed again; one that can't be is replaced whole.
        """
        return self.mend(data, keep_length=keep_length).data

    def mend(self, data: bytes, *, keep_length: bool | None = None) -> Mended:
        """What `replace` gives, and what had to be done otherwise."""
        room = Room()
        mended = self._mend(data, keep_length, room)
        return Mended(mended, tuple(dict.fromkeys(room.notes)), room.packed)

    def _hits(self, data: bytes) -> tuple[dict[int, list[int]], list[tuple[int, int]]]:
        """Ends of hits by form, and hits of containers."""
        ends: dict[int, list[int]] = {}
        doors: list[tuple[int, int]] = []
        forms = len(self._owners)
        for anchor, end in self._prefilter.hits(data):
            if anchor < forms:
                ends.setdefault(self._owners[anchor], []).append(end)
            else:
                doors.append((anchor - forms, end))
        return ends, doors

    def _look(self, data: bytes, room: Room, *, flat: bool = False) -> list[Match]:
        ends, doors = self._hits(data)
        found = self._places(data, ends)
        for opened in search.opened(data, () if flat else doors, room):
            found += self._within(opened, room)
        for opened in search.unescaped(data, doors, room):
            # What is only escaped was found as that.
            told = {m.needle.id for m in found if opened.start <= m.start and m.end <= opened.end}
            plain = f"{opened.kind}+plain"
            found += (
                m
                for m in self._within(opened, room)
                if m.encoding != plain or m.needle.id not in told
            )
        return _told_once(found)

    def _places(self, data: bytes, ends: dict[int, list[int]]) -> list[Match]:
        return [
            match
            for index in sorted(ends)
            for match in self._forms[index].places(data, sorted(ends[index]))
        ]

    def _within(self, opened: Opened, room: Room) -> list[Match]:
        """Every secret in a container, each as one place: the container."""
        found: dict[tuple[str, str], Match] = {}
        for part in opened.parts:
            content, inner = _read(part, opened.kind, room)
            if content is None:
                continue
            for match in self._look(content, inner, flat=part.flat):
                encoding = f"{opened.kind}+{match.encoding}"
                place = Found(opened.start, opened.end, encoding, b"", b"")
                found.setdefault((match.needle.id, encoding), Match(match.needle, _WITHIN, place))
            room.take_back(inner, opened.kind)
        return list(found.values())

    def _mend(
        self, data: bytes, keep_length: bool | None, room: Room, *, flat: bool = False
    ) -> bytes:
        fixed = counts(data) if keep_length is None else keep_length
        ends, doors = self._hits(data)
        if doors and not flat:
            found = search.opened(data, doors, room)
            changed = self._packed(data, found, fixed, keep_length is True, room)
            if changed != data:
                data = changed
                ends, _ = self._hits(data)
        for _ in range(_ROUNDS):
            matches = _told_once(self._places(data, ends))
            if not matches:
                break
            changed = _replaced(data, matches, fixed)
            if changed == data:
                break
            data = changed
            ends, _ = self._hits(data)
        if doors:
            _, doors = self._hits(data)
            data = self._packed(data, search.unescaped(data, doors, room), fixed, False, room)
        return data

    def _packed(
        self,
        data: bytes,
        containers: Iterable[Opened],
        fixed: bool,
        bound: bool,
        room: Room,
    ) -> bytes:
        """*data* with all that is in its *containers* replaced.

        *fixed*: what stands around a container counts bytes; *bound*: so does what holds *data*.
        """
        parts: list[bytes] = []
        at = 0
        for opened in containers:
            new, best = self._changed(opened, room)
            if best is None:
                continue
            room.packed = True
            length = opened.end - opened.start
            # A container that is all there is, or at an end, may grow: nothing behind it moves.
            inside = opened.start > 0 and opened.end < len(data)
            free = not bound and not (fixed and inside and opened.kind not in _SAME_LENGTH)
            whole = fit(best.replacement, length) if not free else best.replacement
            try:
                if opened.pack is None:
                    raise BrokenError("it can't be packed again")
                packed = opened.pack(new)
                if not free and len(packed) != length:
                    raise BrokenError("what holds it counts its bytes")
            except BrokenError as error:
                room.notes.append(f"{opened.kind} was replaced whole: {error.reason}")
                packed = whole
            parts += [data[at : opened.start], packed]
            at = opened.end
        return b"".join([*parts, data[at:]])

    def _changed(self, opened: Opened, room: Room) -> tuple[list[bytes | None], Needle | None]:
        """The container's parts as they are to be (None: as they are), and the first secret in it."""
        new: list[bytes | None] = []
        best: Needle | None = None
        for part in opened.parts:
            content, inner = _read(part, opened.kind, room)
            new.append(None)
            if content is None:
                continue
            mended = self._mend(content, part.keep_length, inner, flat=part.flat)
            room.take_back(inner, opened.kind)
            if mended != content:
                new[-1] = mended
                best = best or self._first(content, part)
        return new, best

    def _first(self, content: bytes, part: Part) -> Needle:
        matches = self._look(content, Room(), flat=part.flat)
        return min(matches, key=lambda m: (m.rank, m.start)).needle


#: Carriers of text that is changed within its own file.
_SAME_LENGTH = frozenset({"utf-16"})


def _read(part: Part, kind: str, room: Room) -> tuple[bytes | None, Room]:
    """A part's content, as far as it can be read, and the room for what lies within it."""
    try:
        content: bytes | None = part.read()
    except BrokenError as error:
        room.closed.append(f"{kind}: {error.reason}")
        content = error.salvaged
    except TooMuchError as error:
        room.closed.append(f"{kind}: {error}")
        content = None
    try:
        return content, room.inner()
    except TooMuchError as error:
        if content is not None:
            room.closed.append(f"{kind}: {error}")
        return None, room


def cleaner(needles: Iterable[Needle]) -> Callable[[bytes], bytes]:
    """A function that puts the replacements into a text (`Matcher.replace`)."""
    return Matcher(needles).replace


def counts(data: bytes) -> bool:
    """Whether *data* is of a kind that counts its bytes, so that each has to stay where it is.

    git's sign of a binary file is a NUL. A pickle (PEP 3154) may have none.
    """
    return b"\0" in data or (data[:1] == b"\x80" and data[1:2] in (b"\2", b"\3", b"\4", b"\5"))


def _told_once(found: list[Match]) -> list[Match]:
    found.sort(key=lambda m: (m.start, -m.end, m.rank))
    kept: list[Match] = []
    reach: dict[str, int] = {}
    for match in found:
        if match.end > reach.get(match.needle.id, -1):
            reach[match.needle.id] = match.end
            kept.append(match)
    return kept


def _replaced(data: bytes, matches: Sequence[Match], keep_length: bool) -> bytes:
    parts: list[bytes] = []
    at = 0
    for start, end, cluster in _clusters(matches):
        cluster.sort(key=lambda m: (m.start - m.end, m.rank, m.start))
        best = cluster[0].found
        text = _one_by_one(data[start:end], start, cluster)
        if text is None:
            text = fit(best.fixed, end - start) if keep_length else best.text
        parts += [data[at:start], text]
        at = end
    return b"".join([*parts, data[at:]])


def _one_by_one(text: bytes, start: int, cluster: Sequence[Match]) -> bytes | None:
    """*text* with each of *cluster* replaced where it stands, the best one last; None if that can't be.

    In base64 two secrets side by side overlap: they share a letter.
    """
    out = bytearray(text)
    for match in reversed(cluster):
        place = slice(match.start - start, match.end - start)
        if (onto := match.found.onto) is None:
            return None
        out[place] = onto(bytes(out[place]))
    return bytes(out)


def _clusters(matches: Sequence[Match]) -> Iterable[tuple[int, int, list[Match]]]:
    """*matches* (sorted by start) put together where they overlap: (start, end, those within)."""
    cluster: list[Match] = []
    end = -1
    for match in matches:
        if cluster and match.start >= end:
            yield cluster[0].start, end, cluster
            cluster = []
            end = -1
        cluster.append(match)
        end = max(end, match.end)
    if cluster:
        yield cluster[0].start, end, cluster
