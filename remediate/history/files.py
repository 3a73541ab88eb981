"""Secrets outside the object database: in git's own files, and in what is checked out.

Refs' names, reflogs, the index's paths, settings, hooks, messages that were being written, all
worktrees, and every tracked, modified, untracked or ignored file.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from remediate.errors import GitError
from remediate.history import git, packs, refnames
from remediate.history.containers.model import MOST_BYTES
from remediate.history.containers.search import begins
from remediate.history.matcher import Matcher
from remediate.history.model import FileHit, Progress, Unreadable
from remediate.history.repo import Repo, Worktree

#: A file is looked through in pieces of this size, each beginning with the end of the one before.
_PIECE = 16 << 20
_OVERLAP = 256 << 10

_PROGRESS_EVERY = 500


@dataclass
class FilesScanned:
    """What was found outside the object database."""

    hits: tuple[FileHit, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    searched: int = 0


@dataclass
class _Walk:
    repo: Repo
    matcher: Matcher
    progress: Progress
    hits: list[FileHit] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    searched: int = 0

    def text(self, where: str, path: str, data: bytes) -> bool:
        """Look through *data*, which is what stands at *path*; gives whether anything was found."""
        looked = self.matcher.look(data)
        found = dict.fromkeys((m.needle.id, m.encoding) for m in looked.matches)
        if found or looked.closed:
            # A path may hold a secret itself, and is shown.
            path = os.fsdecode(self.matcher.replace(os.fsencode(path)))
        self.unreadable += (Unreadable(f"{where} {path}", reason) for reason in looked.closed)
        self.hits += [FileHit(needle, where, path, encoding) for needle, encoding in found]
        return bool(found)

    def file(self, where: str, path: str, full: Path) -> bool:
        """Look through a file (of a link: where it points); gives whether anything was found."""
        self.searched += 1
        if self.searched % _PROGRESS_EVERY == 0:
            self.progress("Reading the work tree and git's own files", self.searched, None)
        found = False
        try:
            mode = full.lstat().st_mode
            if stat.S_ISLNK(mode):
                return self.text(where, path, _target(full))
            if not stat.S_ISREG(mode):
                return False
            with full.open("rb") as stream:
                carried = b""
                while piece := stream.read(_PIECE):
                    if not carried and begins(piece):
                        # Only whole can it be opened.
                        piece += stream.read(MOST_BYTES)
                    found = self.text(where, path, carried + piece) or found
                    carried = (carried + piece)[-_OVERLAP:]
        except FileNotFoundError:
            return found
        except OSError as error:
            self.unreadable.append(Unreadable(f"{where} {path}", error.strerror or "can't be read"))
        return found


def scan_files(repo: Repo, matcher: Matcher, *, progress: Progress) -> FilesScanned:
    """Every secret in *repo* that is not in an object."""
    walk = _Walk(repo, matcher, progress)
    refs = refnames.names(repo)
    for name in sorted(refs):
        walk.text("ref", name, name.encode("utf-8", "surrogateescape"))
    files: list[str] = []
    for full in packs.beside(repo.objects_dir):
        walk.file("gitfile", os.path.relpath(full, repo.common_dir), full)
    for tree in repo.worktrees:
        for where, full in git_files(tree):
            path = os.path.relpath(full, repo.common_dir)
            walk.file(where, path, full)
            files.append(path)
        _checked_out(walk, tree)
    _git_names(walk, files, refs)
    hits = tuple(dict.fromkeys(walk.hits))
    return FilesScanned(hits, tuple(walk.unreadable), walk.searched)


def _git_names(walk: _Walk, files: Sequence[str], refs: Set[str]) -> None:
    """Names of git's own files: a hook's, a linked worktree's, a sub-module's. Nobody changes those."""
    if not walk.matcher.find(os.fsencode("\n".join(files))):
        return
    for path in files:
        ref = path.replace("logs/", "", 1)
        # Refs and their logs get other names, and LFS objects are called by their content.
        if ref not in refs and not path.startswith("lfs/objects/"):
            walk.text("path", path, os.fsencode(path))


def git_files(tree: Worktree) -> Iterator[tuple[str, Path]]:
    """Every file of a worktree's git directory but objects: (where, path)."""
    for folder, folders, names in os.walk(tree.git_dir):
        here = Path(folder)
        inside = here.relative_to(tree.git_dir).parts
        if not inside:
            folders[:] = [name for name in folders if name not in ("objects", "worktrees")]
        elif inside[0] == "modules" and "objects" in folders:
            # A sub-module is a repository of its own; its text files are looked at all the same.
            folders.remove("objects")
        folders.sort()
        for name in sorted(names):
            yield _sort(inside, name), here / name


def _sort(inside: tuple[str, ...], name: str) -> str:
    top = inside[0] if inside else name
    if top in ("logs", "refs", "hooks"):
        return {"logs": "reflog", "refs": "ref", "hooks": "hook"}[top]
    if top == "packed-refs":
        return "ref"
    if top.startswith(("index", "sharedindex.")):
        return "index"
    return "config" if top.startswith("config") else "gitfile"


def _checked_out(walk: _Walk, tree: Worktree) -> None:
    tracked: dict[bytes, str] = {}
    if (tree.git_dir / "index").is_file():
        try:
            tracked = dict(_index(walk, tree))
        except GitError as error:
            walk.unreadable.append(
                Unreadable(f"index of {tree.path or tree.git_dir}", error.message)
            )
    if tree.path is None:
        return
    for name, oid in tracked.items():
        _tracked_file(walk, tree.path, name, oid)
    for name in git.run(tree.path, "ls-files", "-o", "-z").split(b"\0")[:-1]:
        full = tree.path / os.fsdecode(name)
        if full.is_dir() and not full.is_symlink():
            _other_repository(walk, tree.path, full)
        else:
            walk.text("untracked", os.fsdecode(name), name)
            walk.file("untracked", os.fsdecode(name), full)


def _index(walk: _Walk, tree: Worktree) -> Iterator[tuple[bytes, str]]:
    """Path and blob of each entry; paths are looked through on the way."""
    for row in git.run(tree.git_dir, "ls-files", "-s", "-z").split(b"\0")[:-1]:
        facts, _, name = row.partition(b"\t")
        if not walk.text("index", os.fsdecode(name), b"\n".join(name.split(b"/"))):
            # It runs over several names, none of which holds it: nothing can take it out of them.
            walk.text("path", os.fsdecode(name), name)
        mode, oid, _ = facts.decode("ascii").split(" ")
        if mode != "160000":
            yield name, oid


def _tracked_file(walk: _Walk, root: Path, name: bytes, oid: str) -> None:
    path, full = os.fsdecode(name), root / os.fsdecode(name)
    before = len(walk.hits)
    if walk.file("worktree", path, full) and not _as_recorded(walk.repo, full, oid):
        # Somebody's work in progress, or it came through a filter: it is named, never changed.
        walk.hits[before:] = [
            FileHit(hit.needle, "modified", hit.path, hit.encoding) for hit in walk.hits[before:]
        ]


def _as_recorded(repo: Repo, full: Path, oid: str) -> bool:
    """Whether a file is what its index entry says, or the LFS object that that one points at."""
    if _blob_id(repo, full) == oid:
        return True
    stored = repo.common_dir / "lfs" / "objects"
    if full.is_symlink() or not stored.is_dir():
        return False
    digest = hashlib.sha256(full.read_bytes()).hexdigest()
    return (stored / digest[:2] / digest[2:4] / digest).is_file()


def _blob_id(repo: Repo, full: Path) -> str:
    content = _target(full) if full.is_symlink() else full.read_bytes()
    digest = hashlib.new(repo.object_format, usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content) + content)
    return digest.hexdigest()


def _target(link: Path) -> bytes:
    # Path.readlink would tidy it: "./a//b" is not "a/b".
    return os.readlink(os.fsencode(link))  # noqa: PTH115


def _other_repository(walk: _Walk, root: Path, folder: Path) -> None:
    """A repository that lies within this one: its files, and its history as far as a file's is read."""
    for inner, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            full = Path(inner, name)
            walk.file("untracked", os.path.relpath(full, root), full)
