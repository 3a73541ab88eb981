"""Folders that don't outlive whoever made them by more than one command."""

from __future__ import annotations

import fcntl
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.passing import PREFIX, clear_dead, passing_folder, temporary_folder

_HOLDER = """
import time
from remediate.passing import passing_folder
with passing_folder() as path:
    (path / "config").write_text("a remote's password")
    print(path, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_it_is_ours_alone_and_gone_afterwards() -> None:
    with passing_folder() as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        (path / "deep").mkdir()
        (path / "deep" / "file").touch()
    assert not path.exists()


def test_a_living_ones_stays_and_a_killed_ones_goes() -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLDER], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        path = Path(child.stdout.readline().decode().strip())
        clear_dead()
        assert (path / "config").exists(), "its maker lives"
        child.send_signal(signal.SIGKILL)
    assert (path / "config").exists(), "nobody was left to clear it"
    with passing_folder() as another:
        assert not path.exists()
        assert another.exists()


def test_what_is_not_ours_is_left_alone(temporary: Path) -> None:
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (temporary / f"{PREFIX}link").symlink_to(elsewhere)
    (temporary / f"{PREFIX}file").touch()
    (temporary / "remediate-demo-x").mkdir()
    clear_dead()
    assert (elsewhere / "kept").exists()
    assert (temporary / f"{PREFIX}link").is_symlink()
    assert (temporary / f"{PREFIX}file").exists()
    assert (temporary / "remediate-demo-x").exists()


def test_one_taken_for_dead_before_it_was_locked_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = fcntl.flock
    taken: list[Path] = []

    def late(descriptor: int, how: int) -> None:
        if not taken:
            taken.append(Path(f"/proc/self/fd/{descriptor}").readlink())
            taken[0].rmdir()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with passing_folder() as path:
        assert path.is_dir()
        assert path not in taken


def test_a_temporary_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere")
    with passing_folder() as path:
        assert path.is_dir()


def test_finding_the_place_writes_nothing(temporary: Path) -> None:
    before = temporary.stat().st_mtime_ns
    assert temporary_folder() == temporary
    assert temporary.stat().st_mtime_ns == before
