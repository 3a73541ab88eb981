"""Indexes and checked-out files: the same work in progress as before, without the secret.

An index entry keeps its path, stage, mode and flags and gets the new blob's id. A checked-out file is
written only where it is, byte for byte, the blob that its index entry names: then it becomes the new
blob, byte for byte. Any other file holds somebody's work, or came through a filter: it is left alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from remediate.errors import RepositoryError
from remediate.history import git, trees
from remediate.history.durable import (
    replace_file,
    replace_symlink,
    sync_file,
    sync_folder,
    temporary_for,
)
from remediate.history.edits import Clean
from remediate.history.guard import Guard
from remediate.history.repo import Repo, Worktree

_CHUNK = 1 << 20
_SYMLINK = "120000"
_FILES = frozenset({"100644", "100755", _SYMLINK})


@dataclass(frozen=True)
class Entry:
    """One entry of an index."""

    tag: str
    """``H``, ``S`` (skip-worktree), ``M`` (unmerged); in lower case: assume-unchanged."""
    mode: str
    oid: str
    stage: str
    path: bytes

    @property
    def line(self) -> bytes:
        """The entry as ``update-index --index-info`` reads it, without the end."""
        return f"{self.mode} {self.oid} {self.stage}\t".encode("ascii") + self.path


@dataclass(frozen=True)
class IndexEdit:
    """An index that names objects which are replaced, or paths with a secret in them."""

    tree: Worktree
    changed: tuple[tuple[Entry, str], ...]
    """Each entry that gets another id or path, with its id from then on."""
    paths: Mapping[bytes, bytes] = field(default_factory=dict)
    """Old path to new of those that get another one."""

    @property
    def path(self) -> Path:
        """The index file."""
        return self.tree.git_dir / "index"


@dataclass(frozen=True)
class FileEdit:
    """A checked-out file that becomes its new blob."""

    root: Path
    path: bytes
    symlink: bool
    old: str
    new: str
    to: bytes | None = None
    """Its path from then on, where that is another one."""
    content: bytes | None = field(default=None, repr=False)
    """What it will hold where that is not what git has for it: an LFS object, and not its pointer."""

    @property
    def full(self) -> Path:
        """Where it is."""
        return self.root / os.fsdecode(self.path)

    @property
    def after(self) -> FileEdit:
        """The file as it will be, as one that has nothing more to change."""
        path = self.path if self.to is None else self.to
        return FileEdit(self.root, path, self.symlink, self.new, self.new)


def entries(tree: Worktree) -> Iterator[Entry]:
    """The entries of a worktree's index, a sparse one's spelled out."""
    raw = git.run(tree.git_dir, "ls-files", "-s", "-v", "-z")
    for row in raw.split(b"\0")[:-1]:
        facts, _, path = row.partition(b"\t")
        tag, mode, oid, stage = facts.decode("ascii").split(" ")
        yield Entry(tag, mode, oid, stage, path)


def digest(found: Iterable[Entry]) -> str:
    """What stands in an index, as one number; flags and file times left out."""
    return hashlib.sha256(b"\0".join(sorted(entry.line for entry in found))).hexdigest()


def plan(
    repo: Repo, objects: Mapping[str, str], doomed: Set[str], clean: Clean
) -> Iterator[IndexEdit]:
    """What becomes of each index that has to change. *objects* says old id to new id.

    Raises `RepositoryError` where an index names an object that goes and has no successor.
    """
    for tree in repo.worktrees:
        if not (tree.git_dir / "index").is_file():
            continue
        changed = []
        found = list(entries(tree))
        paths = renamed({entry.path for entry in found}, clean)
        for entry in found:
            if entry.oid not in doomed and entry.path not in paths:
                continue
            if entry.oid in doomed and entry.oid not in objects:
                raise RepositoryError(
                    f"{os.fsdecode(entry.path)} was staged after the preview and holds the secret.",
                    hint="Run the preview again: it will know that file too.",
                )
            changed.append((entry, objects.get(entry.oid, entry.oid)))
        if changed or _forgotten(tree, doomed, clean) or _told(tree, clean):
            yield IndexEdit(tree, tuple(changed), paths)


def renamed(paths: Collection[bytes], clean: Clean) -> dict[bytes, bytes]:
    """Old path to new of those that hold a secret in a name, as the rewritten trees have them."""
    joined = b"\n".join(sorted(paths))
    if clean(joined) == joined:
        return {}
    within: dict[bytes, dict[bytes, bool]] = {}
    for path in paths:
        parts = path.split(b"/")
        for depth, name in enumerate(parts):
            folder = within.setdefault(b"/".join(parts[:depth]), {})
            folder[name] = depth < len(parts) - 1
    names = {
        folder: trees.new_names(
            sorted(there, key=lambda name: trees.sort_key(name, there[name])), clean
        )
        for folder, there in within.items()
    }
    new = {}
    for path in paths:
        parts = path.split(b"/")
        new[path] = b"/".join(names[b"/".join(parts[:n])][name] for n, name in enumerate(parts))
    return {path: to for path, to in new.items() if path != to}


def naming(tree: Worktree, oids: Set[str]) -> IndexEdit:
    """The entries of a worktree's index that name one of *oids*, each as its own successor."""
    if not (tree.git_dir / "index").is_file():
        return IndexEdit(tree, ())
    return IndexEdit(tree, tuple((e, e.oid) for e in entries(tree) if e.oid in oids))


def files(edit: IndexEdit) -> Iterator[FileEdit]:
    """The checked-out files behind the changed entries of an index, whatever is in them now."""
    if edit.tree.path is None:
        return
    for entry, new in edit.changed:
        if entry.stage == "0" and entry.mode in _FILES:
            link, to = entry.mode == _SYMLINK, edit.paths.get(entry.path)
            yield FileEdit(edit.tree.path, entry.path, link, entry.oid, new, to)


def holds(repo: Repo, file: FileEdit, oid: str) -> bool:
    """Whether *file* is on disk, byte for byte, the blob *oid*, and of the right sort."""
    if _behind_symlink(file.root, file.full):
        return False
    try:
        found = file.full.lstat()
        if file.symlink:
            if not stat.S_ISLNK(found.st_mode):
                return False
            # Path.readlink would tidy the target: "./a" is not "a".
            target = os.readlink(os.fsencode(file.full))  # noqa: PTH115
            return blob_id(repo, len(target), [target]) == oid
        if not stat.S_ISREG(found.st_mode):
            return False
        with file.full.open("rb") as stream:
            return blob_id(repo, found.st_size, iter(lambda: stream.read(_CHUNK), b"")) == oid
    except OSError:
        return False


def clean_file(repo: Repo, file: FileEdit) -> bool:
    """Make *file* its new blob, where it is its old one; gives whether it is the new one now.

    Raises OSError where it can't be written.
    """
    after = file.after
    if not holds(repo, after, file.new):
        if not holds(repo, file, file.old):
            return False
        if file.to is not None:
            if os.path.lexists(after.full) or _behind_symlink(file.root, after.full):
                return False
            after.full.parent.mkdir(parents=True, exist_ok=True)
        if file.symlink:
            replace_symlink(after.full, os.fsdecode(b"".join(blob(repo, file.new))))
        else:
            mode = stat.S_IMODE(file.full.lstat().st_mode)
            chunks = blob(repo, file.new) if file.content is None else [file.content]
            replace_file(after.full, chunks, mode=mode)
    if file.to is not None and holds(repo, file, file.old):
        remove_file(file.root, file.full)
    return True


def remove_file(root: Path, full: Path) -> None:
    """Take a file away, and the folders below *root* that are empty without it."""
    full.unlink()
    folder = full.parent
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
    sync_folder(folder)


def write_index(repo: Repo, guard: Guard, edit: IndexEdit, clean: Clean = bytes) -> None:
    """Give the changed entries their new ids and paths, all at once, everything else of the index kept.

    What else the index remembers of folders goes where *clean* would change it: git finds it again.
    """
    shared = [path for path in _shared(edit.tree) if _holds(path, clean)]
    draft = temporary_for(edit.path)
    lock = edit.path.with_name("index.lock")
    with guard.expecting([edit.path, draft]):
        os.close(create_lock(lock))
        try:
            shutil.copyfile(edit.path, draft)
            shutil.copymode(edit.path, draft)
            _change(repo, guard, edit, draft, bool(shared), clean)
            sync_file(draft)
            draft.replace(lock)
            lock.replace(edit.path)
            for path in shared:
                path.unlink()
        except BaseException:
            draft.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
            raise


def create_lock(lock: Path) -> int:
    """A descriptor of the new lock file *lock*. Raises `RepositoryError` where another git has it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(lock, flags, 0o666)
    except FileExistsError:
        raise RepositoryError(
            f"Another git process holds {lock}.", hint="Wait for it to end, then: remediate resume"
        ) from None


def blob(repo: Repo, oid: str) -> Iterator[bytes]:
    """The content of a blob, in pieces. Raises `remediate.errors.GitError`."""
    with git.start(repo.common_dir, "cat-file", "blob", oid, stdin=None) as child:
        out = child.stdout
        assert out is not None
        yield from iter(lambda: out.read(_CHUNK), b"")
    if child.returncode:
        raise git.failed(["cat-file"], child.returncode, b"")


def blob_id(repo: Repo, size: int, chunks: Iterable[bytes]) -> str:
    """The id that a blob of that content has."""
    algorithm = hashlib.new(repo.object_format, usedforsecurity=False)
    algorithm.update(b"blob %d\0" % size)
    for chunk in chunks:
        algorithm.update(chunk)
    return algorithm.hexdigest()


def _change(
    repo: Repo, guard: Guard, edit: IndexEdit, draft: Path, split: bool, clean: Clean
) -> None:
    # Flags can only be set in a work tree; where there is none, any folder stands for it.
    root = edit.tree.path or repo.objects_dir
    environment = {
        "GIT_DIR": str(edit.tree.git_dir),
        "GIT_WORK_TREE": str(root),
        "GIT_INDEX_FILE": str(draft),
    }

    def update(*arguments: str, paths: Iterable[bytes] = (), codes: Iterable[int] = (0,)) -> None:
        stdin = b"".join(path + b"\0" for path in paths)
        if stdin or "-z" not in arguments:
            guard.git(
                root,
                # Spelled out while we write: --index-info would put a path beside its sparse folder.
                *("-c", "index.sparse=false", "update-index"),
                *arguments,
                stdin=stdin,
                environment=environment,
                accept=codes,
            )

    changed = [
        Entry(e.tag, e.mode, new, e.stage, edit.paths.get(e.path, e.path))
        for e, new in edit.changed
    ]
    # Mode 0 takes a path out, with all its stages; what takes its place may lie in its way.
    # A folder's name, too, stands in the index: in what git remembers of its tree.
    old = dict.fromkeys((*sorted(edit.paths), *_folders(edit.paths)))
    gone = (Entry("", "0", repo.null_id, "0", path).line for path in old)
    update("-z", "--index-info", paths=[*gone, *(entry.line for entry in changed)])
    # A replaced entry has lost its flags.
    skipped = (e.path for e in changed if e.tag in "Ss")
    assumed = (e.path for e in changed if e.tag.islower())
    update("-z", "--skip-worktree", "--stdin", paths=skipped)
    update("-z", "--assume-unchanged", "--stdin", paths=assumed)
    update("--clear-resolve-undo")
    if split:
        update("--no-split-index")
        update("--split-index")
    if _holds(draft, clean):
        update("--no-untracked-cache")
        update("--force-untracked-cache")
    if edit.tree.path is not None and not _filters(repo):
        # So that plumbing, too, sees at once that the cleaned files are as their entries say.
        update("-q", "--unmerged", "--ignore-missing", "--refresh", codes=(0, 1))


def _folders(paths: Mapping[bytes, bytes]) -> list[bytes]:
    """Folders on the way to *paths* whose own name changes."""
    found: dict[bytes, None] = {}
    for old, new in paths.items():
        parts = list(zip(old.split(b"/"), new.split(b"/"), strict=True))[:-1]
        for depth, (name, to) in enumerate(parts):
            if name != to:
                found[b"/".join(part for part, _ in parts[: depth + 1])] = None
    return list(found)


def _shared(tree: Worktree) -> list[Path]:
    """The shared parts of a split index, those that are used no more included."""
    return sorted(tree.git_dir.glob("sharedindex.*"))


def _holds(path: Path, clean: Clean) -> bool:
    content = path.read_bytes()
    return clean(content) != content


def _told(tree: Worktree, clean: Clean) -> bool:
    """Whether a secret stands in what an index remembers beside its entries."""
    return any(_holds(path, clean) for path in (tree.git_dir / "index", *_shared(tree)))


def _filters(repo: Repo) -> bool:
    """Whether looking at a file could run a program that the repository's config names."""
    return bool(git.run(repo.common_dir, "config", "--get-regexp", r"^filter\.", accept=(0, 1)))


def _forgotten(tree: Worktree, doomed: Set[str], clean: Clean) -> bool:
    """Whether the index remembers, of conflicts long resolved, blobs that go or paths with a secret."""
    raw = git.run(tree.git_dir, "ls-files", "--resolve-undo", "-z")
    rows = [row.split(b" ") for row in raw.split(b"\0") if row]
    return clean(raw) != raw or any(row[1].decode("ascii", "replace") in doomed for row in rows)


def _behind_symlink(root: Path, path: Path) -> bool:
    """Whether a folder on the way to *path* is a link: what is behind it is not the repository's."""
    parents = (parent for parent in path.parents if parent != root and root in parent.parents)
    return any(parent.is_symlink() for parent in parents)
