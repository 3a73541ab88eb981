"""A trial: a run that is disturbed, gone on with, and compared with one that was not."""

from __future__ import annotations

import difflib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .world import Done, World


@dataclass
class Tried:
    """A world that was run through once, undisturbed."""

    world: World
    undisturbed: dict[str, Any]
    ticks: int
    """How many moments of the journal the commands have: before each row, and before each head."""
    seconds: float
    kills: int = 0
    faults: list[str] = field(default_factory=list)

    def same(self, where: str, last: Done) -> None:
        """Note a fault wherever something is not as after the undisturbed run."""
        try:
            outcome = self.world.outcome(last)
        except (AssertionError, subprocess.CalledProcessError) as error:
            self.faults.append(f"{where}: {error} {last.out[-2000:]} {last.err}")
            return
        if "is closed" in last.err:
            # Killed at the very end: nobody opens the incident again to sweep the last head's draft.
            outcome["left over"] = [p for p in outcome["left over"] if "journal.head" not in p]
            outcome["left over"] = [p for p in outcome["left over"] if "/heads/" not in p]
        for name, value in self.undisturbed.items():
            if outcome[name] != value:
                told = "\n".join(difference(value, outcome[name]))
                self.faults.append(f"{where}: {name}\n{told}")

    def killed(self, where: str, kill: Callable[[], int]) -> None:
        """From the start: *kill* a run, go on, compare."""
        self.world.reset()
        code = kill()
        self.kills += code == -signal.SIGKILL
        self.same(where, self.world.go_on())
        # With `pytest -s`, so that a long series that is stopped still says how far it came.
        print(f"{where}: exit {code}; {self.kills} kills, {len(self.faults)} faults", flush=True)


def difference(one: Any, other: Any) -> Iterator[str]:
    """The lines in which two outcomes differ, a long one from shortly before where it does."""
    texts = [
        json.dumps(thing, indent=1, sort_keys=True, default=str).splitlines()
        for thing in (one, other)
    ]
    # From - (undisturbed) to + (killed).
    diff = list(difflib.unified_diff(*texts, n=0, lineterm=""))[2:]
    for line, other in zip(diff, [*diff[1:], ""], strict=True):
        if line[:1] == "-" and other[:1] == "+":
            pairs = enumerate(zip(line[1:], other[1:], strict=False))
            at = max(0, next((n for n, (a, b) in pairs if a != b), 0) - 100)
            yield f"-…{line[1 + at :][:400]}"
            yield f"+…{other[1 + at :][:400]}"
        elif line[:1] not in "-+":
            yield line[:400]


def told(tried: Tried) -> None:
    """Fail with every fault, not with the first alone."""
    print(f"{tried.kills} kills so far, {len(tried.faults)} faults")
    faults, tried.faults = tried.faults, []
    assert not faults, "\n\n".join(faults)


def try_once(world: World) -> Tried:
    tell = counter(world)
    begun = time.monotonic()
    hooks = world.hooked(HOOK_KILL_AT_TICK="0", HOOK_TELL=str(tell))
    last = world.command(*world.arguments(), env=hooks)
    seconds = time.monotonic() - begun
    last = world.go_on(last, env=hooks)
    ticks = int(tell.read_text())
    tried = Tried(world, world.outcome(last), ticks, seconds)
    assert last.code == 0
    assert tried.undisturbed["held"] == []
    assert tried.undisturbed["left over"] == []
    return tried


def counter(world: World) -> Path:
    """The file in which the hooks count a world's moments, outside of what is put back; empty anew."""
    path = world.folder.with_name(world.folder.name + ".ticks")
    path.unlink(missing_ok=True)
    return path
