"""``remediate verify``: look for remnants, change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository
from remediate.errors import ExitStatus, UsageError
from remediate.passing import passing_folder
from remediate.wording import count

if TYPE_CHECKING:
    from remediate.history.model import Verdict
    from remediate.history.repo import Repo


def verify(
    report: o.Report,
    remote: Annotated[
        bool, typer.Option("--remote", help="Look there too, as a stranger would: a fresh clone.")
    ] = False,
    by_id: Annotated[
        bool,
        typer.Option(
            "--by-id", help="And count it as a remnant where old commits are still served by id."
        ),
    ] = False,
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Look for remnants of the report's secrets, in every object and file. Changes nothing.

    Example: remediate verify gitleaks.json --remote
    """
    from remediate.history.model import Scope, Searched, Verdict
    from remediate.history.remote import address, verify_remote
    from remediate.history.verify import verify as look
    from remediate.incident.opening import load_policy
    from remediate.stages.verdicts import joined, verdict_data

    console = Console(as_json=json, plain=plain, quiet=quiet, verbose=verbose)
    where = repository(repo)
    taken = intake(report, where, installation())
    needles = taken.needles()
    verdict = look(where, needles) if needles else Verdict(Scope(local=True), Searched())
    served: list[str] | None = None
    if remote or by_id:
        rules = load_policy(Flags(repo=repo, policy=policy).options(), where)
        with passing_folder() as scratch:
            for name in rules.remotes:
                url = address(where, name)
                there = verify_remote(url, needles, scratch, look, like=where)
                verdict = joined(verdict, there)
            served = _by_id(where, rules.remotes, scratch)
        if by_id and served is not None:
            verdict = replace(verdict, scope=replace(verdict.scope, remote_by_id=True))
    verdict = replace(verdict, unreadable=(*verdict.unreadable, *taken.unread))
    clean = verdict.clean and not (by_id and served)
    if by_id and served is None:
        raise UsageError(
            "No incident of this machine rewrote this clone, so no old id is known to ask for.",
            hint="Verify where the history was cleaned, or without --by-id.",
        )
    if json:
        console.document({**verdict_data(verdict), "clean": clean, "served_by_id": served})
    else:
        _show(console, verdict, served)
    raise typer.Exit(int(ExitStatus.DONE if clean else ExitStatus.REMNANTS))


def _by_id(where: Repo, remotes: Sequence[str], scratch: Path) -> list[str] | None:
    """The old commits that a remote still hands out by id; None where no incident knows any."""
    from remediate.history.byid import still_served
    from remediate.history.remote import address
    from remediate.incident.opening import same_repository
    from remediate.stages import rounds
    from remediate.stages.aftermath import old_ids

    served: list[str] | None = None
    for known in installation().incidents():
        rehearsal = rounds.of(known.folder, known.state)
        if rehearsal is None or not same_repository(known.state, where):
            continue
        ids, _, _ = old_ids(where, known.state, rehearsal)
        served = served or []
        for name in remotes:
            served += still_served(address(where, name), ids, scratch, like=where).served
    return served if served is None else list(dict.fromkeys(served))


def _show(console: Console, verdict: Verdict, served: Sequence[str] | None) -> None:
    searched = verdict.searched
    console.say(
        f"Searched {count(searched.objects, 'object')} and {count(searched.files, 'file')} "
        f"for {count(searched.forms, 'form')} of the secrets."
    )
    for remnant in verdict.remnants:
        where = remnant.path or remnant.object
        console.say(
            f"  LEFT: {remnant.needle[:12]} in {remnant.where} {where} [{remnant.encoding}]"
        )
    for thing in verdict.unreadable:
        console.say(f"  COULD NOT BE READ: {thing.what}: {thing.reason}")
    for oid in served or ():
        console.say(f"  STILL SERVED to whoever knows its id: commit {oid}")
    counted = served and verdict.scope.remote_by_id
    if verdict.clean and served and not counted:
        console.say(
            "Clean on every ref; NOT by id: the server has not collected its garbage.", style="bold"
        )
        return
    clean = verdict.clean and not counted
    console.say("Clean: nothing was found." if clean else "NOT clean.", style="bold")
