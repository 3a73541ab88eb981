"""``remediate`` on a terminal: the guide, for somebody who has never done this and is frightened."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from remediate.cli.console import Console
from remediate.cli.options import key_file
from remediate.errors import UsageError
from remediate.wording import count

if TYPE_CHECKING:
    from remediate.api.answers import Agrees
    from remediate.cli.guide_view import GuideStream
    from remediate.cli.guide_what import HandedIn
    from remediate.cli.prompts import Guided
    from remediate.cli.session import Flags
    from remediate.history.repo import Repo
    from remediate.incident.intake import Intake
    from remediate.incident.opening import Installation, Known
    from remediate.incident.state import State


@dataclass(frozen=True)
class Asked:
    """The guide's own options."""

    repo: Path = Path()
    policy: Path | None = None
    plain: bool = False


def guide(context: typer.Context, asked: Asked) -> None:
    """Ask what leaked, and take the person through the pipeline.

    Without a terminal there is nobody to guide: the help, and exit 2.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        sys.stderr.write(context.get_help() + "\n")
        raise UsageError(
            "There is no terminal to guide anybody at.",
            hint="In a script: remediate run REPORT --yes",
        )
    from remediate.cli.session import Flags, installation, repository

    console = Console(plain=asked.plain)
    _welcome(console)
    where, here = repository(asked.repo), installation()
    flags = Flags(repo=asked.repo, policy=asked.policy, key_file=key_file(None))
    known = _open_here(console, where, here)
    if known is not None:
        _go_on(console, here, known, flags)
    else:
        _begin(console, where, here, flags)


def guide_opening() -> tuple[str, str, str]:
    """The first words: what has happened, what is at stake, what can't go wrong."""
    return (
        "A key has leaked into git.",
        "Whoever finds it can use it until its vendor refuses it; strangers try public keys within minutes.",
        "Nothing is changed without your yes. Ctrl-C is safe at any point: type remediate again to go on.",
    )


def _welcome(console: Console) -> None:
    from remediate.stages.interface import stages

    say = console.say
    happened, stake, safe = guide_opening()
    say(happened, style="bold")
    console.paragraph(stake)
    say()
    say("We go through this together, the most urgent first:")
    for number, stage in enumerate(stages(), 1):
        say(f"  {number}. {stage.title}")
    say()
    console.paragraph(safe)


def _open_here(console: Console, repo: Repo, here: Installation) -> Known | None:
    """The incident that is open here, where the person wants to go on with it."""
    from remediate.cli.guide_view import GuideStream
    from remediate.cli.prompts import Guided
    from remediate.incident.opening import same_repository
    from remediate.incident.waiting import waits

    found = [k for k in here.incidents() if not k.state.closed and same_repository(k.state, repo)]
    for known in found:
        state = known.state
        console.say()
        console.say(f"{state.id} is open for this repository.", style="bold")
        for wait in [wait for wait in waits(state) if wait.on != "resume"][:5]:
            console.paragraph(f"It waits for: {wait.what}", indent="  ", hang="  ")
            if wait.on_word:
                console.paragraph(f"When you have: {wait.next}", indent="    ", hang="  ")
        console.paragraph(GuideStream(console, _detected(state), state).danger(), indent="  ")
        if Guided(console).confirm(
            f"Go on with {state.id}?",
            option="--yes",
            default=True,
            why="Yes: what is done is not done again; it goes on where it stopped.\n"
            "No: it stays as it is, and we begin with another leak.\n"
            "To take it back: Ctrl-C stops it at any point, and nothing is lost.\n"
            f"In a script: remediate resume {state.id}",
        ):
            return known
    return None


def _go_on(console: Console, here: Installation, known: Known, flags: Flags) -> None:
    from remediate.cli.guide_view import GuideStream
    from remediate.cli.prompts import Guided
    from remediate.cli.session import conduct, surroundings
    from remediate.history.repo import open_repo
    from remediate.incident.opening import again
    from remediate.incident.refusals import noted_of

    state = known.state
    flags = flags.inheriting(state)
    stream = GuideStream(console, _detected(state))
    asks = _asks(console, flags)
    if isinstance(asks, Guided):
        asks.script = lambda option: f"remediate resume {state.id} {option}"
    with noted_of(here, [known], "go on, guided"):
        where = open_repo(Path(str(state.opened["repository"])))
        around = replace(surroundings(flags, where, console, stream), asks=asks)
    with again(here, known, around) as run:
        stream.follow(run.state, asks)
        conclusion, record = conduct(run)
        _close(console, stream, f"remediate resume {run.state.id}")
        stream.finished(conclusion, run.state.id, record)
    raise typer.Exit(int(conclusion.exit))


def _detected(state: State) -> str:
    """When it was found out: as the report says, else when the incident was opened."""
    at = state.opened.get("detected_at")
    return at if isinstance(at, str) and at else state.opened_at


def _begin(console: Console, where: Repo, here: Installation, flags: Flags) -> None:
    from remediate.cli.guide_view import GuideStream
    from remediate.cli.guide_what import What
    from remediate.cli.session import conduct, surroundings
    from remediate.incident.opening import begin
    from remediate.plugins.context import VendorContext

    asks = _asks(console, flags)
    vendor = VendorContext(environment=dict(os.environ), asks=asks)
    with here.refusals(where, "begin, guided"):
        handed = What(console, where, here, asks, vendor).handed_in()
        _told(console, handed)
        stream = GuideStream(console, handed.taken.detected_at)
        around = replace(surroundings(flags, where, console, stream), asks=asks)
    if handed.typed:
        options = replace(around.options, typed=frozenset(handed.taken.values))
        around = replace(around, options=options)
    with begin(here, handed.taken, where, around) as run:
        stream.follow(run.state, asks)
        conclusion, record = conduct(run)
        _close(console, stream, f"{handed.again}, later: remediate resume {run.state.id}")
        stream.finished(conclusion, run.state.id, record)
    raise typer.Exit(int(conclusion.exit))


def _asks(console: Console, flags: Flags) -> Agrees | Guided:
    from remediate.api.answers import Agrees
    from remediate.cli.prompts import Guided

    return Agrees() if flags.yes else Guided(console)


def _told(console: Console, handed: HandedIn) -> None:
    """What was handed in, and what can be done about each."""
    from remediate.incident.naming import called
    from remediate.incident.redaction import redactor

    taken = handed.taken
    console.say()
    console.say(f"That is {count(len(taken.credentials), 'credential')}:", style="bold")
    ways, redact = _ways(taken), redactor(taken.values.values())
    secrets = {secret.fingerprint: secret for secret in taken.secrets}
    for credential in taken.credentials[:20]:
        name = called(credential, secrets, redact)
        console.paragraph(f"{name}: {ways[credential.kind]}", indent="  ", hang="  ")
    if len(taken.credentials) > 20:
        console.say(f"  and {len(taken.credentials) - 20} more")
    for thing in taken.unread[:5]:
        console.say(f"  Its value could not be had: {thing.what} ({thing.reason})")
    console.say(f"  In a script: {handed.again}", style="dim")


def _ways(taken: Intake) -> dict[str, str]:
    """Kind to what its provider can do about it."""
    from remediate.plugins.registry import providers

    words = {
        "api": "we can kill it from here",
        "manual": "you kill it at its vendor's page, which we name",
        "none": "nobody can revoke it; what trusts it has to be changed",
    }
    kinds = {kind.name: words[kind.revoke] for provider in providers for kind in provider.kinds}
    unknown = "nobody is known who could revoke it; it is removed from history"
    return {c.kind: kinds.get(c.kind, unknown) for c in taken.credentials}


def _close(console: Console, stream: GuideStream, script: str) -> None:
    """What is still dangerous, and the command that does the same in a script."""
    console.say()
    console.paragraph(stream.last_word(), style="bold")
    console.say(f"  In a script: {script}", style="dim")
