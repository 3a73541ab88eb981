"""Clean: rehearse, confirm, back up, apply, purge, verify. Nothing real is touched before the yes."""

from __future__ import annotations

import hashlib
import shutil
import weakref
from dataclasses import asdict
from pathlib import Path

from remediate.errors import DeclinedError, RepositoryError
from remediate.history.apply import apply
from remediate.history.backup import back_up
from remediate.history.durable import sync_folder, sync_tree
from remediate.history.model import Rehearsal
from remediate.history.overreach import rehearse_with_care
from remediate.history.purge import purge
from remediate.history.repo import require_rewritable
from remediate.history.verify import verify
from remediate.incident.home import private_folder
from remediate.incident.rows import Kind
from remediate.incident.run import Run
from remediate.model import Json, ManualStep
from remediate.plugins.outcome import Outcome, Status
from remediate.stages import rounds
from remediate.stages.interface import DONE, WAITING, Result, Stage
from remediate.stages.looking import forget, scan
from remediate.stages.verdicts import (
    place_data,
    remnant_data,
    unreadable_data,
    verdict_data,
    verified_data,
)
from remediate.stages.vouching import judged
from remediate.wording import count

_REHEARSED: weakref.WeakKeyDictionary[Run, tuple[int, str, Rehearsal]] = weakref.WeakKeyDictionary()
"""The rehearsal that an approval was asked for is the one that is applied."""


def act(run: Run) -> Result:
    """Raises `RepositoryError` where the repository can't be rewritten, `DeclinedError` for a no."""
    number = rounds.current(run.state)
    begun = f"apply/{number}" in run.state.effects
    rehearsal = rounds.saved(run.folder, number) if begun else None
    if rehearsal is None:
        if not scan(run).hits and not scan(run).file_hits:
            _verify(run)
            _forget_rehearsal(run)
            return _told(run)
        rehearsal = rehearsed(run, number)
        if rehearsal.held and not _anything(run, rehearsal):
            _verify(run)
            return _told(run)
    if not begun:
        _confirm(run, rehearsal)
    if not _backed_up(run, rehearsal, number):
        return Result(WAITING, "the rewrite is rehearsed and waits for a key for its backup")
    applied = run.effect("apply", _name(run), lambda: _apply(run, rehearsal), key=f"apply/{number}")
    if applied.status.settled:
        run.effect("purge", _name(run), lambda: _purge(run, rehearsal), key=f"purge/{number}")
    forget(run)
    _verify(run)
    _forget_rehearsal(run)
    return _told(run)


def out_of_date(run: Run) -> bool:
    """Whether refs have moved since the last look: what was clean then may not be now.

    Where a person has vouched for what could not be read, it is looked each time whether it still is the same;
    but for runs that the caller wants without this stage.
    """
    verdict = run.state.verified.get("after-purge", {})
    if verdict.get("refs") != rounds.picture(run):
        return True
    only, skipped = run.options.only, run.options.skip
    wanted = "clean" not in skipped and (not only or "clean" in only)
    return wanted and verdict.get("clean") is not True


def moves(run: Run) -> list[str]:
    """The stage's plan: every ref that the rewrite would move, and what it would remove."""
    number = rounds.current(run.state)
    rehearsal = None
    if f"apply/{number}" in run.state.effects:
        rehearsal = rounds.saved(run.folder, number)
    if rehearsal is None:
        if not scan(run).hits and not scan(run).file_hits:
            return []
        rehearsal = rehearsed(run, number)
    doomed = hashlib.sha256("\n".join(rehearsal.doomed).encode()).hexdigest()
    return [
        *(f"move {ref.name} {ref.old} -> {ref.new}" for ref in rehearsal.refs),
        f"remove {count(len(rehearsal.doomed), 'object')} (SHA-256 of their ids: {doomed})",
        "keep an encrypted backup" if run.options.undo else "keep no backup (--no-undo)",
    ]


def rehearsed(run: Run, number: int) -> Rehearsal:
    """The rehearsal of that round over the repository as it is now; done once, while nothing moves."""
    known = _REHEARSED.get(run)
    picture = rounds.picture(run)
    if known is None or known[:2] != (number, picture):
        known = _REHEARSED[run] = (number, picture, _rehearse(run, number))
    return known[2]


def _rehearse(run: Run, number: int) -> Rehearsal:
    require_rewritable(run.repo)
    _forget_rehearsal(run)
    quarantine = private_folder(run.folder / "quarantine")
    rehearsal = rehearse_with_care(
        run.repo,
        run.needles(),
        quarantine / "git",
        insisted=_insisted(run),
        progress=run.progress(),
        scan=scan(run),
    )
    # What is applied comes from there, also by whoever goes on with it after a cut of power.
    sync_tree(quarantine)
    rounds.save(run.folder, number, rehearsal)
    run.write(Kind.REHEARSED, rehearsed_data(rehearsal))
    run.emit(
        "preview",
        commits=rehearsal.commits_total,
        rewritten=len(rehearsal.commits),
        blobs=rehearsal.blobs,
        refs=[asdict(ref) for ref in rehearsal.refs],
    )
    for held in rehearsal.held:
        why = next(
            (m for m in rehearsal.messages if held[:12] in m), "it stands in other places too"
        )
        run.refuse(f"replace the secret {held[:12]} in history", why)
    if rehearsal.messages:
        for message in rehearsal.messages[:20]:
            run.advise(message)
    return rehearsal


def _insisted(run: Run) -> set[str]:
    """Secrets that policy insists on, and the texts that rules of the user's own spell out."""
    by_policy = {
        fingerprint
        for credential in run.credentials()
        if run.policy.for_credential(credential).insist
        for fingerprint in credential.parts.values()
    }
    return by_policy | run.ruled().insisted


def _anything(run: Run, rehearsal: Rehearsal) -> bool:
    """Whether there is a secret to replace beside those that are held back."""
    found = scan(run)
    seen = {hit.needle for hit in found.hits} | {hit.needle for hit in found.file_hits}
    return not seen <= set(rehearsal.held)


def _forget_rehearsal(run: Run) -> None:
    shutil.rmtree(run.folder / "quarantine", ignore_errors=True)
    sync_folder(run.folder)


def rehearsed_data(rehearsal: Rehearsal) -> dict[str, Json]:
    """A rehearsal as a row's data."""
    return {
        "commits_total": rehearsal.commits_total,
        "commits_rewritten": len(rehearsal.commits),
        "blobs": rehearsal.blobs,
        "doomed": len(rehearsal.doomed),
        "refs": [asdict(ref) for ref in rehearsal.refs],
        "lost": [asdict(lost) for lost in rehearsal.lost],
        "places": [place_data(place) for place in rehearsal.places],
        "searched": asdict(rehearsal.searched),
        "remnants": [remnant_data(remnant) for remnant in rehearsal.remnants],
        "unreadable": [unreadable_data(thing) for thing in rehearsal.unreadable],
        "messages": list(rehearsal.messages),
    }


def _confirm(run: Run, rehearsal: Rehearsal) -> None:
    kept = "`remediate undo`, until it is published."
    if not run.options.undo:
        kept = "not possible, for no backup is made (--no-undo)."
    if not run.asks.confirm(
        f"Rewrite {len(rehearsal.commits)} of {count(rehearsal.commits_total, 'commit')} and move "
        f"{count(len(rehearsal.refs), 'ref')} of {_name(run)}?",
        option="--yes",
        default=True,
        why="The keys' values still stand in this clone's history.\n"
        "Yes: they leave it, and these commits get the new ids that the preview shows. Tracked files "
        "that you have not changed are cleaned as well; your own work in progress is not touched.\n"
        "No: the history stays as it is, the keys' values in it.\n"
        f"To take it back: {kept}",
        typed=_name(run),
    ):
        raise DeclinedError(
            "The history was left as it is: you said no. It still holds the secrets.",
            hint="When you are ready: remediate resume",
        )


def _backed_up(run: Run, rehearsal: Rehearsal, number: int) -> bool:
    if not run.options.undo:
        run.effect(
            "back-up",
            _name(run),
            lambda: Outcome(Status.SKIPPED, "No backup was made", reason="--no-undo"),
            key=f"back-up/{number}",
        )
        return True
    outcome = run.effect(
        "back-up",
        _name(run),
        lambda: _back_up(run, rehearsal, number),
        key=f"back-up/{number}",
    )
    return outcome.status.settled


def _back_up(run: Run, rehearsal: Rehearsal, number: int) -> Outcome:
    seal = run.seal()
    if seal is None:
        return Outcome(
            Status.MANUAL,
            "The history was not rewritten",
            reason="there is no key to encrypt the backup with, and without one nothing could be "
            "taken back",
            manual=ManualStep(
                id="backup-key",
                title="Give a key for the backup, or do without one",
                why="This machine has no safe keyring, and the backup holds the secrets.",
                instructions=(
                    "Make a key: (umask 077; head -c 32 /dev/urandom | base64 > ~/remediate.key)",
                    "Then, with the same report: remediate run REPORT --key-file ~/remediate.key",
                    "Or, if another copy of this repository is safe: remediate run REPORT --no-undo",
                ),
                check="The rewrite goes on from its rehearsal.",
            ),
        )
    backup = back_up(
        run.repo,
        rehearsal,
        [seal.recipient],
        rounds.archive(run.folder, number),
        needles=rehearsal.replaced(run.needles()),
        progress=run.progress(),
    )
    opened_by = "the OS keyring" if seal.held_by == "keyring" else "the key file or passphrase"
    return Outcome(
        Status.DONE,
        f"Backed up {count(backup.objects, 'object')} and {count(backup.files, 'file')}, encrypted",
        data={
            "path": backup.path,
            "sha256": backup.sha256,
            "size": backup.size,
            "opened_by": opened_by,
            "keep_hours": run.policy.keep_backup_hours,
        },
    )


def _apply(run: Run, rehearsal: Rehearsal) -> Outcome:
    if not Path(rehearsal.quarantine).is_dir():
        raise RepositoryError(
            "The rehearsed objects are gone, and the rewrite had begun.",
            hint="Put everything back first: remediate undo. Then: remediate resume",
        )
    needles = rehearsal.replaced(run.needles())
    done = apply(run.repo, rehearsal, needles, progress=run.progress())
    for path in done.left_alone:
        run.advise(f"{path} holds a secret and was left alone, for it is modified or untracked.")
    for note in done.notes:
        run.advise(note)
    return Outcome(
        Status.DONE,
        f"Moved {count(done.refs, 'ref')}, "
        f"mapped {count(done.reflog_entries, 'reflog entry', 'reflog entries')}, "
        f"cleaned {count(len(done.worktree_files), 'file')} of the work tree",
        data={
            "refs": done.refs,
            "reflog_entries": done.reflog_entries,
            "worktree_files": list(done.worktree_files),
            "left_alone": list(done.left_alone),
        },
    )


def _purge(run: Run, rehearsal: Rehearsal) -> Outcome:
    done = purge(run.repo, rehearsal, progress=run.progress())
    return Outcome(
        Status.DONE,
        f"Removed {count(done.objects, 'object')}",
        data={
            "objects": done.objects,
            "packs_rewritten": done.packs_rewritten,
            "kept": list(done.kept),
        },
    )


def _verify(run: Run) -> None:
    verdict = verify(run.repo, run.needles(), progress=run.progress())
    run.write(
        Kind.VERIFIED, {"when": "after-purge", "refs": rounds.picture(run), **verdict_data(verdict)}
    )
    run.emit("verified", **verified_data("after-purge", verdict))


def _told(run: Run) -> Result:
    result = judged(run, "after-purge")
    if result is not None:
        return result
    known = (run.state.rehearsed or {}).get("commits_rewritten")
    rewritten = known if isinstance(known, int) else 0
    return Result(
        DONE, f"clean here: {count(rewritten, 'commit')} rewritten, nothing left in this clone"
    )


def _name(run: Run) -> str:
    return (run.repo.work_tree or run.repo.git_dir).resolve().name


STAGE = Stage("clean", 60, "Rewrite the secret out of history", act, plan=moves, again=out_of_date)
