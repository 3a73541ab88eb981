"""LFS objects (https://git-lfs.com): large files beside git's own objects, named by their SHA-256.

A file of the history is then a pointer to one: its digest, and its size. One with a secret in it gets
a successor, of the same length but for archives that are packed again; in pointers, and wherever
else the object is named, its digest is replaced like a secret: the old by the new.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from remediate.errors import RepositoryError
from remediate.history import git, worktrees
from remediate.history.durable import replace_file, sync_folder
from remediate.history.matcher import Matcher
from remediate.history.model import LfsObject, Needle
from remediate.history.objects import read_many
from remediate.history.repo import Repo
from remediate.secret import Secret

#: Below the common git directory (git-lfs-config(5), ``lfs.storage``).
FOLDER = "lfs/objects"

_OID = re.compile(r"[0-9a-f]{64}")
#: The specification's own (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
_POINTER = re.compile(rb"version https://\S+\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\n")
_LARGEST_POINTER = 1024


def stored(common_dir: Path) -> Iterator[Path]:
    """The files of the LFS objects that are here."""
    for path in sorted((common_dir / FOLDER).glob("??/??/*")):
        if _OID.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            yield path


def place(common_dir: Path, oid: str) -> Path:
    """Where the LFS object *oid* is."""
    return common_dir / FOLDER / oid[:2] / oid[2:4] / oid


def find(common_dir: Path, needles: Sequence[Needle]) -> dict[str, LfsObject]:
    """Each LFS object with a secret in it."""
    found = {}
    matcher: Matcher | None = None
    for path in stored(common_dir):
        matcher = matcher or Matcher(needles)
        content = path.read_bytes()
        if matches := matcher.find(content):
            after = matcher.replace(content, keep_length=True)
            new = hashlib.sha256(after).hexdigest()
            found[path.name] = LfsObject(new, matches[0].needle.id, len(content), len(after))
    return found


def pointers(found: Mapping[str, LfsObject]) -> list[Needle]:
    """What *found* means for git's own objects: there, the old ids are to be replaced."""
    needles = []
    for old, after in found.items():
        needles.append(Needle(after.needle, Secret(old.encode("ascii")), after.new.encode("ascii")))
        if after.size != after.size_before:
            # An archive that was packed again. Where the two stand together, the longer one counts.
            before = f"oid sha256:{old}\nsize {after.size_before}".encode("ascii")
            now = f"oid sha256:{after.new}\nsize {after.size}".encode("ascii")
            needles.append(Needle(after.needle, Secret(before), now))
    return needles


class Store:
    """The successors of LFS objects, made when they are wanted."""

    def __init__(self, repo: Repo, new: Mapping[str, str], needles: Sequence[Needle]) -> None:
        """*new*: old id to new id (`Rehearsal.lfs`)."""
        self._repo = repo
        self._new = new
        self._matcher = Matcher(needles if new else ())

    def content(self, old: str) -> bytes:
        """The successor of *old*. Raises `RepositoryError` where that is not what was rehearsed."""
        there = place(self._repo.common_dir, self._new[old])
        if there.is_file():
            return there.read_bytes()
        try:
            before = place(self._repo.common_dir, old).read_bytes()
        except OSError:
            before = b""
        content = self._matcher.replace(before, keep_length=True)
        if hashlib.sha256(content).hexdigest() != self._new[old]:
            raise RepositoryError(
                f"The LFS object {old} is gone, or another than at the preview.",
                hint="git lfs fetch --all brings it back. Then run the preview again.",
            )
        return content

    def bring(self) -> None:
        """Put every successor beside the old objects."""
        for old, new in self._new.items():
            path = place(self._repo.common_dir, new)
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, [self.content(old)], mode=0o644)

    def files(self, edit: worktrees.IndexEdit) -> Iterator[worktrees.FileEdit]:
        """The checked-out files of *edit*; of a pointer's, where it is the object itself, that."""
        files = list(worktrees.files(edit))
        objects = self._pointed_at([file.old for file in files]) if self._new else {}
        for file in files:
            oid = objects.get(file.old)
            if oid is None or worktrees.holds(self._repo, file, file.old):
                yield file
                continue
            source = place(self._repo.common_dir, oid)
            before = source.read_bytes() if source.is_file() else None
            content = self.content(oid)
            yield worktrees.FileEdit(
                *(file.root, file.path, file.symlink),
                worktrees.blob_id(self._repo, len(before), [before]) if before is not None else "",
                worktrees.blob_id(self._repo, len(content), [content]),
                file.to,
                content,
            )

    def _pointed_at(self, blobs: Iterable[str]) -> dict[str, str]:
        """The LFS object that each of *blobs* points at, as far as it has a successor."""
        found = {}
        for read in read_many(self._repo.common_dir, sorted(set(blobs))):
            content = read.content or b""
            pointer = _POINTER.match(content) if len(content) <= _LARGEST_POINTER else None
            if pointer is not None and (oid := pointer[1].decode("ascii")) in self._new:
                found[read.oid] = oid
        return found


def remove(repo: Repo, oids: Iterable[str]) -> None:
    """Take LFS objects away."""
    for oid in oids:
        path = place(repo.common_dir, oid)
        if path.exists():
            worktrees.remove_file(repo.common_dir / FOLDER, path)
            sync_folder(repo.common_dir / FOLDER)


def elsewhere(repo: Repo) -> str | None:
    """The folder of LFS objects where that is outside of this repository; it is not looked into."""
    raw = git.run(repo.common_dir, "config", "--get", "lfs.storage", accept=(0, 1))
    named = raw.decode("utf-8", "surrogateescape").strip()
    inside = repo.common_dir / "lfs"
    return named if named and (repo.common_dir / named).resolve() != inside.resolve() else None
