"""Scanners that are installed: how each is run over a repository so that it prints a report that we read.

None is ever asked to validate what it finds: that would hand a leaked value to whatever address a
repository's text makes up. The commands were tried with gitleaks 8.30.1, betterleaks 2.0.0-rc.4 and
kingfisher 2.14.0; trufflehog's is from its README (3.x).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import ReportError
from remediate.passing import temporary_folder
from remediate.plugins.report import Document
from remediate.reports.read import MAX_BYTES


@dataclass(frozen=True)
class Scanner:
    """One scanner."""

    name: str
    """Of its program."""
    arguments: Sequence[str]
    """``{repo}`` stands for the repository's path."""
    fine: frozenset[int] = frozenset({0})
    """Exit codes of a run that went well, whether or not anything was found."""

    def command(self, repo: Path) -> list[str]:
        """The command line, as a person could type it."""
        return [self.name, *(word.format(repo=repo) for word in self.arguments)]

    def run(self, repo: Path) -> Document:
        """What it says of *repo*. Raises `ReportError` where it fails, or says too much."""
        with tempfile.TemporaryFile(dir=temporary_folder()) as out:
            # Unnamed, so that what it finds is on no path, and does not have to fit into a pipe.
            done = subprocess.run(
                self.command(repo),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            out.seek(0)
            data = out.read(MAX_BYTES + 1)
        if done.returncode not in self.fine or len(data) > MAX_BYTES:
            raise ReportError(
                self.name,
                "a report on its standard output",
                found=f"exit code {done.returncode}",
                hint=f"Run it yourself and give its report: {' '.join(self.command(repo))}",
            )
        return Document(f"{self.name}'s report", data)


#: In the order of preference.
SCANNERS = (
    Scanner(
        "gitleaks",
        (
            *("git", "--no-banner", "--log-level", "error", "--exit-code", "0"),
            *("--report-format", "json", "--report-path", "-", "{repo}"),
        ),
    ),
    Scanner(
        "betterleaks",
        ("git", "--no-banner", "--log-level=error", "--exit-code=0", "--output=-", "{repo}"),
    ),
    Scanner(
        "kingfisher",
        ("scan", "{repo}", "--no-validate", "--no-update-check", "--format", "json"),
        # 200 says that there are findings: https://github.com/mongodb/kingfisher#exit-codes
        frozenset({0, 200}),
    ),
    Scanner(
        "trufflehog",
        ("git", "file://{repo}", "--json", "--no-verification", "--no-update"),
        frozenset({0, 183}),
    ),
)


def installed(environment: Mapping[str, str]) -> Scanner | None:
    """The first of `SCANNERS` that is on the PATH of *environment*."""
    path = environment.get("PATH", "")
    return next((s for s in SCANNERS if shutil.which(s.name, path=path)), None)
