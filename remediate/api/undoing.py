"""Until publish: everything back as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remediate.errors import CustodyError, DeclinedError, UsageError

if TYPE_CHECKING:
    from remediate.incident.opening import Installation, Known, Surroundings
    from remediate.incident.state import State

SUMMARY = "Every ref, stash entry, reflog, index, file and object is as it was."


def undo(here: Installation, known: Known, around: Surroundings) -> tuple[str, ...]:
    """Put the history of before the rewrite back; the files that were changed since and keep that change.

    Raises `UsageError` where it is published or nothing was rewritten, `DeclinedError` for a no,
    `CustodyError` where the backup can't be opened.
    """
    from remediate.history.undo import undo as put_back
    from remediate.incident.opening import again
    from remediate.incident.refusals import noted_of
    from remediate.incident.rows import Kind
    from remediate.stages import rounds

    state = known.state
    with noted_of(here, [known], "undo"):
        _refuse_published(state)
        numbers = rounds.begun(state)
        if not numbers or not all(rounds.archive(known.folder, n).exists() for n in numbers):
            raise UsageError(
                f"There is nothing to undo in {state.id}: "
                + ("no backup was made." if numbers else "nothing was rewritten."),
                hint=f"See: remediate show {state.id}",
            )
        if not around.asks.confirm(
            "Put the old history, with the secrets in it, back into this clone?",
            option="--yes",
            default=True,
        ):
            raise DeclinedError("Nothing was put back: you said no.", hint="remediate resume")
    with again(here, known, around, check_values=False) as run:
        left: tuple[str, ...] = ()
        for number in reversed(numbers):
            rehearsal, seal = rounds.saved(run.folder, number), run.custody.seal
            if rehearsal is None or seal is None:
                raise CustodyError(
                    "The backup can't be opened: its key or its rehearsal is missing.",
                    hint="Give --key-file FILE, the one that was used before.",
                )
            archive = rounds.archive(run.folder, number)
            made = state.outcome(f"back-up/{number}")
            known_hash = made.data.get("sha256") if made else None
            done = put_back(
                run.repo,
                archive,
                seal.identity,
                rehearsal,
                sha256=known_hash if isinstance(known_hash, str) else None,
            )
            left += done.left_alone
        run.write(Kind.UNDONE, {"summary": SUMMARY})
        # Only now: a crash before it wants them once more.
        for number in numbers:
            archive = rounds.archive(run.folder, number)
            archive.unlink()
            archive.with_name(archive.name + ".json").unlink(missing_ok=True)
    return left


def _refuse_published(state: State) -> None:
    pushed = [e for e in state.effects.values() if e.action == "push" and e.outcome]
    if any(e.outcome is not None and e.outcome.status.settled for e in pushed):
        raise UsageError(
            f"The history of {state.id} is published; to put the old one back would publish the "
            "secrets again.",
            hint="The encrypted backup is kept: see remediate record",
        )
