"""SIGKILL with three vendors at once: still exactly one new credential for each old one.

AWS (moto) reissues by call, Stripe rolls, GitHub's new token is a person's: the kills go through all of their
commands, the one that takes in that token too. More: ``KILLS=60 pytest tests/promises/test_kills_vendors.py``.
"""

from __future__ import annotations

import signal
from functools import partial

from .conftest import KILLS
from .test_kills import spread
from .trial import Tried, counter, told


def killed_in_any_command(tried: Tried, tick: int) -> int:
    """Run, and go on as a person would, until the moment *tick* of all commands counted together."""
    world = tried.world
    hooks = world.hooked(HOOK_KILL_AT_TICK=str(tick), HOOK_TELL=str(counter(world)))
    last = world.command(*world.arguments(), env=hooks)
    if last.code != -signal.SIGKILL:
        last = world.go_on(last, env=hooks)
    return last.code


def test_killed_at_a_row_with_three_vendors(tried_all: Tried) -> None:
    last = tried_all.ticks - 1
    for tick in spread(KILLS, last) if KILLS else [last // 3]:
        tried_all.killed(
            f"tick {tick} of {tried_all.ticks}", partial(killed_in_any_command, tried_all, tick)
        )
    assert tried_all.kills, "nothing was killed"
    told(tried_all)
