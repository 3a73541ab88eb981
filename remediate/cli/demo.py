"""``remediate demo``: a leak and the whole pipeline, on a laptop with no account anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.stream import Stream, finish
from remediate.incident.events import Event


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="PATH", help="Where to play (default: a new temporary one)."
        ),
    ] = None,
    vendor: Annotated[
        list[str] | None,
        typer.Option(
            "--vendor",
            metavar="NAME",
            help="A local vendor that plays (again for another; default: aws, github, stripe).",
        ),
    ] = None,
    yes: o.Yes = False,  # noqa: ARG001 - the demo asks nothing; scripts say it all the same
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Play a leak from the report to the record, against local vendors on this machine.

    Three credentials leak into a repository with a remote; they are killed, replaced, rewritten out,
    published and recorded. No account, no network.

    Example: remediate demo
    """
    from remediate.demo.play import play
    from remediate.errors import UsageError

    console = Console(as_json=json, plain=plain, quiet=quiet, verbose=verbose)
    stream = Stream(console)
    where = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="remediate-demo-"))
    if folder is not None:
        where.mkdir(parents=True, exist_ok=True)
        if any(where.iterdir()):
            raise UsageError(f"{where} is not empty.", hint="Give --folder another one.")

    def told(data: Mapping[str, Any]) -> None:
        name = str(data["event"])
        rest = {key: value for key, value in data.items() if key != "event"}
        if name == "demo" and not json:
            console.say(
                f"A leaky repository and its vendors ({', '.join(rest['vendors'])}) are up."
            )
            console.note(f"Everything lies in {where}")
        elif name == "person" and not json:
            console.say(f"  You (played by the demo): {rest['did']}, at {rest['at']}", style="bold")
        else:
            stream(Event(name, rest))

    last = play(where, told, vendor or ())
    if json:
        finish(
            console,
            status=last["status"],
            code=last["exit"],
            incident=last["incident"],
            record=last["record"],
            manual=last["manual"],
        )
    else:
        _close(console, last)
    raise typer.Exit(int(last["exit"]))


def _close(console: Console, last: Mapping[str, Any]) -> None:
    record = last.get("record")
    if record:
        text = Path(record).with_suffix(".md")
        console.say()
        if console.rich.is_terminal and not console.plain:
            from rich.markdown import Markdown

            console.rich.print(Markdown(text.read_text("utf-8")))
        console.say(f"The record: {text}", style="bold")
        console.say(f"   to be opened: {text.with_suffix('.html')}")
        console.say(f"   for machines: {record}")
    if last["exit"] == 0:
        console.say("Every leaked key is dead, replaced, and gone from the history and the remote.")
    else:
        console.say(f"The demo ended with {last['exit']} ({last['status']}).", style="bold")
