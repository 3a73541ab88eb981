"""The captured screens show what the program says today.

Drawn anew with ``python docs/images/guide.py`` and ``python docs/images/capture.py``.
"""

from __future__ import annotations

import importlib
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from remediate.cli.guide import guide_opening
from remediate.cli.guide_danger import ONE_KEY
from remediate.cli.guide_what import CHOICES
from remediate.stages.interface import stages

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
pytestmark = pytest.mark.skipif(not IMAGES.is_dir(), reason="needs the source tree")


def shown(name: str) -> str:
    """The picture's words, a line broken by the terminal made whole again."""
    drawn = (IMAGES / name).read_text("utf-8")
    lines = re.findall(r"<text [^>]*>([^<]*)</text>", drawn)
    return " ".join(unescape(" ".join(lines)).replace("\xa0", " ").split())


def test_the_beginning_is_as_the_guide_begins_today() -> None:
    text = shown("guide-begin.svg")
    for sentence in guide_opening():
        assert sentence in text
    for number, stage in enumerate(stages(), 1):
        assert f"{number}. {stage.title}" in text
    for choice in CHOICES:
        assert " ".join(choice.split()) in text
    for danger in ONE_KEY:
        assert danger in text


def test_the_end_goes_through_the_steps_of_today() -> None:
    text = shown("guide-end.svg")
    for number, stage in list(enumerate(stages(), 1))[3:]:
        assert f"Step {number} of {len(stages())}: {stage.title}" in text
    assert "nothing that we know of is dangerous any more" in text


def told(text: str) -> str:
    """What is the same on every run: no id, time, port or blank, nor where a line is broken."""
    for passing in (
        r"INC-\d{8}-\w+",
        r"AKIA\w{16}",
        r"mk_\w+",
        r"\b[0-9a-f]{8,64}\b",
        r"127\.0\.0\.1:\d+",
        r"\d+ s\b",
        r"\d+ objects?",
    ):
        text = re.sub(passing, "~", text)
    return re.sub(r"\s+", "", text)


def plain(lines: list[str]) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One of the scripts that draw: they lie beside the pictures, in no package."""
    pytest.importorskip("pexpect")
    pytest.importorskip("moto")
    monkeypatch.syspath_prepend(str(IMAGES))
    return importlib.import_module(name)


SCENES = ("begin", "narrow", "colourless", "wrong", "stopped")


@pytest.mark.parametrize("number", range(len(SCENES)), ids=SCENES)
def test_the_guides_screens_are_what_it_prints(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = script("guide", monkeypatch).SCENES
    assert len(scenes) == len(SCENES)
    monkeypatch.delenv("COLUMNS")
    for name, typed, lines in script("guide", monkeypatch).screens(scenes[number]):
        expected = plain([*([f"$ {typed}"] if typed else []), *lines])
        assert told(expected) in told(shown(name)), f"draw {name} anew"


def test_the_demos_screen_is_what_it_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = script("capture", monkeypatch).screen()
    assert told(plain(lines)) in told(shown("demo.svg")), "draw demo.svg anew"


@pytest.mark.parametrize("name", sorted(path.name for path in IMAGES.glob("*.svg")))
def test_a_picture_asks_the_network_for_nothing_and_is_shown(name: str) -> None:
    drawn = (IMAGES / name).read_text("utf-8")
    assert not re.search(r"url\(\W?http|href=|<script|@import", drawn)
    keys = set(re.findall(r"AKIA[A-Z0-9]{16}", drawn))
    assert all(key.endswith("EXAMPLE") for key in keys)
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert any(f"images/{name}" in page.read_text("utf-8") for page in pages)
