"""``remediate doctor``: is this machine ready, and what may its owner do at which vendor."""

from __future__ import annotations

import os
from collections.abc import Sequence

import typer

from remediate.api.doctor import Check, machine, vendors
from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.errors import ExitStatus


def doctor(
    offline: o.Offline = False,
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
) -> None:
    """Say whether this machine is ready, what your own credentials may do, and what can't be done and why.

    Vendors are asked, read-only, where a credential of yours is found for them; --offline asks none.

    Example: remediate doctor --offline
    """
    console = Console(as_json=json, plain=plain, quiet=quiet)
    checks = [*machine(os.environ), *vendors(os.environ, offline=offline)]
    ready = all(check.ok for check in checks if check.needed)
    if json:
        console.document({"ready": ready, "checks": [check.data() for check in checks]})
    else:
        _show(console, checks)
        if ready:
            console.say("This machine is ready.", style="bold")
        else:
            console.say("NOT ready: mend what is marked NO, then: remediate doctor", style="bold")
    raise typer.Exit(int(ExitStatus.DONE if ready else ExitStatus.USAGE))


def _show(console: Console, checks: Sequence[Check]) -> None:
    for check in checks:
        mark = "ok " if check.ok else ("NO " if check.needed else "-- ")
        if console.quiet and check.ok:
            continue
        console.say(f"{mark} {check.name}: {check.says}")
        for right in check.rights:
            mark = {True: "ok ", False: "NO ", None: "?? "}[right.may]
            why = f" ({right.reason})" if right.reason and right.reason not in check.says else ""
            needs = f", needs {right.needs}" if right.may is not True else ""
            console.say(f"      {mark} {right.does}{needs}{why}")
