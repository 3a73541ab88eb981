"""The rewrite, done in a quarantine repository that borrows the real one's objects.

The real repository is read and not touched by one byte. What comes out is what `apply` will do: the
same ids, the same refs.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from remediate.history import git
from remediate.history.check import check
from remediate.history.matcher import Matcher
from remediate.history.model import (
    FileHit,
    Needle,
    Progress,
    RefChange,
    Rehearsal,
    Remnant,
    Scan,
    no_progress,
)
from remediate.history.notes import PREFIX, Notes
from remediate.history.objects import Reader
from remediate.history.packwriter import PackWriter
from remediate.history.places import places
from remediate.history.plan import plan
from remediate.history.repo import Ref, Repo
from remediate.history.rewrite import Rewritten, rewrite
from remediate.history.scan import scan as scan_all
from remediate.history.verify import verify_rehearsal

#: Where a secret outside the object database goes away with `apply`. Everything else stays.
_CLEANED = frozenset({"worktree", "reflog", "config", "hook", "gitfile"})


def rehearse(
    repo: Repo,
    needles: Sequence[Needle],
    quarantine: Path,
    *,
    progress: Progress = no_progress,
    scan: Scan | None = None,
) -> Rehearsal:
    """Rewrite *repo* without *needles* into the new bare repository *quarantine*.

    *scan* saves reading everything again where it was just done. Raises `RepositoryError` where git
    can't work in *quarantine* or refuses what was written there.
    """
    found = scan if scan is not None else scan_all(repo, needles, progress=progress)
    matcher = Matcher(needles)
    todo = plan(found)
    refs = repo.refs()
    tips = {found.graph.peel(ref.oid) for ref in refs}
    reachable = found.graph.ancestors(tips)
    open_quarantine(repo, quarantine)
    with _new_pack(repo, quarantine, "new") as writer:
        done = rewrite(repo.common_dir, todo, matcher, writer, reachable, progress)
    moves, said = _with_notes(repo, quarantine, _moves(refs, done), refs, done)
    with ThreadPoolExecutor(1) as beside:
        # Most of this is git's own work, in a process of its own.
        checked = beside.submit(check, quarantine, todo, done, needles, no_progress)
        left = verify_rehearsal(quarantine, needles, progress=progress)
        progress("Checking commits", 0, None)
        checked.result()
    return Rehearsal(
        quarantine=str(quarantine),
        objects=done.objects,
        commits=done.commits,
        doomed=tuple(sorted(done.objects)),
        refs=tuple(moves),
        lost=tuple(done.lost),
        places=places(repo.common_dir, found, todo, done, matcher.replace),
        remnants=(*left.remnants, *_outside(found.file_hits)),
        unreadable=(*found.unreadable, *done.unreadable, *left.unreadable),
        searched=found.searched,
        commits_total=len(reachable),
        blobs=sum(oid in done.objects for oid in todo.blobs),
        messages=(*said, *done.notes, *_replacing(refs, done)),
    )


def open_quarantine(repo: Repo, path: Path) -> None:
    """Make *path* a bare repository that can read *repo*'s objects and holds none of its own."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    git.run(path, "init", "-q", "--bare", f"--object-format={repo.object_format}", "--template=")
    info = path / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_text(
        f"{repo.objects_dir}\n", encoding="utf-8", errors="surrogateescape"
    )


def _new_pack(repo: Repo, quarantine: Path, name: str) -> PackWriter:
    return PackWriter(quarantine / "objects" / "pack" / f"{name}.pack", repo.object_format)


def _moves(refs: Sequence[Ref], done: Rewritten) -> dict[str, RefChange]:
    return {
        ref.name: RefChange(ref.name, ref.oid, done.objects[ref.oid])
        for ref in refs
        if ref.symbolic is None and ref.oid in done.objects
    }


def _with_notes(
    repo: Repo, quarantine: Path, moves: dict[str, RefChange], refs: Sequence[Ref], done: Rewritten
) -> tuple[list[RefChange], list[str]]:
    """*moves*, and those of the notes that follow what they belong to; and what to tell of it."""
    said = []
    with Reader(quarantine) as reader, _new_pack(repo, quarantine, "notes") as writer:
        notes = Notes(reader, writer, repo.hex_length // 2)
        for ref in refs if done.objects else ():
            if ref.name.startswith(PREFIX) and ref.symbolic is None:
                tip = done.objects.get(ref.oid, ref.oid)
                if (moved := notes.move(tip, done.objects)) is not None:
                    moves[ref.name] = RefChange(ref.name, ref.oid, moved.commit)
                    said.append(f"{ref.name}: {moved.count} notes moved to the rewritten commits.")
    return sorted(moves.values(), key=lambda move: move.name), said


def _replacing(refs: Sequence[Ref], done: Rewritten) -> list[str]:
    """What becomes of replace refs, which stand for a commit by its id."""
    return [
        f"{ref.name} stood for a commit that was rewritten: it replaces nothing any more."
        for ref in refs
        if ref.name.startswith("refs/replace/") and ref.name.rpartition("/")[2] in done.objects
    ]


def _outside(hits: Sequence[FileHit]) -> tuple[Remnant, ...]:
    return tuple(
        Remnant(hit.needle, hit.where, hit.encoding, path=hit.path)
        for hit in hits
        if hit.where not in _CLEANED
    )
