"""``remediate resume``: go on where it stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository, surroundings
from remediate.cli.stream import Stream
from remediate.errors import RepositoryError, UsageError

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.secret import Secret


def resume(
    incident: o.Incident = None,
    report: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The report once more, where its values were in memory."),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(metavar="STEP", help="Read that manual step's new value from standard input."),
    ] = None,
    done: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STEP",
            help="Your word that a step is done that only you can see.",
        ),
    ] = None,
    approval: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A second person's approval: their REQUEST.sig."),
    ] = None,
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
    """Go on with an incident where it stopped.

    Nothing that is done is done again; what was under way is first looked into.

    Example: remediate resume --value replace-github-1a2b3c4d < new-token
    """
    from remediate.api.assembling import go_on
    from remediate.history.repo import open_repo
    from remediate.incident.refusals import noted_of
    from remediate.incident.request import read as read_approval

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
    here = installation()
    known = here.find(incident, None if incident else _here(flags))
    flags = flags.inheriting(known.state)
    with noted_of(here, [known], "resume"):
        handed_approval = read_approval(approval) if approval is not None else None
        where = open_repo(Path(str(known.state.opened["repository"])))
        around = surroundings(flags, where, console, stream)
        taken = intake(report, where, here) if report is not None else None
        handed = _read_value(value) if value is not None else None
    values = {value: handed} if value is not None and handed is not None else {}
    result = go_on(
        here, known, around, taken, values=values, approval=handed_approval, done=done or ()
    )
    stream.finished(result, result.incident or "", result.record)
    raise typer.Exit(int(result.exit))


def _here(flags: Flags) -> Repo | None:
    try:
        return repository(flags.repo)
    except RepositoryError:
        return None


def _read_value(step: str) -> Secret:
    """The value from standard input, or typed without echo. Raises `UsageError` for none."""
    from remediate.secret import Secret

    if sys.stdin.isatty():
        from remediate.cli.prompts import ask_hidden

        prompt = f"Value for {step} (not shown): "
        raw = ask_hidden(
            Console(), prompt, prompt, f"remediate resume --value {step} < FILE"
        ).encode()
    else:
        raw = sys.stdin.buffer.read(1024 * 1024)
    raw = raw.rstrip(b"\r\n")
    if not raw:
        raise UsageError(
            "Standard input held no value.", hint=f"remediate resume --value {step} < FILE"
        )
    return Secret(raw)
