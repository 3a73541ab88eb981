"""Finds every form of every secret in a text, and puts its replacement there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from remediate.history.forms import Form, forms_of
from remediate.history.match import Match, fit
from remediate.history.model import Needle
from remediate.history.prefilter import Prefilter, prefilter

#: Replacing can make a new hit of what stood around the old one; so often it is looked at again.
_ROUNDS = 4


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
        """Patterns of which one at least hits wherever a secret stands, for `prefilter`."""
        return [anchor for form in self._forms for anchor in form.anchors]

    @property
    def prefilter(self) -> Prefilter:
        """Hits wherever a secret stands, and now and then elsewhere."""
        return self._prefilter

    @property
    def forms(self) -> int:
        """How many distinct forms are looked for."""
        return len(self._owners)

    def fork(self) -> Matcher:
        """The same, for another thread."""
        other = Matcher(())
        other._forms, other._owners = self._forms, self._owners
        other._prefilter = self._prefilter.fork()
        return other

    def find(self, data: bytes) -> list[Match]:
        """Every place of every secret, from left to right; places may overlap.

        A place of a secret within a longer place of the same secret is left out: it is one place.
        """
        ends: dict[int, list[int]] = {}
        for anchor, end in self._prefilter.hits(data):
            ends.setdefault(self._owners[anchor], []).append(end)
        found = [
            match
            for index in sorted(ends)
            for match in self._forms[index].places(data, sorted(ends[index]))
        ]
        found.sort(key=lambda m: (m.start, -m.end, m.rank))
        kept: list[Match] = []
        reach: dict[str, int] = {}
        for match in found:
            if match.end > reach.get(match.needle.id, -1):
                reach[match.needle.id] = match.end
                kept.append(match)
        return kept

    def replace(self, data: bytes, *, keep_length: bool | None = None) -> bytes:
        """*data* with the replacement in each secret's place.

        Where places overlap, all that they cover is replaced at once, by the longest one's
        replacement: nothing of the other is left beside it. *keep_length* (default: where there is
        a NUL byte, as git tells binary files) cuts or pads each replacement to the old length.
        """
        fixed = b"\0" in data if keep_length is None else keep_length
        for _ in range(_ROUNDS):
            matches = self.find(data)
            if not matches:
                break
            changed = _replaced(data, matches, fixed)
            if changed == data:
                break
            data = changed
        return data


def cleaner(needles: Iterable[Needle]) -> Callable[[bytes], bytes]:
    """A function that puts the replacements into a text (`Matcher.replace`)."""
    return Matcher(needles).replace


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
