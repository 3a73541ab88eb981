"""Writes commands.md from the command line itself: run it from the repository's root.

python docs/reference.py
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from typer.main import get_command

from remediate.cli.app import build

PAGE = Path(__file__).resolve().parent / "commands.md"
_HEAD = """\
# Commands

Made from the code by `python docs/reference.py`; a test holds it to what `--help` says. What each exit code means:
[Exit codes](exit-codes.md). `remediate` alone on a terminal is [the guide](guide.md).
"""


def page() -> str:
    """The whole page."""
    commands: dict[str, Any] = getattr(get_command(build()), "commands", {})
    return "\n".join([_HEAD, *(_section(name, one) for name, one in commands.items())])


def _section(name: str, command: Any) -> str:
    text, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
    shown = [p for p in command.params if not getattr(p, "hidden", False)]
    operands = [_metavar(p) for p in shown if p.param_type_name == "argument"]
    usage = " ".join(["remediate", name, "[OPTIONS]", *operands])
    lines = [f"## {name}", "", "```text", usage, "```", "", text.strip(), ""]
    if example:
        lines += ["```sh", example.strip(), "```", ""]
    lines += ["| option | what it does |", "| --- | --- |", *(_row(p) for p in shown), ""]
    return "\n".join(lines)


def _row(param: Any) -> str:
    names = [_metavar(param)]
    if param.param_type_name == "option":
        value = "" if param.is_flag else f" {_metavar(param)}"
        names = [f"{name}{value}" for name in [*sorted(param.opts, key=len), *param.secondary_opts]]
    what = (param.help or "").replace("|", "\\|").replace("\n", " ")
    return f"| {', '.join(f'`{name}`' for name in names)} | {what} |"


def _metavar(param: Any) -> str:
    return str(param.metavar or (param.name or "").upper())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
