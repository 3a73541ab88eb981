"""``remediate preview``: the exact result first, touching nothing."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository
from remediate.errors import ExitStatus

if TYPE_CHECKING:
    from remediate.history.model import Rehearsal
    from remediate.history.repo import Repo
    from remediate.incident.policy import Policy
    from remediate.stages.affected import Affected

_PATIENCE = 30.0
"""Seconds that a host is waited for."""


def preview(
    report: o.Report,
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    expressions: o.Expressions = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page for a reviewer, too."),
    ] = None,
    remote: Annotated[
        bool,
        typer.Option(
            "--remote", help="Ask the remote's host for open pull requests and forks, too."
        ),
    ] = False,
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Show what would change, with the exact new ids. Touches nothing, calls no vendor.

    Example: remediate preview gitleaks.json --html preview.html
    """
    from remediate.api.previewing import rehearsed
    from remediate.cli.preview_page import to_html
    from remediate.cli.preview_view import judge, show
    from remediate.incident.home import write_private
    from remediate.incident.opening import load_policy
    from remediate.stages.affected import Affected

    console = Console(as_json=json, plain=plain, quiet=quiet, verbose=verbose)
    flags = Flags(repo=repo, policy=policy, expressions=expressions)
    where = repository(repo)
    rules = load_policy(flags.options(), where)
    here = installation()
    taken = intake(report, where, here)
    with rehearsed(
        taken, where, here, rules, expressions=expressions, progress=console.progress
    ) as made:
        console.settle()
        if made.rehearsal is None:
            console.document(made.document()) if json else console.say(
                "The report names no secret."
            )
            return
        asked = _asked(where, rules, made.rehearsal) if remote else Affected()
        judged = judge(
            taken,
            made.rehearsal,
            made.needles,
            where,
            took=made.took,
            now=datetime.now(UTC),
            affected=asked,
        )
        if html is not None:
            write_private(html, to_html(judged).encode("utf-8", "replace"))
        if json:
            console.document({**made.document(), "affected": asked.document()})
        else:
            show(console, judged, report)
            if html is not None:
                console.say(f"The page for a reviewer: {html}")
    raise typer.Exit(int(ExitStatus.DONE if made.clean else ExitStatus.REMNANTS))


def _asked(repo: Repo, rules: Policy, rehearsal: Rehearsal) -> Affected:
    """What the remote's host tells of those whom the push would concern: with the person's own credentials."""
    from remediate.api.answers import Agrees
    from remediate.plugins.context import VendorContext
    from remediate.stages.affected import affected

    end = time.monotonic() + _PATIENCE
    vendor = VendorContext(environment=dict(os.environ), asks=Agrees(), deadline=lambda: end)
    return affected(repo, rules.remote, [ref.name for ref in rehearsal.refs], vendor)
