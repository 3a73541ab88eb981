"""Measure the rewrite of a repository's history side by side with git-filter-repo, as ratios.

    python benchmarks/history.py REPO --secret VALUE [--leaks one many recent recent-many] [--purge]

``--ways remediate --rounds 1`` is the quick one: ours beside `stock` alone, once.

Each way works on copies of its own of one repository, one after another and again, round by round, so
that a machine whose speed drifts drifts for all:

- `remediate`: scan, rehearse, back up, apply: up to the refs being updated. Then the purge.
- `stock`: ``git filter-repo --replace-text --sensitive-data-removal``, up to the refs being updated.
  Its clean-up comes after that and is timed apart.
- `expert`: the same, restricted by hand to the refs that hold the secret and to the commits after the
  last clean ones, as somebody would who knows the tool well and has found out which those are.
- `limit`: one ``git cat-file --batch-all-objects`` pass, its list of objects split over all cores. Nobody
  can look at every object faster.

Memory is what the whole tree of processes holds of its own (``Anonymous`` in ``smaps_rollup``), the
largest of many samples. The secret comes from the command line here, for it is no secret: name a word
that stands in a public history.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import resource
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

GIT_ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(repo: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git in *repo* and give what it says."""
    return subprocess.run(
        ["git", "-C", str(repo), *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        check=True,
        env=GIT_ENVIRONMENT,
    ).stdout


# --- measuring ------------------------------------------------------------------------------------


@dataclass
class Cost:
    """What one run took."""

    seconds: float = 0.0
    cpu: float = 0.0
    """Seconds of all processes together, user and system."""
    peak: int = 0
    """Bytes of anonymous memory of all processes together, the largest sample."""
    facts: dict[str, float | int] = field(default_factory=dict)


def _tree(root: int) -> list[int]:
    found, pending = [], [root]
    while pending:
        pid = pending.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                pending += map(int, (task / "children").read_text().split())
    return found


def _anonymous(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) << 10
    return 0


def measured(
    command: list[str], *, stdin: bytes = b"", cwd: Path | None = None
) -> tuple[Cost, bytes]:
    """Run *command* to its end, with all that it starts."""
    cost = Cost()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as words:
        source.write(stdin)
        source.seek(0)
        child = subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=words,
            cwd=cwd,
            env=GIT_ENVIRONMENT,
        )
        stop = threading.Event()

        def sample() -> None:
            while not stop.wait(0.1):
                cost.peak = max(cost.peak, sum(map(_anonymous, _tree(child.pid))))

        sampler = threading.Thread(target=sample)
        sampler.start()
        out, _ = child.communicate()
        cost.seconds = time.perf_counter() - began
        stop.set()
        sampler.join()
        if child.returncode:
            words.seek(0)
            sys.exit(f"{command[0]} failed: {words.read().decode('utf-8', 'replace')[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cost, out


# --- the ways -------------------------------------------------------------------------------------

#: Run in a process of its own, so that its memory is its own. Values come by standard input.
_OURS = """
import hashlib, json, sys, tempfile, time
from pathlib import Path
begun = time.perf_counter()
import pyrage
from remediate.history.apply import apply
from remediate.history.backup import back_up
from remediate.history.model import Needle
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.scan import scan
from remediate.secret import Secret
given = json.load(sys.stdin)
needles = [
    Needle(hashlib.sha256(v.encode()).hexdigest(), Secret(v), b"REMOVED-secret")
    for v in given["secrets"]
]
repo = open_repo(Path(given["repo"]))
facts = {}
at = time.perf_counter()
def lap(name):
    global at
    now = time.perf_counter()
    facts[name], at = now - at, now
work = Path(given["work"])
found = scan(repo, needles)
lap("scan")
rehearsal = rehearse(repo, needles, work / "quarantine", scan=found)
lap("rehearse")
facts["preview"] = time.perf_counter() - begun
facts["commits"] = len(rehearsal.commits)
facts["total"] = rehearsal.commits_total
if given["upto"] != "preview":
    recipient = pyrage.x25519.Identity.generate().to_public()
    back_up(repo, rehearsal, [recipient], work / "backup.age", needles=needles)
    lap("back up")
    apply(repo, rehearsal, needles)
    lap("apply")
    facts["refs"] = time.perf_counter() - begun
if given["upto"] == "purge":
    purge(repo, rehearsal)
    lap("purge")
json.dump(facts, sys.stdout)
"""


def ours(repo: Path, values: list[str], work: Path, upto: str = "refs") -> Cost:
    """remediate, up to the preview, the refs or the purge."""
    asked = {"repo": str(repo), "secrets": values, "work": str(work), "upto": upto}
    cost, out = measured([sys.executable, "-c", _OURS], stdin=json.dumps(asked).encode())
    cost.facts = json.loads(out)
    return cost


def _expressions(values: list[str], work: Path) -> Path:
    path = work / "expressions.txt"
    path.write_text("".join(f"literal:{v}==>REMOVED-secret\n" for v in values))
    return path


#: git-filter-repo as a library, stopped where the refs are updated and before it cleans up.
_STOCK = """
import sys, time
import git_filter_repo as fr
arguments = fr.FilteringOptions.parse_args(sys.argv[1:], error_on_empty=False)
fr.RepoFilter.cleanup = staticmethod(lambda *_, **__: None)
fr.RepoFilter(arguments).run()
"""


def stock(repo: Path, values: list[str], work: Path, *refs: str) -> Cost:
    """git-filter-repo up to the refs being updated, over all refs or those given."""
    command = [sys.executable, "-c", _STOCK, "--force", "--replace-text"]
    command += [str(_expressions(values, work)), "--sensitive-data-removal", "--no-fetch"]
    if refs:
        command += ["--refs", *refs]
    before = git(repo, "rev-list", "--all", "--count")
    cost, _ = measured(command, cwd=repo)
    rows = (repo / "filter-repo" / "commit-map").read_text().splitlines()[1:]
    pairs = [row.split() for row in rows]
    cost.facts = {"commits": sum(old != new for old, new in pairs), "total": int(before)}
    return cost


def limit(repo: Path, work: Path) -> Cost:
    """Every object read once, on all cores, and thrown away."""
    listed = work / "objects"
    script = (
        f"git -C '{repo}' cat-file --batch-all-objects --unordered --buffer "
        f"--batch-check='%(objectname)' > '{listed}' && "
        f"split -n l/{_cores()} '{listed}' '{listed}.' && "
        f"for part in '{listed}'.*; do "
        f"git -C '{repo}' cat-file --batch --buffer < \"$part\" > /dev/null & done; wait"
    )
    cost, _ = measured(["sh", "-c", script])
    for path in work.glob("objects*"):
        path.unlink()
    return cost


def _cores() -> int:
    return len(os.sched_getaffinity(0))


# --- the comparison -------------------------------------------------------------------------------


@contextlib.contextmanager
def _copy(repo: Path, scratch: Path) -> Iterator[tuple[Path, Path]]:
    """A copy of *repo* to rewrite, and a folder for what goes beside it; both gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        (folder / "work").mkdir()
        shutil.copytree(repo, folder / "repo.git", symlinks=True)
        yield folder / "repo.git", folder / "work"
    finally:
        shutil.rmtree(folder)


def _affected(repo: Path, values: list[str], scratch: Path) -> list[str]:
    """What an expert would hand to ``--refs``: refs that lead to a doomed commit, clean ones excluded."""
    with _copy(repo, scratch) as (copy, work):
        script = _OURS.replace(
            "json.dump(facts",
            'facts["old"] = list(rehearsal.commits)\n'
            'facts["names"] = [r.name for r in rehearsal.refs]\njson.dump(facts',
        )
        asked = {"repo": str(copy), "secrets": values, "work": str(work), "upto": "preview"}
        _, out = measured([sys.executable, "-c", script], stdin=json.dumps(asked).encode())
        facts = json.loads(out)
    old = set(facts["old"])
    rows = git(repo, "rev-list", "--parents", "--no-walk", "--stdin", stdin="\n".join(old).encode())
    edge = {p for row in rows.decode().splitlines() for p in row.split()[1:] if p not in old}
    return [*facts["names"], *(f"^{commit}" for commit in sorted(edge))]


def _recent(repo: Path, scratch: Path) -> tuple[Path, str]:
    """A copy of *repo* with a new secret in a commit that the last one in a hundred descend from."""
    value = "tok_" + secrets.token_hex(18)
    path = Path(tempfile.mkdtemp(dir=scratch)) / "recent.git"
    shutil.copytree(repo, path, symlinks=True)
    head = git(repo, "rev-parse", "HEAD").decode().strip()
    line = git(repo, "rev-list", "--first-parent", head).decode().split()
    newest = max(1, int(git(repo, "rev-list", "--all", "--count")) // 100)
    fork = next(c for c in line if int(git(repo, "rev-list", "--count", f"{c}..{head}")) >= newest)
    _plant(path, fork, head, value)
    return path, value


def _plant(repo: Path, fork: str, head: str, value: str) -> None:
    """Put a file with *value* into every commit after *fork*, as if it had come in there."""
    blob = (
        git(repo, "hash-object", "-w", "--stdin", stdin=f"key = {value}\n".encode())
        .decode()
        .strip()
    )
    order = git(repo, "rev-list", "--reverse", "--topo-order", "--parents", f"{fork}..{head}")
    new: dict[str, str] = {}
    for row in order.decode().splitlines():
        commit, *parents = row.split()
        content = git(repo, "cat-file", "commit", commit)
        old_tree = content[5:45].decode()
        entries = git(repo, "ls-tree", old_tree) + f"100644 blob {blob}\tzz-leak.txt\n".encode()
        tree = git(repo, "mktree", stdin=entries).decode().strip()
        changed = content.replace(old_tree.encode(), tree.encode(), 1)
        for parent in parents:
            changed = changed.replace(parent.encode(), new.get(parent, parent).encode(), 1)
        new[commit] = (
            git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=changed)
            .decode()
            .strip()
        )
    git(repo, "update-ref", "HEAD", new[head])
    git(repo, "repack", "-q", "-d")


def compare(
    repo: Path, values: list[str], scratch: Path, rounds: int, title: str, chosen: list[str]
) -> dict[str, list[Cost]]:
    """The *chosen* ways on copies of *repo*, in turn, *rounds* times."""
    refs = _affected(repo, values, scratch) if "expert" in chosen else []
    ways: dict[str, Callable[[Path, Path], Cost]] = {
        "remediate": lambda copy, work: ours(copy, values, work),
        "stock": lambda copy, work: stock(copy, values, work),
        "expert": lambda copy, work: stock(copy, values, work, *refs),
        "preview": lambda copy, work: ours(copy, values, work, "preview"),
        "limit": limit,
    }
    ways = {name: way for name, way in ways.items() if name in chosen}
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            print(f"  {title}: round {number + 1}, {name}", file=sys.stderr)
            with _copy(repo, scratch) as (copy, work):
                found[name].append(way(copy, work))
    return found


def _shown(title: str, found: dict[str, list[Cost]]) -> None:
    print(f"\n### {title}\n")
    print("| way | seconds | CPU seconds | times `stock`'s speed | commits rewritten | memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, costs in found.items():
        wall = statistics.median(c.seconds for c in costs)
        cpu = statistics.median(c.cpu for c in costs)
        # Pair by pair: what drifts, drifts for both.
        pairs = zip(found["stock"], costs, strict=True)
        ratio = statistics.median(s.seconds / c.seconds for s, c in pairs)
        commits = costs[0].facts.get("commits")
        shown = "" if commits is None else f"{commits:,} of {costs[0].facts['total']:,}"
        peak = max(c.peak for c in costs) / 1e6
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {ratio:.1f} | {shown} | {peak:.0f} MB |")
    if "preview" not in found or "limit" not in found:
        return
    pairs = zip(found["preview"], found["limit"], strict=True)
    print(
        f"\nPreview: {statistics.median(p.seconds / m.seconds for p, m in pairs):.1f} times the limit."
    )


def _purge(repo: Path, values: list[str], scratch: Path, rounds: int) -> None:
    """The purge beside ``git repack -ad``, each on a copy of its own, in turn."""
    print("\n### Purge\n")
    ratios = []
    for number in range(rounds):
        print(f"  purge: round {number + 1}", file=sys.stderr)
        with _copy(repo, scratch) as (copy, work):
            cost = ours(copy, values, work, "purge")
        with _copy(repo, scratch) as (copy, _work):
            repack, _ = measured(["git", "-C", str(copy), "repack", "-q", "-a", "-d"])
        ratios.append(cost.facts["purge"] / repack.seconds)
        print(
            f"- purge {cost.facts['purge']:.1f} s (the whole run peaks at {cost.peak / 1e6:.0f} MB), "
            f"`git repack -ad` {repack.seconds:.1f} s ({repack.peak / 1e6:.0f} MB)"
        )
    print(f"\n{statistics.median(ratios):.2f} times `git repack -ad` (median).")


def machine() -> str:
    """What it was measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    version = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout
    return f"{_cores()} cores, {model}, {version.strip()}, Python {platform.python_version()}"


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("repo", type=Path)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--leaks", nargs="+", choices=LEAKS, default=["one"])
    parser.add_argument(
        "--ways", nargs="+", choices=WAYS, default=list(WAYS), help="which to measure beside stock"
    )
    parser.add_argument(
        "--purge", action="store_true", help="the purge against git repack -ad, too"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    repo = given.repo.resolve()
    objects = git(repo, "count-objects", "-v").decode().split("in-pack: ")[1].split()[0]
    print(
        f"{machine()}; {int(objects):,} objects in packs; load {os.getloadavg()[0]:.1f} at the start."
    )
    with contextlib.ExitStack() as stack:
        recent, value = repo, given.secret
        if any(leak.startswith("recent") for leak in given.leaks):
            recent, value = _recent(repo, given.scratch)
            stack.callback(shutil.rmtree, recent.parent)
        for leak in given.leaks:
            where, first = (recent, value) if leak.startswith("recent") else (repo, given.secret)
            values = [first, *_others(99)] if leak.endswith("many") else [first]
            ways = ["stock", *given.ways]
            costs = compare(where, values, given.scratch, given.rounds, leak, ways)
            _shown(LEAKS[leak], costs)
    if given.purge:
        _purge(repo, [given.secret], given.scratch, given.rounds)


WAYS = ("remediate", "expert", "preview", "limit")

LEAKS = {
    "one": "One secret",
    "many": "100 secrets",
    "recent": "A leak in the last 1 % of commits",
    "recent-many": "The same among 100 secrets",
}


def _others(number: int) -> list[str]:
    """Secrets that stand nowhere."""
    return [f"tok_{hashlib.sha256(b'%d' % n).hexdigest()[:36]}" for n in range(number)]


if __name__ == "__main__":
    main()
