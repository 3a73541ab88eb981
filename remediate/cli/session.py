"""From flags to a finished run: what `remediate.api` shares with a program, with this terminal around it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from remediate.api import assembling
from remediate.api.assembling import conduct, find, installation, repository
from remediate.api.flags import Flags
from remediate.cli.console import Console

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.incident.events import Listener
    from remediate.incident.intake import Intake
    from remediate.incident.opening import Installation, Surroundings
    from remediate.secret import Secret

__all__ = [
    "Flags",
    "conduct",
    "find",
    "installation",
    "intake",
    "repository",
    "surroundings",
]


def intake(report: str, repo: Repo, here: Installation) -> Intake:
    """A report from a file or standard input, taken in."""
    from remediate.incident.intake import take_in
    from remediate.reports.read import load

    if report == "-" and sys.stdin.isatty():
        sys.stderr.write("Reading the report from standard input; end with Ctrl-D.\n")
    return take_in(load(report, sys.stdin.buffer), repo, here.key)


def surroundings(
    flags: Flags,
    repo: Repo,
    console: Console,
    listener: Listener,
    *,
    user_key: Secret | None = None,
) -> Surroundings:
    """Policy, options and the rest, checked before anything is done; questions go to this terminal."""
    from remediate.cli.prompts import asks

    return assembling.surroundings(
        flags,
        repo,
        asks=asks(console, yes=flags.yes),
        listener=listener,
        user_key=user_key,
        tell=(lambda line: console.say(line, style="dim")) if console.verbose else None,
    )
