"""SIGKILL anywhere in the whole command, then resume: it ends where an undisturbed run ends.

A handful of kills by default. Hundreds: ``KILLS=300 pytest tests/promises/test_kills.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
from functools import partial

import pytest

from .conftest import KILLS
from .trial import Tried, told
from .world import World


def spread(number: int, last: int) -> list[int]:
    """*number* points from 1 to *last*, evenly; all of them where there are not more."""
    if number >= last:
        return list(range(1, last + 1))
    return sorted({1 + (last - 1) * k // max(number - 1, 1) for k in range(number)})


def at_tick(world: World, tick: int, arguments: list[str]) -> int:
    done = world.command(*arguments, env=world.hooked(HOOK_KILL_AT_TICK=str(tick)))
    return done.code


def test_killed_at_a_row_of_the_journal(tried: Tried) -> None:
    for tick in spread(KILLS // 2 or 4, tried.ticks):
        tried.killed(f"tick {tick}", partial(at_tick, tried.world, tick, tried.world.arguments()))
    told(tried)


def test_killed_again_and_again(tried: Tried) -> None:
    """Each resume is killed too, a little further on, until one comes through."""
    for stride in (9, 14, 23, 31) if KILLS else (25,):
        world = tried.world
        world.reset()
        arguments = world.arguments()
        for attempt in range(60):
            code = at_tick(world, stride + attempt, arguments)
            if code != -signal.SIGKILL:
                break
            tried.kills += 1
            listed = json.loads(world.command("list", "--json").out)
            arguments = ["resume", *world.flags()] if listed else world.arguments()
        assert attempt > 2
        tried.same(f"every {stride} ticks", world.go_on())
    told(tried)


def test_killed_at_a_random_moment(tried: Tried) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    for number in range(KILLS // 4 or 2):
        after = chance.uniform(0.1, tried.seconds)

        def kill(after: float = after, group: bool = number % 2 == 0) -> int:
            child = tried.world.start(tried.world.arguments())
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=after)
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(child.pid, signal.SIGKILL)
            child.communicate()
            return child.returncode

        tried.killed(f"seed {seed}, after {after:.3f} s", kill)
    told(tried)


def test_killed_as_the_push_lands(tried: Tried) -> None:
    """The remote has the new refs, and nobody lived to write it down."""
    world = tried.world
    holder = world.folder / "pid"

    def kill() -> int:
        hook = world.remote / "hooks" / "post-receive"
        hook.write_text(f"#!/bin/sh\nkill -9 $(cat {holder})\nrm {holder} $0\n")
        hook.chmod(0o755)
        child = world.start(world.arguments())
        holder.write_text(str(child.pid))
        child.communicate()
        return child.returncode

    before = tried.kills
    tried.killed("as the push lands", kill)
    assert tried.kills == before + 1
    told(tried)


def test_killed_as_the_remote_is_read(tried: Tried) -> None:
    """The folder that holds the remote's address, maybe with a password, is not left for good."""
    world = tried.world
    real = shutil.which("git")
    found: list[str] = []

    def kill() -> int:
        (world.folder / "bin").mkdir()
        git = world.folder / "bin" / "git"
        git.write_text(
            f'#!/bin/sh\ncase "$*" in *ls-remote*) kill -9 $PPID; exit 1;; esac\nexec {real} "$@"\n'
        )
        git.chmod(0o755)
        path = f"{git.parent}{os.pathsep}{world.environment['PATH']}"
        code = world.command(*world.arguments(), env={"PATH": path}).code
        found.extend(str(left) for left in (world.folder / "tmp").rglob("config"))
        return code

    before = tried.kills
    tried.killed("as the remote is read", kill)
    assert tried.kills == before + 1
    assert found, "it was killed somewhere else"
    # What lies there is part of what is compared.
    told(tried)


#: System calls that change files, and how often any one process of the command makes them at most.
CALLS = {"rename": 90, "unlink": 60, "fsync": 260, "write": 150, "mkdir": 40, "link": 8}


@pytest.mark.skipif(shutil.which("strace") is None, reason="kills at system calls need strace")
def test_killed_at_a_system_call_of_it_or_of_a_child(tried: Tried) -> None:
    chance = random.Random(KILLS)
    codes = []
    for number in range(KILLS // 4 or 2):
        call = list(CALLS)[number % len(CALLS)]
        when = chance.randrange(1, CALLS[call])
        # `when` counts in each process by itself: what dies may be the command or one of git's.
        # No --seccomp-bpf here: with it strace 6.1 lets processes live that it was to kill.
        inject = f"inject={call}:signal=KILL:when={when}"
        traced = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}"]

        def kill(before: tuple[str, ...] = (*traced, "-e", inject)) -> int:
            codes.append(tried.world.command(*tried.world.arguments(), before=before).code)
            return codes[-1]

        tried.killed(f"{call} {when}", kill)
    assert any(codes), "nothing was struck"
    told(tried)
