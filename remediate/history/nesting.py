"""Which trees lie within which: kept by what changes from one tree to the next.

The trees of a history are mostly alike. Of the root folders of 80,000 commits each names some forty
folders, and next to all of them are those that the one before named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class _Alike:
    """Trees that begin with the same entry: mostly versions of one folder."""

    order: list[bytes] = field(default_factory=list)
    now: list[bytes] = field(default_factory=list)
    """What the last one holds…"""
    since: list[int] = field(default_factory=list)
    """…and from which on each was there."""


class Nesting:
    """Trees of one stretch, in the pack's order, each with the trees right within it."""

    def __init__(self) -> None:
        self._groups: dict[bytes, _Alike] = {}
        self._runs: dict[bytes, list[tuple[list[bytes], int, int]]] = {}
        """Tree to the stretches of trees that it lies in, as parts of a group's order."""

    def add(self, tree: bytes, first: bytes, within: list[bytes]) -> None:
        """*tree*, whose entries begin with *first*, holds the trees *within*. Ids are raw."""
        group = self._groups.get(first)
        if group is None:
            group = self._groups[first] = _Alike()
        at = len(group.order)
        group.order.append(tree)
        now = group.now
        if within == now:
            return
        if len(within) == len(now):
            for place, inner in enumerate(within):
                if inner != now[place]:
                    self._end(group, now[place], group.since[place], at)
                    now[place], group.since[place] = inner, at
            return
        since: dict[bytes, int] = {}
        for inner, begin in zip(now, group.since, strict=True):
            since[inner] = min(begin, since.get(inner, begin))
        for inner in since.keys() - set(within):
            self._end(group, inner, since[inner], at)
        group.now, group.since = within, [since.get(inner, at) for inner in within]

    def _end(self, group: _Alike, inner: bytes, begin: int, at: int) -> None:
        self._runs.setdefault(inner, []).append((group.order, begin, at))

    def close(self) -> None:
        """No more trees come."""
        for group in self._groups.values():
            for inner, begin in zip(group.now, group.since, strict=True):
                self._end(group, inner, begin, len(group.order))
            group.now = []

    def holders(self, inner: bytes) -> Iterator[bytes]:
        """The trees that *inner* lies right within; one that holds it twice may come twice."""
        for order, begin, end in self._runs.get(inner, ()):
            yield from order[begin:end]

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back, once it is closed."""
        orders = [group.order for group in self._groups.values()]
        number = {id(order): place for place, order in enumerate(orders)}
        return {
            "orders": [b"".join(order).hex() for order in orders],
            "length": next((len(tree) for order in orders for tree in order), 0),
            "within": "\n".join(
                f"{inner.hex()} {number[id(order)]} {begin} {end}"
                for inner, runs in self._runs.items()
                for order, begin, end in runs
            ),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Nesting:
        """The nesting that `to_json` told of."""
        found = cls()
        orders = []
        for place, joined in enumerate(data["orders"]):
            raw, length = bytes.fromhex(joined), data["length"]
            orders.append([raw[at : at + length] for at in range(0, len(raw), length)])
            found._groups[b"%d" % place] = _Alike(orders[-1])
        for line in data["within"].split("\n") if data["within"] else ():
            inner, number, begin, end = line.split(" ")
            run = (orders[int(number)], int(begin), int(end))
            found._runs.setdefault(bytes.fromhex(inner), []).append(run)
        return found

    @property
    def order(self) -> Iterator[bytes]:
        """All trees that were added, alike ones side by side."""
        for group in self._groups.values():
            yield from group.order


def doomed_trees(
    holders: Mapping[bytes, Iterable[str]], parts: Sequence[Nesting]
) -> dict[str, tuple[str, ...]]:
    """All trees that reach one of *holders*, each with the doomed blobs and trees right within it.

    *holders* are trees with a secret in a name, or the doomed blobs that are given with them, right
    within. The order is that of *parts*, the pack's.
    """
    within: dict[bytes, list[str]] = {raw: sorted(blobs) for raw, blobs in holders.items()}
    pending = list(holders)
    while pending:
        inner = pending.pop()
        name = inner.hex()
        for part in parts:
            for tree in part.holders(inner):
                if tree not in within:
                    within[tree] = []
                    pending.append(tree)
                within[tree].append(name)
    ordered = dict.fromkeys(raw for part in parts for raw in part.order if raw in within)
    ordered |= dict.fromkeys(raw for raw in holders if raw not in ordered)
    return {raw.hex(): tuple(dict.fromkeys(within[raw])) for raw in ordered}
