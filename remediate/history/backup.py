"""The backup: everything that apply and purge will change, sealed before the first of it changes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyrage

from remediate.clock import utc_now
from remediate.errors import BackupError, RepositoryError
from remediate.history import archive as archives
from remediate.history import git, gitfiles, packs, reflogs, refmoves, refnames, worktrees
from remediate.history.archive import Manifest, Packer, SavedFile, SavedIndex
from remediate.history.durable import replace_file, sync_folder
from remediate.history.edits import Clean, Edit, Ids
from remediate.history.largefiles import Store, place
from remediate.history.matcher import cleaner
from remediate.history.model import (
    Backup,
    Needle,
    Progress,
    Rehearsal,
    no_progress,
)
from remediate.history.objects import ids_file
from remediate.history.repo import Repo, Worktree

#: The pack comes from git as a stream of unknown length; tar wants to know each member's.
_PART = 4 << 20
_CHUNK = 1 << 20


def back_up(
    repo: Repo,
    rehearsal: Rehearsal,
    recipients: Sequence[pyrage.x25519.Recipient],
    archive: Path,
    *,
    needles: Sequence[Needle],
    progress: Progress = no_progress,
) -> Backup:
    """Write the encrypted archive that `remediate.history.undo.undo` restores from.

    *needles* tell which texts outside the object database apply will change. Called again, it gives the one that is there: never is a backup made of a half-changed state.
    Raises `BackupError` where it can't be written or the file is another rehearsal's, and
    `RepositoryError` where apply has begun without one or the repository moved since the preview.
    """
    plan = plan_digest(rehearsal)
    if archive.exists():
        return _existing(archive, plan)
    clean = cleaner(needles)
    renames = refnames.plan(repo, clean, rehearsal.objects)
    moves = refmoves.all_moves(repo, rehearsal.refs, rehearsal.objects, renames)
    refmoves.require_unmoved(repo, moves)
    at = {ref.name: (ref.symbolic and f"ref: {ref.symbolic}") or ref.oid for ref in repo.refs()}
    if any(at.get(move.name, repo.null_id) == move.new for move in moves):
        raise RepositoryError(
            "The rewrite has begun: a backup made now would not hold what was there before.",
            hint="Go on without one: remediate resume --no-undo",
        )
    store = Store(repo, rehearsal.lfs, needles)
    maker = _Maker(repo, rehearsal, clean, renames, store, progress)
    plain = maker.plain(plan, moves, at)
    temporary, sha256, size = archives.write(archive, plain, recipients)
    made = Backup(str(archive), sha256, size, len(rehearsal.doomed), maker.file_count)
    note = {"plan": plan, "sha256": sha256, "size": size, "objects": made.objects}
    note_text = json.dumps({**note, "files": made.files}).encode("ascii")
    # The note first: an archive is never there without it.
    replace_file(_note(archive), [note_text], mode=0o600)
    temporary.replace(archive)
    sync_folder(archive.parent)
    return made


def plan_digest(rehearsal: Rehearsal) -> str:
    """Which rewrite a rehearsal is, whichever folder it was made in."""
    moves = [(ref.name, ref.old, ref.new, ref.renamed) for ref in rehearsal.refs]
    plain = json.dumps([sorted(rehearsal.objects.items()), rehearsal.doomed, moves])
    return hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()


def _note(archive: Path) -> Path:
    return archive.with_name(archive.name + ".json")


def _existing(archive: Path, plan: str) -> Backup:
    try:
        note = json.loads(_note(archive).read_bytes())
        if note["plan"] == plan and archive.stat().st_size == note["size"]:
            return Backup(
                str(archive), note["sha256"], note["size"], note["objects"], note["files"]
            )
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise BackupError(
        f"{archive} is there already and is not the backup of this rewrite.",
        hint="Move it away; it may be the only copy of what another rewrite removed.",
    )


class _Maker:
    """Collects what goes into one archive."""

    def __init__(
        self,
        repo: Repo,
        rehearsal: Rehearsal,
        clean: Clean,
        renames: refnames.Renames,
        store: Store,
        progress: Progress,
    ) -> None:
        self._repo = repo
        self._rehearsal = rehearsal
        self._renames = renames
        self._store = store
        self._clean = clean
        self._mended = refnames.in_texts(renames, clean)
        self._progress = progress
        self._packer = Packer()
        self._files: list[SavedFile] = []
        self._indexes: list[SavedIndex] = []

    @property
    def file_count(self) -> int:
        return len(self._files)

    def plain(
        self, plan: str, moves: Sequence[refmoves.Move], refs: Mapping[str, str]
    ) -> Iterator[bytes]:
        """The archive's bytes: objects first, then files, in the order in which undo wants them."""
        yield from self._pack()
        doomed = frozenset(self._rehearsal.doomed)
        objects = self._rehearsal.objects
        ids = Ids(objects, self._rehearsal.commits)
        for edit in worktrees.plan(self._repo, objects, doomed, self._clean):
            yield from self._worktree_files(edit)
            self._indexes.append(self._index_words(edit))
        for tree in self._repo.worktrees:
            yield from self._index_files(tree)
        for log in reflogs.plan(self._repo, objects, doomed, ids, self._mended):
            yield from self._edit("reflog", log.edit)
        for text in gitfiles.plan(self._repo, ids, self._mended):
            yield from self._edit("text", text)
        yield from self._lfs()
        yield from self._evidence()
        manifest = Manifest(
            plan=plan,
            made_at=utc_now(),
            object_format=self._repo.object_format,
            moves=tuple(moves),
            renames=dict(self._renames),
            refs=refs,
            added=self._added(),
            files=tuple(self._files),
            indexes=tuple(self._indexes),
            members=dict(self._packer.members),
        ).to_json()
        yield from self._packer.member(archives.MANIFEST, len(manifest), [manifest])
        yield self._packer.end()

    def _pack(self) -> Iterator[bytes]:
        total = len(self._rehearsal.doomed)
        self._progress("backing up objects", 0, total)
        if not total:
            return
        with ids_file(oid.encode("ascii") for oid in self._rehearsal.doomed) as ids:
            child = git.start(
                self._repo.common_dir,
                *("-c", "pack.packSizeLimit=0"),
                *("pack-objects", "--stdout", "-q", "--delta-base-offset"),
                stdin=ids,
                stderr=subprocess.PIPE,
            )
        with child:
            out, words = child.stdout, child.stderr
            assert out is not None and words is not None
            for number, part in enumerate(iter(lambda: out.read(_PART), b"")):
                name = f"{archives.PACK}{number:06}"
                yield from self._packer.member(name, len(part), [part])
            said = words.read()
        if child.returncode:
            raise git.failed(["pack-objects"], child.returncode, said)
        self._progress("backing up objects", total, total)

    def _added(self) -> tuple[str, ...]:
        own = packs.own_objects(self._repo, Path(self._rehearsal.quarantine) / "objects")
        return tuple(sorted(own - packs.types(self._repo, own).keys()))

    def _edit(self, kind: str, edit: Edit) -> Iterator[bytes]:
        tree = self._tree_of(edit.path)
        after = hashlib.sha256(edit.after).hexdigest()
        found = edit.path.lstat()
        saved = self._saved(kind, tree, edit.path, tree.git_dir, found, after, len(edit.after))
        yield from self._packer.member(
            saved.member, len(edit.before), [edit.before], mode=found.st_mode
        )

    def _worktree_files(self, edit: worktrees.IndexEdit) -> Iterator[bytes]:
        for file in self._store.files(edit):
            if not worktrees.holds(self._repo, file, file.old):
                continue
            found = file.full.lstat()
            to = "" if file.to is None else os.fsdecode(file.to)
            saved = self._saved(
                "worktree", edit.tree, file.full, file.root, found, file.new, 0, file.old, to
            )
            if file.symlink:
                # What a link says, as a file of its own: nothing is followed on the way back.
                target = os.readlink(os.fsencode(file.full))  # noqa: PTH115
                yield from self._packer.member(saved.member, len(target), [target])
            else:
                yield from self._whole(saved.member, file.full, found)

    def _index_words(self, edit: worktrees.IndexEdit) -> SavedIndex:
        before = list(worktrees.entries(edit.tree))
        successors = {(e.path, e.stage): new for e, new in edit.changed}
        after = (
            worktrees.Entry(
                *(e.tag, e.mode, successors.get((e.path, e.stage), e.oid), e.stage),
                edit.paths.get(e.path, e.path),
            )
            for e in before
        )
        paths = {os.fsdecode(old): os.fsdecode(new) for old, new in edit.paths.items()}
        changed = tuple(
            (e.tag, e.mode, e.stage, os.fsdecode(e.path), e.oid, new) for e, new in edit.changed
        )
        digests = worktrees.digest(before), worktrees.digest(after)
        return SavedIndex(edit.tree.id, *digests, changed, paths)

    def _index_files(self, tree: Worktree) -> Iterator[bytes]:
        shared = sorted(tree.git_dir.glob("sharedindex.*"))
        for path in (*shared, tree.git_dir / "index"):
            if path.is_file():
                found = path.lstat()
                saved = self._saved("index", tree, path, tree.git_dir, found)
                yield from self._whole(saved.member, path, found)

    def _lfs(self) -> Iterator[bytes]:
        main = self._repo.worktrees[0]
        for old, new in self._rehearsal.lfs.items():
            path = place(self._repo.common_dir, old)
            found = path.lstat()
            saved = self._saved("lfs", main, path, main.git_dir, found, new)
            yield from self._whole(saved.member, path, found)

    def _evidence(self) -> Iterator[bytes]:
        main = self._repo.worktrees[0]
        packed = self._repo.common_dir / "packed-refs"
        heads = [tree.git_dir / "HEAD" for tree in self._repo.worktrees]
        for path in (packed, *heads):
            if path.is_file():
                found = path.lstat()
                saved = self._saved("evidence", main, path, main.git_dir, found)
                yield from self._whole(saved.member, path, found)

    def _whole(self, member: str, path: Path, found: os.stat_result) -> Iterator[bytes]:
        with path.open("rb") as stream:
            chunks = iter(lambda: stream.read(_CHUNK), b"")
            try:
                yield from self._packer.member(member, found.st_size, chunks, mode=found.st_mode)
            except ValueError:
                raise RepositoryError(
                    f"{path} changed while it was being backed up. Nothing was changed by us.",
                    hint="Wait until nobody works here, then: remediate resume",
                ) from None

    def _saved(
        self,
        kind: str,
        tree: Worktree,
        path: Path,
        base: Path,
        found: os.stat_result,
        after: str = "",
        after_size: int = 0,
        before: str = "",
        to: str = "",
    ) -> SavedFile:
        saved = SavedFile(
            member=f"files/{len(self._files):06}/{os.path.relpath(path, base)}",
            kind=kind,
            tree=tree.id,
            path=os.path.relpath(path, base),
            mode=stat.S_IMODE(found.st_mode),
            symlink=stat.S_ISLNK(found.st_mode),
            modified=found.st_mtime_ns,
            after=after,
            after_size=after_size,
            before=before,
            to=to,
        )
        self._files.append(saved)
        return saved

    def _tree_of(self, path: Path) -> Worktree:
        """The worktree whose git directory *path* is in: a linked one's lies within the main one's."""
        within = [tree for tree in self._repo.worktrees if path.is_relative_to(tree.git_dir)]
        return max(within, key=lambda tree: len(tree.git_dir.parts))
