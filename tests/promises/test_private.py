"""The state is its owner's alone: made so, whatever the umask, and no link leads it elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import thorough
from .trial import Tried
from .world import World

CREATING = "trace=open,openat,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,mknod,mknodat"


def unsafe(lines: list[str]) -> Iterator[str]:
    """Traced calls that make something which others may open, if only for a moment."""
    there = set()
    for line in lines:
        found = re.search(r'"([^"]+)".*?\b(0[0-7]{3,4})\).* = (\d+)', line)
        if not found or ("open" in line.split("(")[0] and "O_CREAT" not in line):
            continue
        # SQLite opens with 0644 and O_CREAT what we have made before it.
        path = found[1].replace("/.INC-", "/INC-")  # it gets its name when it is whole
        if int(found[2], 8) & 0o077 and path not in there:
            yield line
        there.add(path)


@pytest.mark.skipif(shutil.which("strace") is None, reason="watching each call needs strace")
def test_nothing_is_ever_open_to_others(tried: Tried, tmp_path: Path) -> None:
    world = tried.world
    world.reset()
    log = tmp_path / "calls"
    before = ["strace", "-f", "-qq", "--seccomp-bpf", "-s", "500", "-e", CREATING, "-o", str(log)]
    # git makes its own objects in the quarantine, below a folder that is closed: see the next test.
    done = world.command(*world.arguments(), before=before, preexec_fn=lambda: os.umask(0))
    assert done.code == 0, done.out
    state = str(world.home)
    calls = [line for line in log.read_text().splitlines() if f'"{state}' in line]
    assert len(calls) > 200, "it was watched"
    own = re.compile(r"/(quarantine|clone)/")
    assert list(unsafe([line for line in calls if not own.search(line)])) == []
    modes = {
        path.relative_to(world.home).as_posix(): stat.S_IMODE(path.lstat().st_mode)
        for path in [world.home, *world.home.rglob("*")]
    }
    open_ones = {name: f"{mode:o}" for name, mode in modes.items() if mode & 0o077}
    assert open_ones == {}


def test_a_killed_run_leaves_nothing_open_either(tried: Tried) -> None:
    """Also what git made is behind a folder that only its owner can enter."""
    world = tried.world
    world.reset()
    hooks = world.hooked(HOOK_KILL_AT_TICK=str(tried.ticks * 2 // 3))
    world.command(*world.arguments(), env=hooks, preexec_fn=lambda: os.umask(0))
    for path in world.home.rglob("*"):
        inner = path.relative_to(world.home).parts
        if "quarantine" in inner[:-1] or "clone" in inner[:-1]:
            continue
        assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path


LEVELS = ["", "incidents", "locks", "heads", "installation.key", "locks/opening"]
LATER = ["", "/journal.db", "/journal.head", "/lock", "/custody.age", "/seal.json"]


def sampled(levels: list[str]) -> list[Any]:
    """The first and the last by default, all of them when there is time."""
    middle = [pytest.param(level, marks=thorough) for level in levels[1:-1]]
    return [levels[0], *middle, levels[-1]]


@pytest.mark.parametrize("level", sampled(LEVELS))
def test_a_link_in_the_state_folder_is_refused(world: World, tmp_path: Path, level: str) -> None:
    """Before the first run: somebody put a link where we are going to write."""
    target = world.home / level if level else world.home
    elsewhere = tmp_path / "elsewhere"
    if target.exists():
        target.rename(elsewhere)
    elif level in ("incidents", "locks", "heads"):
        elsewhere.mkdir(mode=0o700)
    target.parent.mkdir(exist_ok=True, mode=0o700)
    target.symlink_to(elsewhere)
    refused(world, elsewhere)


@pytest.mark.parametrize("level", sampled(LATER))
def test_a_link_in_an_incident_is_refused(world: World, tmp_path: Path, level: str) -> None:
    """Between two runs: a part of the incident is a link to a copy of it."""
    assert world.command(*world.arguments(), "--only", "assess").code == 0
    (folder,) = (world.home / "incidents").iterdir()
    target = world.home / "incidents" / f"{folder.name}{level}"
    elsewhere = tmp_path / "elsewhere"
    target.rename(elsewhere)
    target.symlink_to(elsewhere)
    refused(world, elsewhere)


def refused(world: World, elsewhere: Path) -> None:
    before = picture(elsewhere)
    for arguments in (world.arguments(), ["resume", *world.flags()]):
        done = world.command(*arguments)
        assert done.code in (2, 9), done.out + done.err
        assert "Traceback" not in done.err
        assert "bug" not in done.err
    assert picture(elsewhere) == before, "nothing was written through the link"
    (truth,) = world.truths
    assert not truth.running.is_dead(truth.planted.values)


def picture(root: Path) -> dict[str, bytes]:
    """Every file of *root*, itself too, but for what SQLite keeps beside a database that is read."""
    return {
        str(path): path.read_bytes()
        for path in [root, *root.rglob("*")]
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@pytest.mark.parametrize("mode", [0o701])
def test_an_open_folder_of_an_incident_is_refused(world: World, mode: int) -> None:
    assert world.command(*world.arguments(), "--only", "assess").code == 0
    (folder,) = (world.home / "incidents").iterdir()
    folder.chmod(mode)
    done = world.command("resume", *world.flags())
    assert done.code == 2, done.out + done.err
    assert "chmod 700" in done.err
