"""Every command line on a page of the docs is one that this version understands: its options too."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from remediate.cli.app import build

ROOT = Path(__file__).resolve().parent.parent
COMMANDS: dict[str, Any] = getattr(get_command(build()), "commands", {})

pytestmark = pytest.mark.skipif(
    not (ROOT / "docs").is_dir(), reason="needs the source tree, not the wheel"
)


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    # None is there beside the wheel, where these tests are skipped.
    return [page for page in found if page.is_file()]


def typed(page: Path) -> Iterator[str]:
    """What is typed after ``remediate`` in the page's blocks and in its text, up to where the shell takes over."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^ *```(?:sh|yaml)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    # In a sentence a command may be named without all that it takes.
    lines += [f"{line} X" for line in re.findall(r"`(remediate [^`\n]+)`", text)]
    for line in lines:
        for found in re.finditer(r"(?<![\w/.+-])remediate ([a-z][^|<>#;&)]*)", line):
            yield found[1].strip()


def lines() -> list[Any]:
    found = {(page.relative_to(ROOT).as_posix(), line) for page in pages() for line in typed(page)}
    return [pytest.param(line, id=f"{page}: {line}") for page, line in sorted(found)]


@pytest.mark.parametrize("line", lines())
def test_a_command_line_in_the_docs_can_be_typed(line: str) -> None:
    name, *words = shlex.split(line)
    assert name in COMMANDS
    # "…" stands for what a reader puts there.
    words = [word.replace("…", "x") for word in words]
    takes = [p for p in COMMANDS[name].params if p.param_type_name == "argument"]
    if words[-1:] == ["X"]:
        try:
            COMMANDS[name].make_context(name, list(words))
        except Exception as error:
            # One too many, then: it was named whole.
            assert not takes or "unexpected extra argument" in str(error)
        else:
            return
        words.pop()
    COMMANDS[name].make_context(name, words)


def test_there_are_pages_for_every_case_that_people_come_with() -> None:
    there = {page.stem for page in (ROOT / "docs" / "howto").glob("*.md")}
    assert there >= {
        "aws-key",
        "public-token",
        "env-file",
        "private-key",
        "ci",
        "webhook",
        "kubernetes",
        "planned",
    }
    named = (ROOT / "docs" / "index.md").read_text("utf-8")
    for name in there:
        assert f"howto/{name}.md" in named, "a page that nobody is led to"
    compared = (ROOT / "docs" / "comparison.md").read_text("utf-8")
    for tool in ("git-filter-repo", "BFG", "kingfisher", "betterleaks", "leakkill", "host"):
        assert f"| {tool}" in compared or f"| a {tool}" in compared
    assert "## What we do not do better" in compared
