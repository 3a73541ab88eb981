"""The record on disk."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediate.errors import StateError
from remediate.incident.rows import Row
from remediate.record.writing import write_record

from .conftest import Story


@dataclass
class Incident:
    folder: Path
    rows: Sequence[Row]


def test_all_files_are_private_and_whole(whole: Story, tmp_path: Path) -> None:
    path = write_record(Incident(tmp_path, whole.rows))
    assert path == tmp_path / "record.json"
    assert json.loads(path.read_text())["status"] == "Resolved"
    assert (tmp_path / "record.md").read_text().startswith("# Incident INC-")
    assert (tmp_path / "record.html").read_text().startswith("<!doctype html>\n")
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {
        "record.json",
        "record.md",
        "record.html",
    }


def test_written_again_it_is_the_same(whole: Story, tmp_path: Path) -> None:
    path = write_record(Incident(tmp_path, whole.rows))
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    write_record(Incident(tmp_path, whole.rows))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first
    assert path.name in first


def test_no_room_is_told(whole: Story, tmp_path: Path) -> None:
    with pytest.raises(StateError):
        write_record(Incident(tmp_path / "gone", whole.rows))
