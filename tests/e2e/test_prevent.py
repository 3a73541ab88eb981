"""Never again: the hooks as git runs them, the patches as git applies them, and all of it out again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli, tree_hash

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"
TOKEN = "gh" + "p_" + "A1b2C3d4E5f6G7h8" * 2 + "A1b2"


@pytest.fixture
def cleaned(tmp_path: Path, cli: Cli, bash: Callable[..., str], key_file: Path) -> Path:
    """A clone that was cleaned of a value in a settings file and in code."""
    bash(
        f"""
        git init -q app; cd app
        echo first > a; git add a; git commit -qm one
        printf 'KEY={VALUE}\\nDEBUG=1\\n' > .env
        printf 'import re\\n\\nkey = "{VALUE}"\\n' > app.py
        git add -f .env app.py; git commit -qm two; git branch old-work
        cd ..; echo '{VALUE}' > report.txt
        """
    )
    where = tmp_path / "app"
    done = cli(
        *("run", tmp_path / "report.txt", "--repo", where, "--yes", "--offline", "--json"),
        *("--key-file", key_file),
    )
    assert done.code == 0, done.out
    return where


def commit(where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "commit", "-qm", "x", *words],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_commit_that_brings_it_back_is_refused(
    cli: Cli, cleaned: Path, bash: Callable[..., str]
) -> None:
    before = tree_hash(cleaned / ".git/hooks")
    done = cli("prevent", "--repo", cleaned, "--json")
    assert done.code == 0, done.err
    assert [Path(h["path"]).name for h in done.document["hooks"]] == [
        "reference-transaction", "pre-commit",
    ]  # fmt: skip
    for text, what in (
        (f'x = "{VALUE}"', "a secret that leaked before"),
        (f"url: https://me:{VALUE}@example.com/", "a secret that leaked before"),
        (f"token={TOKEN}", "a github-pat"),
    ):
        (cleaned / "b").write_text(f"fine\n{text}\n")
        bash("git add b", cleaned)
        for words in ((), ("b",)):
            refused = commit(cleaned, *words)
            assert refused.returncode and f"b:2: {what}" in refused.stdout + refused.stderr
            assert VALUE not in refused.stdout + refused.stderr
    (cleaned / "b").write_text("fine\nkey = os.environ['KEY']\n# gh" + "p_EXAMPLE\n")
    bash("git add b", cleaned)
    assert commit(cleaned).returncode == 0

    done = cli("prevent", "--repo", cleaned, "--remove", "--json")
    assert done.code == 0
    assert tree_hash(cleaned / ".git/hooks") == before
    assert not (cleaned / ".git/remediate").exists()


def test_a_hook_that_was_there_runs_first_and_is_there_again(cli: Cli, cleaned: Path) -> None:
    mine = cleaned / ".git/hooks/pre-commit"
    mine.write_text("#!/bin/sh\ntouch mine-ran\n[ ! -e stop ]\n")
    mine.chmod(0o755)
    before = mine.read_text()
    for _ in range(2):
        assert cli("prevent", "--repo", cleaned).code == 0
    assert commit(cleaned, "--allow-empty").returncode == 0
    assert (cleaned / "mine-ran").exists()
    (cleaned / "stop").touch()
    assert commit(cleaned, "--allow-empty").returncode
    cli("prevent", "--repo", cleaned, "--remove")
    assert mine.read_text() == before and not mine.with_name("pre-commit.before-remediate").exists()


def test_the_patches_apply_and_hold_no_value(
    cli: Cli, cleaned: Path, bash: Callable[..., str]
) -> None:
    head = bash("git rev-parse HEAD", cleaned)
    done = cli("prevent", "--repo", cleaned, "--json")
    proposed = {Path(p["file"]).name: p["file"] for p in done.document["patches"]}
    assert set(proposed) == {
        "ignore.patch",
        "env-example.patch",
        "environment.patch",
        "ci-check.patch",
    }
    assert bash("git rev-parse HEAD; git status --porcelain", cleaned) == head, "never a commit"
    for file in proposed.values():
        assert VALUE not in Path(file).read_text()
        bash(f"git apply --index {file}", cleaned)
    assert (cleaned / ".env.example").read_text() == "KEY=\nDEBUG=\n"
    assert 'import os\nimport re\n\nkey = os.environ["KEY"]\n' in (cleaned / "app.py").read_text()
    assert ".env" in (cleaned / ".gitignore").read_text().splitlines()
    bash(
        "git rm -q --cached .env; git commit -qm 'as proposed'; python3 .remediate/check_history.py",
        cleaned,
    )


def test_the_frameworks_configuration_is_used_where_there_is_one(cli: Cli, cleaned: Path) -> None:
    config = cleaned / ".pre-commit-config.yaml"
    config.write_text("repos:\n  - repo: local\n    hooks: []\n")
    before = config.read_text()
    assert cli("prevent", "--repo", cleaned).code == 0
    assert "prevent --hook pre-commit" in config.read_text()
    assert not (cleaned / ".git/hooks/pre-commit").exists()
    cli("prevent", "--repo", cleaned, "--remove")
    assert config.read_text() == before


def test_the_servers_hook_wants_a_server_and_a_key_is_refused_there(
    cli: Cli, cleaned: Path, bash: Callable[..., str], tmp_path: Path
) -> None:
    wrong = cli("prevent", "--repo", cleaned, "--server", tmp_path / "nowhere", "--json")
    assert wrong.code == 2 and json.loads(wrong.out)["error"]["hint"]
    bash("git clone -q --bare app server.git")
    assert cli("prevent", "--repo", cleaned, "--server", tmp_path / "server.git").code == 0
    (cleaned / "c").write_text(f"token={TOKEN}\n")
    bash("git add c; git commit -qm key; git remote add origin ../server.git", cleaned)
    pushed = subprocess.run(
        ["git", "push", "origin", "main"], cwd=cleaned, capture_output=True, text=True
    )
    assert pushed.returncode and "1 lines that look like a live key" in pushed.stderr
    cli("prevent", "--repo", cleaned, "--server", tmp_path / "server.git", "--remove")
    assert not (tmp_path / "server.git/remediate").exists()
    bash("git push -q origin main", cleaned)
