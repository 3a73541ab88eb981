"""``remediate undo``: until publish, everything back as it was."""

from __future__ import annotations

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.incidents import find
from remediate.cli.session import Flags, installation, surroundings
from remediate.errors import CustodyError, DeclinedError, UsageError


def undo(
    incident: o.Incident = None,
    repo: o.Repo = o.HERE,
    yes: o.Yes = False,
    key_file: o.KeyFile = None,
    json: o.Json = False,
    plain: o.Plain = False,
) -> None:
    """Put every ref, stash, reflog, index, file and object back as it was before the rewrite.

    Credentials that are dead stay dead. Not possible any more once the history is published.

    Example: remediate undo --key-file ~/remediate.key
    """
    from pathlib import Path

    from remediate.history.repo import open_repo
    from remediate.history.undo import undo as put_back
    from remediate.incident.events import nobody
    from remediate.incident.opening import again
    from remediate.incident.rows import Kind
    from remediate.stages import rounds

    console = Console(as_json=json, plain=plain)
    here = installation()
    known = find(here, incident, repo)
    state = known.state
    where = open_repo(Path(str(state.opened["repository"])))
    if any(
        e.action == "push" and e.outcome and e.outcome.status.settled
        for e in state.effects.values()
    ):
        raise UsageError(
            f"The history of {state.id} is published; to put the old one back would publish the "
            "secrets again.",
            hint="The encrypted backup is kept: see remediate record",
        )
    numbers = rounds.begun(state)
    if not numbers or not all(rounds.archive(known.folder, n).exists() for n in numbers):
        raise UsageError(
            f"There is nothing to undo in {state.id}: "
            + ("no backup was made." if numbers else "nothing was rewritten."),
            hint=f"See: remediate show {state.id}",
        )
    flags = Flags(repo=repo, yes=yes, key_file=key_file)
    around = surroundings(flags, where, console, nobody)
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
        summary = "Every ref, stash entry, reflog, index, file and object is as it was."
        run.write(Kind.UNDONE, {"summary": summary})
        # Only now: a crash before it wants them once more.
        for number in numbers:
            archive = rounds.archive(run.folder, number)
            archive.unlink()
            archive.with_name(archive.name + ".json").unlink(missing_ok=True)
    if json:
        console.document({"incident": state.id, "undone": True, "left_alone": list(left)})
    else:
        console.say(summary)
        for path in left:
            console.say(f"  {path} was changed since, and keeps that change.")
        console.say("The secrets are in this clone again. Go on: remediate resume")
