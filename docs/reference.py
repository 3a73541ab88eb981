"""Writes the reference out of the code: run it from the repository's root.

python docs/reference.py

commands.md, events.md and record-json.md are whole pages; in exit-codes.md and policy.md only what stands between
two marks is made. man/remediate.1 is the same as commands.md, for man.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import reference_man
import reference_tables
from typer.main import get_command

from remediate.cli.app import build

DOCS = Path(__file__).resolve().parent
_HEAD = """\
# Commands

Made from the code by `python docs/reference.py`; a test holds it to what `--help` says. What each exit code means:
[Exit codes](exit-codes.md). `remediate` alone on a terminal is [the guide](guide.md).
"""


def pages() -> dict[Path, str]:
    """Every file that is made, and what has to stand in it."""
    found: dict[str, Any] = getattr(get_command(build()), "commands", {})
    tables = reference_tables
    codes = {
        "codes": tables.exit_codes(),
        "first": tables.precedence(),
        "errors": tables.error_codes(),
    }
    return {
        DOCS / "commands.md": "\n".join([_HEAD, *(_section(n, one) for n, one in found.items())]),
        DOCS / "events.md": tables.events_page(),
        DOCS / "record-json.md": tables.record_page(),
        DOCS / "exit-codes.md": _filled(DOCS / "exit-codes.md", codes),
        DOCS / "policy.md": _filled(DOCS / "policy.md", {"keys": tables.policy_keys()}),
        DOCS.parent / "man" / "remediate.1": reference_man.man_page(found),
    }


def _filled(page: Path, parts: dict[str, str]) -> str:
    """The page with each part between its marks. Raises ValueError where a mark is missing."""
    text = page.read_text("utf-8")
    for name, made in parts.items():
        mark = rf"(<!-- made: {name} -->\n).*?(<!-- end -->)"
        text, number = re.subn(
            mark, lambda m, made=made: f"{m[1]}\n{made}\n\n{m[2]}", text, flags=re.DOTALL
        )
        if number != 1:
            raise ValueError(f"{page.name} has no place for {name}")
    return text


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
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
