"""The coverage pages say what is shown by which test: each test they name is there, each case has its row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .history.test_every_place import PLACES
from .history.test_states import REFUSED, WORKS

TESTS = Path(__file__).resolve().parent
DOCS = TESTS.parent / "docs"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="needs the source tree, not the wheel")


def test_every_test_that_is_named_exists() -> None:
    there = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(
            r"^ *(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE
        )
    }
    there |= {path.stem for path in TESTS.rglob("test_*.py")}
    pages = sorted([*DOCS.glob("coverage*.md"), *DOCS.glob("guarantees.md")])
    assert pages
    for page in pages:
        named = set(re.findall(r"\btest_\w+", page.read_text("utf-8")))
        assert named <= there, page.name


def test_every_case_has_its_row_and_every_row_its_case() -> None:
    text = (DOCS / "coverage.md").read_text("utf-8")
    rows = re.findall(r"^\| `(.+?)` \| (.*) \|$", text, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted((*PLACES, *WORKS, *REFUSED))
    said = dict(rows)
    for name, spot in PLACES.items():
        assert said[name].startswith(f"{spot.where} | {'**named**' if spot.named else 'rewritten'}")
