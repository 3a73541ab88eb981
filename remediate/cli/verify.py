"""``remediate verify``: look for remnants, change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository
from remediate.errors import ExitStatus
from remediate.wording import count

if TYPE_CHECKING:
    from remediate.history.model import Verdict


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
    from remediate.api.verifying import look
    from remediate.incident.opening import load_policy

    console = Console(as_json=json, plain=plain, quiet=quiet, verbose=verbose)
    where, here = repository(repo), installation()
    taken = intake(report, where, here)
    rules = load_policy(Flags(repo=repo, policy=policy).options(), where)
    found = look(taken, where, here, rules, remote=remote, by_id=by_id)
    if json:
        console.document(found.document())
    else:
        _show(console, found.verdict, found.served)
    raise typer.Exit(int(ExitStatus.DONE if found.clean else ExitStatus.REMNANTS))


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
