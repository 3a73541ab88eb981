"""The stock tool is the oracle: same rules, same histories, the same trees, commit by commit.

``REMEDIATE_ORACLE_CASES`` says how many random histories are tried (500; CONTRIBUTING.md has the
command for more). Many lie in one repository, each with a root and branches of its own: the stock tool
needs a second for a run, however little there is to do.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from remediate.history.expressions import write_expressions
from remediate.history.model import Rehearsal
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo

from .conftest import needle
from .histories import Maker, secrets

CASES = int(os.environ.get("REMEDIATE_ORACLE_CASES", "500"))
TOGETHER = 100

_ID = re.compile(rb"\b[0-9a-f]{7,40}\b")


def git(where: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", *arguments], cwd=where, input=stdin, check=True, capture_output=True
    ).stdout


class Batch:
    """Some histories in one repository, their secrets, our rewrite of them, and the stock tool's."""

    def __init__(self, folder: Path, seed: int) -> None:
        dice = random.Random(seed)
        self.lab = folder / "lab.git"
        self.quarantine = folder / "quarantine"
        values = secrets(dice)
        maker = Maker(self.lab, dice, values)
        for number in range(min(TOGETHER, CASES - seed * TOGETHER)):
            maker.history(number)
        maker.close()
        needles = [needle(value, f"kind{number}") for number, value in enumerate(values)]
        write_expressions(folder / "rules", needles)
        self.before = commits(self.lab)
        self.ours: Rehearsal = rehearse(open_repo(self.lab), needles, self.quarantine)
        self.theirs = stock(self.lab, folder / "rules", folder / "stock.git")


def commits(where: Path, ids: list[str] | None = None) -> dict[str, bytes]:
    """Each commit's bytes; of all that refs reach, or of *ids*."""
    if ids is None:
        ids = git(where, "rev-list", "--all").decode().split()
    raw = git(where, "cat-file", "--batch", stdin="\n".join(ids).encode())
    found = {}
    for oid in ids:
        head, _, rest = raw.partition(b"\n")
        size = int(head.split()[2])
        found[oid], raw = rest[:size], rest[size + 1 :]
    return found


def stock(lab: Path, rules: Path, where: Path) -> dict[str, bytes]:
    """Each old commit's tree after git-filter-repo, by the old id."""
    git(lab, "clone", "-q", "--mirror", ".", str(where))
    command = [
        *(sys.executable, "-m", "git_filter_repo", "--force", "--quiet"),
        *("--replace-text", str(rules), "--prune-empty", "never", "--prune-degenerate", "never"),
    ]
    subprocess.run(command, cwd=where, check=True, capture_output=True)
    rows = (where / "filter-repo" / "commit-map").read_text().split("\n")[1:]
    new = dict(row.split() for row in rows if row)
    made = commits(where, list(new.values()))
    return {old: tree(made[oid]) for old, oid in new.items()}


def tree(commit: bytes) -> bytes:
    return commit[5:45]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> object:
    @cache
    def make(seed: int) -> Batch:
        return Batch(tmp_path_factory.mktemp(f"oracle{seed}"), seed)

    return make


SEEDS = range(-(-CASES // TOGETHER))


@pytest.mark.parametrize("seed", SEEDS)
def test_our_trees_are_the_stock_tools(seed: int, batch: object) -> None:
    made: Batch = batch(seed)  # type: ignore[operator]
    assert made.ours.remnants == made.ours.unreadable == ()
    assert set(made.before) == set(made.theirs), "the stock tool dropped none"
    after = commits(made.quarantine, list(made.ours.commits.values()))
    for old, expected in made.theirs.items():
        new = made.ours.commits.get(old)
        ours = tree(after[new] if new else made.before[old])
        assert ours == expected, f"seed {seed}, commit {old}"


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_commit_only_ids_change(seed: int, batch: object) -> None:
    made: Batch = batch(seed)  # type: ignore[operator]
    new = made.ours.commits
    assert 0 < len(new) < len(made.before), "some hold it, some do not"
    after = commits(made.quarantine, list(new.values()))
    doomed = _doomed(made)
    for old, content in made.before.items():
        if old not in new:
            assert old not in doomed, "it holds a secret, or descends from what does"
            continue
        assert old in doomed, f"{old} neither holds a secret nor descends from what does"
        head, _, message = content.partition(b"\n\n")
        lines = [_mapped(line, made.ours.objects) for line in head.split(b"\n")]
        assert after[new[old]].partition(b"\n\n")[0] == b"\n".join(lines), old
        assert after[new[old]].partition(b"\n\n")[2] == _named(message, made.before, new), old
    for change in made.ours.refs:
        assert change.new == new[change.old]
    files = _listed(made.lab, list(new)), _listed(made.quarantine, list(new.values()))
    for old in new:
        were, are = files[0][old], files[1][new[old]]
        assert [row[:2] for row in were] == [row[:2] for row in are], "modes and names"
        changed = [a[2] for a, b in zip(were, are, strict=True) if a[2] != b[2]]
        assert all(blob in made.ours.objects for blob in changed)


def _doomed(made: Batch) -> set[str]:
    """Commits that hold a secret or descend from one that does, told by the stock tool's trees."""
    found: set[str] = set()
    parents = {
        oid: [
            line[7:].decode()
            for line in content.split(b"\n\n")[0].split(b"\n")
            if line[:6] == b"parent"
        ]
        for oid, content in made.before.items()
    }
    order = git(made.lab, "rev-list", "--all", "--topo-order", "--reverse").decode().split()
    for oid in order:
        if made.theirs[oid] != tree(made.before[oid]) or not found.isdisjoint(parents[oid]):
            found.add(oid)
    return found


def _mapped(line: bytes, objects: Mapping[str, str]) -> bytes:
    name, _, value = line.partition(b" ")
    if name in (b"tree", b"parent"):
        return name + b" " + objects.get(value.decode(), value.decode()).encode()
    return line


def _named(message: bytes, there: Mapping[str, bytes], new: Mapping[str, str]) -> bytes:
    def successor(found: re.Match[bytes]) -> bytes:
        shown = found.group().decode()
        alike = [oid for oid in there if oid.startswith(shown)]
        if len(alike) != 1 or alike[0] not in new:
            return found.group()
        return new[alike[0]][: len(shown)].encode()

    return _ID.sub(successor, message)


def _listed(where: Path, ids: list[str]) -> dict[str, list[tuple[bytes, bytes, str]]]:
    """(mode, path, id) of every file of each commit."""
    found = {}
    for oid in ids:
        rows = git(where, "ls-tree", "-r", "-z", oid).split(b"\0")[:-1]
        parted = (row.partition(b"\t") for row in rows)
        found[oid] = [(facts[:6], path, facts.split(b" ")[2].decode()) for facts, _, path in parted]
    return found
