"""The rewrite, done in a quarantine repository that borrows the real one's objects.

The real repository is read and not touched by one byte. What comes out is what `apply` will do: the
same ids, the same refs.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from remediate.history import git, largefiles, mentions, packreader, refnames
from remediate.history.check import check
from remediate.history.matcher import Matcher
from remediate.history.memory import Memory
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
from remediate.history.refnames import REPLACE, Renames
from remediate.history.repo import Ref, Repo
from remediate.history.rewrite import Rewritten, rewrite
from remediate.history.scan import scan as scan_all
from remediate.history.verify import verify_rehearsal
from remediate.wording import bent, count

#: Where a secret outside the object database goes away with `apply`. Everything else stays.
_CLEANED = frozenset({"worktree", "index", "ref", "reflog", "config", "hook", "gitfile"})


def rehearse(
    repo: Repo,
    needles: Sequence[Needle],
    quarantine: Path,
    *,
    progress: Progress = no_progress,
    scan: Scan | None = None,
    memory: Memory | None = None,
) -> Rehearsal:
    """Rewrite *repo* without *needles* into the new bare repository *quarantine*.

    *scan* saves reading everything again where it was just done. Raises `RepositoryError` where git
    can't work in *quarantine* or refuses what was written there.
    """
    found = scan if scan is not None else scan_all(repo, needles, progress=progress, memory=memory)
    needles = (*needles, *largefiles.pointers(found.lfs))
    matcher = Matcher(needles)
    todo = plan(found)
    refs = repo.refs()
    tips = {found.graph.peel(ref.oid) for ref in refs}
    reachable = found.graph.ancestors(tips)
    open_quarantine(repo, quarantine)
    with _new_pack(repo, quarantine, "new") as writer:
        done = rewrite(repo.common_dir, todo, matcher, writer, reachable, progress)
    renames = refnames.decide(refnames.names(repo), matcher.replace, done.objects)
    moves, said = _with_notes(repo, quarantine, _moves(refs, done, renames), refs, done)
    said += _renamed(renames)
    with ThreadPoolExecutor(2) as beside:
        # Most of this is git's own work, in a process of its own.
        checked = beside.submit(check, quarantine, todo, done, needles, no_progress)
        named = beside.submit(
            mentions.told, repo.common_dir, quarantine, moves, done.commits, reachable
        )
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
        places=places(repo.common_dir, found, todo, done, matcher, _notes(refs, found)),
        remnants=(*left.remnants, *_outside(found.file_hits)),
        unreadable=(*found.unreadable, *done.unreadable, *left.unreadable),
        searched=found.searched,
        commits_total=len(reachable),
        blobs=sum(oid in done.objects for oid in todo.blobs),
        messages=(
            *said,
            *done.notes,
            *_replacing(refs, done, renames),
            *_stored(found),
            *named.result(),
        ),
        lfs={old: after.new for old, after in found.lfs.items()},
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


def _moves(refs: Sequence[Ref], done: Rewritten, renames: Renames) -> dict[str, RefChange]:
    """Every ref that moves or is renamed, by the name that it has now."""
    return {
        ref.name: RefChange(
            renames.get(ref.name, ref.name),
            ref.oid,
            done.objects.get(ref.oid, ref.oid),
            renamed=ref.name in renames,
        )
        for ref in refs
        if ref.symbolic is None and (ref.oid in done.objects or ref.name in renames)
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
                    before = moves.get(ref.name, RefChange(ref.name, ref.oid, tip))
                    moves[ref.name] = replace(before, new=moved.commit)
                    said.append(
                        f"{before.name}: {count(moved.count, 'note')} moved to the rewritten {bent(moved.count, 'commit')}."
                    )
    return sorted(moves.values(), key=lambda move: move.name), said


def _notes(refs: Sequence[Ref], found: Scan) -> set[str]:
    """The commits whose files are notes."""
    tips = [ref.oid for ref in refs if ref.name.startswith(PREFIX)]
    return found.graph.ancestors(tips)


def _renamed(renames: Renames) -> list[str]:
    """What to tell of refs that get another name."""
    for_secrets = sorted(new for old, new in renames.items() if not old.startswith(REPLACE))
    follow = sorted(new for old, new in renames.items() if old.startswith(REPLACE))
    said = [f"{new}: a ref whose name holds a secret is called so." for new in for_secrets]
    return said + [f"{new}: what stands in for a rewritten object follows it." for new in follow]


def _replacing(refs: Sequence[Ref], done: Rewritten, renames: Renames) -> list[str]:
    """Replace refs (git-replace(1)) that can't follow the object that they stand in for."""
    return [
        f"{ref.name} stands in for an object that was rewritten, and something stands in for its "
        "successor already: it replaces nothing any more."
        for ref in refs
        if ref.name.startswith(REPLACE)
        and ref.name not in renames
        and ref.name.removeprefix(REPLACE) in done.objects
    ]


def _stored(found: Scan) -> list[str]:
    return [
        f"LFS object {old} becomes {after.new}. An LFS server keeps the old one until its "
        "administrator removes it."
        for old, after in found.lfs.items()
    ]


def _a_history(hit: FileHit) -> bool:
    """Whether it is in a bundle or a pack in ``.git`` that is no object of this repository."""
    return hit.where == "gitfile" and hit.encoding.partition("+")[0] in packreader.KINDS


def _outside(hits: Sequence[FileHit]) -> tuple[Remnant, ...]:
    return tuple(
        Remnant(hit.needle, hit.where, hit.encoding, path=hit.path)
        for hit in hits
        if hit.where not in _CLEANED or _a_history(hit)
    )
