"""The lock: the second one leaves and says who holds it; a dead holder's lock is free."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.errors import BusyError
from remediate.incident.lock import hold, repository_lock


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
