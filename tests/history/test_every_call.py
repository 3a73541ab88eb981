"""SIGKILL before each system call by which apply and purge, or a git of theirs, change a file.

One run is watched first: which process makes which calls, and which of them change files. Then that very
call of that very process is struck. A handful by default, every one with ``KILL_POINTS=all``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import BusyError

from .test_kill import _CHILD, _Again, _clean_up

CALLS = (
    *("openat", "write", "pwrite64", "writev", "ftruncate", "fallocate", "copy_file_range"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
    *("link", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "utimensat"),
    *("fsync", "fdatasync", "sendfile"),
)
_LINE = re.compile(r"^(\d+ +)?(\w+)\((.*)$")
_WRITES = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC)")
_A_FILE = re.compile(r"^\d+</(?!dev/|proc/)")
_BY_DESCRIPTOR = frozenset(
    {"write", "pwrite64", "writev", "ftruncate", "fallocate", "fchmod", "fsync", "fdatasync"}
)

#: Traces one git, told by its command and how many of it came before; all others run as they are.
_GIT = """#!/bin/sh
command=
skip=
for word; do
    if [ -n "$skip" ]; then skip=; continue; fi
    case "$word" in -c|-C) skip=1;; -*) ;; *) command=$word; break;; esac
done
echo x >>{folder}/count.$command
number=$(wc -l <{folder}/count.$command)
case "{which}" in
    all) exec strace -y -qq -s 0 -o {folder}/trace.$command.$number {trace} {real} "$@";;
    $command.$number) exec strace -qq -o /dev/null {trace} {real} "$@";;
esac
exec {real} "$@"
"""


@dataclass(frozen=True)
class Moment:
    """One call that changes a file."""

    process: str
    """``main``, or a git's command and number."""
    call: str
    number: int
    """Which call of its name in that process."""


def changing(process: str, lines: Iterable[str]) -> Iterator[Moment]:
    """The calls among strace's *lines* that change a file."""
    seen: Counter[str] = Counter()
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        call, arguments = found[2], found[3]
        seen[call] += 1
        if call == "openat" and not _WRITES.search(arguments):
            continue
        if call == "openat" and '"/dev/' in arguments:
            continue
        if call in _BY_DESCRIPTOR and not _A_FILE.match(arguments):
            continue
        yield Moment(process, call, seen[call])


class Struck:
    """Apply and purge in a process of their own, watched or struck."""

    def __init__(self, busy: Any, folder: Path) -> None:
        self.folder = folder
        rehearsal = busy.rehearsal.to_json()
        given = {"secret": busy.secret, "rehearsal": rehearsal, "repo": str(busy.lab.path)}
        self._given = json.dumps(given)

    def _run(self, which: str, trace: str, before: list[str]) -> int:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        wrapper = self.folder / "git"
        wrapper.write_text(
            _GIT.format(folder=self.folder, which=which, trace=trace, real=shutil.which("git"))
        )
        wrapper.chmod(0o755)
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*before, sys.executable, "-c", _CHILD],
            input=self._given,
            text=True,
            capture_output=True,
            env={**os.environ, "PATH": path, "PYTHONHASHSEED": "0"},
        )
        return done.returncode

    def watch(self) -> list[Moment]:
        """Every moment of an undisturbed run."""
        calls = f"-e trace={','.join(CALLS)}"
        main = self.folder.with_name("trace.main")
        before = ["strace", "-y", "-qq", "-s", "0", "-o", str(main), *calls.split()]
        assert self._run("all", calls, before) == 0
        moments = list(changing("main", main.read_text().splitlines()))
        for file in sorted(self.folder.glob("trace.*")):
            name = file.name.removeprefix("trace.")
            moments += changing(name, file.read_text(errors="replace").splitlines())
        return moments

    def strike(self, moment: Moment) -> bool:
        """A run whose process dies before the call; whether it did."""
        inject = f"inject={moment.call}:signal=KILL:when={moment.number}"
        trace = f"-e trace={moment.call} -e {inject}"
        if moment.process == "main":
            before = ["strace", "-qq", "-o", os.devnull, *trace.split()]
            return self._run("none", "", before) == -9
        return self._run(moment.process, trace, []) != 0


def _again(busy: Any) -> None:
    """A git that outlived its parent may still hold a lock; then it is waited for."""
    for attempt in range(50):
        try:
            _clean_up(busy)
        except BusyError:
            if attempt == 49:
                raise
            time.sleep(0.1)
        else:
            return


@pytest.mark.skipif(shutil.which("strace") is None, reason="kills at system calls need strace")
@pytest.mark.timeout(0)
def test_killed_before_any_call_that_changes_a_file(
    busy: Any,
    snapshot: Callable[[Path], dict[str, Any]],
    kill_points: Callable[..., Iterable[int]],
    tmp_path: Path,
) -> None:
    again = _Again(busy)
    struck = Struck(busy, tmp_path / "tools")
    moments = struck.watch()
    end = snapshot(busy.lab.path)
    by_process = Counter(moment.process for moment in moments)
    told = f"{len(moments)} calls that change files, of {len(by_process)} processes"
    print(told, dict(by_process), dict(Counter(moment.call for moment in moments)), flush=True)
    assert by_process["main"] > 60
    assert len(by_process) > 1, "no git was seen to change a file"
    missed, kills = [], 0
    for point in kill_points(len(moments), 6):
        moment = moments[point - 1]
        again()
        if not struck.strike(moment):
            missed.append(moment)
        kills += 1
        _again(busy)
        assert snapshot(busy.lab.path) == end, f"killed at {moment}"
        assert not list(busy.lab.path.rglob("*remediate*")), f"killed at {moment}"
        if kills % 20 == 0:
            print(f"{kills} struck, {len(missed)} missed", flush=True)
    print(f"{kills} tried, {len(missed)} missed: {missed}")
    assert len(missed) <= kills // 20, missed
