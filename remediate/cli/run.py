"""``remediate run``: the whole pipeline."""

from __future__ import annotations

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository, surroundings
from remediate.cli.stream import Stream


def run(
    report: o.Report,
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    only: o.Only = None,
    skip: o.Skip = None,
    yes: o.Yes = False,
    offline: o.Offline = False,
    no_push: o.NoPush = False,
    no_undo: o.NoUndo = False,
    key_file: o.KeyFile = None,
    expressions: o.Expressions = None,
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Run the whole pipeline over a report.

    Kills the credentials, replaces them, rewrites history, publishes, and leaves a record. An open
    incident for the same secrets here is resumed.

    Example: remediate run gitleaks.json --yes --key-file ~/remediate.key
    """
    console = Console(as_json=json, plain=plain, quiet=quiet, verbose=verbose)
    stream = Stream(console)
    flags = Flags(
        repo=repo,
        policy=policy,
        only=tuple(only or ()),
        skip=tuple(skip or ()),
        yes=yes,
        offline=offline,
        no_push=no_push,
        no_undo=no_undo,
        key_file=key_file,
        expressions=expressions,
    )
    start(report, flags, console, stream)


def start(report: str, flags: Flags, console: Console, stream: Stream) -> None:
    """Open or resume the incident of *report* and run it to its conclusion."""
    from remediate.api.assembling import start as begin

    where = repository(flags.repo)
    here = installation()
    with here.refusals(where, "run"):
        around = surroundings(flags, where, console, stream)
        taken = intake(report, where, here)
    if not taken.secrets:
        console.note("The report names no secret: nothing to do.")
    result = begin(here, taken, where, around)
    stream.finished(result, result.incident or "", result.record)
    raise typer.Exit(int(result.exit))
