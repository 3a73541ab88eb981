"""Draws the guide's screens from real runs of it: run it from the repository's root.

    python docs/images/guide.py [NAME…]

Each scene is played on a terminal of its own by somebody who pastes an AWS key, with moto for AWS. Needs the
extras demo and test.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
from capture import draw, still, with_example_ids

from remediate.demo.scenario import Scenario, build
from remediate_providers.aws.local import LocalAws

#: What is waited for, and what is typed then. ``KEY`` is the leaked key's id, ``^C`` the keys Ctrl-C.
WHAT, SECRET, YES_NO, NAME = r"q: leave\): $", r"not shown\): $", r"\[Y/n\] $", r"Enter for no: $"
Dialogue = Sequence[tuple[str, str]]
PASTED: Dialogue = ((WHAT, "1"), (SECRET, "KEY"))
TO_THE_END: Dialogue = (*PASTED, (YES_NO, "y"), (NAME, "app"), (NAME, "app"))


@dataclass(frozen=True)
class Scene:
    """A leak of its own, one run of the guide or several after one another, and what is drawn of them."""

    pictures: Mapping[str, tuple[str, str]]
    """Name to (what stands in the first line drawn, what stands in the first that is not); empty for the
    beginning and the end of all that was shown."""
    runs: Sequence[Dialogue] = (TO_THE_END,)
    columns: int = 100
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


SCENES = (
    Scene({"guide-begin.svg": ("", "Step 4 of"), "guide-end.svg": ("Step 4 of", "")}),
    Scene({"guide-narrow.svg": ("", "Step 4 of")}, columns=60),
    Scene(
        {"guide-colourless.svg": ("Step 3 of", "Step 7 of")},
        environment={"NO_COLOR": "1", "TERM": "dumb"},
        arguments=("--plain",),
    ),
    Scene(
        {
            "guide-wrong.svg": ("What do you have", "Step 4 of"),
            "guide-wrong-name.svg": ("Step 6 of", ""),
        },
        runs=(
            (
                *((WHAT, "report.json"), (WHAT, "1"), (SECRET, "secret"), *PASTED),
                *((YES_NO, "maybe"), (YES_NO, "y"), (NAME, "yes"), (NAME, "")),
            ),
        ),
    ),
    Scene(
        {"guide-stopped.svg": ("Step 6 of", "Step 7 of")},
        runs=(
            (*PASTED, (YES_NO, "y"), (NAME, "^C")),
            ((YES_NO, ""), (NAME, "app"), (NAME, "app")),
        ),
    ),
)


def recorded(scene: Scene, scenario: Scenario, environment: dict[str, str]) -> list[str]:
    """What each run of the guide shows, from its first line to its last."""
    rows = json.loads(scenario.report.read_text("utf-8"))
    key = next(row["Secret"] for row in rows if row["Secret"].startswith("AKIA"))
    return [_run(scene, dialogue, key, scenario, environment) for dialogue in scene.runs]


def _run(
    scene: Scene, dialogue: Dialogue, key: str, scenario: Scenario, environment: dict[str, str]
) -> str:
    shown = io.StringIO()
    child = pexpect.spawn(
        sys.executable,
        ["-m", "remediate", "--policy", str(scenario.policy), *scene.arguments],
        cwd=str(scenario.repository),
        env=environment,
        encoding="utf-8",
        timeout=120,
        dimensions=(50, scene.columns),
    )
    child.logfile_read = shown
    for question, answer in dialogue:
        child.expect(question)
        if answer == "^C":
            child.sendintr()
        else:
            child.sendline(key if answer == "KEY" else answer)
    child.expect(pexpect.EOF)
    child.close()
    if child.exitstatus not in (0, 8, 130):
        sys.exit(f"the guide ended with {child.exitstatus}:\n{shown.getvalue()}")
    return shown.getvalue()


def command(scene: Scene) -> str:
    """What was typed to begin with."""
    no_colour = "NO_COLOR=1 " if "NO_COLOR" in scene.environment else ""
    return " ".join([f"{no_colour}remediate", *scene.arguments])


def screens(scene: Scene) -> Iterator[tuple[str, str | None, list[str]]]:
    """Each picture of the scene, played now: its name, the command above it, its lines."""
    with (
        tempfile.TemporaryDirectory(prefix="remediate-") as scratch,
        closing(LocalAws(lag=0.05).start()) as aws,
    ):
        scenario = build(Path(scratch), [aws.plant()])
        environment = {
            **os.environ,
            **aws.environment(),
            "TERM": "xterm-256color",
            "REMEDIATE_HOME": str(Path(scratch) / "home"),
            "REMEDIATE_KEY_FILE": str(scenario.key_file),
            **scene.environment,
        }
        shown = recorded(scene, scenario, environment)
        text = f"\n$ {command(scene)}\n".join(shown)
        text = text.replace(scratch, "/tmp/remediate")  # noqa: S108 - shown, not used
    lines = still(with_example_ids(text))
    for name, (first, after) in scene.pictures.items():
        start = _where(lines, first) if first else 0
        end = start + _where(lines[start:], after) if after else len(lines)
        yield name, None if first else command(scene), lines[start:end]


def _where(lines: Sequence[str], words: str) -> int:
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    return next(n for n, line in enumerate(plain) if words in line)


def main() -> None:
    """Play every scene, or those with the pictures that are named."""
    wanted = set(sys.argv[1:])
    for scene in SCENES:
        if not wanted or wanted & set(scene.pictures):
            for name, typed, lines in screens(scene):
                draw(name, typed, lines, scene.columns)


if __name__ == "__main__":
    main()
