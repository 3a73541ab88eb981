"""A secret in the names of a branch, a tag and a folder: renamed here, told nowhere, and put back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .conftest import Cli, holds


def test_names_are_renamed_told_nowhere_and_put_back(
    cli: Cli,
    acme: Path,
    gitleaks: Path,
    key_file: Path,
    sealed: Path,
    bash: Callable[..., str],
) -> None:
    values = {entry["RuleID"]: entry["Secret"] for entry in json.loads(gitleaks.read_text())}
    value = values["github-pat"]
    bash(
        f"git switch -qc fix/{value}; mkdir k-{value}; echo 1 > k-{value}/f; git add .;"
        f"git commit -qm named; git tag v-{value}; git branch -q taken fix/{value}",
        cwd=acme,
    )
    state = "git for-each-ref; git symbolic-ref HEAD; git ls-files -s; git status --porcelain; ls"
    before = bash(state, cwd=acme)
    shown = cli("preview", gitleaks, "--repo", acme, "--json")
    assert shown.code == 0, shown.out
    assert value not in shown.out
    assert {ref["name"] for ref in shown.document["refs"] if ref["renamed"]} == {
        "refs/heads/fix/REMOVED-github-pat",
        "refs/tags/v-REMOVED-github-pat",
    }
    flags = ("--repo", acme, "--key-file", key_file)
    done = cli("run", gitleaks, *flags, "--yes", "--offline", "--no-push", "--json")
    assert done.code == 0, done.out + done.err
    assert value not in done.out + done.err
    now = bash(state, cwd=acme)
    for ref in shown.document["refs"]:
        assert f"{ref['new']} commit\t{ref['name']}\n" in now or ref["name"].startswith(
            "refs/tags/v1"
        )
    assert "refs/heads/fix/REMOVED-github-pat\n" in now, "HEAD is on it"
    assert value not in now and not [p for p in acme.rglob("*") if value in str(p)]
    hidden = {"value": value.encode()}
    assert holds(acme, hidden) == [] and holds(sealed, hidden) == []
    assert cli("verify", gitleaks, "--repo", acme).code == 0
    assert cli("undo", *flags, "--yes").code == 0
    assert bash(state, cwd=acme) == before


def test_on_the_remote_too(
    cli: Cli, key_file: Path, sealed: Path, tmp_path: Path, bash: Callable[..., str]
) -> None:
    value = "a-value-of-" + "some-length-" + "c4ca4238"
    bash(
        f"""
        git init -q --bare remote.git
        git clone -q remote.git ours 2>/dev/null
        cd ours
        echo one > a; git add a; git commit -qm one; git push -q origin main
        git switch -q -c fix-{value}; echo '{value}' > key; git add key; git commit -qm two
        git push -q -u origin fix-{value}; git tag {value} main; git push -q origin {value}
        cd ..; echo '{value}' > report.txt
        """
    )
    flags = ("--repo", tmp_path / "ours", "--key-file", key_file)
    done = cli("run", tmp_path / "report.txt", *flags, "--yes", "--offline", "--json")
    assert done.code == 0, done.out
    assert value not in done.out + done.err
    names = bash("git -C remote.git for-each-ref --format='%(refname)'").split()
    assert names == ["refs/heads/fix-REMOVED-secret", "refs/heads/main", "refs/tags/REMOVED-secret"]
    assert value not in bash("git -C remote.git log --all -p")
    assert bash("git -C ours status -sb").startswith(
        "## fix-REMOVED-secret...origin/fix-REMOVED-secret\n"
    )
    assert holds(sealed, {"value": value.encode()}) == []
    assert cli("verify", tmp_path / "report.txt", "--repo", tmp_path / "ours", "--remote").code == 0
