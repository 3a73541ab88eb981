"""The verifier's own way through the objects of a repository: it lists them and reads each again.

What `remediate.history.verify` knows of a repository's other corners, this knows of its objects.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO

from remediate.errors import GitError
from remediate.history import git
from remediate.history.model import Progress, Remnant, Unreadable
from remediate.history.readings import Reader

_WHERE = {"blob": "file", "commit": "commit-message", "tag": "tag-message", "tree": "path"}

#: An entry of a tree, and its name, by the length of an id.
_ENTRY = {length: re.compile(rb"[0-7]+ ([^\0]+)\0.{%d}" % length, re.DOTALL) for length in (20, 32)}
_BLOCK = 256

#: A blob larger than this comes in pieces, each with the end of the one before: a secret can stand there.
#: Undoing encodings takes many times the memory of what is looked at.
_WHOLE = 64 << 20
_PIECE, _OVERLAP = 4 << 20, 1 << 20

#: What git may keep of the bases of deltas: several are read side by side.
_BASES = 32 << 20

_PROGRESS_EVERY = 2000


@dataclass
class Seen:
    """What was read so far, and what was found in it."""

    remnants: dict[Remnant, None] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0
    files: int = 0

    def add(self, other: Seen) -> None:
        """Take in what *other* saw."""
        self.remnants |= other.remnants
        self.unreadable += other.unreadable
        self.objects += other.objects
        self.bytes += other.bytes
        self.files += other.files


def every_object(directory: Path, seen: Seen) -> list[bytes]:
    """The ids of all objects that *directory* can read; a database that can't be listed is told."""
    child = git.start(
        directory,
        *("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    listed, words = child.communicate()
    if child.returncode:
        error = git.failed(["cat-file"], child.returncode, words)
        seen.unreadable.append(Unreadable("the object database", error.message))
    return [line.split()[0] for line in listed.splitlines()]


def own_objects(directory: Path) -> list[bytes]:
    """Objects in the packs, as they lie there, and loose ones, of *directory* itself."""
    own = []
    for index in sorted((directory / "objects" / "pack").glob("*.idx")):
        rows = git.run(directory, "show-index", stdin=index.read_bytes()).splitlines()
        own += [oid for _, oid in sorted((int(r[0]), r[1]) for r in map(bytes.split, rows))]
    for loose in sorted((directory / "objects").glob("[0-9a-f][0-9a-f]/*")):
        own.append((loose.parent.name + loose.name).encode("ascii"))
    return own


def look_into(
    directory: Path,
    oids: Sequence[bytes],
    reader: Reader,
    seen: Seen,
    progress: Progress,
    *,
    hashed: bool = False,
    names: Names | None = None,
) -> None:
    """Read each of *oids* and note in *seen* what secrets it holds, and what could not be read.

    With *hashed* each has to be what its id says, else it raises `GitError`: we wrote them. *names* are
    those met in trees before.
    """
    total = len(oids)
    names = names if names is not None else Names()
    for kind, oid, content, piece in _read(directory, oids, seen, hashed=hashed):
        if not piece:
            seen.objects += 1
            seen.bytes += len(content)
        if seen.objects % _PROGRESS_EVERY == 0:
            progress("Verifying objects", seen.objects, total)
        text = names.fresh(content, len(oid) // 2) if kind == "tree" else content
        closed: list[str] = []
        for needle, encoding in sorted(reader.find(text, closed)):
            remnant = Remnant(needle, _WHERE[kind], encoding, object=oid.decode("ascii"))
            seen.remnants[remnant] = None
        seen.unreadable += (_unreadable(oid, reason) for reason in closed)
    if hashed and seen.objects != total:
        raise _miswritten(next(iter(seen.unreadable)).what.encode().split()[-1])


def _miswritten(oid: bytes) -> GitError:
    return GitError(
        f"Object {oid.decode('ascii')} of the rehearsal is not what its id says. Nothing was changed.",
        hint="This is a bug in remediate. Please report it; the leak can still be contained.",
    )


class Names:
    """The names in one tree after another, each once: most trees differ from another by an id."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._last: dict[bytes, tuple[bytes, list[int], list[int]]] = {}
        """Of the last tree with this first entry: its bytes, where its entries and their ids begin."""

    def fresh(self, content: bytes, length: int) -> bytes:
        """The names in the tree *content* that were in none before, one a line."""
        first = content[: content.find(b"\0")]
        last = self._last.get(first)
        if last is not None and _only_ids_differ(*last, content):
            self._last[first] = content, *last[1:]
            return b""
        entries = [(m.start(), m.end() - length, m[1]) for m in _ENTRY[length].finditer(content)]
        self._last[first] = content, [e[0] for e in entries], [e[1] for e in entries]
        fresh = {name for _, _, name in entries} - self._known
        self._known |= fresh
        return b"\n".join(fresh)


def _only_ids_differ(old: bytes, starts: Sequence[int], ids: Sequence[int], new: bytes) -> bool:
    """Whether *new* has the entries of *old*, which begin at *starts*, with other ids."""
    if len(old) != len(new) or not starts:
        return False
    for block in range(0, len(new), _BLOCK):
        stop = block + _BLOCK
        if old[block:stop] == new[block:stop]:
            continue
        at = max(0, bisect_right(starts, block) - 1)
        while at < len(starts) and starts[at] < stop:
            if old[starts[at] : ids[at]] != new[starts[at] : ids[at]]:
                return False
            at += 1
    return True


def _read(
    directory: Path, oids: Sequence[bytes], seen: Seen, *, hashed: bool
) -> Iterator[tuple[str, bytes, bytes, bool]]:
    """Type, id and content of each of *oids*, and whether it is a further piece of the one before.

    One that git dies of is named, and it goes on; where somebody killed git, it is asked for once more.
    """
    left, again = list(oids), b""
    while left:
        done = counted = 0
        child = git.start(
            directory,
            *("-c", f"core.bigFileThreshold={_WHOLE}"),
            *("-c", f"core.deltaBaseCacheLimit={_BASES}"),
            *("cat-file", "--batch", "--buffer"),
        )
        feeder = Thread(target=_feed, args=(child.stdin, left), daemon=True)
        feeder.start()
        out = child.stdout
        assert out is not None
        for oid in left:
            line = out.readline()
            if not line.endswith(b"\n"):
                break
            words = line.split()
            done += 1
            if len(words) != 3:
                seen.unreadable.append(_unreadable(oid, words[-1].decode("ascii", "replace")))
                continue
            digest = hashlib.new("sha1" if len(oid) == 40 else "sha256", usedforsecurity=False)
            digest.update(b"%s %s\0" % (words[1], words[2]))
            carried, size = b"", int(words[2])
            # A folder is looked at whole: its entries are one after another.
            step = _PIECE if words[1] == b"blob" and size > _WHOLE else size
            at = 0
            while True:
                fresh = out.read(min(step, size - at))
                if hashed:
                    digest.update(fresh)
                at += len(fresh)
                if not fresh and at < size:
                    break
                counted = counted or at
                yield words[1].decode("ascii"), oid, carried + fresh, at > len(fresh)
                if at == size:
                    break
                carried = fresh[-_OVERLAP:]
            if at < size:
                done -= 1
                break
            counted = 0
            out.read(1)
            if hashed and digest.hexdigest().encode("ascii") != oid:
                raise _miswritten(oid)
        killed = done < len(left) and _killed(child)
        child.kill()
        child.wait()
        feeder.join()
        out.close()
        if killed and again != left[done]:
            again = left[done]
            # What was seen of it is seen, and counted, again.
            seen.objects -= bool(counted)
            seen.bytes -= counted
        elif done < len(left):
            seen.unreadable.append(_unreadable(left[done], "git can't read it: it is damaged"))
            done += 1
        left = left[done:]


def _killed(child: subprocess.Popen[bytes]) -> bool:
    """Whether a signal ended *child*, which has closed its output."""
    try:
        return child.wait(5.0) < 0
    except subprocess.TimeoutExpired:
        return False


def _unreadable(oid: bytes, reason: str) -> Unreadable:
    return Unreadable(f"object {oid.decode('ascii')}", reason)


def _feed(into: IO[bytes], oids: Iterable[bytes]) -> None:
    try:
        with into:
            for oid in oids:
                into.write(oid + b"\n")
    except (BrokenPipeError, ValueError):
        return
