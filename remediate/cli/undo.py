"""``remediate undo``: until publish, everything back as it was."""

from __future__ import annotations

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, find, installation, surroundings


def undo(
    incident: o.Incident = None,
    repo: o.Repo = o.HERE,
    yes: o.Yes = False,
    key_file: o.KeyFile = None,
    json: o.Json = False,
    plain: o.Plain = False,
) -> None:
    """Put everything back as it was before the rewrite: every ref, stash, reflog, index, file and object.

    Credentials that are dead stay dead. Not possible any more once the history is published.

    Example: remediate undo --key-file ~/remediate.key
    """
    from pathlib import Path

    from remediate.api.undoing import SUMMARY
    from remediate.api.undoing import undo as put_back
    from remediate.history.repo import open_repo
    from remediate.incident.events import nobody
    from remediate.incident.refusals import noted_of

    console = Console(as_json=json, plain=plain)
    here = installation()
    known = find(here, incident, repo)
    with noted_of(here, [known], "undo"):
        where = open_repo(Path(str(known.state.opened["repository"])))
        flags = Flags(repo=repo, yes=yes, key_file=key_file)
        around = surroundings(flags, where, console, nobody)
    left = put_back(here, known, around)
    if json:
        console.document({"incident": known.state.id, "undone": True, "left_alone": list(left)})
    else:
        console.say(SUMMARY)
        for path in left:
            console.say(f"  {path} was changed since, and keeps that change.")
        console.say("The secrets are in this clone again. Go on: remediate resume")
