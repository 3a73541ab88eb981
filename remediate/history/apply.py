"""Makes the rehearsed rewrite real: objects, refs, reflogs, ``.git``'s texts, checked-out files, index.

Each step looks at what is there now and does what is still to be done, so the same call after a crash
goes on to the same end. Until the refs move, nothing that anybody sees has changed.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Sequence, Set
from pathlib import Path

from remediate.errors import RepositoryError
from remediate.history import gitfiles, packs, reflogs, refmoves, refnames, serverinfo, worktrees
from remediate.history.durable import discard_temporary, replace_file
from remediate.history.edits import Clean, Edit, Ids
from remediate.history.guard import Guard, writing
from remediate.history.largefiles import Store
from remediate.history.matcher import cleaner
from remediate.history.model import Applied, Needle, Progress, Rehearsal, no_progress
from remediate.history.purge import require_removable
from remediate.history.repo import Repo
from remediate.wording import count

#: `Place.where` of what is in a worktree.
_CHECKED_OUT = ("worktree", "modified", "untracked")


def apply(
    repo: Repo,
    rehearsal: Rehearsal,
    needles: Sequence[Needle],
    *,
    progress: Progress = no_progress,
) -> Applied:
    """Bring *repo* to where *rehearsal* is. Called again after a crash it goes on to the same end.

    *needles* are for the texts outside the object database. Raises `RepositoryError` where a ref was
    moved by somebody else (naming it), a file was staged since, or the repository can't be written.
    """
    doomed = frozenset(rehearsal.doomed)
    clean = cleaner(needles)
    with writing(repo.common_dir) as guard:
        gitfiles.sweep(repo)
        require_removable(repo, rehearsal)
        renames = refnames.plan(repo, clean, rehearsal.objects)
        moves = refmoves.all_moves(repo, rehearsal.refs, rehearsal.objects, renames)
        refmoves.require_unmoved(repo, moves)
        indexes = list(worktrees.plan(repo, rehearsal.objects, doomed, clean))
        _bring_objects(repo, rehearsal, progress)
        store = Store(repo, rehearsal.lfs, needles)
        store.bring()
        progress("moving refs", 0, len(moves))
        refnames.write_note(repo, renames)
        refmoves.carry_out(repo, guard, moves, renames)
        dropped = _texts(repo, rehearsal, refnames.in_texts(renames, clean))
        refnames.drop_note(repo)
        problems = _worktrees(repo, guard, indexes, store, clean, progress)
        serverinfo.refresh(repo, guard)
    return _outcome(repo, rehearsal, clean, dropped, problems)


def _bring_objects(repo: Repo, rehearsal: Rehearsal, progress: Progress) -> None:
    source = Path(rehearsal.quarantine) / "objects"
    # The commit that moves notes is nobody's successor; it comes in a pack of its own.
    new = {*rehearsal.objects.values(), *(ref.new for ref in rehearsal.refs)}
    missing = len(new) - len(packs.types(repo, new))
    progress("bringing objects in", 0, missing)
    if not missing:
        return
    if not source.is_dir():
        raise RepositoryError(
            f"The rehearsal's repository {rehearsal.quarantine} is gone, and with it {count(missing, 'object')} "
            "still needed.",
            hint="Run the preview again: it makes the same ones.",
        )
    with packs.staging(repo) as folder:
        packs.copy_objects(repo, source, folder)
        packs.install(repo, folder)
    if still := sorted(new - packs.types(repo, new).keys()):
        raise RepositoryError(
            f"The rehearsal's repository lacks {count(len(still), 'object')} that it names ({still[0]}…).",
            hint="Run the preview again.",
        )


def _texts(repo: Repo, rehearsal: Rehearsal, clean: Clean) -> int:
    """Reflogs and the other texts of ``.git``; gives how many reflog entries could not be kept."""
    ids = Ids(rehearsal.objects, rehearsal.commits)
    doomed = frozenset(rehearsal.doomed)
    dropped = 0
    for log in reflogs.plan(repo, rehearsal.objects, doomed, ids, clean):
        _write(log.edit)
        dropped += log.dropped
    for edit in gitfiles.plan(repo, ids, clean):
        _write(edit)
    return dropped


def _write(edit: Edit) -> None:
    # A git command may have added a line while this one was being rewritten.
    if edit.path.read_bytes() != edit.before:
        raise RepositoryError(
            f"{edit.path} was written to by another git command just now.",
            hint="Wait until nobody works here, then: remediate resume",
        )
    replace_file(edit.path, [edit.after])


def _worktrees(
    repo: Repo,
    guard: Guard,
    indexes: Sequence[worktrees.IndexEdit],
    store: Store,
    clean: Clean,
    progress: Progress,
) -> list[str]:
    """Checked-out files, then the index that tells which those are; gives what could not be written."""
    problems = []
    for edit in indexes:
        # Only while the index names the old blob is it known which file to clean: files first.
        for done, file in enumerate(store.files(edit)):
            progress("cleaning checked-out files", done, len(edit.changed))
            try:
                if not worktrees.clean_file(repo, file):
                    discard_temporary(file.after.full)
            except OSError as error:
                problems.append(f"{file.full} could not be written: {error.strerror}")
        worktrees.write_index(repo, guard, edit, clean)
    return problems


def _outcome(
    repo: Repo, rehearsal: Rehearsal, clean: Clean, dropped: int, problems: Sequence[str]
) -> Applied:
    """What was done, told from what is there now: the same whoever finished it."""
    new = frozenset(rehearsal.objects.values())
    cleaned: list[str] = []
    # Files that held a secret at the preview, and those that the index says were cleaned.
    found = [(place.where, place.path) for place in rehearsal.places]
    found += [(remnant.where, remnant.path) for remnant in rehearsal.remnants]
    suspects = {path for where, path in found if where in _CHECKED_OUT and path is not None}
    left_alone: set[str] = set()
    for tree in repo.worktrees:
        if tree.path is None:
            continue
        there = worktrees.naming(tree, new)
        for file in worktrees.files(there):
            if worktrees.holds(repo, file, file.new):
                cleaned.append(_shown(repo, file.full))
            else:
                suspects.add(os.fsdecode(file.path))
        full = (tree.path / path for path in sorted(suspects))
        left_alone |= {_shown(repo, path) for path in full if _holds_secret(path, clean)}
    notes = [*problems]
    if dropped:
        notes.append(
            f"{count(dropped, 'reflog entry was', 'reflog entries were')} dropped: nothing else led to what "
            "they named."
        )
    return Applied(
        refs=sum(not refmoves.passing(ref.name) for ref in rehearsal.refs),
        reflog_entries=_mapped_entries(repo, new),
        worktree_files=tuple(cleaned),
        left_alone=tuple(sorted(left_alone)),
        notes=tuple(notes),
    )


def _mapped_entries(repo: Repo, new: Set[str]) -> int:
    known = {oid.encode("ascii") for oid in new}
    return sum(
        not known.isdisjoint(line.split(b" ", 2)[:2])
        for path in reflogs.logs(repo)
        for line in io.BytesIO(path.read_bytes())
    )


def _holds_secret(path: Path, clean: Clean) -> bool:
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            content = os.readlink(os.fsencode(path))  # noqa: PTH115
        elif stat.S_ISREG(found.st_mode):
            content = path.read_bytes()
        else:
            return False
    except OSError:
        return False
    return clean(content) != content


def _shown(repo: Repo, path: Path) -> str:
    """*path* as people know it: within the main worktree from its root, elsewhere in full."""
    root = repo.worktrees[0].path
    inside = root is not None and path.is_relative_to(root)
    return str(path.relative_to(root)) if inside and root is not None else str(path)
