"""The page of commands is what the commands say today, and the example on each ``--help`` can be typed."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.main import get_command

from remediate.cli.app import build

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS: dict[str, Any] = getattr(get_command(build()), "commands", {})


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs the source tree")
def test_the_page_of_commands_is_current() -> None:
    written = (DOCS / "commands.md").read_text("utf-8")
    assert written == script().page(), "run: python docs/reference.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_can_be_typed(name: str) -> None:
    """It is parsed as it stands, up to where the shell takes over. Nothing is run."""
    found = re.findall(r"Example: (.+)", COMMANDS[name].help or "")
    assert len(found) == 1, "each page of help has an example"
    program, command, *arguments = shlex.split(re.split(r"[<>|]", found[0])[0])
    assert (program, command) == ("remediate", name)
    COMMANDS[name].make_context(name, list(arguments))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    assert not [p.name for p in COMMANDS[name].params if p.name != "help" and not p.help]
