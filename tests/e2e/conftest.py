"""Driving the installed command as a user would: a process of its own, its streams, its exit code."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate.demo.scenario import build

from .guided import Leak


@dataclass(frozen=True)
class Done:
    """One finished command."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output as JSON Lines, each line parsed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def finished(self) -> dict[str, Any]:
        """The last event."""
        last = self.events[-1]
        assert last["event"] == "finished", last
        assert [e["event"] for e in self.events].count("finished") == 1
        assert self.events[0] == {"event": "version", "schema": "remediate.events/1"}
        assert last["exit"] == self.code
        return last

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


Cli = Callable[..., Done]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key for custody and backup, as a script would bring one."""
    path = tmp_path / "the.key"
    path.write_text("a key of thirty-two characters..\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run ``remediate`` with arguments, in a folder, with more environment and standard input."""

    def run(
        *arguments: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "remediate", *map(str, arguments)],
            cwd=cwd or tmp_path,
            env={**os.environ, **(env or {})},
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def gitleaks(fixtures: Path) -> Path:
    """The sample gitleaks report over the sample repository."""
    return fixtures / "reports" / "gitleaks.json"


def tree_hash(root: Path) -> dict[str, str]:
    """Every file below *root*: its path, mode and a SHA-256 of what it holds (or where it points)."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        else:
            continue
        name = str(path.relative_to(root))
        found[name] = f"{path.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}"
    return found


def holds(root: Path, needles: Mapping[str, bytes]) -> list[str]:
    """Each file below *root* (not only those of git) that holds one of *needles* in clear."""
    return [
        f"{name} in {path}"
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
        for name, needle in needles.items()
        if needle in path.read_bytes()
    ]


@pytest.fixture
def leak(tmp_path: Path, sealed: Path) -> Iterator[Callable[..., Leak]]:
    with ExitStack() as stack:

        def make(*vendors: Any) -> Leak:
            running = [vendor.start() for vendor in vendors]
            for one in running:
                stack.callback(one.close)
            folder = tmp_path / "leak"
            folder.mkdir()
            scenario = build(folder, [one.plant() for one in running])
            environment = {**os.environ, "TERM": "xterm", "COLUMNS": "", "LINES": ""}
            for one in running:
                environment |= one.environment()
            environment["REMEDIATE_KEY_FILE"] = str(scenario.key_file)
            environment = {k: v for k, v in environment.items() if v}
            return Leak(scenario, {one.name: one for one in running}, environment)

        yield make


@pytest.fixture
def guide(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start ``remediate`` on a terminal of its own; all that it shows is in ``screen``."""
    pexpect = pytest.importorskip("pexpect")
    begun: list[Any] = []

    def start(leak: Leak, *arguments: str, columns: int = 100, **more: str) -> Any:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "remediate", "--policy", str(leak.scenario.policy), *arguments],
            cwd=str(leak.scenario.repository),
            env={**leak.environment, **more},
            encoding="utf-8",
            timeout=60,
            dimensions=(50, columns),
        )
        child.logfile_read = (tmp_path / f"screen{len(begun)}").open("w+", encoding="utf-8")
        begun.append(child)
        return child

    yield start
    for child in begun:
        child.close(force=True)
        child.logfile_read.close()
