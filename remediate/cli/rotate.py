"""``remediate rotate``: a credential that has not leaked is replaced, and then ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, conduct, installation, intake, repository, surroundings
from remediate.cli.stream import Stream
from remediate.errors import UsageError

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.incident.intake import Intake
    from remediate.incident.opening import Installation, Surroundings


def rotate(
    values: Annotated[
        str,
        typer.Argument(
            metavar="[VALUES]",
            help="A file with the credential's present value, one part a line; - reads standard input.",
        ),
    ] = "-",
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    yes: o.Yes = False,
    key_file: o.KeyFile = None,
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Replace a credential that has not leaked: the new one in its stores, deployed, checked, the old one ended.

    Never from the command line: the value comes from a file or standard input. Stores, deploy and check are
    those of remediate.toml. Said again, it goes on where it stopped.

    Example: remediate rotate < old-key.txt
    """
    from remediate.incident.opening import begin

    console = Console(as_json=json, plain=plain, quiet=quiet, verbose=verbose)
    stream = Stream(console)
    flags = Flags(repo=repo, policy=policy, yes=yes, key_file=key_file).rotating()
    where, here = repository(repo), installation()
    with here.refusals(where, "rotate"):
        around = surroundings(flags, where, console, stream)
        taken = _taken(around, values, where, here)
        if not taken.secrets:
            raise UsageError(
                "No value was given, so nothing can be rotated.",
                hint="remediate rotate FILE, or a value on standard input.",
            )
    # Whoever hands a value in has it: that is authority enough.
    around = replace(around, options=replace(around.options, typed=frozenset(taken.values)))
    with begin(here, taken, where, around) as run:
        begun = run.state.opened.get("options")
        if not (isinstance(begun, Mapping) and begun.get("planned")):
            console.note("An open incident is about this very value: it goes on with that one.")
        conclusion, record = conduct(run)
        stream.finished(conclusion, run.state.id, record)
    raise typer.Exit(int(conclusion.exit))


def _taken(around: Surroundings, values: str, where: Repo, here: Installation) -> Intake:
    if values == "-" and sys.stdin.isatty():
        from remediate.incident.intake import identify
        from remediate.reports.secrets import DistinctSecret

        typed = around.asks.secret(
            "The credential's present value (an AWS pair: run it with a file of two lines).",
            option="remediate rotate FILE",
        )
        found = [DistinctSecret(typed, ())] if typed is not None else []
        return identify(found, here.key, name="-", report_format="typed")
    return intake(values, where, here)
