"""Takes doomed objects out of the object database, and nothing else.

A pack that holds some is written again without them; everything else in it, reachable or not, stays.
Never ``git gc`` or ``git prune``: those drop what other people may still be looking for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from remediate.errors import RepositoryError
from remediate.history import git, largefiles, packs, serverinfo, within
from remediate.history.borrowers import require_no_borrower
from remediate.history.durable import sync_folder
from remediate.history.guard import Guard, writing
from remediate.history.model import Progress, Purged, Rehearsal, no_progress
from remediate.history.repo import Repo

#: A gc that runs meanwhile can bring doomed objects into a new pack; looked for again so often.
_ROUNDS = 3

#: A pack's marks that go over to the one that takes its place.
_MARKS = (".keep", ".promisor")


def purge(repo: Repo, rehearsal: Rehearsal, *, progress: Progress = no_progress) -> Purged:
    """Remove every doomed object. Called again after a crash it goes on to the same end.

    What can't be removed is named in `Purged.kept`. `Purged.packs_rewritten` counts this call's.
    Raises `RepositoryError`, having removed nothing, where something still needs a doomed object.
    """
    require_removable(repo, rehearsal)
    doomed = frozenset(rehearsal.doomed)
    if not doomed and not rehearsal.lfs:
        return Purged(0, 0)
    with writing(repo.common_dir) as guard, ThreadPoolExecutor(1) as beside:
        # It takes as long as writing a pack does, and nothing goes before it is done.
        unused = beside.submit(require_unused, repo, doomed)
        rewritten, kept = remove(repo, guard, doomed, progress, sure=unused.result)
        largefiles.remove(repo, rehearsal.lfs)
    left = packs.types(repo, rehearsal.doomed)
    for oid in sorted(left):
        kept.append(f"object {oid}: it is in {_holder(repo, oid)}")
    return Purged(len(doomed) - len(left), rewritten, tuple(kept))


def require_removable(repo: Repo, rehearsal: Rehearsal) -> None:
    """Nothing, where objects may be dropped from *repo*.

    Raises `RepositoryError` where other clones are known to borrow them.
    """
    if repo.precious:
        raise RepositoryError(
            "extensions.preciousObjects is set: other clones borrow objects from here, and removing "
            "some would break them.",
            hint="Make those clones stand alone (git repack -a -d in each), then: "
            "git config --unset extensions.preciousObjects",
        )
    quarantine = Path(rehearsal.quarantine).resolve()
    require_no_borrower(repo.common_dir, repo.work_tree, but=quarantine)


def require_unused(repo: Repo, doomed: Set[str]) -> None:
    """Nothing, where no ref, reflog, HEAD or index of any worktree reaches an object of *doomed*.

    Somebody may have fetched or committed the old history again since it was rewritten. Raises
    `RepositoryError`.
    """
    child = git.start(
        repo.common_dir,
        *("rev-list", "--objects", "--no-object-names", "--all", "--reflog", "--indexed-objects"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with child:
        out, words = child.stdout, child.stderr
        assert out is not None and words is not None
        lines = {oid.encode("ascii") + b"\n" for oid in doomed}
        found = next((line.decode("ascii") for line in out if line in lines), None)
        if found is not None:
            child.kill()
        said = words.read()
    if found is not None:
        raise RepositoryError(
            f"The old history is in use again: {_user(repo, doomed)} needs object {found[:12]}, "
            "which holds the secret or leads to it. Nothing was removed.",
            hint="Run the preview again: it will know that too.",
        )
    if child.returncode:
        raise git.failed(["rev-list"], child.returncode, said)


def remove(
    repo: Repo,
    guard: Guard,
    ids: Set[str],
    progress: Progress = no_progress,
    sure: Callable[[], None] = lambda: None,
) -> tuple[int, list[str]]:
    """Take the objects *ids* out of *repo*'s own object directory, whoever needs them.

    *sure* is called before anything goes, and raises where nothing may. Gives how many packs were
    written again, and what has to be said: packs that other names on this disk still hold.
    """
    rewritten = 0
    said: list[str] = []
    clean: set[Path] = set()
    for _ in range(_ROUNDS):
        _remove_headless(repo)
        affected = []
        for index in packs.indexes(repo.objects_dir):
            if index in clean:
                continue
            # A gc that runs meanwhile takes packs away; what it makes of them is the next round's.
            with contextlib.suppress(FileNotFoundError):
                if ids.isdisjoint(order := packs.listed(repo, index)):
                    clean.add(index)
                else:
                    affected.append((index, order))
        for done, (index, order) in enumerate(affected):
            progress("rewriting packs", done, len(affected))
            try:
                old = index.with_suffix(".pack").stat()
            except FileNotFoundError:
                continue
            if (note := _shared_note(index, old)) is not None:
                said.append(note)
            keep = [oid for oid in order if oid not in ids]
            clean |= _rewrite_pack(repo, guard, index, keep, old, sure)
            rewritten += 1
        sure()
        _remove_loose(repo, ids)
        _remove_abandoned(repo)
        if not affected:
            break
    # Also where no pack is left to rewrite: a predecessor may have been killed just before this.
    serverinfo.refresh(repo, guard)
    return rewritten, said


def _rewrite_pack(
    repo: Repo,
    guard: Guard,
    index: Path,
    keep: Sequence[str],
    old: os.stat_result,
    sure: Callable[[], None],
) -> set[Path]:
    """Put a pack with the objects *keep* in the place of *old*, the one of *index*; gives its index."""
    made: list[Path] = []
    if keep:
        with packs.staging(repo) as folder:
            _pack(repo, guard, folder, keep)
            made = packs.indexes(folder)
            if {oid for new in made for oid in packs.listed(repo, new)} != set(keep):
                raise RepositoryError(
                    f"The pack that should take the place of {index.with_suffix('.pack')} does not "
                    "hold what it should. The old one was left as it is.",
                    hint="git fsck --full says whether the old one is damaged.",
                )
            _carry_marks(index, made, old)
            sure()
            packs.install(repo, folder)
    sure()
    # These name packs and commits that are about to go; git makes them again when it next tidies up.
    for cache in _caches(repo):
        cache.unlink(missing_ok=True)
        sync_folder(cache.parent)
    # The pack before its index: what holds the secret goes first, and an index without a pack is
    # taken away by `_remove_headless`, should we get no further.
    for suffix in (".pack", *(part for part in packs.PARTS if part != ".pack")):
        index.with_suffix(suffix).unlink(missing_ok=True)
    sync_folder(index.parent)
    return {index.with_name(new.name) for new in made}


def _pack(repo: Repo, guard: Guard, folder: Path, keep: Sequence[str]) -> None:
    stdin = "".join(f"{oid}\n" for oid in keep).encode("ascii")
    guard.git(
        repo.common_dir,
        *("-c", "pack.packSizeLimit=0"),
        *("pack-objects", "-q", "--delta-base-offset", "--no-write-bitmap-index"),
        str(folder / "pack" / "pack"),
        stdin=stdin,
        environment=packs.staged_environment(repo, folder),
    )


def _carry_marks(index: Path, made: Sequence[Path], age: os.stat_result) -> None:
    """Give the new packs the old one's marks, and its age: gc goes by that for unreachable objects."""
    for new in made:
        for mark in _MARKS:
            with contextlib.suppress(FileNotFoundError):
                new.with_suffix(mark).write_bytes(index.with_suffix(mark).read_bytes())
        os.utime(new.with_suffix(".pack"), ns=(age.st_atime_ns, age.st_mtime_ns))


def _caches(repo: Repo) -> Iterator[Path]:
    """Files that only make git faster and that name packs or commits which are about to go."""
    yield from (repo.objects_dir / "pack").glob("multi-pack-index*")
    info = repo.objects_dir / "info"
    yield from info.glob("commit-graph")
    # The chain first: without it nobody looks for the others.
    yield from info.glob("commit-graphs/commit-graph-chain")
    yield from info.glob("commit-graphs/*.graph")


def _remove_headless(repo: Repo) -> None:
    """Take away indexes whose pack is gone: the rest of a removal that a crash cut short."""
    for index in packs.indexes(repo.objects_dir):
        if not index.with_suffix(".pack").exists():
            for suffix in packs.PARTS:
                index.with_suffix(suffix).unlink(missing_ok=True)


def _remove_abandoned(repo: Repo) -> None:
    """Take away what a git that died long ago was writing: it may hold anything, and nobody wants it."""
    for path in packs.unfinished(repo.objects_dir):
        if within.abandoned(path):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            sync_folder(path.parent)


def _remove_loose(repo: Repo, ids: Set[str]) -> None:
    touched = set()
    for path in packs.loose_objects(repo.objects_dir):
        if path.parent.name + path.name in ids:
            path.unlink(missing_ok=True)
            touched.add(path.parent)
    for folder in touched:
        sync_folder(folder)


def _shared_note(index: Path, pack: os.stat_result) -> str | None:
    if pack.st_nlink < 2:
        return None
    return (
        f"{index.with_suffix('.pack').name} has another name on this disk (hard-linked): a local clone still holds the old "
        "objects. Run remediate there too."
    )


def _holder(repo: Repo, oid: str) -> str:
    for borrowed in repo.alternates:
        if packs.loose_path(borrowed, oid).exists() or any(
            oid in packs.listed(repo, index) for index in packs.indexes(borrowed)
        ):
            return f"{borrowed}, which this repository borrows from"
    return "a pack that another git process has just made"


def _user(repo: Repo, doomed: Set[str]) -> str:
    """Who needs a doomed object, where a ref tells; for people."""
    return next((ref.name for ref in repo.refs() if ref.oid in doomed), "a ref, reflog or index")
