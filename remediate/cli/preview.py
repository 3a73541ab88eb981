"""``remediate preview``: the exact result first, touching nothing."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository
from remediate.errors import ExitStatus
from remediate.passing import passing_folder

if TYPE_CHECKING:
    from remediate.history.model import Rehearsal
    from remediate.incident.intake import Intake


def preview(
    report: o.Report,
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    expressions: o.Expressions = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page for a reviewer, too."),
    ] = None,
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Show what would change, with the exact new ids. Touches nothing, calls no vendor.

    Example: remediate preview gitleaks.json --html preview.html
    """
    from remediate.cli.preview_page import to_html
    from remediate.cli.preview_view import judge, show
    from remediate.history.overreach import rehearse_with_care
    from remediate.history.repo import require_rewritable
    from remediate.incident.home import write_private
    from remediate.incident.opening import load_policy
    from remediate.incident.rules import rule_needles

    console = Console(as_json=json, plain=plain, quiet=quiet, verbose=verbose)
    flags = Flags(repo=repo, policy=policy, expressions=expressions)
    where = repository(repo)
    rules = load_policy(flags.options(), where)
    here = installation()
    taken = intake(report, where, here)
    needles = taken.needles(rules.replacement)
    ruled = rule_needles(expressions, here.key, set(taken.values), where, progress=console.progress)
    needles += ruled.needles
    if not needles:
        console.document(_empty()) if json else console.say("The report names no secret.")
        return
    require_rewritable(where)
    with passing_folder() as scratch:
        insisted = ruled.insisted | {
            fingerprint
            for credential in taken.credentials
            if rules.for_credential(credential).insist
            for fingerprint in credential.parts.values()
        }
        begun = time.monotonic()
        rehearsal = rehearse_with_care(
            where, needles, scratch / "git", insisted=insisted, progress=console.progress
        )
        took = time.monotonic() - begun
        console.settle()
        judged = judge(taken, rehearsal, needles, where, took=took, now=datetime.now(UTC))
        if html is not None:
            write_private(html, to_html(judged).encode("utf-8", "replace"))
        if json:
            console.document(document(taken, rehearsal))
        else:
            show(console, judged, report)
            if html is not None:
                console.say(f"The page for a reviewer: {html}")
    left = rehearsal.remnants or rehearsal.unreadable or taken.unread
    raise typer.Exit(int(ExitStatus.REMNANTS if left else ExitStatus.DONE))


def document(taken: Intake, rehearsal: Rehearsal) -> dict[str, Any]:
    """The document of ``preview --json``."""
    from remediate.stages.verdicts import remnant_data

    provider = {f: c.provider for c in taken.credentials for f in c.parts.values()}
    return {
        "secrets": [
            {
                "fingerprint": secret.fingerprint,
                "kind": secret.kind,
                "provider": provider.get(secret.fingerprint) or None,
                "places": [
                    {
                        "where": place.where,
                        "commit": place.commit,
                        "path": place.path,
                        "line": place.line,
                        "encoding": place.encoding,
                        "author": place.author,
                        "date": place.date,
                    }
                    for place in rehearsal.places
                    if place.needle == secret.fingerprint
                ],
            }
            for secret in taken.secrets
        ],
        "commits": {"total": rehearsal.commits_total, "rewritten": len(rehearsal.commits)},
        "refs": [asdict(ref) for ref in rehearsal.refs],
        "blobs": rehearsal.blobs,
        "lost": [asdict(lost) for lost in rehearsal.lost],
        "remnants": [remnant_data(remnant) for remnant in rehearsal.remnants],
        "unreadable": [asdict(thing) for thing in (*rehearsal.unreadable, *taken.unread)],
        "searched": asdict(rehearsal.searched),
        "messages": list(rehearsal.messages),
    }


def _empty() -> dict[str, Any]:
    return {
        "secrets": [],
        "commits": {"total": 0, "rewritten": 0},
        "refs": [],
        "blobs": 0,
        "lost": [],
        "remnants": [],
        "unreadable": [],
    }
