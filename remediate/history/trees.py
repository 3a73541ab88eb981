"""Trees byte for byte: entries in, entries out, in git's order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from remediate.errors import GitError

#: Modes of what a tree's entry can be (git's object.h); a folder is ``40000``, old tools wrote a zero.
FOLDER = 0o040000
SUBMODULE = 0o160000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree."""

    mode: bytes
    """As it stands there, in octal digits."""
    name: bytes
    oid: bytes
    """Raw: 20 bytes, or 32."""

    @property
    def folder(self) -> bool:
        """Whether it is another tree."""
        return int(self.mode, 8) & 0o170000 == FOLDER


_ENTRY = {
    length: re.compile(rb"([0-7]{1,6}) ([^\0]+)\0(.{%d})" % length, re.DOTALL)
    for length in (20, 32)
}
_SUBTREE = {
    length: re.compile(rb"40000 [^\0]+\0(.{%d})" % length, re.DOTALL) for length in (20, 32)
}


def parse(content: bytes, length: int) -> list[Entry]:
    """The entries of a tree with ids of *length* bytes. Raises `GitError` where it is no tree."""
    found = _ENTRY[length].findall(content)
    if sum(len(mode) + len(name) + 2 for mode, name, _ in found) + len(found) * length != len(
        content
    ):
        raise GitError("A tree object is damaged.", hint="git fsck --full names which.")
    return [Entry(*entry) for entry in found]


def subtrees(chunk: bytes | memoryview, start: int, end: int, length: int) -> list[bytes]:
    """Raw ids of the trees right within the tree that stands in *chunk* from *start* to *end*.

    Three times as fast as `parse`. An id whose bytes look like an entry can add an id that is none,
    which does no harm: nobody has such a tree.
    """
    return _SUBTREE[length].findall(chunk, start, end)


def new_names(names: Iterable[bytes], clean: Callable[[bytes], bytes]) -> dict[bytes, bytes]:
    """What each of the *names* in one folder becomes, in git's order; no two come to be one name."""
    wanted = {name: clean(name) for name in names}
    taken = {name for name, new in wanted.items() if name == new}
    chosen: dict[bytes, bytes] = {}
    for name, new in wanted.items():
        if name != new:
            # What a rule of one's own puts in may be anything; git takes none of these for a name.
            new = new.replace(b"/", b"_").replace(b"\0", b"_")
            if new.lower() in (b"", b".", b"..", b".git"):
                new = b"_" + new
            name_, number = new, 1
            while new in taken:
                number += 1
                new = b"%s-%d" % (name_, number)
            taken.add(new)
        chosen[name] = new
    return chosen


def sort_key(name: bytes, folder: bool) -> bytes:
    """By which git orders the entries of a tree: a folder sorts as if it ended in ``/``."""
    return name + b"/" if folder else name


def serialise(entries: Iterable[Entry]) -> bytes:
    """A tree's bytes. The entries are put in git's order: a folder sorts as if it ended in ``/``."""
    ordered = sorted(entries, key=lambda e: sort_key(e.name, e.folder))
    return b"".join(b"%s %s\0%s" % (e.mode, e.name, e.oid) for e in ordered)
