"""The whole command against real git servers, over http and over ssh: it ends right, or says what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..history import servers
from .conftest import Cli, Done

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"


class Served:
    """A remote behind a server, a clone of it, and the command for it."""

    def __init__(self, root: Path, cli: Cli, key_file: Path, env: dict[str, str]) -> None:
        self.root, self.cli, self.key_file, self.env = root, cli, key_file, env

    def __call__(self, *words: str | Path) -> Done:
        return self.cli(
            *words, "--repo", self.root / "ours", "--yes", "--json", "--key-file", self.key_file,
            "--offline", env=self.env,
        )  # fmt: skip

    def hook(self, text: str) -> Path:
        path = self.root / "remote.git/hooks/pre-receive"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path


@pytest.fixture(params=["http", "ssh"])
def served(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    cli: Cli,
    key_file: Path,
    bash: Callable[..., str],
) -> Iterator[Served]:
    work = tmp_path / "server"
    work.mkdir()
    with ExitStack() as stack:
        env: dict[str, str] = {}
        if request.param == "http":
            base = stack.enter_context(servers.http(tmp_path, work))
        else:
            base, env["GIT_SSH_COMMAND"] = stack.enter_context(servers.ssh(tmp_path, work))
        bash(
            f"""
            git init -q --bare remote.git; git -C remote.git config http.receivepack true
            git clone -q remote.git ours 2>/dev/null; cd ours
            echo one > a; git add a; git commit -qm one
            echo 'key = "{VALUE}"' > secret.ini; git add secret.ini; git commit -qm two
            git tag v1; git branch topic; git push -q origin main topic v1
            git -C ../remote.git update-ref refs/pull/5/head main
            git -C ../remote.git config transfer.hideRefs refs/pull
            git remote set-url origin {base}/remote.git
            cd ..; echo '{VALUE}' > report.txt
            """
        )
        yield Served(tmp_path, cli, key_file, env)


def pushes(done: Done) -> dict[str, tuple[str, str]]:
    found = [e for e in done.events if e["event"] == "effect" and e["action"] == "push"]
    return {e["subject"]: (e["status"], e["reason"]) for e in found}


def test_a_quota_and_a_server_without_transactions(
    served: Served, bash: Callable[..., str], tmp_path: Path
) -> None:
    bash("git -C remote.git config receive.advertiseAtomic false")
    quota = served.hook('echo "error: storage quota exceeded" >&2; exit 1')
    before = bash("git -C remote.git for-each-ref")
    done = served("run", tmp_path / "report.txt")
    assert done.code == 4 and bash("git -C remote.git for-each-ref") == before
    refused = pushes(done)
    assert refused.keys() == {"refs/heads/main", "refs/heads/topic", "refs/tags/v1"}
    assert all("Have the limit or quota raised" in reason for _, reason in refused.values())
    quota.unlink()
    done = served("resume")
    assert done.code == 0, done.out
    assert {status for status, _ in pushes(done).values()} == {"done"}
    assert VALUE not in bash("git -C remote.git log --branches --tags -p")
    # The hidden pull ref keeps the old commits alive, and the server hands them out by id.
    by_id = served.cli("verify", tmp_path / "report.txt", "--repo", tmp_path / "ours", "--by-id",
                       "--json", env=served.env)  # fmt: skip
    assert by_id.code == 4 and by_id.document["served_by_id"] and by_id.document["remnants"] == []


def test_who_pushed_in_between_is_fetched_cleaned_and_not_lost(
    served: Served, bash: Callable[..., str], tmp_path: Path
) -> None:
    """A colleague's push lands while ours is on its way: the lease is lost, and told as that."""
    bash("git clone -q remote.git bob; cd bob; echo theirs > b; git add b; git commit -qm theirs")
    race = served.hook(
        f"cat > /dev/null; [ -e {tmp_path}/raced ] && exit 0; touch {tmp_path}/raced\n"
        f"unset GIT_QUARANTINE_PATH $(git rev-parse --local-env-vars); git -C {tmp_path}/bob push -q origin main"
    )
    done = served("run", tmp_path / "report.txt")
    assert done.code in (4, 5), done.out
    status, reason = pushes(done)["refs/heads/main"]
    assert status in ("refused", "manual") and "git fetch" in reason + done.out
    assert "theirs" in bash("git -C remote.git log --format=%s main")
    race.unlink()
    ssh = served.env.get("GIT_SSH_COMMAND", "ssh")
    bash(f"export GIT_SSH_COMMAND='{ssh}'; git fetch -q origin", tmp_path / "ours")
    done = served("resume")
    assert done.code == 0, done.out
    assert VALUE not in bash("git -C remote.git log --branches --tags -p")
    assert "theirs" in bash("git -C remote.git log --format=%s main"), "not lost"
