"""``remediate preview``: the exact result first, touching nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository
from remediate.errors import ExitStatus, UsageError

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
        typer.Option(metavar="FILE", help="Write a page for a reviewer (not filled yet)."),
    ] = None,
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Show what would change, with the exact new ids. Touches nothing, calls no vendor.

    Example: remediate preview gitleaks.json --json
    """
    from remediate.history.overreach import rehearse_with_care
    from remediate.history.repo import require_rewritable
    from remediate.incident.opening import load_policy
    from remediate.incident.rules import rule_needles

    if html is not None:
        raise UsageError("--html is not filled yet.", hint="Use --json, or read the text.")
    console = Console(as_json=json, plain=plain, quiet=quiet, verbose=verbose)
    flags = Flags(repo=repo, policy=policy, expressions=expressions)
    where = repository(repo)
    rules = load_policy(flags.options(), where)
    here = installation()
    taken = intake(report, where, here)
    needles = taken.needles(rules.replacement)
    needles += rule_needles(expressions, here.key, set(taken.values))
    if not needles:
        console.document(_empty()) if json else console.say("The report names no secret.")
        return
    require_rewritable(where)
    with tempfile.TemporaryDirectory(prefix="remediate-preview-") as scratch:
        insisted = {n.id for n in needles if n.id not in taken.values}
        insisted |= {
            fingerprint
            for credential in taken.credentials
            if rules.for_credential(credential).insist
            for fingerprint in credential.parts.values()
        }
        rehearsal = rehearse_with_care(where, needles, Path(scratch) / "git", insisted=insisted)
        if json:
            console.document(document(taken, rehearsal))
        else:
            _show(console, taken, rehearsal, report)
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


def _show(console: Console, taken: Intake, rehearsal: Rehearsal, report: str) -> None:
    say = console.say
    for secret in taken.secrets:
        say(f"{secret.kind}  (fingerprint {secret.short})", style="bold")
        places = [p for p in rehearsal.places if p.needle == secret.fingerprint]
        for place in places[:8]:
            commit = f"{place.commit[:12]} " if place.commit else ""
            line = f":{place.line}" if place.line else ""
            by = f"  by {place.author}, {place.date}" if place.author else ""
            say(f"  {place.where}  {commit}{place.path or ''}{line}  [{place.encoding}]{by}")
        if len(places) > 8:
            say(f"  … and {len(places) - 8} more places (all of them: --json)")
        if not places:
            say("  nowhere in this repository")
    say()
    say(
        f"{len(rehearsal.commits)} of {rehearsal.commits_total} commits get a new id, "
        f"{rehearsal.blobs} files a new content, {len(rehearsal.refs)} refs move:"
    )
    for ref in rehearsal.refs[:20]:
        say(f"  {ref.name}  {ref.old[:12]} -> {ref.new[:12]}")
    if len(rehearsal.refs) > 20:
        say(f"  … and {len(rehearsal.refs) - 20} more")
    for kind, number in Counter(lost.kind for lost in rehearsal.lost).items():
        say(f"Lost: {number} x {kind} (a rewritten object can't keep it)")
    for message in rehearsal.messages[:20]:
        say(message)
    for remnant in rehearsal.remnants:
        say(f"WOULD BE LEFT: {remnant.where} {remnant.path or remnant.object} [{remnant.encoding}]")
    for thing in (*rehearsal.unreadable, *taken.unread):
        say(f"COULD NOT BE READ: {thing.what}: {thing.reason}")
    say()
    say("Nothing was touched. The same ids come out of:")
    say(f"  remediate run {report}")
