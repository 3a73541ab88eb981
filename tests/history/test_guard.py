from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from remediate.errors import BusyError, GitError
from remediate.history import guard
from remediate.history.guard import NAME, writing


@pytest.fixture
def common(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path / "r")], check=True)
    return tmp_path / "r/.git"


def test_it_leaves_nothing_behind(common: Path) -> None:
    with writing(common) as held, held.expecting([common / "index"]):
        assert (common / NAME).exists()
    assert not (common / NAME).exists()


def test_a_second_one_waits_and_gives_up(common: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_PATIENCE", 0.1)
    with writing(common), pytest.raises(BusyError, match="Another remediate"), writing(common):
        pass
    with writing(common):
        pass


def test_somebody_elses_lock_is_not_taken(common: Path) -> None:
    (common / "index.lock").touch()
    with (
        writing(common) as held,
        pytest.raises(BusyError, match=r"index\.lock"),
        held.expecting([common / "index"]),
    ):
        pass
    with writing(common):
        pass
    assert (common / "index.lock").exists()


def test_a_killed_writers_locks_are_cleared(common: Path) -> None:
    child = os.fork()
    if child == 0:
        with writing(common) as held, held.expecting([common / "index", common / "packed-refs"]):
            (common / "index.lock").touch()
            (common / "packed-refs.new").touch()
            (common / "config.lock").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with writing(common):
        assert not (common / "index.lock").exists()
        assert not (common / "packed-refs.new").exists()
        assert (common / "config.lock").exists(), "that one was not expected, so it is not ours"


def test_a_git_that_is_killed_is_remembered_one_that_fails_is_not(common: Path) -> None:
    lock = common / "index.lock"
    with pytest.raises(GitError), writing(common) as held, held.expecting([common / "index"]):
        lock.touch()
        error = GitError("killed")
        error.killed = True
        raise error
    with writing(common):
        assert not lock.exists()
    with pytest.raises(GitError), writing(common) as held, held.expecting([common / "index"]):
        held.git(common, "cat-file", "blob", "0" * 40)
    lock.touch()
    with writing(common):
        assert lock.exists(), "made after our git had ended: somebody else's"


def test_a_git_that_outlives_us_keeps_the_right(
    common: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guard, "_PATIENCE", 0.2)
    begun, end = tmp_path / "begun", tmp_path / "end"
    slow = f"alias.slow=!touch {begun}; until test -e {end}; do sleep 0.05; done"
    child = os.fork()
    if child == 0:
        with writing(common) as held:
            held.git(common, "-c", slow, "slow")
        os._exit(0)
    while not begun.exists():
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with pytest.raises(BusyError), writing(common):
        pass
    end.touch()
    monkeypatch.setattr(guard, "_PATIENCE", 10)
    with writing(common):
        pass
