"""``remediate list``, ``show``, ``log``: incidents, one of them, its journal."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.rerun_view import tell_reruns
from remediate.cli.session import find, installation
from remediate.cli.stream import when_done
from remediate.clock import parse
from remediate.errors import UsageError
from remediate.incident.reruns import reruns
from remediate.wording import count

if TYPE_CHECKING:
    from remediate.incident.opening import Installation, Known
    from remediate.incident.rows import Row
    from remediate.incident.state import State
    from remediate.incident.waiting import Wait


def list_(
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    json: o.Json = False,
    plain: o.Plain = False,
) -> None:
    """List the incidents of this machine, and what each waits for.

    Example: remediate list --all
    """
    console = Console(as_json=json, plain=plain)
    here = installation()
    readable, damaged = here.readable()
    known = [k for k in readable if everything or not k.state.closed]
    if json:
        if damaged is not None:
            raise damaged
        here.require_whole()
        console.document([summary(k) for k in known])
        return
    if not known:
        console.say("No incident is open." if not everything else "There is no incident.")
    now = datetime.now(UTC)
    for each in known:
        data = summary(each)
        console.say(f"{data['incident']}  {data['status']}  {data['repository']}", style="bold")
        console.say(
            f"  {count(data['secrets'], 'secret')}; last worked on {ago(data['last'], now)}"
        )
        for wait in data["waits"]:
            since = f", since {ago(wait['since'], now)}" if wait["since"] else ""
            console.say(f"  waits for {_ON[wait['on']]}{since}: {wait['what']}")
            if wait["on_word"]:
                console.say(f"    When you have: {wait['next']}")
        if data["waits"] and not data["waits"][0]["on_word"]:
            console.say(f"    Next: {data['waits'][0]['next']}")
    if damaged is not None:
        raise damaged
    here.require_whole()


def show(
    incident: o.Incident = None,
    expressions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the secrets as git-filter-repo rules: a list of secrets."
        ),
    ] = None,
    commit_map: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the commit map, for collaborators (remediate rescue FILE)."
        ),
    ] = None,
    object_map: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the object map as BFG does, for GitLab."),
    ] = None,
    key_file: o.KeyFile = None,
    repo: o.Repo = o.HERE,
    json: o.Json = False,
    plain: o.Plain = False,
) -> None:
    """Show one incident: credentials, stages, what is left.

    Example: remediate show INC-20260102-ab12cd
    """
    from remediate.incident.refusals import noted_of

    console = Console(as_json=json, plain=plain)
    here = installation()
    known = find(here, incident, repo)
    if expressions is not None:
        _write_expressions(console, here, known, expressions, key_file)
        return
    if commit_map is not None or object_map is not None:
        with noted_of(here, [known], "show the maps"):
            _write_maps(console, known, commit_map, object_map)
        return
    state = known.state
    if json:
        console.document(
            {
                **summary(known),
                "credentials": [asdict(c) for c in state.credentials.values()],
                "stages": {name: dict(data) for name, data in state.stages.items()},
                "effects": [
                    {
                        "key": e.key,
                        "action": e.action,
                        "subject": e.subject,
                        "status": str(e.outcome.status) if e.outcome else "under way",
                        "summary": e.outcome.summary if e.outcome else "",
                    }
                    for e in state.effects.values()
                ],
                "manual": [asdict(step) for step in state.manual_steps()],
                "reruns": asdict(reruns(state)),
                "advice": state.advice,
            }
        )
        return
    console.say(f"{state.id}  {_status(state)}", style="bold")
    for name, data in state.stages.items():
        console.say(f"  {data.get('status')}  {name}: {data.get('summary') or data.get('reason')}")
    for step in state.manual_steps():
        console.say(f"  Yours to do: {step.title} ({step.id})")
        if step.url:
            console.say(f"    {step.url}")
        if step.on_word:
            for instruction in step.instructions:
                console.paragraph(f"- {instruction}", indent="    ", hang="  ")
            console.say(f"    {when_done(step)}")
    tell_reruns(console, reruns(state))
    for text in state.advice:
        console.say(f"  Tip: {text}")


def _write_maps(
    console: Console, known: Known, commit_map: Path | None, object_map: Path | None
) -> None:
    from remediate.clones.note import note
    from remediate.history.commitmap import resolved, write_map, write_object_map
    from remediate.stages import rounds

    rehearsal = rounds.of(known.folder, known.state)
    if rehearsal is None:
        raise UsageError(
            f"{known.state.id} has rewritten nothing, so there is no commit map.",
            hint=f"See what it did: remediate show {known.state.id}",
        )
    commits = resolved(rehearsal.commits)
    try:
        if commit_map is not None:
            write_map(commit_map, commits)
        if object_map is not None:
            write_object_map(object_map, resolved(rehearsal.objects))
    except OSError as error:
        raise UsageError(
            f"{error.filename or commit_map} can't be written: {error.strerror}.",
            hint="Name a file in a folder that you can write to.",
        ) from None
    url = str(known.state.opened.get("remote") or "the repository")
    name = commit_map.name if commit_map is not None else "commit-map"
    text = note(known.state.id, url, len(commits), name)
    if console.as_json:
        console.document(
            {
                "commit_map": str(commit_map) if commit_map else None,
                "object_map": str(object_map) if object_map else None,
                "note": text,
            }
        )
        return
    console.note("Send it, with this note, to everybody who has a clone:")
    console.payload(text)


def _write_expressions(
    console: Console, here: Installation, known: Known, path: Path, key_file: Path | None
) -> None:
    from remediate.history.expressions import write_expressions
    from remediate.incident.opening import needles_of
    from remediate.incident.refusals import noted_of
    from remediate.incident.sealing import read_key_file

    with noted_of(here, [known], "show --expressions"):
        key = read_key_file(key_file) if key_file is not None else None
    needles = needles_of(here, known, key, "show --expressions")
    with noted_of(here, [known], "show --expressions"):
        left_out = write_expressions(path, needles)
    if console.as_json:
        console.document({"written": str(path), "left_out": list(left_out)})
        return
    console.say(f"Wrote {path} (0600). It is a list of secrets: delete it when you are done.")
    for fingerprint in left_out:
        console.say(f"  left out: {fingerprint[:12]}, for a rule is one line and it has several")


def log(
    incident: o.Incident = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the chain of seals, and say so.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as rows are written.")] = False,
    repo: o.Repo = o.HERE,
    json: o.Json = False,
    plain: o.Plain = False,
    verbose: o.Verbose = False,
) -> None:
    """Read an incident's journal, a sentence a row. Opening it checks the whole chain of seals.

    Example: remediate log --check
    """
    console = Console(as_json=json, plain=plain, verbose=verbose)
    here = installation()
    folder = find(here, incident, repo).folder
    rows = _rows(here, folder)
    if check:
        data = {"rows": len(rows), "intact": True}
        console.document(data) if json else console.say(
            f"{count(len(rows), 'row')}, every seal holds."
        )
        return
    if json and not follow:
        console.document([row_data(row) for row in rows])
        return
    _tell(console, rows, json)
    seen = len(rows)
    with suppress(KeyboardInterrupt):
        while follow:
            time.sleep(0.5)
            rows = _rows(here, folder)
            _tell(console, rows[seen:], json)
            seen = len(rows)


def summary(known: Known) -> dict[str, Any]:
    """One incident in a few words."""
    from remediate.incident.waiting import waits

    state = known.state
    found = waits(state)
    return {
        "incident": state.id,
        "status": _status(state),
        "opened": state.opened_at,
        "repository": state.opened.get("repository"),
        "secrets": len(state.secrets),
        "waiting": _waiting(found),
        "waits": [asdict(wait) for wait in found],
        "last": state.last_at,
        "folder": str(known.folder),
    }


def row_data(row: Row) -> dict[str, Any]:
    """A row for scripts."""
    return {
        "seq": row.seq,
        "at": row.at,
        "kind": row.kind,
        "stage": row.stage,
        "key": row.key,
        "data": row.data,
    }


def _rows(here: Installation, folder: Path) -> tuple[Row, ...]:
    with here.journal(folder, reader=True) as journal:
        return journal.rows


def _tell(console: Console, rows: tuple[Row, ...], json: bool) -> None:
    from remediate.record.reading import text, whole
    from remediate.record.sentences import sentence

    now = datetime.now(UTC)
    for row in rows:
        if json:
            console.line(row_data(row))
        else:
            data = whole(row.data)
            assert isinstance(data, dict)
            when = ago(row.at, now)
            console.say(f"{when:>14}  {row.stage or '-':<11} {sentence(replace(row, data=data))}")
            if console.verbose and (summary_ := text(data, "hint")):
                console.say(f"{'':>14}  {'':<11} {summary_}")


def ago(at: str, now: datetime) -> str:
    """How long before *now* the time *at* was, in one word; the time itself where it is far off."""
    try:
        moment = parse(at)
        seconds = (now - moment).total_seconds()
    except (ValueError, TypeError):
        return at[:14]
    for below, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if -2 <= seconds < below:
            number = int(max(seconds, 0) // unit)
            return f"{number} {name} ago" if number else "just now"
    days = int(seconds // 86400)
    return f"{count(days, 'day')} ago" if 0 < days < 60 else f"{moment:%Y-%m-%d}"


def _status(state: State) -> str:
    if state.closed:
        return "closed"
    ended = state.concluded
    return str(ended["status"]) if ended else "interrupted"


def _waiting(found: list[Wait]) -> str:
    """The first thing that is waited for, and how many more there are."""
    if not found:
        return "nothing is left to do"
    more = f" (+{len(found) - 1})" if len(found) > 1 else ""
    return f"waits for {_ON[found[0].on]}: {found[0].what}{more}"


_ON = {
    "you": "you",
    "second-person": "a second person",
    "vendor": "a vendor",
    "repository": "the repository",
    "remnants": "what is left to be removed",
    "time": "time to pass",
    "flags": "your word",
    "resume": "you to go on",
}
