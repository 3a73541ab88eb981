"""The lock: the second one leaves and says who holds it; a dead holder's lock is free."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.errors import BusyError
from remediate.incident.lock import hold, hold_folder, repository_lock


def test_the_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    with (
        hold(tmp_path / "lock", "INC-1", "this incident"),
        pytest.raises(BusyError, match=f"process {os.getpid()}"),
        hold(tmp_path / "lock", "INC-1", "this incident"),
    ):
        pass
    with hold(tmp_path / "lock", "INC-1", "this incident"):
        pass


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, os, pathlib\nfrom remediate.incident.lock import hold\n"
        "with hold(pathlib.Path(sys.argv[1]), 'x', 'y'):\n"
        "    print('held', flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "lock")], capture_output=True, text=True
    )
    assert done.stdout == "held\n"
    with hold(tmp_path / "lock", "x", "y"):
        pass


def test_one_lock_a_repository(tmp_path: Path) -> None:
    assert repository_lock(tmp_path, tmp_path / "a") != repository_lock(tmp_path, tmp_path / "b")
    assert repository_lock(tmp_path, tmp_path / "a" / ".." / "a") == repository_lock(
        tmp_path, tmp_path / "a"
    )


def test_a_folder_is_held_without_a_file(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path, "app"),
        pytest.raises(BusyError, match="of another user or with another state folder"),
        hold_folder(tmp_path, "app"),
    ):
        pass
    with hold_folder(tmp_path, "app"):
        assert list(tmp_path.iterdir()) == []
    with hold_folder(tmp_path / "none", "app"):
        pass


def test_a_run_with_another_state_folder_leaves(acme: Path, fixtures: Path, tmp_path: Path) -> None:
    report = fixtures / "reports" / "gitleaks.json"
    with hold_folder(acme / ".git", "acme"):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "remediate",
                "run",
                report,
                "--repo",
                acme,
                "--yes",
                "--offline",
                "--no-push",
                "--no-undo",
            ],
            env={**os.environ, "REMEDIATE_HOME": str(tmp_path / "other")},
            capture_output=True,
            check=False,
        )
    assert done.returncode == 6
    assert b"with another state folder" in done.stderr
    assert list((tmp_path / "other" / "incidents").iterdir()) == []
