"""The real pre-commit program (https://pre-commit.com) runs the hook that `remediate prevent` writes down for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli
from .test_prevent import TOKEN, VALUE, cleaned

__all__ = ["cleaned"]

pytest.importorskip("pre_commit", reason="pre-commit is not installed (pip extra: test)")
HOOK = ".git/hooks/pre-commit"


@pytest.fixture
def framed(
    cleaned: Path,
    tmp_path: Path,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The cleaned clone with the framework in it, a hook of somebody's own, and ours."""
    scripts = str(Path(sys.executable).parent)
    if shutil.which("remediate", path=scripts) is None:
        pytest.skip("the command remediate is not installed beside this Python")
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit-home"))
    config = cleaned / ".pre-commit-config.yaml"
    config.write_text(
        "# ours\nrepos:\n- repo: local\n  hooks:\n  - id: theirs\n    name: theirs\n"
        "    entry: sh -c 'touch .git/theirs-ran'\n    language: system\n    always_run: true\n"
        "    pass_filenames: false\n"
    )
    assert cli("prevent", "--repo", cleaned).code == 0
    assert pre_commit(cleaned, "validate-config").returncode == 0
    assert pre_commit(cleaned, "install").returncode == 0
    assert "pre-commit.com" in (cleaned / HOOK).read_text()
    return cleaned


def pre_commit(where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *words],
        cwd=where, capture_output=True, text=True, check=False,
    )  # fmt: skip


def commit(where: Path, files: dict[str, str]) -> tuple[int, str]:
    for name, text in files.items():
        (where / name).write_text(text)
    subprocess.run(["git", "add", *files], cwd=where, check=True)
    done = subprocess.run(
        ["git", "commit", "-qm", "x"], cwd=where, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_commit_with_the_secret_is_refused_and_others_go_through(
    framed: Path, bash: Callable[..., str]
) -> None:
    head = bash("git rev-parse HEAD", framed)
    code, said = commit(framed, {"b": f'x = "{VALUE}"\n'})
    assert code and "b:1: a secret that leaked before" in said and VALUE not in said
    assert (framed / ".git/theirs-ran").exists(), "beside whatever else runs there"
    code, said = commit(framed, {"b": f"token={TOKEN}\n"})
    assert code and "a github-pat" in said and TOKEN not in said
    assert bash("git rev-parse HEAD", framed) == head

    # What is not staged does not count: pre-commit puts it aside, and gives it back.
    code, said = commit(framed, {"b": "fine\n", "c": "also fine\n"})
    assert code == 0, said
    (framed / "b").write_text(f"{VALUE}\n")
    code, said = commit(framed, {"c": "still fine\n"})
    assert code == 0, said
    assert (framed / "b").read_text() == f"{VALUE}\n"
    (framed / "b").write_text("fine\n")
    assert pre_commit(framed, "run", "--all-files").returncode == 0


def test_taken_out_again_the_configuration_is_valid_and_stops_nobody(
    framed: Path, cli: Cli
) -> None:
    assert cli("prevent", "--repo", framed, "--remove").code == 0
    assert pre_commit(framed, "validate-config").returncode == 0
    code, said = commit(framed, {"b": f"token={TOKEN}\n"})
    assert code == 0, said
