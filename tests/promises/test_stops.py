"""Whatever stops a run short of SIGKILL: it says so at once, leaves in order, and is gone on with."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remediate_providers.stripe.local import RunningStripe

from .conftest import thorough
from .trial import Tried, told
from .world import Done, World


def until(child: subprocess.Popen[bytes], **wanted: Any) -> list[dict[str, Any]]:
    """Read *child*'s events up to the one that has *wanted*."""
    assert child.stdout
    seen = []
    for line in child.stdout:
        seen.append(json.loads(line))
        if all(seen[-1].get(name) == value for name, value in wanted.items()):
            return seen
    raise AssertionError(f"it ended before {wanted}: {seen[-2:]}")


@pytest.mark.parametrize(
    ("how", "stage", "group"),
    [
        (signal.SIGINT, "clean", True),  # Ctrl-C reaches the children too
        (signal.SIGTERM, "publish", False),
        pytest.param(signal.SIGINT, "recover", True, marks=thorough),
        pytest.param(signal.SIGTERM, "clean", True, marks=thorough),
    ],
)
def test_a_signal(tried: Tried, how: signal.Signals, stage: str, group: bool) -> None:
    world = tried.world
    world.reset()
    with world.start(world.arguments()) as child:
        until(child, event="stage", name=stage, status="started")
        time.sleep(0.05)
        begun = time.monotonic()
        (os.killpg if group else os.kill)(child.pid, how)
        out, err = child.communicate(timeout=60)
        took = time.monotonic() - begun
    done = Done(child.returncode, out.decode(), err.decode())
    assert done.code == 130, done.out + done.err
    assert done.finished["status"] == "interrupted"
    assert took < 5, "at once, even on a busy machine"
    error = next(e for e in done.events if e["event"] == "error")["error"]
    assert "remediate resume" in error["hint"]
    assert "Traceback" not in done.err
    tried.same(f"{how.name} in {stage}", world.go_on())
    told(tried)


@thorough
def test_three_signals_in_a_hurry(tried: Tried) -> None:
    world = tried.world
    world.reset()
    with world.start(world.arguments()) as child:
        until(child, event="stage", name="clean", status="started")
        for _ in range(3):
            os.killpg(child.pid, signal.SIGINT)
            time.sleep(0.02)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130, out + err
    assert b"Traceback" not in err
    tried.same("three times SIGINT", world.go_on())
    told(tried)


@pytest.mark.parametrize("size", [3_000, pytest.param(20_000, marks=thorough)])
def test_files_that_may_not_grow(tried: Tried, size: int) -> None:
    """As on a full disk, but for one process: no file may become longer than *size*."""
    world = tried.world
    world.reset()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    done = world.command(*world.arguments(), preexec_fn=limit)
    assert done.code not in (0, 1), done.out + done.err
    assert "Traceback" not in done.err
    assert "A bug" not in done.err
    tried.same(f"no file over {size} bytes", world.go_on())
    told(tried)


@contextlib.contextmanager
def small_disk(home: Path, kilobytes: int) -> Iterator[None]:
    """*home* on a disk of its own; skips where this user may mount none."""
    kept = home.with_name("kept")
    home.rename(kept)
    home.mkdir(mode=0o700)
    options = f"size={kilobytes}k,mode=700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(home)], capture_output=True
    )
    if mounted.returncode:
        home.rmdir()
        kept.rename(home)
        pytest.skip("no right to mount a small disk here")
    try:
        shutil.copytree(kept, home, dirs_exist_ok=True)
        yield
        shutil.rmtree(kept)
        shutil.copytree(home, kept, symlinks=True)
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)
        home.rmdir()
        kept.rename(home)


@pytest.mark.parametrize("free", [24, pytest.param(120, marks=thorough)])
def test_a_full_disk(tried: Tried, free: int) -> None:
    world = tried.world
    world.reset()
    with small_disk(world.home, free + 16):
        done = world.command(*world.arguments())
        assert done.code not in (0, 1), done.out + done.err
        assert "Traceback" not in done.err
    tried.same(f"{free} kB free", world.go_on())
    told(tried)


def test_a_state_folder_that_is_read_only(tried: Tried) -> None:
    world = tried.world
    world.reset()
    with small_disk(world.home, 1024):
        remount = ["mount", "-o", "remount,ro", str(world.home)]
        subprocess.run(remount, check=True)
        done = world.command(*world.arguments())
        subprocess.run([*remount[:2], "remount,rw", remount[3]], check=True)
        assert done.code == 2, done.out + done.err
        assert "state" in done.err
        assert "Traceback" not in done.err
        (truth,) = world.truths
        assert not truth.running.is_dead(truth.planted.values), "nothing was done unjournalled"
    tried.same("read-only", world.go_on())
    told(tried)


def _with_git(world: World, tools: Path, first: str) -> Done:
    """The command, with a git in *tools* before the real one on PATH that does *first* each time."""
    tools.mkdir()
    wrapper = tools / "git"
    wrapper.write_text(f'#!/bin/sh\n{first}exec {shutil.which("git")} "$@"\n')
    wrapper.chmod(0o755)
    path = f"{tools}{os.pathsep}{world.environment['PATH']}"
    return world.command(*world.arguments(), env={"PATH": path})


@pytest.mark.parametrize(
    "call", [40, *(pytest.param(call, marks=thorough) for call in (9, 36, 37, 38, 39, 70))]
)
def test_git_killed_under_us(tried: Tried, call: int) -> None:
    world = tried.world
    world.reset()
    tools = world.folder / "bin"
    killing = f"echo x >>{tools}/calls\n[ $(wc -l <{tools}/calls) = {call} ] && kill -9 $$\n"
    done = _with_git(world, tools, killing)
    assert (tools / "calls").read_text().count("x") >= call, "it came to that call"
    assert "Traceback" not in done.err
    tried.same(f"git's call {call}", world.go_on())
    told(tried)


@pytest.mark.parametrize("times", [1, 2])
def test_git_killed_as_it_tells_when_the_secret_came_in(tried: Tried, times: int) -> None:
    """Once: it is asked again. Twice: the rest goes on without it, and the commit is gone by the time it is told."""
    world = tried.world
    world.reset()
    tools = world.folder / "bin"
    killing = (
        f'case "$*" in *"log -1 --format=%ct %H"*) echo x >>{tools}/asked\n'
        f"[ $(wc -l <{tools}/asked) -le {times} ] && kill -9 $$;; esac\n"
    )
    done = _with_git(world, tools, killing)
    assert (tools / "asked").read_text().count("x") >= times
    assert done.code == (0 if times == 1 else 6), done.out + done.err
    if times == 1:
        tried.same("git log", world.go_on())
        told(tried)
        return
    assert world.go_on().code == 0
    assert any('"introduced_by"' in fact for fact in world.record()["facts"])


@thorough
def test_a_vendor_that_dies_and_comes_back(world: World) -> None:
    (truth,) = world.truths
    # Left out are stages that would wait for it as long as for any vendor that may come back.
    skipped = ["--skip", "triage", "--skip", "investigate"]
    with world.start([*world.arguments(), *skipped]) as child:
        until(child, event="stage", name="contain", status="done")
        truth.running.close()
        out, err = child.communicate(timeout=180)
    assert child.returncode == 5, out + err
    truth.running = RunningStripe(truth.running.state)  # type: ignore[attr-defined]
    world.environment |= truth.running.environment()
    last = world.go_on()
    assert last.code == 0, last.out
    assert world.held() == []
    assert world.outcome(last)["stored"] == [True]


def test_a_clock_that_jumps(tried: Tried) -> None:
    world = tried.world
    world.reset()
    jumps = world.hooked(HOOK_CLOCK="0,86400,-86400,-3600,7")
    with world.start(world.arguments(), env=jumps) as child:
        until(child, event="stage", name="clean", status="started")
        child.kill()
        child.communicate()
    tried.same("a clock that jumps", world.go_on(env=jumps))
    told(tried)


def test_what_a_killed_run_was_writing_goes(world: World) -> None:
    """A vendor's answer half written, too: it may say more than the one that is kept in its place."""
    world.command(*world.arguments(), "--only", "assess")
    (folder,) = (world.home / "incidents").iterdir()
    drafts = [folder / f".seal.json.{'0a' * 6}", folder / "answers" / f".0001-it.json.{'0a' * 6}"]
    (folder / "answers").mkdir(mode=0o700, exist_ok=True)
    for draft in drafts:
        draft.touch(mode=0o600)
    world.command("resume", *world.flags(), "--only", "assess")
    assert not any(draft.exists() for draft in drafts)
