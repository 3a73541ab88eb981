"""``--help`` on a screen of 24 lines and 80 columns: all of it, with an example, and every option named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from remediate.cli.app import build
from remediate.cli.help import names, shown

ROOT: Any = get_command(build())
COMMANDS: dict[str, Any] = ROOT.commands
#: One line is left for the prompt.
LINES, COLUMNS = 23, 80


def page(*words: str, columns: int = COLUMNS) -> list[str]:
    context = ROOT.make_context(
        "remediate", list(words), resilient_parsing=True, terminal_width=columns
    )
    if not words:
        return str(ROOT.get_help(context)).splitlines()
    command = COMMANDS[words[0]]
    inner = command.make_context(words[0], [], parent=context, resilient_parsing=True)
    inner.terminal_width = columns
    return str(command.get_help(inner)).splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_screen(name: str) -> None:
    lines = page(name)
    assert lines[0].startswith(f"Usage: remediate {name} [OPTIONS]")
    assert len(lines) <= LINES, "shorten it, or tell several options in one row"
    assert max(map(len, lines)) <= COLUMNS
    assert sum(line.startswith("  Example: remediate ") for line in lines) == 1


def test_the_first_page_fits_and_names_every_command() -> None:
    lines = page()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    assert sum(line.startswith("  Example: remediate ") for line in lines) == 1
    told = [
        line[2:].split("  ")[0].split(", ") for line in lines if re.match(r"  [a-z, ]+  ", line)
    ]
    assert sorted(name for several in told for name in several) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_on_the_page(name: str) -> None:
    text = "\n".join(page(name))
    for param in shown(COMMANDS[name]):
        for one in [names(param)] if param.param_type_name == "argument" else param.opts:
            assert re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", text), one


@pytest.mark.parametrize("name", COMMANDS)
def test_a_narrow_screen_cuts_nothing_off(name: str) -> None:
    whole, narrow = ("".join(" ".join(page(name, columns=c)).split()) for c in (COLUMNS, 50))
    assert narrow == whole


def test_as_it_is_typed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "remediate", "run", "--help"],
        env={**os.environ, "COLUMNS": "80", "LINES": "24"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stderr == ""
    assert len(done.stdout.splitlines()) <= LINES
    assert max(map(len, done.stdout.splitlines())) <= COLUMNS


def test_help_is_quick_to_begin() -> None:
    """Nothing that reads repositories or speaks to anybody is imported for it."""
    program = (
        "import sys\nfrom remediate.cli.app import build\nbuild()\n"
        "heavy = ('remediate.history', 'remediate.stages', 'pygit2', 'boto3', 'requests', 'jinja2', 'rich')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
