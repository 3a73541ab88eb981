"""The reference is what the code says today, and the example on each ``--help`` can be typed."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from typer.main import get_command

import remediate
from remediate.cli.app import build
from remediate.errors import MEANINGS, PRECEDENCE, ExitStatus
from remediate.incident.events import EVENTS
from remediate.model import ManualStep

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS: dict[str, Any] = getattr(get_command(build()), "commands", {})


def made() -> dict[Path, str]:
    """Every file that docs/reference.py makes, and what it would write."""
    sys.path.insert(0, str(DOCS))
    try:
        return cast("dict[Path, str]", importlib.import_module("reference").pages())
    finally:
        sys.path.remove(str(DOCS))


NEEDS_DOCS = pytest.mark.skipif(not DOCS.is_dir(), reason="needs the source tree")


@NEEDS_DOCS
def test_every_page_that_is_made_is_current() -> None:
    pages = made()
    assert {path.name for path in pages} == {
        "commands.md",
        "events.md",
        "exit-codes.md",
        "policy.md",
        "record-json.md",
        "remediate.1",
    }
    old = [path.name for path, text in pages.items() if path.read_text("utf-8") != text]
    assert not old, "run: python docs/reference.py"


@NEEDS_DOCS
@pytest.mark.parametrize(
    "program",
    [
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
        ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"],
        ["mandoc", "-Tlint", "-Wwarning"],
    ],
    ids=lambda program: program[0],
)
def test_the_man_page_is_formatted_without_a_warning(program: list[str]) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    page = DOCS.parent / "man" / "remediate.1"
    done = subprocess.run([*program, str(page)], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
    if program[0] == "mandoc":
        # It would like a date, which would make the page another one each day.
        assert [line for line in done.stdout.splitlines() if "date" not in line] == []


@NEEDS_DOCS
def test_the_man_page_comes_with_the_wheel(tmp_path: Path) -> None:
    wheels = pytest.importorskip("hatchling.builders.wheel")
    builder = wheels.WheelBuilder(str(DOCS.parent))
    (built,) = builder.build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        (page,) = [n for n in wheel.namelist() if n.endswith("data/share/man/man1/remediate.1")]
        assert wheel.read(page) == (DOCS.parent / "man" / "remediate.1").read_bytes()


def emitted() -> Iterator[tuple[str, str, set[str]]]:
    """Where the code emits an event: the place, the event's name, the fields (``**`` for one that is put together)."""
    package = Path(remediate.__file__).parent
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "emit"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                where = f"{path.name}:{node.lineno}"
                yield where, node.args[0].value, {word.arg or "**" for word in node.keywords}


def test_what_is_emitted_is_described() -> None:
    found = list(emitted())
    assert len(found) > 10
    for where, name, fields in found:
        assert name in EVENTS, where
        told = EVENTS[name]
        if "**" not in fields:
            assert fields <= set(told.fields), where
            assert set(told.fields) - told.optional <= fields, where
    by_others = {"version", "finished", "demo", "person"}
    assert {name for _, name, _ in found} == set(EVENTS) - by_others


def test_a_manual_step_is_described_whole() -> None:
    assert set(EVENTS["manual"].fields) == {field.name for field in dataclasses.fields(ManualStep)}


def test_every_exit_code_has_its_meaning() -> None:
    assert list(MEANINGS) == list(ExitStatus)
    assert set(PRECEDENCE) == set(ExitStatus)


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
