"""What remediate keeps in ``.git`` for whoever goes on after a crash may have been put there by somebody else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.history import guard, refnames
from remediate.history.apply import apply
from remediate.history.repo import open_repo


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path / "r")], check=True)
    return tmp_path / "r"


def test_locks_elsewhere_are_not_taken_away(repository: Path, tmp_path: Path) -> None:
    """A planted list of marks would have had any file of the user's removed."""
    common = repository / ".git"
    outside = tmp_path / "precious"
    (tmp_path / "folder").mkdir()
    for path in (outside, tmp_path / "x.lock", tmp_path / "folder" / "y.lock", common / "config"):
        path.touch()
    (common / "leads-out").symlink_to(tmp_path / "folder")
    (common / "index.lock").touch()
    named = [
        *("../../precious", str(outside), "../../x.lock", str(tmp_path / "x.lock")),
        *("leads-out/y.lock", "config", "a\0b.lock", "", ".", 7, None, ["index.lock"], "refs"),
        "index.lock",
    ]
    (common / guard.NAME).write_text(json.dumps(named))
    with guard.writing(common):
        pass
    assert outside.exists()
    assert (tmp_path / "x.lock").exists()
    assert (tmp_path / "folder" / "y.lock").exists()
    assert (common / "config").exists()
    assert not (common / "index.lock").exists(), "git's own mark in here is"


@pytest.mark.parametrize(
    "text", ["[", "{}", '"index"', "7", "null", "[" * 100_000, '{"refs": "index.lock"}', "\xff"]
)
def test_marks_that_are_no_list(repository: Path, text: str) -> None:
    (repository / ".git" / guard.NAME).write_text(text)
    with guard.writing(repository / ".git"):
        pass


@pytest.mark.parametrize(
    "note",
    [
        {"refs/heads/main": "refs/../../../../escaped"},
        {"refs/../../../escaped": "refs/heads/x"},
        {"refs/heads/main": "/refs/x"},
        {"refs/heads/main": "refs//x"},
        {"refs/heads/main": "refs/heads/x\0"},
        {"refs/heads/main": 7},
        {"config": "refs/heads/x"},
        ["refs/heads/main"],
        None,
    ],
)
def test_names_that_lead_elsewhere_are_not_followed(repository: Path, note: Any) -> None:
    (repository / ".git" / refnames.NOTE).write_text(json.dumps(note))
    assert refnames.read_note(open_repo(repository)) is None


def test_a_note_too_deep_to_read(repository: Path) -> None:
    (repository / ".git" / refnames.NOTE).write_text('{"a":' * 100_000)
    assert refnames.read_note(open_repo(repository)) is None


def test_an_apply_writes_nothing_outside(busy: Any, tmp_path: Path) -> None:
    """The log of a ref, which its author writes, would have been copied to where the note says."""
    common = busy.lab.path / ".git"
    outside = tmp_path / "escaped"
    led = os.path.relpath(outside, common / "logs")
    (common / refnames.NOTE).write_text(json.dumps({"refs/heads/main": f"refs/../{led}"}))
    apply(busy.repo, busy.rehearsal, busy.needles)
    assert not outside.exists()


def test_a_symbolic_ref_that_leads_elsewhere_is_no_name(busy: Any) -> None:
    common = busy.lab.path / ".git"
    planted = common / "refs" / "remotes" / "origin" / "planted"
    planted.write_text(f"ref: refs/../../../../{busy.secret}\n")
    assert not [name for name in refnames.names(busy.repo) if ".." in name]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abr./\0efs", max_size=20))
def test_a_proper_name_stays_below(name: str) -> None:
    if refnames.proper(name):
        assert (Path("/a/b/c") / name).is_relative_to("/a/b/c")
        assert ".." not in Path(name).parts
