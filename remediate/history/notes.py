"""Notes (git-notes(1)) on commits that got another id: moved along, by one commit on top.

A note is a file whose path is the id that it belongs to, with slashes put in for the sake of size
(``ab/cdef…``). The history of the notes stays as it is; a commit on top of it moves the files. It is
made of nothing but what is there, so every machine makes the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediate.history import texts, trees
from remediate.history.objects import Reader
from remediate.history.packwriter import PackWriter

_MESSAGE = b"Notes moved to the rewritten commits\n"

#: Where git keeps notes: ``refs/notes/`` and whatever name follows.
PREFIX = "refs/notes/"


@dataclass(frozen=True)
class Moved:
    """Notes that were moved."""

    commit: str
    """The commit to be the ref's new value."""
    count: int


class _Folder:
    """A tree that is being changed; folders are read when they are looked into."""

    def __init__(self, entries: list[trees.Entry]) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self.opened: dict[bytes, _Folder] = {}


class Notes:
    """The notes below one ref."""

    def __init__(self, reader: Reader, writer: PackWriter, length: int) -> None:
        """*length*: bytes of an id."""
        self._reader = reader
        self._writer = writer
        self._length = length

    def move(self, tip: str, new: Mapping[str, str]) -> Moved | None:
        """Move the notes at commit *tip* on objects that *new* has a successor for."""
        kind, content = self._reader.read(tip)
        if kind != "commit":
            return None
        head = dict(texts.headers(content))
        top = self._open(head[b"tree"].partition(b" ")[2].decode("ascii"))
        count = 0
        for path in list(self._paths(top, ())):
            old = b"".join(path).decode("ascii", "replace")
            if old in new and self._rename(top, path, _split_alike(new[old], path)):
                count += 1
        if not count:
            return None
        lines = [
            b"tree " + self._write(top).encode("ascii"),
            b"parent " + tip.encode("ascii"),
            *(head[name] for name in (b"author", b"committer", b"encoding") if name in head),
        ]
        commit = self._writer.add("commit", b"\n".join(lines) + b"\n\n" + _MESSAGE)
        return Moved(commit, count)

    def _open(self, oid: str) -> _Folder:
        return _Folder(trees.parse(self._reader.read(oid)[1], self._length))

    def _paths(self, folder: _Folder, above: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
        """Paths of files whose names, put together, are as long as an id."""
        size = sum(map(len, above))
        for entry in list(folder.entries.values()):
            path = (*above, entry.name)
            if not entry.folder:
                if size + len(entry.name) == 2 * self._length:
                    yield path
            elif len(entry.name) == 2 and size + 2 < 2 * self._length:
                yield from self._paths(self._into(folder, entry.name), path)

    def _into(self, folder: _Folder, name: bytes) -> _Folder:
        if name not in folder.opened:
            entry = folder.entries.get(name)
            there = entry is not None and entry.folder
            folder.opened[name] = self._open(entry.oid.hex()) if entry and there else _Folder([])
        return folder.opened[name]

    def _rename(self, top: _Folder, old: tuple[bytes, ...], new: tuple[bytes, ...]) -> bool:
        """Move a file; where there is one already, both stay. Gives whether it was moved."""
        target = top
        for name in new[:-1]:
            target = self._into(target, name)
        if new[-1] in target.entries:
            return False
        source = top
        for name in old[:-1]:
            source = self._into(source, name)
        entry = source.entries.pop(old[-1])
        target.entries[new[-1]] = trees.Entry(entry.mode, new[-1], entry.oid)
        return True

    def _write(self, folder: _Folder) -> str:
        for name, inner in folder.opened.items():
            if inner.entries:
                oid = bytes.fromhex(self._write(inner))
                folder.entries[name] = trees.Entry(b"40000", name, oid)
            else:
                folder.entries.pop(name, None)
        return self._writer.add("tree", trees.serialise(folder.entries.values()))


def _split_alike(oid: str, path: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """*oid* cut into names as long as those of *path*."""
    raw = oid.encode("ascii")
    cut = []
    for name in path:
        cut.append(raw[: len(name)])
        raw = raw[len(name) :]
    return tuple(cut)
