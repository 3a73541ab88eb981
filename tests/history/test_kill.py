"""SIGKILL anywhere in apply, purge or undo: the same call again ends where it would have ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from remediate.history.apply import apply
from remediate.history.purge import purge
from remediate.history.undo import undo

Snapshot = Callable[[Path], dict[str, Any]]
KilledAt = Callable[[Callable[[], object], int], int]
KillPoints = Callable[..., Iterable[int]]


class _Again:
    """Puts the repository back to where it was at the start, at the same place."""

    def __init__(self, busy: Any) -> None:
        self._kept = busy.archive.parent / "pristine"
        self._trees = (busy.lab.path, busy.side.path)
        for tree in self._trees:
            shutil.copytree(tree, self._kept / tree.name, symlinks=True)

    def __call__(self) -> None:
        for tree in self._trees:
            shutil.rmtree(tree)
            shutil.copytree(self._kept / tree.name, tree, symlinks=True)


def _clean_up(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    purge(busy.repo, busy.rehearsal)


# Some twenty rewrites, each killed and done again, take their seconds.
def test_apply_and_purge_roll_forward(
    busy: Any, snapshot: Snapshot, killed_at: KilledAt, kill_points: KillPoints
) -> None:
    again = _Again(busy)
    _clean_up(busy)
    end = snapshot(busy.lab.path)
    again()
    last = killed_at(lambda: _clean_up(busy), 0)
    assert last > 60
    for point in kill_points(last):
        again()
        killed_at(lambda: _clean_up(busy), point)
        _clean_up(busy)
        assert snapshot(busy.lab.path) == end, f"killed at {point} of {last}"
        assert not list(busy.lab.path.rglob("*remediate*")), f"killed at {point} of {last}"


def test_undo_rolls_back(
    busy: Any, snapshot: Snapshot, killed_at: KilledAt, kill_points: KillPoints
) -> None:
    start = snapshot(busy.lab.path)
    busy.back_up()
    _clean_up(busy)
    again = _Again(busy)

    def back() -> None:
        undo(busy.repo, busy.archive, busy.identity, busy.rehearsal)

    last = killed_at(back, 0)
    assert last > 40
    for point in kill_points(last):
        again()
        killed_at(back, point)
        back()
        assert snapshot(busy.lab.path) == start, f"killed at {point} of {last}"


def test_undo_of_a_half_done_apply(
    busy: Any, snapshot: Snapshot, killed_at: KilledAt, kill_points: KillPoints
) -> None:
    start = snapshot(busy.lab.path)
    busy.back_up()
    again = _Again(busy)
    again()
    last = killed_at(lambda: _clean_up(busy), 0)
    for point in kill_points(last, 5):
        again()
        killed_at(lambda: _clean_up(busy), point)
        undo(busy.repo, busy.archive, busy.identity, busy.rehearsal)
        assert snapshot(busy.lab.path) == start, f"killed at {point} of {last}"


_CHILD = """
import json, sys
from pathlib import Path
from remediate.history.apply import apply
from remediate.history.model import Needle, Rehearsal
from remediate.history.purge import purge
from remediate.history.repo import open_repo
from remediate.secret import Secret
given = json.load(sys.stdin)
needles = [Needle("test", Secret(given["secret"]), b"REMOVED-test")]
rehearsal = Rehearsal.from_json(given["rehearsal"])
repo = open_repo(Path(given["repo"]))
apply(repo, rehearsal, needles)
purge(repo, rehearsal)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace kills git's own children")
@pytest.mark.parametrize("call", ["rename", "unlink", "openat", "fsync"])
def test_a_killed_git_child_is_no_harm_either(
    busy: Any, snapshot: Snapshot, call: str, kill_points: KillPoints, tmp_path: Path
) -> None:
    import json

    again = _Again(busy)
    _clean_up(busy)
    end = snapshot(busy.lab.path)
    given = json.dumps(
        {
            "secret": busy.secret,
            "rehearsal": busy.rehearsal.to_json(),
            "repo": str(busy.lab.path),
        }
    )
    for when in kill_points({"rename": 12, "unlink": 10, "openat": 400, "fsync": 20}[call], 2):
        again()
        # when counts in each process by itself: sooner or later one of git's gets there.
        inject = f"inject={call}:signal=KILL:when={when}"
        traced = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
        subprocess.run(
            [*traced, sys.executable, "-c", _CHILD], input=given, text=True, capture_output=True
        )
        _clean_up(busy)
        assert snapshot(busy.lab.path) == end, f"killed at {call} {when}"
