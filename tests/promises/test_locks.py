"""Two at once: the second leaves and says who works; a dead holder holds nothing."""

from __future__ import annotations

import re

from .conftest import thorough
from .test_stops import until
from .trial import Tried, told


def test_the_second_leaves_and_names_the_first(tried: Tried) -> None:
    world = tried.world
    world.reset()
    with world.start(world.arguments()) as first:
        until(first, event="stage", name="assess", status="started")
        for arguments in (world.arguments(), ["resume", *world.flags()]):
            second = world.command(*arguments)
            assert second.code == 6, second.out + second.err
            assert f"process {first.pid}" in second.err
            assert re.search(r"INC-\d{8}-\w{6}", second.err)
        # Whoever only looks is not kept waiting.
        for looking in (["list"], ["log", "--repo", str(world.repository)]):
            assert world.command(*looking).code == 0
        out, err = first.communicate(timeout=120)
    assert first.returncode == 0, out + err


def test_two_first_runs_make_one_incident(tried: Tried) -> None:
    world = tried.world
    world.reset()
    running = [world.start(world.arguments()) for _ in range(2)]
    codes = []
    for child in running:
        out, err = child.communicate(timeout=120)
        codes.append(child.returncode)
        assert child.returncode in (0, 6), out + err
    assert 0 in codes
    tried.same("two first runs", world.command("resume", *world.flags()) and world.go_on())
    told(tried)


@thorough  # each kill of test_kills.py leaves a dead holder too
def test_a_dead_holder_holds_nothing(tried: Tried) -> None:
    world = tried.world
    world.reset()
    with world.start(world.arguments()) as first:
        until(first, event="stage", name="clean", status="started")
        first.kill()  # alone: a git of its own may live on for a moment
        first.communicate()
    tried.same("a dead holder", world.go_on())
    told(tried)
