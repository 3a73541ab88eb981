"""What objects there are, reachable or not, put together in stretches while git is still listing."""

from __future__ import annotations

import subprocess
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from remediate.history import git, window
from remediate.history.model import Unreadable

KINDS = ("blob", "tree", "commit", "tag")

#: Bytes of a stretch, which one child reads: small enough to share the work out, large enough for git
#: to have the base of the next delta at hand. The first ones are smaller, so that every core has work.
_STRETCH = 64 << 20
_FIRST = 4 << 20

_BLOCK = 1 << 18
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

    def total(self, *kinds: str) -> int | None:
        """Bytes of objects of *kinds*, once all are known."""
        return sum(self.bytes[kind] for kind in kinds) if self.complete else None


def listed(directory: Path, found: Inventory) -> Iterator[Stretch]:
    """Every object that git finds in *directory*'s object database (alternates included).

    They come as git lists them. How many there were is in *found* afterwards, with what could not be
    read.
    """
    child = git.start(
        directory,
        *("cat-file", "--batch-all-objects", "--unordered", "--buffer"),
        f"--batch-check={_FORMAT}",
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    cutter = _Cutter(found)
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

    def __init__(self, found: Inventory) -> None:
        self._found = found
        self._begun = {kind: Stretch(kind) for kind in KINDS}
        self._held = dict.fromkeys(KINDS, 0)
        self._limit = dict.fromkeys(KINDS, _FIRST)

    def cut(self, lines: list[bytes]) -> Iterator[Stretch]:
        """The stretches that *lines* complete."""
        room = window.room()
        for line in lines:
            words = line.split()
            kind = words[1].decode("ascii", "replace")
            if kind not in self._begun:
                name = words[0].decode("ascii", "replace")
                self._found.unreadable.append(Unreadable(f"object {name}", kind))
                continue
            size = int(words[2])
            if size + len(line) + 1 > room:
                yield Stretch(kind, [line], array("Q", [size]), large=True)
                self._count(kind, 1, size)
                continue
            stretch = self._begun[kind]
            stretch.headers.append(line)
            stretch.sizes.append(size)
            self._held[kind] += size + 100
            if self._held[kind] >= self._limit[kind]:
                yield self._complete(kind)

    def rest(self) -> Iterator[Stretch]:
        """What is left."""
        for kind in KINDS:
            if self._begun[kind].headers:
                yield self._complete(kind)

    def _complete(self, kind: str) -> Stretch:
        stretch = self._begun[kind]
        self._begun[kind], self._held[kind] = Stretch(kind), 0
        self._limit[kind] = min(2 * self._limit[kind], _STRETCH)
        self._count(kind, len(stretch.headers), stretch.bytes)
        return stretch

    def _count(self, kind: str, number: int, size: int) -> None:
        self._found.count += number
        self._found.bytes[kind] += size
