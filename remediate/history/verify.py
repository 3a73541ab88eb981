"""Read everything again and say whether a secret is left: with code of its own throughout.

It shares the errors, the model and the way git is started with the rest, and nothing else: it lists
objects, reads them, walks folders and undoes encodings by itself (`remediate.history.readings`).
"""

from __future__ import annotations

import hashlib
import os
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
from remediate.history.model import (
    Needle,
    Progress,
    Remnant,
    Scope,
    Searched,
    Unreadable,
    Verdict,
    no_progress,
)
from remediate.history.readings import Reader, wanted
from remediate.history.repo import Repo

_WHERE = {"blob": "file", "commit": "commit-message", "tag": "tag-message", "tree": "path"}

#: An entry of a tree, and its name, by the length of an id.
_ENTRY = {length: re.compile(rb"[0-7]+ ([^\0]+)\0.{%d}" % length, re.DOTALL) for length in (20, 32)}
_BLOCK = 256

#: Files in the object directory that are git's own, in a format of its own.
_NO_TEXT = frozenset({".pack", ".idx", ".rev", ".bitmap", ".mtimes"})

#: A blob larger than this comes in pieces, each with the end of the one before: a secret can stand there.
#: Undoing encodings takes many times the memory of what is looked at.
_WHOLE = 64 << 20
_PIECE, _OVERLAP = 4 << 20, 1 << 20

_PROGRESS_EVERY = 2000


@dataclass
class _Seen:
    remnants: dict[Remnant, None] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0
    files: int = 0


def verify(repo: Repo, needles: Sequence[Needle], *, progress: Progress = no_progress) -> Verdict:
    """Whether *needles* are anywhere in *repo*: objects (named or not), git's files, work trees.

    Changes nothing. What could not be read is in the verdict, which is then not clean.
    """
    reader = _reader(needles)
    seen = _Seen()
    seen.unreadable += _known_gaps(repo)
    _objects(repo.common_dir, _every_object(repo.common_dir, seen), reader, seen, progress)
    seen.unreadable += _missing(repo)
    _names(repo, reader, seen)
    folders = {tree.git_dir for tree in repo.worktrees} | {repo.common_dir}
    for folder in sorted(folders):
        _files(folder, "gitfile", repo, reader, seen, progress)
    _beside_objects(repo, reader, seen)
    _submodules(repo, reader, seen, progress)
    for tree in repo.worktrees:
        if tree.path is not None:
            _files(tree.path, "worktree", repo, reader, seen, progress)
    return _verdict(seen, reader)


def verify_rehearsal(
    quarantine: Path, needles: Sequence[Needle], *, progress: Progress = no_progress
) -> Verdict:
    """Whether *needles* are in the objects of *quarantine*'s own, not in those that it borrows.

    Raises `GitError` where git reads one otherwise than its id says: the pack is one that we wrote.
    """
    reader = _reader(needles)
    seen = _Seen()
    own = _own_objects(quarantine)
    _objects(quarantine, own, reader, seen, progress, hashed=True)
    return _verdict(seen, reader)


def _reader(needles: Sequence[Needle]) -> Reader:
    return Reader(wanted(needle.id, needle.secret.reveal()) for needle in needles if needle.secret)


def _verdict(seen: _Seen, reader: Reader) -> Verdict:
    return Verdict(
        Scope(local=True),
        Searched(seen.objects, seen.bytes, seen.files, reader.kinds),
        tuple(seen.remnants),
        tuple(dict.fromkeys(seen.unreadable)),
    )


def _known_gaps(repo: Repo) -> Iterator[Unreadable]:
    if (repo.common_dir / "shallow").exists():
        yield Unreadable("history before the clone's beginning", "the clone is shallow")
    if repo.partial:
        yield Unreadable("objects left at the remote", "the clone is partial")
    borrowed = repo.common_dir / "objects" / "info" / "alternates"
    if borrowed.is_file():
        for line in borrowed.read_bytes().splitlines():
            path = repo.common_dir / "objects" / os.fsdecode(line)
            if line and not line.startswith(b"#") and not path.is_dir():
                yield Unreadable(f"alternate {path}", "the folder it names can't be read")


def _missing(repo: Repo) -> Iterator[Unreadable]:
    """Objects that something names and that are not there."""
    if repo.partial:
        return  # said already, and each of them would be a line
    try:
        listed = git.run(
            repo.common_dir,
            "rev-list",
            "--objects",
            "--all",
            "--reflog",
            "--missing=print",
            "--quiet",
        )
    except GitError as error:
        yield Unreadable("the history as a whole", error.message)
        return
    for line in listed.splitlines():
        if line.startswith(b"?"):
            yield Unreadable(f"object {line[1:].decode('ascii', 'replace')}", "it is missing")


def _every_object(directory: Path, seen: _Seen) -> list[bytes]:
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


def _own_objects(directory: Path) -> list[bytes]:
    """Objects in the packs, as they lie there, and loose ones, of *directory* itself."""
    own = []
    for index in sorted((directory / "objects" / "pack").glob("*.idx")):
        rows = git.run(directory, "show-index", stdin=index.read_bytes()).splitlines()
        own += [oid for _, oid in sorted((int(r[0]), r[1]) for r in map(bytes.split, rows))]
    for loose in sorted((directory / "objects").glob("[0-9a-f][0-9a-f]/*")):
        own.append((loose.parent.name + loose.name).encode("ascii"))
    return own


def _objects(
    directory: Path,
    oids: Sequence[bytes],
    reader: Reader,
    seen: _Seen,
    progress: Progress,
    *,
    hashed: bool = False,
) -> None:
    total = len(oids)
    names = _Names()
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


class _Names:
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
    directory: Path, oids: Sequence[bytes], seen: _Seen, *, hashed: bool
) -> Iterator[tuple[str, bytes, bytes, bool]]:
    """Type, id and content of each of *oids*, and whether it is a further piece of the one before.

    One that git dies of is named, and it goes on.
    """
    left = list(oids)
    while left:
        done = 0
        child = git.start(
            directory, "-c", f"core.bigFileThreshold={_WHOLE}", "cat-file", "--batch", "--buffer"
        )
        feeder = Thread(target=_feed, args=(child.stdin, left), daemon=True)
        feeder.start()
        out = child.stdout
        assert out is not None
        for oid in left:
            words = out.readline().split()
            if not words:
                break
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
                yield words[1].decode("ascii"), oid, carried + fresh, at > len(fresh)
                if at == size:
                    break
                carried = fresh[-_OVERLAP:]
            if at < size:
                done -= 1
                break
            out.read(1)
            if hashed and digest.hexdigest().encode("ascii") != oid:
                raise _miswritten(oid)
        child.kill()
        child.wait()
        feeder.join()
        out.close()
        if done < len(left):
            seen.unreadable.append(_unreadable(left[done], "git can't read it: it is damaged"))
            done += 1
        left = left[done:]


def _unreadable(oid: bytes, reason: str) -> Unreadable:
    return Unreadable(f"object {oid.decode('ascii')}", reason)


def _feed(into: IO[bytes], oids: Iterable[bytes]) -> None:
    try:
        with into:
            for oid in oids:
                into.write(oid + b"\n")
    except (BrokenPipeError, ValueError):
        return


def _names(repo: Repo, reader: Reader, seen: _Seen) -> None:
    """Names of refs, and of files in every index."""
    refs = git.run(repo.common_dir, "for-each-ref", "--format=%(refname)").splitlines()
    rows = [("ref", name) for name in refs]
    for tree in repo.worktrees:
        if (tree.git_dir / "index").is_file():
            listed = git.run(tree.git_dir, "ls-files", "-z", "--sparse").split(b"\0")
            rows += [("index", name) for name in listed if name]
    for where, name in rows:
        _note(reader.find(name), where, os.fsdecode(name), reader, seen)


def _note(found: set[tuple[str, str]], where: str, path: str, reader: Reader, seen: _Seen) -> None:
    for needle, encoding in sorted(found):
        seen.remnants[Remnant(needle, where, encoding, path=reader.shown(path))] = None


def _files(
    root: Path, where: str, repo: Repo, reader: Reader, seen: _Seen, progress: Progress
) -> None:
    """Every file below *root* but git's object files and what is git's in a work tree."""
    skipped = {repo.common_dir / "objects", root / ".git"}
    skipped |= {head.parent / "objects" for head in (repo.common_dir / "modules").rglob("HEAD")}

    def failed(error: OSError) -> None:
        path = reader.shown(os.path.relpath(error.filename, root))
        seen.unreadable.append(Unreadable(f"{where} {path}", error.strerror or "unreadable"))

    for folder, folders, names in os.walk(root, onerror=failed):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = sorted(name for name in folders if Path(folder, name) not in skipped)
        for name in sorted((*names, *links)):
            full = Path(folder, name)
            seen.files += 1
            if seen.files % _PROGRESS_EVERY == 0:
                progress("Verifying files", seen.files, None)
            path = os.path.relpath(full, root)
            try:
                content = _content(full)
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = error.strerror or "unreadable"
                seen.unreadable.append(Unreadable(f"{where} {reader.shown(path)}", reason))
                continue
            if content[:4] in (b"# v2", b"# v3") and content[4:16] == b" git bundle\n":
                reason = "it is a bundle: a history in one file, which is not looked into"
                seen.unreadable.append(Unreadable(f"{where} {reader.shown(path)}", reason))
            closed: list[str] = []
            found = reader.find(content, closed) | reader.find(os.fsencode(path))
            if closed:
                shown = reader.shown(path)
                seen.unreadable += (Unreadable(f"{where} {shown}", reason) for reason in closed)
            _note(found, where, path, reader, seen)


def _submodules(repo: Repo, reader: Reader, seen: _Seen, progress: Progress) -> None:
    """The objects of every repository that lies within this one's git directory."""
    for head in sorted((repo.common_dir / "modules").rglob("HEAD")):
        folder = head.parent
        if not (folder / "objects").is_dir():
            continue
        path, inner = os.path.relpath(folder, repo.common_dir), _Seen()
        _objects(folder, _every_object(folder, inner), reader, inner, progress)
        seen.objects += inner.objects
        seen.bytes += inner.bytes
        for found in inner.remnants:
            remnant = Remnant(found.needle, "submodule", found.encoding, found.object, path)
            seen.remnants[remnant] = None
        for thing in inner.unreadable:
            seen.unreadable.append(Unreadable(f"{path}: {thing.what}", thing.reason))


def _beside_objects(repo: Repo, reader: Reader, seen: _Seen) -> None:
    """Text beside the objects, and objects that were never finished: nobody can look into those."""
    root = repo.common_dir / "objects"
    for folder in (root, root / "info", root / "pack"):
        for full in sorted(folder.iterdir()) if folder.is_dir() else ():
            if full.name.startswith(("multi-pack-index", "commit-graph")):
                continue
            if full.is_file() and full.suffix not in _NO_TEXT:
                _note(reader.find(full.read_bytes()), "gitfile", str(full), reader, seen)
    for full in sorted((*root.glob("tmp_*"), *root.glob("pack/*tmp*"), *root.glob("??/tmp_*"))):
        path = reader.shown(os.path.relpath(full, repo.common_dir))
        seen.unreadable.append(
            Unreadable(
                path, "a git that is at work, or was killed, has not finished it; remove it then"
            )
        )


def _content(full: Path) -> bytes:
    if full.is_symlink():
        # Path.readlink would tidy it: "./a//b" is not "a/b".
        return os.readlink(os.fsencode(full))  # noqa: PTH115
    return full.read_bytes() if full.is_file() else b""
