"""The guide on a terminal of its own: what a person sees of it, and what they type."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from remediate.demo.scenario import Scenario

YES_NO = r"\[[Yy]/[Nn]\] $"
KILL = r"Kill [^?]* now\? \[Y/n\] $"
NAME = r"Type app for yes, or press Enter for no: $"
WHAT = r"q: leave\): $"
SECRET = r"Secret \(not shown\): $"
VALUE = r"Value \(not shown\): $"
WHICH = r"0 for none: $"


@dataclass
class Leak:
    """A leaky repository, its vendors up, and what a person's environment holds."""

    scenario: Scenario
    vendors: dict[str, Any]
    environment: dict[str, str]

    def secrets(self) -> dict[str, str]:
        """Kind of file to leaked value."""
        return {f["File"]: f["Secret"] for f in json.loads(self.scenario.report.read_text())}


def screen(child: Any) -> str:
    child.logfile_read.seek(0)
    return str(child.logfile_read.read()).replace("\r\n", "\n")


def ended(child: Any) -> int:
    import pexpect

    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus if child.exitstatus is not None else -child.signalstatus)
