"""Every form in which a secret is looked for, and what takes the place of each.

A `Form` knows where one secret stands in a text in one family of encodings, and has anchors: patterns
of which one at least hits in every text that holds it. More encodings are more finders in `one_line`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from remediate.history import base64text, encoded, spelled
from remediate.history.match import WINDOW, Finder, Found, Match, windows
from remediate.history.model import Needle
from remediate.history.multiline import Block, BlockFinder, block


@dataclass(frozen=True)
class Form:
    """One secret in one family of encodings (several, where keys of many lines share a body)."""

    anchors: tuple[bytes, ...]
    """In the syntax that hyperscan and `re` share."""
    reach: int
    """How far from an anchor's end, in bytes, the place that it stands for can begin or end."""
    find: Callable[[bytes, int, int], Iterator[Match]] = field(repr=False)
    """Places within a stretch of a text, from left to right."""

    def places(self, data: bytes, ends: Iterable[int]) -> Iterator[Match]:
        """Places in *data* around the anchors that end at *ends* (ascending)."""
        for start, end in _stretches(ends, self.reach, len(data)):
            yield from self.find(data, start, end)


def _stretches(ends: Iterable[int], reach: int, size: int) -> Iterator[tuple[int, int]]:
    """What lies within *reach* of each of *ends*, put together where it overlaps."""
    start = stop = -1
    for end in ends:
        if stop < 0 or end - reach > stop:
            if stop >= 0:
                yield start, stop
            start = max(0, end - reach)
        stop = min(size, end + reach)
    if stop >= 0:
        yield start, stop


#: How many bytes a character can take that is spelled by an escape, in text that is encoded further.
_LONGEST_SPELLING = 6


def one_line(value: bytes, replacement: bytes) -> Iterator[Finder]:
    """The finders for a secret on one line, the plainest first."""
    plain = [*spelled.finders(value, replacement), *encoded.utf16(value, replacement)]
    yield from plain
    yield from encoded.hexadecimal(value, replacement)
    if len(value) < encoded.SHORTEST:
        return
    # Two at least where there are two: a line end can stand in one.
    pieces = [*dict.fromkeys((*windows(value, 3), value[:WINDOW], value[-WINDOW:]))][:3]
    once = base64text.within(pieces, plain, _LONGEST_SPELLING * len(value))
    yield once
    wide = [encoded.wide(piece) for piece in pieces[:2] if piece.isascii()]
    twice = [base64text.core(piece, before) for piece in pieces[:2] for before in range(3)]
    inner = [*plain[1:], once]
    yield base64text.within((*wide, *twice), inner, _LONGEST_SPELLING * len(value), most=24)


def _key(body: bytes, keys: Sequence[tuple[Block, Needle]]) -> Iterator[tuple[Finder, Needle]]:
    """The finders for a key of many lines, each with the needle that it finds."""
    finder = BlockFinder(body, [key.lines for key, _ in keys])
    by_label = {key.label: needle for key, needle in reversed(keys)}
    middle = len(body) // 3
    pieces = windows(body[middle:], 3) or [body[middle : middle + WINDOW]]
    for _, needle in keys:

        def find(data: bytes, start: int, end: int, mine: Needle = needle) -> Iterator[Found]:
            for place in finder.find(data, start, end):
                if by_label.get(place.label or b"", keys[0][1]) is mine:
                    yield place.replaced_by(mine.replacement)

        plain = Finder(finder.anchors, finder.reach, find)
        yield plain, needle
        parts = (*pieces, encoded.wide(pieces[0]))
        yield base64text.within(parts, [plain], 4 * len(body), most=12), needle
    key, needle = keys[0]
    for der in encoded.key_in_der(key, needle.replacement):
        yield der, needle


def forms_of(needles: Iterable[Needle]) -> tuple[Form, ...]:
    """All forms of *needles*, in an order that depends on their values alone.

    Ids are fingerprints under this installation's key, so they must not decide anything: a colleague's
    run gives the same new objects.
    """
    ordered = sorted(
        (n for n in needles if n.secret),
        key=lambda n: (-len(n.secret.reveal()), n.secret.reveal(), n.replacement),
    )
    keys: dict[bytes, list[tuple[Block, Needle]]] = {}
    forms: list[Form] = []
    seen: set[bytes] = set()
    for needle in ordered:
        value = needle.secret.reveal()
        if value in seen:
            continue
        seen.add(value)
        if (key := block(value)) is not None:
            keys.setdefault(key.body, []).append((key, needle))
            continue
        forms += (_form(f, needle, len(forms)) for f in one_line(value, needle.replacement))
    for body in sorted(keys, key=lambda b: (-len(b), b)):
        forms += (_form(finder, needle, len(forms)) for finder, needle in _key(body, keys[body]))
    return tuple(forms)


def _form(finder: Finder, needle: Needle, rank: int) -> Form:
    def find(data: bytes, start: int, end: int) -> Iterator[Match]:
        for found in finder.find(data, start, end):
            yield Match(needle, rank, found)

    return Form(finder.anchors, finder.reach, find)
