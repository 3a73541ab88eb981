"""The stock tool is the oracle: same rules, same histories, the same trees, commit by commit.

``REMEDIATE_ORACLE_EXAMPLES`` says how many random histories are tried.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediate.history.expressions import write_expressions
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo

from .conftest import Lab, needle

EXAMPLES = int(os.environ.get("REMEDIATE_ORACLE_EXAMPLES", "12"))
SECRETS = ["tok-" + "4f9c1d7e2a", "tok-" + "4f9c1d7e2a-longer", "p@ss/" + "w0rd+x=="]
PATHS = ["a", "b.txt", "dir/a", "dir/deep/c", "exécutable"]
LINES = st.lists(
    st.sampled_from(["plain", "x = 1", *SECRETS, f"k='{SECRETS[0]}'", f"{SECRETS[2]}{SECRETS[1]}"]),
    max_size=5,
)
STEP = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(PATHS), LINES),
    st.tuples(st.just("remove"), st.sampled_from(PATHS), st.just([])),
    st.tuples(st.just("mode"), st.sampled_from(PATHS), st.just([])),
    st.tuples(st.just("empty"), st.just(""), st.just([])),
    st.tuples(st.just("branch"), st.sampled_from(["one", "two"]), LINES),
    st.tuples(st.just("merge"), st.just(""), st.just([])),
)


def build(lab: Lab, steps: list[tuple[str, str, list[str]]]) -> None:
    lab.commit({"a": "begin\n"})
    for what, name, lines in steps:
        path = lab.path / name
        if what == "write":
            lab.commit({name: "\n".join(lines) + "\n"}, f"write {name}")
        elif what == "remove" and path.is_file() and name != "a":
            lab.commit({name: None}, f"remove {name}")
        elif what == "mode" and path.is_file():
            path.chmod(path.stat().st_mode ^ 0o111)
            lab.commit(message=f"mode of {name}")
        elif what == "empty":
            lab.commit(message="nothing")
        elif what == "branch":
            if not lab.git("branch", "--list", name):
                lab.git("switch", "-q", "-c", name)
            else:
                lab.git("switch", "-q", name)
            lab.commit({f"of-{name}": "\n".join(lines) + "\n"}, f"on {name}")
        elif what == "merge":
            here = lab.git("branch", "--show-current")
            others = lab.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
            for other in others:
                if other != here:
                    lab.git("merge", "-q", "--no-edit", "-X", "ours", "--no-ff", other)
                    break


def stock(lab: Lab, rules: Path, where: Path) -> dict[str, str]:
    """Each old commit's tree after git-filter-repo, by the old id."""
    subprocess.run(["git", "clone", "-q", "--mirror", str(lab.path), str(where)], check=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "git_filter_repo", "--force", "--quiet"),
            *(
                "--replace-text",
                str(rules),
                "--prune-empty",
                "never",
                "--prune-degenerate",
                "never",
            ),
        ],
        cwd=where,
        check=True,
        capture_output=True,
    )
    rows = (where / "filter-repo" / "commit-map").read_text().split("\n")[1:]
    return {old: tree(where, new) for old, new in (row.split() for row in rows if row)}


def tree(where: Path, commit: str) -> str:
    return subprocess.run(
        ["git", "rev-parse", f"{commit}^{{tree}}"],
        cwd=where,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(STEP, min_size=1, max_size=8),
    secrets=st.sets(st.sampled_from(SECRETS), min_size=1),
)
def test_our_trees_are_the_stock_tools(
    steps: list[tuple[str, str, list[str]]],
    secrets: set[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("oracle")
    lab = Lab(folder / "lab")
    build(lab, steps)
    needles = [needle(value, f"kind{SECRETS.index(value)}") for value in sorted(secrets)]
    write_expressions(folder / "rules", needles)
    theirs = stock(lab, folder / "rules", folder / "stock.git")
    done = rehearse(open_repo(lab.path), needles, folder / "quarantine")
    assert done.remnants == ()
    assert set(done.commits) <= set(theirs)
    for old, expected in theirs.items():
        new = done.commits.get(old)
        where = folder / "quarantine" if new else lab.path
        assert tree(where, new or old) == expected, f"commit {old}"
    untouched = set(theirs) - set(done.commits)
    assert all(tree(lab.path, old) == theirs[old] for old in untouched), "and those hold nothing"
