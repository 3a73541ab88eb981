"""``remediate`` on a terminal: the guide."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from remediate.cli.console import Console
from remediate.cli.options import key_file
from remediate.errors import UsageError


def guide(context: typer.Context) -> None:
    """Ask what leaked, and take the person through the pipeline.

    Without a terminal there is nobody to guide: the help, and exit 2.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        sys.stderr.write(context.get_help() + "\n")
        raise UsageError(
            "There is no terminal to guide anybody at.",
            hint="In a script: remediate run REPORT --yes",
        )
    from remediate.cli.session import Flags
    from remediate.cli.stream import Stream

    console = Console()
    console.say("remediate: a key has leaked into git.", style="bold")
    console.say(
        "First it is killed, then replaced, then removed from history. Ctrl-C is always safe."
    )
    console.say()
    console.say("Give the scanner's report as a file; or press Enter to paste the secret itself.")
    sys.stderr.write("Report: ")
    sys.stderr.flush()
    report = sys.stdin.readline().strip()
    stream = Stream(console)
    if report:
        from remediate.cli.run import start

        console.note(f"The same in a script: remediate run {report}")
        start(str(Path(report).expanduser()), Flags(key_file=key_file(None)), console, stream)
    else:
        _pasted(console, stream)


def _pasted(console: Console, stream: object) -> None:
    """One secret typed without echo: as good as a report of one line."""
    import getpass
    from dataclasses import replace

    from remediate.cli.session import Flags, conduct, installation, repository, surroundings
    from remediate.cli.stream import Stream
    from remediate.incident.intake import take_in
    from remediate.incident.opening import begin
    from remediate.plugins.report import Document

    assert isinstance(stream, Stream)
    typed = getpass.getpass("Secret (not shown): ").strip()
    if not typed:
        raise UsageError("Nothing was given.", hint="Run a scanner, then: remediate run REPORT")
    where, here = repository(Path()), installation()
    taken = take_in(Document("the secret that was typed", typed.encode()), where, here.key)
    around = surroundings(Flags(key_file=key_file(None)), where, console, stream)
    options = replace(around.options, typed=frozenset(taken.values))
    with begin(here, taken, where, replace(around, options=options)) as run:
        conclusion, record = conduct(run)
        stream.finished(conclusion, run.state.id, record)
    raise typer.Exit(int(conclusion.exit))
