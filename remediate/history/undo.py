"""Puts everything back as it was before apply: from the backup, and only what apply and purge changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import IO

import pyrage

from remediate.errors import BackupError
from remediate.history import archive as archives
from remediate.history import (
    git,
    gitfiles,
    largefiles,
    packs,
    reflogs,
    refmoves,
    refnames,
    serverinfo,
    worktrees,
)
from remediate.history.archive import Manifest, SavedFile, SavedIndex
from remediate.history.backup import plan_digest
from remediate.history.durable import discard_temporary, replace_file, replace_symlink, sync_file
from remediate.history.edits import Ids
from remediate.history.guard import Guard, writing
from remediate.history.model import Progress, Rehearsal, Undone, no_progress
from remediate.history.purge import remove, require_removable
from remediate.history.repo import Repo, Worktree

_CHUNK = 1 << 20


def undo(
    repo: Repo,
    archive: Path,
    identity: pyrage.x25519.Identity,
    rehearsal: Rehearsal,
    *,
    sha256: str | None = None,
    progress: Progress = no_progress,
) -> Undone:
    """Bring *repo* back to where it was before *rehearsal* was applied.

    Works on a state that is applied in part or not at all, and on its own half-done work after a
    crash. *sha256* is the archive's, where it is known. Raises `BackupError` for another key's, a
    damaged or another rewrite's archive, and `RepositoryError` naming refs that were moved since;
    nothing is changed then.
    """
    try:
        stream = archive.open("rb")
    except OSError as error:
        raise BackupError(
            f"The backup {archive} can't be read: {error.strerror}.",
            hint="Bring it back to that place, then: remediate undo",
        ) from None
    with stream:
        progress("checking the backup", 0, None)
        manifest = archives.verified(stream, identity, sha256)
        if manifest.plan != plan_digest(rehearsal):
            raise BackupError(
                f"{archive} is the backup of another rewrite. Nothing was changed.",
                hint="Name the incident: remediate list",
            )
        with writing(repo.common_dir) as guard:
            gitfiles.sweep(repo)
            require_removable(repo, rehearsal)
            back = _moves_back(repo, manifest.moves)
            refmoves.require_unmoved(repo, back, since="the rewrite")
            return _Undoing(repo, guard, manifest, rehearsal, back, progress).run(stream, identity)


def _moves_back(repo: Repo, moves: Sequence[refmoves.Move]) -> list[refmoves.Move]:
    """Each move the other way; ORIG_HEAD and its like only where they are still where apply put them."""
    now = {ref.name: ref.oid for ref in repo.refs()}
    return [
        move.back
        for move in moves
        if not refmoves.passing(move.name) or now.get(move.name) in (move.old, move.new)
    ]


class _Undoing:
    """One undo, after all checks."""

    def __init__(
        self,
        repo: Repo,
        guard: Guard,
        manifest: Manifest,
        rehearsal: Rehearsal,
        back: Sequence[refmoves.Move],
        progress: Progress,
    ) -> None:
        self._repo = repo
        self._guard = guard
        self._manifest = manifest
        self._rehearsal = rehearsal
        self._back = back
        self._progress = progress
        self._trees = {tree.id: tree for tree in repo.worktrees}
        self._left_alone: list[str] = []

    def run(self, stream: IO[bytes], identity: pyrage.x25519.Identity) -> Undone:
        saved = {file.member: file for file in self._manifest.files}
        restored = 0
        refs_done = False
        with archives.reading(stream, identity) as members:
            waiting = self._objects(members)
            for name, content in waiting:
                if not refs_done:
                    self._refs()
                    refs_done = True
                file = saved.get(name)
                if file is not None and file.kind != "evidence":
                    restored += self._file(file, content)
        for path in reflogs.logs(self._repo):
            text = path.read_bytes()
            if (kept := reflogs.without_marks(text)) != text:
                replace_file(path, [kept])
        self._drop_new_objects()
        serverinfo.refresh(self._repo, self._guard)
        return Undone(len(self._back), restored, tuple(self._left_alone))

    def _refs(self) -> None:
        names = {new: old for old, new in self._manifest.renames.items()}
        refmoves.carry_out(self._repo, self._guard, self._back, names)
        refnames.drop_note(self._repo)

    def _objects(self, members: Iterator[tuple[str, IO[bytes]]]) -> Iterator[tuple[str, IO[bytes]]]:
        """Take in the doomed objects' pack; gives the members that follow it."""
        first = next(members, None)
        if first is None or not first[0].startswith(archives.PACK):
            if first is not None:
                yield first
            yield from members
            return
        doomed = self._rehearsal.doomed
        self._progress("putting objects back", 0, len(doomed))
        missing = len(packs.types(self._repo, doomed)) < len(doomed)
        with packs.staging(self._repo) as folder:
            child = self._index_pack(folder) if missing else None
            following: tuple[str, IO[bytes]] | None = first
            while following is not None and following[0].startswith(archives.PACK):
                while chunk := following[1].read(_CHUNK):
                    if child is not None and child.stdin is not None:
                        child.stdin.write(chunk)
                following = next(members, None)
            if child is not None:
                said = child.communicate()[1]
                if child.returncode:
                    raise git.failed(["index-pack"], child.returncode, said)
                packs.install(self._repo, folder)
        if following is not None:
            yield following
        yield from members

    def _index_pack(self, folder: Path) -> subprocess.Popen[bytes]:
        return git.start(
            self._repo.common_dir,
            *("index-pack", "--stdin"),
            stderr=subprocess.PIPE,
            environment=packs.staged_environment(self._repo, folder),
        )

    def _file(self, file: SavedFile, content: IO[bytes]) -> bool:
        """Put one file back; gives whether it is now as it was."""
        tree = self._trees.get(file.tree)
        root = None if tree is None else tree.git_dir if file.kind != "worktree" else tree.path
        path = None if root is None else _inside(root, file.path)
        if tree is None or root is None or path is None:
            self._left_alone.append(f"{file.path} (its worktree is gone)")
            return False
        discard_temporary(path)
        if file.kind == "worktree":
            return self._checked_out(file, root, content)
        if file.kind == "index":
            return self._index(file, tree, path, content)
        if file.kind == "lfs":
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, iter(lambda: content.read(_CHUNK), b""), mode=file.mode)
            largefiles.remove(self._repo, [file.after])
            return True
        return self._text(file, path, content.read())

    def _text(self, file: SavedFile, path: Path, before: bytes) -> bool:
        """A reflog or another text of ``.git``."""
        now = path.read_bytes() if path.is_file() else b""
        if file.kind == "reflog":
            back = before + self._later(file, reflogs.without_marks(now), before)
        elif now == before or _is(now, file.after):
            back = before
        else:
            self._left_alone.append(file.path)
            return False
        if now != back:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, [back], mode=file.mode)
        return True

    def _later(self, file: SavedFile, now: bytes, before: bytes) -> bytes:
        """What was added to a reflog since, with the ids as they were; nothing where it was cut."""
        if now.startswith(before):
            return now[len(before) :]
        if not _is(now[: file.after_size], file.after):
            return b""
        later = now[file.after_size :]
        old = {new: old for old, new in self._rehearsal.objects.items()}
        ids = Ids(old, {new: old for old, new in self._rehearsal.commits.items()})
        return reflogs.rewrite(Path(file.path), later, old, frozenset(), ids, bytes).edit.after

    def _checked_out(self, file: SavedFile, root: Path, content: IO[bytes]) -> bool:
        to = os.fsencode(file.to) if file.to else None
        edit = worktrees.FileEdit(
            root, os.fsencode(file.path), file.symlink, file.after, file.before, to
        )
        cleaned = edit.after
        if _inside(root, os.fsdecode(cleaned.path)) is None:
            self._left_alone.append(file.path)
            return False
        if not worktrees.holds(self._repo, edit, file.before):
            in_the_way = to is not None and os.path.lexists(edit.full)
            if in_the_way or not worktrees.holds(self._repo, cleaned, file.after):
                self._left_alone.append(file.to or file.path)
                return False
            self._put_back(file, edit, content)
        if to is not None and worktrees.holds(self._repo, cleaned, file.after):
            worktrees.remove_file(root, cleaned.full)
        return True

    def _put_back(self, file: SavedFile, edit: worktrees.FileEdit, content: IO[bytes]) -> None:
        edit.full.parent.mkdir(parents=True, exist_ok=True)
        if file.symlink:
            replace_symlink(edit.full, os.fsdecode(content.read()))
        else:
            replace_file(edit.full, iter(lambda: content.read(_CHUNK), b""), mode=file.mode)
            os.utime(edit.full, ns=(file.modified, file.modified))

    def _index(self, file: SavedFile, tree: Worktree, path: Path, content: IO[bytes]) -> bool:
        if path.name != "index":
            # A split index's shared part never changes; git takes away one that is no longer used.
            if not path.exists():
                replace_file(path, iter(lambda: content.read(_CHUNK), b""), mode=file.mode)
            return True
        words = next((i for i in self._manifest.indexes if i.tree == file.tree), None)
        if words is None:
            return True
        now = list(worktrees.entries(tree)) if path.is_file() else []
        if worktrees.digest(now) in (words.before, words.after):
            self._put_index(path, content, file.mode)
        else:
            # Something was staged since. That stays; the entries that apply changed go back.
            worktrees.write_index(self._repo, self._guard, _backwards(tree, words, now))
        return True

    def _put_index(self, path: Path, content: IO[bytes], mode: int) -> None:
        lock = path.with_name("index.lock")
        with self._guard.expecting([path]):
            with os.fdopen(worktrees.create_lock(lock), "wb") as stream:
                shutil.copyfileobj(content, stream, _CHUNK)
            lock.chmod(mode)
            sync_file(lock)
            lock.replace(path)

    def _drop_new_objects(self) -> None:
        """Take away what apply brought in, but for what somebody has come to use since."""
        added = packs.types(self._repo, self._manifest.added).keys()
        if not added:
            return
        self._progress("taking new objects out", 0, len(added))
        remove(self._repo, self._guard, added - self._used(added), self._progress)

    def _used(self, added: Set[str]) -> set[str]:
        """Those of *added* that anything else, reachable or not, leads to."""
        reached = self._reached("--all", "--reflog", "--indexed-objects")
        raw = self._repo.git(
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname) %(objecttype)",
            "--buffer",
        )
        rows = (line.split(" ") for line in raw.decode("ascii").splitlines())
        known = reached | added
        others = [oid for oid, kind in rows if kind != "blob" and oid not in known]
        # What nobody reaches may be somebody's work since, and may have gaps already.
        tips = "".join(f"{oid}\n" for oid in others).encode("ascii")
        reached |= self._reached("--missing=allow-any", "--stdin", stdin=tips)
        return reached & added

    def _reached(self, *arguments: str, stdin: bytes = b"") -> set[str]:
        listed = self._repo.git(
            "rev-list", "--objects", "--no-object-names", *arguments, stdin=stdin
        )
        return set(listed.decode("ascii").split())


def _is(content: bytes, sha256: str) -> bool:
    return hashlib.sha256(content).hexdigest() == sha256


def _backwards(
    tree: Worktree, words: SavedIndex, now: Sequence[worktrees.Entry]
) -> worktrees.IndexEdit:
    old: Mapping[tuple[bytes, str, str], str] = {
        (os.fsencode(path), stage, new): before for _, _, stage, path, before, new in words.changed
    }
    paths = {os.fsencode(new): os.fsencode(before) for before, new in words.paths.items()}
    keys = ((entry, (paths.get(entry.path, entry.path), entry.stage, entry.oid)) for entry in now)
    changed = tuple((entry, old[key]) for entry, key in keys if key in old)
    gone = {entry.path for entry, _ in changed}
    return worktrees.IndexEdit(tree, changed, {p: to for p, to in paths.items() if p in gone})


def _inside(root: Path, path: str) -> Path | None:
    """*path* below *root*; None where it leads out of it, or through a link."""
    full = root / path
    parts = Path(path).parts
    if Path(path).is_absolute() or ".." in parts or not parts:
        return None
    parents = (root.joinpath(*parts[:n]) for n in range(1, len(parts)))
    return None if any(parent.is_symlink() for parent in parents) else full
