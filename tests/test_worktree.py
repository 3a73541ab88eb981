"""What git says about a file, whatever its name, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.errors import GitError
from remediate.worktree import is_ignored, is_tracked


def test_outside_a_repository_nothing_is_tracked(tmp_path: Path) -> None:
    assert is_tracked(tmp_path / "x") is False
    assert is_ignored(tmp_path / "x") is None


def test_names_are_taken_as_they_are(tmp_path: Path, bash: Callable[..., str]) -> None:
    bash("git init -q; echo .env > .gitignore; touch one.env; git add one.env")
    assert is_tracked(tmp_path / "one.env") is True
    assert is_tracked(tmp_path / "*.env") is False
    assert is_tracked(tmp_path / ":(top)one.env") is False
    assert is_ignored(tmp_path / ".env") is True
    assert is_ignored(tmp_path / "one.env") is False


def test_a_personal_ignore_file_does_not_count(
    tmp_path: Path, sealed: Path, bash: Callable[..., str]
) -> None:
    bash("git init -q")
    (sealed / ".config" / "git").mkdir(parents=True)
    (sealed / ".config" / "git" / "ignore").write_text("x\n")
    assert is_ignored(tmp_path / "x") is False


def test_a_repository_that_can_not_be_opened_is_an_error(
    tmp_path: Path, bash: Callable[..., str]
) -> None:
    bash("git init -q; echo '[core' > .git/config; mkdir -p deep")
    with pytest.raises(GitError):
        is_tracked(tmp_path / "deep" / "x")
