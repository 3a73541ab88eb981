"""The remote: pushed with leases, looked at as a stranger, and nobody's work lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"


@pytest.fixture
def world(tmp_path: Path, bash: Callable[..., str]) -> Path:
    """A remote with three branches, our clone (two of them known as the remote's alone), a report."""
    bash(
        f"""
        git init -q --bare remote.git
        git clone -q remote.git ours 2>/dev/null
        cd ours
        echo one > a; git add a; git commit -qm one
        echo 'key = "{VALUE}"' > secret.ini; git add secret.ini; git commit -qm two
        git push -q origin main
        git switch -q -c side; echo three > b; git add b; git commit -qm three
        git push -q origin side; git switch -q main; git branch -q -D side
        git switch -q --orphan clean; echo x > x; git add x; git commit -qm x
        git push -q origin clean; git switch -q main
        cd ..; echo '{VALUE}' > report.txt
        """
    )
    return tmp_path


def run(cli: Cli, world: Path, key_file: Path, *more: str):  # type: ignore[no-untyped-def]
    return cli(
        *("run", world / "report.txt", "--repo", world / "ours", "--yes", "--offline", "--json"),
        *("--key-file", key_file, *more),
    )


def test_every_affected_ref_is_pushed_and_no_other(
    cli: Cli, world: Path, key_file: Path, bash: Callable[..., str]
) -> None:
    before = bash("git -C remote.git rev-parse clean")
    done = run(cli, world, key_file)
    assert done.code == 0, done.out
    assert done.finished["status"] == "partial", "--offline left the vendors out"
    assert bash("git -C remote.git rev-parse clean") == before
    assert VALUE not in bash("git -C remote.git log --all -p")
    assert "REMOVED-secret" in bash("git -C remote.git show side:secret.ini")
    assert bash("git -C ours rev-parse origin/main") == bash("git -C remote.git rev-parse main")
    assert cli("verify", world / "report.txt", "--repo", world / "ours", "--remote").code == 0


def test_a_push_that_came_between_is_not_lost(
    cli: Cli, world: Path, key_file: Path, bash: Callable[..., str]
) -> None:
    assert run(cli, world, key_file, "--no-push").code == 0
    bash(
        """
        git clone -q remote.git theirs; cd theirs
        echo theirs > theirs; git add theirs; git commit -qm 'their work'; git push -q origin main
        """
    )
    done = cli("resume", "--repo", world / "ours", "--yes", "--offline", "--key-file", key_file,
               "--json")  # fmt: skip
    assert done.code == 4, "the remote's main still holds the secret"
    assert any(s["id"].startswith("fetch-") for s in done.finished["manual"])
    assert "their work" in bash("git -C remote.git log --format=%s main")
    bash("git -C ours fetch -q origin")
    done = cli("resume", "--repo", world / "ours", "--yes", "--offline", "--key-file", key_file,
               "--json")  # fmt: skip
    assert done.code == 0, done.out
    assert "their work" in bash("git -C remote.git log --format=%s main")
    assert VALUE not in bash("git -C remote.git log --all -p")
    assert cli("verify", world / "report.txt", "--repo", world / "ours", "--remote").code == 0


def test_a_hook_that_refuses_is_told(
    cli: Cli, world: Path, key_file: Path, bash: Callable[..., str]
) -> None:
    hook = world / "remote.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    hook.chmod(0o755)
    done = run(cli, world, key_file)
    assert done.code == 4, "the remote still holds it, and that is told first"
    refused = [e for e in done.events if e["event"] == "effect" and e["action"] == "push"]
    assert {e["status"] for e in refused} == {"refused"}
    assert "hook" in refused[0]["reason"]
    hook.unlink()
    done = cli("resume", "--repo", world / "ours", "--yes", "--offline", "--key-file", key_file,
               "--json")  # fmt: skip
    assert done.code == 0, done.out


def test_a_remote_that_is_gone_is_never_clean(
    cli: Cli, world: Path, key_file: Path, bash: Callable[..., str]
) -> None:
    bash("mv remote.git elsewhere.git")
    done = run(cli, world, key_file)
    assert done.code == 5
    assert cli("verify", world / "report.txt", "--repo", world / "ours", "--remote").code == 5
    bash("mv elsewhere.git remote.git")
    done = cli("resume", "--repo", world / "ours", "--yes", "--offline", "--key-file", key_file,
               "--json")  # fmt: skip
    assert done.code == 0, done.out


def test_undo_is_refused_once_it_is_published(cli: Cli, world: Path, key_file: Path) -> None:
    assert run(cli, world, key_file).code == 0
    done = cli("undo", "--repo", world / "ours", "--yes", "--key-file", key_file)
    assert done.code == 2
    assert "published" in done.err


def test_mirrors_get_the_same_and_other_remotes_nothing(
    cli: Cli, world: Path, key_file: Path, bash: Callable[..., str]
) -> None:
    bash(
        """
        git clone -q --mirror remote.git backup.git; git clone -q --mirror remote.git other.git
        cd ours; git remote add backup ../backup.git; git remote add other ../other.git
        printf '[publish]\\nmirrors = ["backup"]\\n' > remediate.toml
        """
    )
    other = bash("git -C other.git show-ref")
    hook = world / "backup.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    done = run(cli, world, key_file)
    assert done.code == 4, "the mirror still hands it out"
    assert VALUE not in bash("git -C remote.git log --all -p"), "the first remote is not held up"
    pushed = [(e["subject"], e["status"]) for e in done.events
              if e["event"] == "effect" and e["action"] == "push"]  # fmt: skip
    assert ("refs/heads/main", "done") in pushed and ("refs/heads/main", "refused") in pushed
    hook.unlink()
    done = cli("resume", "--repo", world / "ours", "--yes", "--offline", "--key-file", key_file,
               "--json")  # fmt: skip
    assert done.code == 0, done.out
    assert bash("git -C backup.git show-ref") == bash("git -C remote.git show-ref")
    assert bash("git -C other.git show-ref") == other, "nobody asked for it"


@pytest.mark.parametrize(
    "settings", ['mirrors = ["backp"]', 'remote = "origim"', 'mirrors = ["twice"]']
)
def test_a_remote_that_is_none_is_refused_before_anything_is_pushed(
    cli: Cli, world: Path, key_file: Path, bash: Callable[..., str], settings: str
) -> None:
    bash(
        """
        cd ours; git remote add twice ../one.git; git remote set-url --add --push twice ../one.git
        git remote set-url --add --push twice ../two.git
        """
    )
    before = bash("git -C remote.git show-ref")
    policy = world / "ours/remediate.toml"
    policy.write_text(f"[publish]\n{settings}\n")
    done = run(cli, world, key_file)
    assert done.code == 6, done.out
    assert settings.split('"')[1] in done.out and "origin" in done.out + done.err
    assert bash("git -C remote.git show-ref") == before
    policy.unlink()
    done = cli("resume", "--repo", world / "ours", "--yes", "--offline", "--key-file", key_file,
               "--json")  # fmt: skip
    assert done.code == 0, done.out
    assert VALUE not in bash("git -C remote.git log --all -p")
