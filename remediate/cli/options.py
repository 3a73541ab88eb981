"""The options that mean the same after every command, each said once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def _incident_ids(incomplete: str) -> list[str]:
    """For the shell's completion: ids that begin so, newest first. Makes and changes nothing."""
    from remediate.incident.home import home_path

    try:
        found = [journal.parent.name for journal in _incidents(home_path(os.environ))]
    except OSError:
        return []
    return sorted((i for i in found if i.lower().startswith(incomplete.lower())), reverse=True)


def _incidents(home: Path) -> list[Path]:
    return [j for j in (home / "incidents").glob("*/journal.db") if j.parent.name[0] != "."]


Report = Annotated[
    str, typer.Argument(metavar="REPORT", help="The scanner's report; - reads standard input.")
]
Incident = Annotated[
    str | None,
    typer.Argument(
        metavar="[INCIDENT]",
        help="Its id or a part of it; default: the one open here.",
        autocompletion=_incident_ids,
    ),
]
Repo = Annotated[
    Path, typer.Option("--repo", metavar="PATH", help="The repository (default: here).")
]
Policy = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The policy (default: the repository's remediate.toml)."),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="STAGE", help="Run this stage alone; repeatable."),
]
Skip = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="STAGE", help="Leave this stage out; repeatable."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree with every default; ask nothing.")]
Offline = Annotated[bool, typer.Option("--offline", help="Call no vendor.")]
NoPush = Annotated[bool, typer.Option("--no-push", help="Leave the remote as it is.")]
NoUndo = Annotated[
    bool, typer.Option("--no-undo", help="Make no backup: the rewrite can't be taken back.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        envvar="REMEDIATE_KEY_FILE",
        help="A file that seals custody and backup; REMEDIATE_KEY_FILE.",
    ),
]
Expressions = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Your own rules, as for git-filter-repo --replace-text."),
]
Json = Annotated[bool, typer.Option("--json", help="For scripts: JSON on standard output.")]
Plain = Annotated[bool, typer.Option("--plain", help="No colour, no moving line: one fact a line.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only what must be known.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Every effect as it happens.")]

HERE = Path()


def key_file(given: Path | None) -> Path | None:
    """The key file that the flag or ``REMEDIATE_KEY_FILE`` names."""
    if given is not None:
        return given
    named = os.environ.get("REMEDIATE_KEY_FILE")
    return Path(named) if named else None
