"""A project on GitLab: what it keeps for itself after the push is dropped by its own clean-up, by ids alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate_providers.gitlab.local import LocalGitLab, RunningGitLab
from remediate_providers.gitlab.local_host import HostedProject
from remediate_providers.loopback import Fault

from .conftest import Done

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"
NAME = "acme/tools/app"
NO_GRACE = (
    "from remediate_providers.gitlab.host import GitLabHost; GitLabHost.settle = 0.0; "
    "from remediate.cli.app import main; main()"
)
"""The half hour that GitLab takes is over at once."""


@dataclass
class World:
    root: Path
    gitlab: RunningGitLab
    there: HostedProject
    key_file: Path
    bash: Callable[..., str]

    def run(self, *first: str | Path, no_grace: bool = False) -> Done:
        flags = ["--repo", self.root / "ours", "--yes", "--json", "--key-file", self.key_file]
        if first[0] in ("log", "record"):
            flags = flags[:2]
        program = ["-c", NO_GRACE] if no_grace else ["-m", "remediate"]
        done = subprocess.run(
            [sys.executable, *program, *map(str, (*first, *flags))],
            env={**os.environ, **self.gitlab.environment()},
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def leaks(self) -> int:
        line = f"git cat-file --batch --batch-all-objects --buffer | grep -ac '{VALUE}' || true"
        return int(self.bash(line, self.root / "remote.git"))


def effects(done: Done, *actions: str) -> list[tuple[str, str]]:
    found = [e for e in done.events if e["event"] == "effect" and e["action"] in actions]
    return [(e["action"], e["status"]) for e in found]


@pytest.fixture
def world(tmp_path: Path, bash: Callable[..., str], key_file: Path) -> Iterator[World]:
    gitlab = LocalGitLab(lag=0.05).start()
    try:
        address = f"{gitlab.url}/{NAME}.git"
        bash(
            f"""
            git init -q --bare remote.git
            git clone -q remote.git ours 2>/dev/null
            cd ours
            echo one > a; git add a; git commit -qm one
            echo 'key = "{VALUE}"' > secret.ini; git add secret.ini; git commit -qm two
            git tag -a -m first v1
            git push -q origin main v1
            git switch -q -c theirs; echo t > t; git add t; git commit -qm theirs
            git push -q origin theirs:refs/merge-requests/5/head
            git switch -q main; git branch -qD theirs
            git -C ../remote.git config receive.hideRefs refs/merge-requests
            git -C ../remote.git config transfer.hideRefs refs/keep-around
            git -C ../remote.git update-ref refs/keep-around/x main
            git config url.{tmp_path}/remote.git.insteadOf {address}
            git remote set-url origin {address}
            cd ..; echo '{VALUE}' > report.txt
            """
        )
        there = HostedProject(repository=tmp_path / "remote.git", grace=0)
        gitlab.host.projects[NAME] = there
        yield World(tmp_path, gitlab, there, key_file, bash)
    finally:
        gitlab.close()


def test_gitlab_drops_what_only_it_can_and_the_incident_closes(world: World) -> None:
    done = world.run("run", world.root / "report.txt")
    assert effects(done, "sweep", "collect", "prune") == [("sweep", "done"), ("collect", "done")]
    assert VALUE not in world.bash("git -C remote.git log --all -p"), "merge requests' refs too"
    assert "theirs" in world.bash("git -C remote.git log --format=%s refs/merge-requests/5/head")
    assert world.leaks(), "still there for who knows the ids"
    assert not [s for s in done.finished["manual"] if s["id"] == "gitlab-clean-up"]
    assert "drops them in two steps: remediate resume after" in world.run("log", "--json").out
    published = world.bash("git -C remote.git show-ref --heads --tags")
    for request in world.gitlab.requests:
        assert VALUE.encode() not in request.body, "ids alone"

    early = world.run("resume")
    assert effects(early, "sweep", "collect", "prune") == [], "not before its half hour is over"
    done = world.run("resume", no_grace=True)
    assert effects(done, "prune") == [("prune", "done")]
    assert world.leaks() == 0 and world.there.housekept == ["eager", "prune"]
    assert world.bash("git -C remote.git show-ref --heads --tags") == published
    assert {s["id"].split("-")[0] for s in done.finished["manual"]} <= {"revoke", "place"}
    assert not effects(world.run("resume"), "remove-by-id"), "nothing is left to be asked for"


def test_it_is_a_step_where_it_would_change_what_was_published(world: World) -> None:
    world.bash(
        """
        git cat-file commit main~1 > c
        awk '/^$/ && !d {print "gpgsig -----BEGIN X-----\\n x\\n -----END X-----"; d=1} 1' c > s
        git update-ref refs/heads/signed $(git hash-object -w -t commit --literally s); rm c s
        git push -q origin signed; git branch -qD signed
        """,
        world.root / "ours",
    )
    done = world.run("run", world.root / "report.txt")
    assert effects(done, "sweep", "collect") == [("sweep", "skipped")], done.out
    (step,) = [s for s in done.finished["manual"] if s["id"] == "gitlab-clean-up"]
    assert "drops the signatures" in "\n".join(step["instructions"])
    record = world.run("record", "--format", "md").out
    assert "new ids to 1 published ref" in record
    assert "/api/graphql" not in {request.path for request in world.gitlab.requests}


def test_killed_while_gitlab_is_at_it_it_is_asked_once_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, seen = world.gitlab.host, []
    serve = type(answers).__call__

    def deadly(self: Any, request: Any) -> Any:
        reply = serve(self, request)
        if request.path == "/api/graphql" and not seen:
            seen.append(request)
            child.send_signal(signal.SIGKILL)
            child.wait()
        return reply

    monkeypatch.setattr(type(answers), "__call__", deadly)
    flags = ["--repo", world.root / "ours", "--yes", "--key-file", world.key_file]
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "remediate",
            "run",
            str(world.root / "report.txt"),
            *map(str, flags),
        ],
        env={**os.environ, **world.gitlab.environment()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert child.wait(120) == -signal.SIGKILL
    assert VALUE not in world.bash("git -C remote.git log --all -p"), "it had happened"
    done = world.run("resume", no_grace=True)
    assert effects(done, "sweep", "collect", "prune") == [
        ("sweep", "done"), ("collect", "done"), ("prune", "done"),
    ]  # fmt: skip
    assert world.leaks() == 0


def test_policy_may_leave_it_alone_and_a_lost_answer_is_asked_for_again(world: World) -> None:
    settings = world.root / "ours/remediate.toml"
    settings.write_text("[publish]\nclean_up = false\n")
    done = world.run("run", world.root / "report.txt")
    assert effects(done, "sweep") == []
    (step,) = [s for s in done.finished["manual"] if s["id"] == "gitlab-clean-up"]
    assert step["url"].endswith(f"{NAME}/-/settings/repository")
    settings.unlink()
    world.gitlab.fail("POST", "/api/graphql", Fault(403, after=True))
    done = world.run("resume")
    assert effects(done, "sweep") == [("sweep", "skipped")], "it happened, and nobody saw it"
    done = world.run("resume", no_grace=True)
    assert effects(done, "sweep", "collect", "prune") == [
        ("sweep", "done"), ("collect", "done"), ("prune", "done"),
    ]  # fmt: skip
    assert world.leaks() == 0
    assert not [s for s in done.finished["manual"] if s["id"] == "gitlab-clean-up"]
