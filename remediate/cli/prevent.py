"""``remediate prevent``: what keeps the secret from coming back, put in and taken out."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, repository
from remediate.errors import ExitStatus, UsageError
from remediate.wording import count

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.incident.opening import Installation, Known


def prevent(
    server: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="A bare repository on this machine: its pre-receive hook instead."
        ),
    ] = None,
    host: Annotated[
        bool,
        typer.Option(
            "--host/--no-host", help="Switch on push protection where the remotes' host has it."
        ),
    ] = True,
    remove: Annotated[bool, typer.Option("--remove", help="Take out what it put in.")] = False,
    hook: Annotated[
        str | None, typer.Option(metavar="NAME", hidden=True, help="What the hook itself runs.")
    ] = None,
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    json: o.Json = False,
    plain: o.Plain = False,
) -> None:
    """Hooks that keep the secret and the old history out, ignore rules, .env.example, patches.

    Example: remediate prevent
    """
    from remediate.api.answers import Agrees
    from remediate.history import remote
    from remediate.plugins.context import VendorContext
    from remediate.prevention import hosted, kit

    console = Console(as_json=json, plain=plain)
    where, here = repository(repo), installation()
    if hook is not None:
        _run_hook(console, where, here, hook)
        return
    folder = _patches(here, where)
    kept = here.home.path / "guards" / f"{folder.name}.json"
    vendor = VendorContext(environment=dict(os.environ), asks=Agrees())
    if remove:
        done = kit.take_out_of_server(server) if server else kit.take_out(where, folder)
        if server is None:
            done.notes += hosted.switch_back(vendor, kept)
    else:
        from remediate.incident.opening import load_policy
        from remediate.prevention import staged
        from remediate.stages import rounds

        incidents = _of(here, where)
        rehearsals = [r for k in incidents if (r := rounds.of(k.folder, k.state)) is not None]
        known = staged.remember(
            here.home.path, (f for each in here.incidents() for f in each.state.secrets)
        )
        if server is not None:
            done = kit.put_into_server(server, rehearsals)
        else:
            rules = load_policy(Flags(repo=repo, policy=policy).options(), where)
            head, _, tail = rules.replacement.partition("{kind}")
            mark = f"{re.escape(head)}[a-z0-9][a-z0-9-]*{re.escape(tail)}"
            done = kit.put_in(where, rehearsals, _paths(incidents), folder, mark)
            done.notes.insert(
                0, f"The hook knows {count(known, 'secret')} by fingerprint, on this machine alone."
            )
            if host:
                done.notes += hosted.switch_on(remote.addresses(where), vendor, kept)
    if json:
        console.document(
            {
                "hooks": [{"path": path, "did": did} for path, did in done.hooks],
                "patches": [{"file": file, "proposes": what} for file, what in done.patches],
                "old_ids": done.old_ids,
                "notes": done.notes,
            }
        )
        return
    for path, did in done.hooks:
        console.say(f"{did}: {path}")
    for file, what in done.patches:
        console.say(f"proposed: {what}")
        console.say(f"  git apply {file}")
    for note in done.notes:
        console.note(note)
    if not done.hooks and not done.patches:
        console.say("Nothing of ours was there." if remove else "Nothing was to be done.")


def _run_hook(console: Console, where: Repo, here: Installation, name: str) -> None:
    from remediate.prevention import staged

    if name != "pre-commit":
        raise UsageError(f"There is no hook named {name!r}.", hint="It is pre-commit.")
    caught = staged.look(where, here.key, staged.known_leaks(here.home.path))
    for each in caught:
        at = f"{each.path}:{each.line}" if each.line else each.path
        console.say(f"{at}: {each.what}")
    if caught:
        console.say(
            "Not committed. Read it from the environment; if it is live, kill it: it is on disk."
        )
        raise typer.Exit(int(ExitStatus.REMNANTS))


def _of(here: Installation, where: Repo) -> list[Known]:
    from remediate.incident.opening import same_repository

    return [known for known in here.incidents() if same_repository(known.state, where)]


def _paths(incidents: list[Known]) -> list[str]:
    found = {
        place.path
        for known in incidents
        for secret in known.state.secrets.values()
        for place in secret.locations
        if place.path
    }
    for known in incidents:
        places = (known.state.rehearsed or {}).get("places")
        if isinstance(places, list | tuple):
            found |= {str(p["path"]) for p in places if isinstance(p, dict) and p.get("path")}
    return sorted(found)


def _patches(here: Installation, where: Repo) -> Path:
    name = hashlib.sha256(os.fsencode(where.common_dir.resolve())).hexdigest()[:16]
    return here.home.path / "patches" / name
