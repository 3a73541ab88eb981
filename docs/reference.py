"""Writes the reference out of the code: run it from the repository's root.

python docs/reference.py

commands.md, events.md and record-json.md are whole pages; in exit-codes.md and policy.md only what stands between
two marks is made. man/remediate.1 is the same as commands.md, for man.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import reference_man
import reference_tables
from typer.main import get_command

from remediate.cli.app import build
from remediate.cli.help import names, said, shown, usage

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
    paragraphs, example = said(command)
    lines = [f"## {name}", "", "```text", usage(f"remediate {name}", command), "```", ""]
    for paragraph in paragraphs:
        lines += [*textwrap.wrap(paragraph, 130, break_on_hyphens=False), ""]
    if example:
        lines += ["```sh", example, "```", ""]
    lines += ["| option | what it does |", "| --- | --- |", *map(_row, shown(command)), ""]
    return "\n".join(lines)


def _row(param: Any) -> str:
    what = (param.help or "").replace("|", "\\|").replace("\n", " ")
    typed = ", ".join(f"`{name}`" for name in names(param).split(", "))
    return f"| {typed} | {what} |"


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
