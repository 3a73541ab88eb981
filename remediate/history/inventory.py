"""What objects there are, reachable or not, put together in stretches while git is still listing."""

from __future__ import annotations

import subprocess
from array import array
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from remediate.history import git, window
from remediate.history.model import Unreadable
from remediate.history.objects import ids_file

KINDS = ("blob", "tree", "commit", "tag")

#: Bytes of a stretch, which one child reads: small enough to share the work out, large enough for git
#: to have the base of the next delta at hand. The first ones are smaller, so that every core has work.
_STRETCH = 64 << 20
_FIRST = 4 << 20

_BLOCK = 1 << 18
_BOTH = (False, True)
_FORMAT = "%(objectname) %(objecttype) %(objectsize)"


@dataclass
class Stretch:
    """Objects of one type, in the order of the pack that they are in; or one large object."""

    kind: str
    headers: list[bytes] = field(default_factory=list)
    """``<id> <type> <bytes>`` with the line's end, as git writes it before an object."""
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    large: bool = False
    """Whether it is a single object that does not fit into a `window.Window`."""
    loose: bool = False
    """Whether its objects are those that were told apart from the rest (`listed`)."""

    @cached_property
    def oids(self) -> list[bytes]:
        """Their hex ids."""
        length = self.headers[0].index(b" ")
        return [head[:length] for head in self.headers]

    @cached_property
    def bytes(self) -> int:
        """How many they hold, unpacked."""
        return sum(self.sizes)


@dataclass
class Inventory:
    """What was listed so far."""

    count: int = 0
    bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    """Unpacked, by type."""
    unreadable: list[Unreadable] = field(default_factory=list)
    complete: bool = False
    loose: int = 0
    """How many of them were told apart…"""
    loose_bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    """…and how much they hold."""

    def total(self, *kinds: str) -> int | None:
        """Bytes of objects of *kinds*, once all are known."""
        return sum(self.bytes[kind] for kind in kinds) if self.complete else None


def listed(
    directory: Path,
    found: Inventory,
    *,
    loose: Set[bytes] = frozenset(),
    alone: bool = False,
) -> Iterator[Stretch]:
    """Every object that git finds in *directory*'s object database (alternates included).

    They come as git lists them; those in *loose* in stretches of their own, and with *alone* no others.
    How many there were is in *found* afterwards, with what could not be read.
    """
    everything = ("--batch-all-objects", "--unordered")
    with ids_file(sorted(loose) if alone else ()) as asked:
        child = git.start(
            directory,
            *("cat-file", *(() if alone else everything), "--buffer"),
            f"--batch-check={_FORMAT}",
            stdin=asked,
            stderr=subprocess.PIPE,
        )
    cutter = _Cutter(found, loose)
    with child:
        out, words = child.stdout, child.stderr
        assert out is not None and words is not None
        rest = b""
        while block := out.read(_BLOCK):
            lines = (rest + block).splitlines(keepends=True)
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            yield from cutter.cut(lines)
        yield from cutter.rest()
        said = words.read()
    if child.returncode:
        error = git.failed(["cat-file"], child.returncode, said)
        found.unreadable.append(Unreadable("the object database", error.message))
    found.complete = True


class _Cutter:
    """Puts lines of the list together in stretches."""

    def __init__(self, found: Inventory, loose: Set[bytes]) -> None:
        self._found = found
        self._loose = loose
        self._begun = {
            (kind, apart): Stretch(kind, loose=apart) for kind in KINDS for apart in _BOTH
        }
        self._held = dict.fromkeys(self._begun, 0)
        self._limit = dict.fromkeys(self._begun, _FIRST)

    def cut(self, lines: list[bytes]) -> Iterator[Stretch]:
        """The stretches that *lines* complete."""
        room = window.room()
        for line in lines:
            words = line.split()
            kind = words[1].decode("ascii", "replace")
            if kind not in KINDS:
                name = words[0].decode("ascii", "replace")
                self._found.unreadable.append(Unreadable(f"object {name}", kind))
                continue
            size = int(words[2])
            key = kind, words[0] in self._loose
            if size + len(line) + 1 > room:
                single = Stretch(kind, [line], array("Q", [size]), large=True, loose=key[1])
                self._count(single)
                yield single
                continue
            stretch = self._begun[key]
            stretch.headers.append(line)
            stretch.sizes.append(size)
            self._held[key] += size + 100
            if self._held[key] >= self._limit[key]:
                yield self._complete(key)

    def rest(self) -> Iterator[Stretch]:
        """What is left."""
        for key, stretch in list(self._begun.items()):
            if stretch.headers:
                yield self._complete(key)

    def _complete(self, key: tuple[str, bool]) -> Stretch:
        stretch = self._begun[key]
        self._begun[key], self._held[key] = Stretch(key[0], loose=key[1]), 0
        self._limit[key] = min(2 * self._limit[key], _STRETCH)
        self._count(stretch)
        return stretch

    def _count(self, stretch: Stretch) -> None:
        found = self._found
        found.count += len(stretch.headers)
        found.bytes[stretch.kind] += stretch.bytes
        if stretch.loose:
            found.loose += len(stretch.headers)
            found.loose_bytes[stretch.kind] += stretch.bytes
