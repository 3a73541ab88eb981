"""Exposure: when a secret came in, and when it was first out, as far as this clone can tell."""

from __future__ import annotations

import re

from remediate.clock import rfc3339
from remediate.errors import GitError
from remediate.history.commitmap import resolved
from remediate.history.git import run as git
from remediate.incident.run import Run
from remediate.model import Json
from remediate.plugins.outcome import Facts
from remediate.stages import rounds

_PUSHED = re.compile(rb"^([0-9a-f]+) ([0-9a-f]+) .*> (\d+) [+-]\d{4}\t(.*)$", re.MULTILINE)


def exposure(run: Run) -> Facts:
    """``known``: ``introduced`` and ``first_out`` (RFC 3339), each also a secret; else why not.

    A secret came in with the oldest commit that a report or the scan names. It was first out when
    this clone's own reflog of a remote-tracking branch says "update by push"; a clone that did not
    push it can't know.
    """
    known: dict[str, Json] = {}
    unknown: dict[str, str] = {}
    dates: dict[str, int] = {}
    called: dict[str, str] = {}
    # Gone where this is looked at once more after the rewrite: the successors are as old.
    rewritten = rounds.together(run)
    after = resolved(rewritten.commits) if rewritten is not None else {}
    named = dict.fromkeys(
        location.commit
        for secret in run.state.secrets.values()
        for location in secret.locations
        if location.commit and re.fullmatch(r"[0-9a-fA-F]{7,64}", location.commit)
    )
    for commit in named:
        successors = ((o, n) for o, n in after.items() if o.startswith(commit.lower()))
        for old, name in (("", commit), *successors):
            shown = _asked(run, "log", "-1", "--format=%ct %H", name, "--").split()
            if len(shown) == 2:
                dates[shown[1].decode()] = int(shown[0])
                called[shown[1].decode()] = old or shown[1].decode()
                break
    if dates:
        first = min(dates, key=lambda commit: dates[commit])
        known["introduced"] = _moment(dates[first])
        known["introduced_by"] = called[first]
    else:
        unknown["introduced"] = "the report names no commit of this repository"
    pushed = _first_push(run, set(dates))
    if pushed is not None:
        known["first_out"] = _moment(pushed)
    else:
        unknown["first_out"] = "this clone did not push it, and a clone can't see who did"
    return Facts(known, unknown)


def _first_push(run: Run, commits: set[str]) -> int | None:
    """The earliest push from this clone that carried one of *commits* (seconds since 1970)."""
    times = []
    logs = run.repo.common_dir / "logs" / "refs" / "remotes"
    for log in sorted(logs.rglob("*")) if logs.is_dir() else []:
        if not log.is_file():
            continue
        for entry in _PUSHED.finditer(log.read_bytes()):
            if b"push" in entry[4] and _carries(run, entry[2].decode(), commits):
                times.append(int(entry[3]))
                break
    return min(times, default=None)


def _carries(run: Run, tip: str, commits: set[str]) -> bool:
    return any(_asked(run, "rev-list", "-1", commit, f"^{tip}") == b"" for commit in commits)


def _asked(run: Run, *arguments: str) -> bytes:
    """What git says, nothing where it knows no such commit. One that is killed is asked once more:
    without this, what comes next looks without knowing since when."""
    try:
        return git(run.repo.git_dir, *arguments, accept=(0, 128))
    except GitError as error:
        if not error.killed:
            raise
        return git(run.repo.git_dir, *arguments, accept=(0, 128))


def _moment(seconds: int) -> str:
    from datetime import UTC, datetime

    return rfc3339(datetime.fromtimestamp(seconds, UTC))
