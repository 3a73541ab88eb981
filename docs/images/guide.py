"""Draws guide-begin.svg and guide-end.svg from a real run of the guide: run it from the repository's root.

    python docs/images/guide.py

An AWS key is pasted on a terminal of its own, 100 columns wide, with moto for AWS. Needs the extras demo and test.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pexpect
from capture import draw, still, with_example_ids

from remediate.demo.scenario import Scenario, build
from remediate_providers.aws.local import LocalAws

COLUMNS = 100
#: What is waited for, and what is typed then. ``KEY`` is the leaked key's id.
DIALOGUE = (
    (r"q: leave\): $", "1"),
    (r"not shown\): $", "KEY"),
    (r"\[Y/n\] $", "y"),
    (r"Enter for no: $", "app"),
    (r"Enter for no: $", "app"),
)


def recorded(scenario: Scenario, environment: dict[str, str]) -> str:
    """What the guide shows, from its first line to its last."""
    rows = json.loads(scenario.report.read_text("utf-8"))
    key = next(row["Secret"] for row in rows if row["Secret"].startswith("AKIA"))
    shown = io.StringIO()
    child = pexpect.spawn(
        sys.executable,
        ["-m", "remediate", "--policy", str(scenario.policy)],
        cwd=str(scenario.repository),
        env=environment,
        encoding="utf-8",
        timeout=120,
        dimensions=(50, COLUMNS),
    )
    child.logfile_read = shown
    for question, answer in DIALOGUE:
        child.expect(question)
        child.sendline(key if answer == "KEY" else answer)
    child.expect(pexpect.EOF)
    child.close()
    if child.exitstatus != 0:
        sys.exit(f"the guide ended with {child.exitstatus}")
    return shown.getvalue()


def main() -> None:
    """Run the guide and draw its two halves: until the key is dead, and from there on."""
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
        }
        shown = recorded(scenario, environment)
        shown = shown.replace(scratch, "/tmp/remediate")  # noqa: S108 - shown, not used
    lines = still(with_example_ids(shown))
    middle = next(n for n, line in enumerate(lines) if "Step 4 of" in line)
    draw("guide-begin.svg", "remediate", lines[:middle], COLUMNS)
    draw("guide-end.svg", None, lines[middle:], COLUMNS)


if __name__ == "__main__":
    main()
