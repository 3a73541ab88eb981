"""``remediate verify``: look for remnants, change nothing."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository
from remediate.errors import ExitStatus

if TYPE_CHECKING:
    from remediate.history.model import Verdict


def verify(
    report: o.Report,
    remote: Annotated[
        bool, typer.Option("--remote", help="Look there too, as a stranger would: a fresh clone.")
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
    if remote:
        name = load_policy(Flags(repo=repo, policy=policy).options(), where).remote
        with tempfile.TemporaryDirectory(prefix="remediate-verify-") as scratch:
            there = verify_remote(address(where, name), needles, Path(scratch), look, like=where)
            verdict = joined(verdict, there)
    verdict = replace(verdict, unreadable=(*verdict.unreadable, *taken.unread))
    if json:
        console.document(verdict_data(verdict))
    else:
        _show(console, verdict)
    raise typer.Exit(int(ExitStatus.DONE if verdict.clean else ExitStatus.REMNANTS))


def _show(console: Console, verdict: Verdict) -> None:
    searched = verdict.searched
    console.say(
        f"Searched {searched.objects} objects and {searched.files} files "
        f"for {searched.forms} forms of the secrets."
    )
    for remnant in verdict.remnants:
        where = remnant.path or remnant.object
        console.say(
            f"  LEFT: {remnant.needle[:12]} in {remnant.where} {where} [{remnant.encoding}]"
        )
    for thing in verdict.unreadable:
        console.say(f"  COULD NOT BE READ: {thing.what}: {thing.reason}")
    console.say("Clean: nothing was found." if verdict.clean else "NOT clean.", style="bold")
