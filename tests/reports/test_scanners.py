"""Scanners that are installed: which one is taken, and what becomes of what it says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from remediate.errors import ReportError
from remediate.reports.read import read_report
from remediate.reports.scanners import SCANNERS, installed


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_first_one_on_the_path_is_taken(tmp_path: Path) -> None:
    assert installed({"PATH": str(tmp_path)}) is None
    program(tmp_path / "bin", "trufflehog", "exit 0")
    program(tmp_path / "bin", "kingfisher", "exit 0")
    found = installed({"PATH": str(tmp_path / "bin")})
    assert found is not None and found.name == "kingfisher"


@pytest.mark.parametrize("scanner", SCANNERS, ids=lambda s: s.name)
def test_none_is_asked_to_validate(scanner: object, tmp_path: Path) -> None:
    words = scanner.command(tmp_path)  # type: ignore[attr-defined]
    assert str(tmp_path) in " ".join(words)
    off = {"kingfisher": "--no-validate", "trufflehog": "--no-verification"}
    assert off.get(words[0], words[0]) in words
    assert not {"--validate", "-v", "--analyze"} & set(words)


def test_its_report_is_read(
    tmp_path: Path, fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = fixtures / "reports" / "kingfisher.json"
    program(tmp_path / "bin", "kingfisher", f"cat '{sample}'; exit 200")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{Path(shutil.which('cat') or '').parent}")
    scanner = next(s for s in SCANNERS if s.name == "kingfisher")
    assert read_report(scanner.run(tmp_path)).format == "kingfisher"


def test_one_that_fails_is_told_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "gitleaks", "echo not a report; exit 3")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ReportError) as caught:
        SCANNERS[0].run(tmp_path)
    assert "exit code 3" in caught.value.message and "gitleaks git" in caught.value.hint
