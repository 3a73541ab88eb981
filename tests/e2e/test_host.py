"""A repository on GitHub: protection lifted for the push alone, whatever comes in between."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate_providers.github.local import RESPONDER, LocalGitHub, RunningGitHub
from remediate_providers.github.local_host import HostedRepository
from remediate_providers.loopback import Fault

from ..providers.github.hosted import guarded
from .conftest import Cli

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"


@dataclass
class World:
    root: Path
    github: RunningGitHub
    there: HostedRepository
    key_file: Path

    def arguments(self, *first: str | Path) -> list[str]:
        flags = ["--repo", self.root / "ours", "--yes", "--json", "--key-file", self.key_file]
        return [str(word) for word in (*first, *flags)]


@pytest.fixture
def world(tmp_path: Path, bash: Callable[..., str], key_file: Path) -> Iterator[World]:
    github = LocalGitHub(lag=0.05).start()
    try:
        address = f"{github.url}/acme/app.git"
        bash(
            f"""
            git init -q --bare remote.git
            git clone -q remote.git ours 2>/dev/null
            cd ours
            echo one > a; git add a; git commit -qm one
            echo 'key = "{VALUE}"' > secret.ini; git add secret.ini; git commit -qm two
            git tag v1
            git push -q origin main v1
            git -C ../remote.git update-ref refs/pull/5/head main
            git config url.{tmp_path}/remote.git.insteadOf {address}
            git remote set-url origin {address}
            cd ..; echo '{VALUE}' > report.txt
            """
        )
        yield World(tmp_path, github, guarded(github), key_file)
    finally:
        github.close()


def effects(done: Any, action: str) -> list[tuple[str, str]]:
    found = [e for e in done.events if e["event"] == "effect" and e["action"] == action]
    return [(e["subject"], e["status"]) for e in found]


def test_everything_is_lifted_for_the_push_and_put_back(cli: Cli, world: World) -> None:
    before = world.there.snapshot()
    old = subprocess.run(
        ["git", "-C", world.root / "remote.git", "rev-parse", "main"],
        capture_output=True, check=True, text=True,
    ).stdout.strip()  # fmt: skip
    world.there.commits.add(old)
    done = cli(*world.arguments("run", world.root / "report.txt"), env=world.github.environment())
    assert done.code == 3, done.out
    lifted = effects(done, "lift")
    assert len(lifted) == 6 and {status for _, status in lifted} == {"done"}
    assert effects(done, "put-back") == lifted[::-1], "the last that was lifted first"
    assert world.there.snapshot() == before
    (step,) = [s for s in done.finished["manual"] if s["id"] == "github-support"]
    text = "\n".join(step["instructions"])
    assert "Repository: acme/app" in text and old in text
    listed = cli("list", "--json", env=world.github.environment()).document
    assert listed[0]["status"] == "manual"
    assert "WARNING" not in done.err


def test_killed_while_it_pushes_it_is_put_back_on_resume(
    cli: Cli, world: World, bash: Callable[..., str]
) -> None:
    before = world.there.snapshot()
    hook = world.root / "remote.git/hooks/pre-receive"
    hook.write_text(
        f"#!/bin/sh\ntouch {world.root}/pushing\nwhile [ ! -e {world.root}/go ]; do sleep 0.1; done\nexit 1\n"
    )
    hook.chmod(0o755)
    child = subprocess.Popen(
        [sys.executable, "-m", "remediate", *world.arguments("run", world.root / "report.txt")],
        env={**os.environ, **world.github.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        while not (world.root / "pushing").exists():
            assert child.poll() is None, child.communicate()
            time.sleep(0.05)
        assert world.there.force_pushes(RESPONDER, "main"), "it is lifted just now"
        assert "WARNING" not in cli("doctor").err, "somebody is at work on it"
    finally:
        child.send_signal(signal.SIGKILL)
        (world.root / "go").touch()
        child.communicate()
    hook.unlink()
    assert world.there.snapshot() != before

    elsewhere = cli("doctor")
    assert "WARNING: INC-" in elsewhere.err, "whatever is typed, wherever"
    assert "remediate resume INC-" in elsewhere.err
    skipped = cli(*world.arguments("resume", "--skip", "publish"), env=world.github.environment())
    assert world.there.snapshot() == before, "put back though the stage is left out"
    assert "WARNING: INC-" in skipped.err, "it was said once more"
    assert "WARNING" not in cli("doctor").err
    done = cli(*world.arguments("resume"), env=world.github.environment())
    assert done.code in (0, 3), done.out
    assert world.there.snapshot() == before
    assert VALUE not in bash("git -C remote.git log --all -p")


@pytest.mark.parametrize(
    ("method", "path", "after", "times"),
    [
        ("PUT", "/rulesets/13", True, 1),
        ("PUT", "/branches/main/protection", False, 1),
        ("PUT", "/branches/main/protection", False, 2),
        ("PUT", "/rulesets/13", True, 2),
    ],
    ids=["one-lifted", "some-lifted", "none-put-back", "half-put-back"],
)
def test_killed_between_lifting_and_putting_back_everything_is_as_before(
    cli: Cli,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    after: bool,
    times: int,
) -> None:
    """SIGKILL as the host is asked: before it has done so, or after, with the answer on its way."""
    before, answers, seen = world.there.snapshot(), world.github.host, []
    serve = type(answers).__call__

    def deadly(self: Any, request: Any) -> Any:
        hit = (request.method, request.path) == (method, f"/repos/acme/app{path}")
        seen.extend([request] if hit else [])
        if not hit or len(seen) != times:
            return serve(self, request)
        reply = serve(self, request) if after else None
        child.send_signal(signal.SIGKILL)
        child.wait()
        return reply if reply is not None else serve(self, request)

    monkeypatch.setattr(type(answers), "__call__", deadly)
    child = subprocess.Popen(
        [sys.executable, "-m", "remediate", *world.arguments("run", world.root / "report.txt")],
        env={**os.environ, **world.github.environment()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert child.wait(120) == -signal.SIGKILL
    assert len(seen) == times
    assert world.there.snapshot() != before, "something is lifted still"
    assert "WARNING: INC-" in cli("doctor").err
    done = cli(*world.arguments("resume"), env=world.github.environment())
    assert done.code in (0, 3), done.out
    assert world.there.snapshot() == before
    assert "WARNING" not in cli("doctor").err


def test_policy_may_leave_protection_and_ci_alone(cli: Cli, world: World) -> None:
    (world.root / "ours/remediate.toml").write_text(
        '[publish]\nlift_protection = false\nci = "run"\n'
    )
    done = cli(*world.arguments("run", world.root / "report.txt"), env=world.github.environment())
    assert effects(done, "lift") == []


def test_without_a_token_it_says_what_it_does_not_know(cli: Cli, world: World) -> None:
    env = {"GITHUB_API_URL": world.github.url}
    done = cli(*world.arguments("run", world.root / "report.txt"), env=env)
    assert effects(done, "lift") == []
    record = cli("record", "--repo", world.root / "ours", "--format", "md").out
    assert "there is no token of yours" in record


def test_a_step_for_the_organisations_owner_ends_once_it_is_taken(cli: Cli, world: World) -> None:
    rules = world.there.rulesets[13]
    rules |= {"source_type": "Organization", "source": "acme"}
    env = world.github.environment()
    done = cli(*world.arguments("run", world.root / "report.txt"), env=env)
    assert "bypass-ruleset-13" in [step["id"] for step in done.finished["manual"]]
    rules["bypass_actors"].append({"actor_id": 4711, "actor_type": "User", "bypass_mode": "always"})
    done = cli(*world.arguments("resume"), env=env)
    assert "bypass-ruleset-13" not in [step["id"] for step in done.finished["manual"]]


def test_what_can_not_be_put_back_is_a_step_and_a_warning(cli: Cli, world: World) -> None:
    before = world.there.snapshot()
    world.github.fail("PUT", "*/enable", *[Fault(403)] * 9)
    env = world.github.environment()
    done = cli(*world.arguments("run", world.root / "report.txt"), env=env)
    assert done.code == 5, done.out
    assert "put-back-workflow-21" in [step["id"] for step in done.finished["manual"]]
    assert "WARNING: INC-" in cli("doctor").err
    assert world.there.snapshot()["protections"] == before["protections"], "the rest is back"
    world.github._server._faults.clear()
    done = cli(*world.arguments("resume"), env=env)
    assert world.there.snapshot() == before
    assert "put-back-workflow-21" not in [step["id"] for step in done.finished["manual"]]
    assert "WARNING" not in cli("doctor").err


def alert(there: HostedRepository, number: int, value: str, page: str) -> dict[str, Any]:
    """An open alert of the host about *value*, as its API lists it."""
    there.alerts[number] = {"state": "open"}
    place = {"path": f"{number}.ini", "start_line": 1, "end_line": 1, "commit_sha": "a" * 40}
    return {
        "number": number,
        "created_at": "2026-03-01T10:00:00Z",
        "html_url": f"{page}/security/secret-scanning/{number}",
        "state": "open",
        "secret_type": "github_personal_access_token",
        "secret": value,
        "first_location_detected": place,
    }


def test_alerts_are_closed_once_the_token_is_dead_and_the_history_clean(
    cli: Cli, world: World, bash: Callable[..., str]
) -> None:
    token = world.github.state.issue("bob", scopes=("repo",))
    value = token.reveal_text()
    bash(f"echo 'token = {value}' | tee 7.ini > 8.ini; git add .; git commit -qm t; git push -q origin main",
         world.root / "ours")  # fmt: skip
    page = f"{world.github.url}/acme/app"
    report = world.root / "alerts.json"
    report.write_text(
        json.dumps(
            [
                alert(world.there, 7, value, page),
                alert(world.there, 8, value, f"{world.github.url}/acme/elsewhere"),
                alert(world.there, 9, value, page) | {"first_location_detected": None},
            ]
        )
    )
    done = cli(*world.arguments("run", report), env=world.github.environment())
    assert world.github.state.living(token) is None, done.out
    assert value not in bash("git -C remote.git log --all -p")
    assert (f"{page}/security/secret-scanning/7", "done") in effects(done, "close-alert")
    closed = world.there.alerts[7]
    assert (closed["state"], closed["resolution"]) == ("resolved", "revoked")
    assert done.finished["incident"] in closed["resolution_comment"]
    assert world.there.alerts[8] == {"state": "open"}, "another repository's"
    assert world.there.alerts[9] == {"state": "open"}, "nobody knows where it was seen"
    assert f"The alert {page}/security/secret-scanning/9 names no place" in done.out


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_the_support_is_told_of_lfs_objects_that_nothing_names_any_more(
    cli: Cli, world: World, bash: Callable[..., str]
) -> None:
    bash(
        f"""
        git lfs install --local >/dev/null; git lfs track '*.bin' >/dev/null
        printf 'key={VALUE}' > big.bin; echo clean > other.bin
        git add .; git commit -qm large; git push -q origin main
        """,
        world.root / "ours",
    )
    orphan = hashlib.sha256(f"key={VALUE}".encode()).hexdigest()
    kept = hashlib.sha256(b"clean\n").hexdigest()
    done = cli(*world.arguments("run", world.root / "report.txt"), env=world.github.environment())
    (step,) = [s for s in done.finished["manual"] if s["id"] == "github-support"]
    text = "\n".join(step["instructions"])
    assert f"Orphaned LFS objects: {orphan}" in text and kept not in text
    assert "Affected pull requests: 1" in text


def test_forks_are_listed_in_the_record(cli: Cli, world: World) -> None:
    cli(*world.arguments("run", world.root / "report.txt"), env=world.github.environment())
    record = cli("record", "--repo", world.root / "ours", "--format", "json").document
    (host,) = [fact for fact in record["facts"] if fact["topic"] == "host"]
    assert host["known"]["forks"] == [{"id": "bob/app", "url": "https://github.com/bob/app"}]


def test_prevent_switches_push_protection_on_and_back_by_the_same_command(
    cli: Cli, world: World
) -> None:
    env, ours = world.github.environment(), world.root / "ours"
    scanning = world.there.about["security_and_analysis"]

    def states() -> set[str]:
        return {one["status"] for one in scanning.values()}

    assert cli("prevent", "--repo", ours, "--no-host", env=env).code == 0
    assert states() == {"disabled"}
    offline = cli("prevent", "--repo", ours, "--json", env={"GITHUB_API_URL": world.github.url})
    assert offline.code == 0 and "no token of yours" in " ".join(offline.document["notes"])
    for _ in range(2):
        done = cli("prevent", "--repo", ours, "--json", env=env)
        assert done.code == 0, done.err
        assert states() == {"enabled"}
    assert any(note.endswith("is on.") for note in done.document["notes"])
    world.github.fail("PATCH", "/repos/acme/app", Fault(403))
    assert cli("prevent", "--repo", ours, "--remove", env=env).code == 0
    assert states() == {"enabled"}, "GitHub refused"
    assert cli("prevent", "--repo", ours, "--remove", env=env).code == 0
    assert states() == {"disabled"}, "and it was not forgotten"
    scanning["secret_scanning"] = {"status": "enabled"}
    assert cli("prevent", "--repo", ours, "--remove", env=env).code == 0
    assert scanning["secret_scanning"] == {"status": "enabled"}, "nothing of ours is left there"


def test_the_preview_asks_the_host_when_told_to_and_changes_nothing_there(
    cli: Cli, world: World
) -> None:
    before = world.there.snapshot()
    env = world.github.environment()
    report, ours, page = world.root / "report.txt", world.root / "ours", world.root / "page.html"
    quiet = cli("preview", report, "--repo", ours, "--html", page, env=env)
    assert quiet.code == 0, quiet.err
    for text in (quiet.out, page.read_text()):
        assert "Open pull requests, forks and people with clones: not asked" in " ".join(
            text.split()
        )
    assert not world.github.state.requests, "nobody was asked"
    assert "Time: the rehearsal took" in quiet.out

    asked = cli("preview", report, "--repo", ours, "--remote", "--html", page, env=env)
    assert asked.code == 0, asked.err
    assert "concern:" in asked.out and "/acme/app" in asked.out
    for text in (asked.out, page.read_text()):
        assert "1 open pull request" in text and "#5" in text
        assert "1 fork, which keeps" in text and "bob/app" in text
        assert "has a clone: ada-responds, bob" in text
        assert "an immutable release: v1" in text
    data = cli("preview", report, "--repo", ours, "--remote", "--json", env=env).document
    assert [row["id"] for row in data["affected"]["pulls"]] == ["#5"]
    methods = {request.method for request in world.github.state.requests}
    assert methods <= {"GET", "POST"} and world.there.snapshot() == before
    assert VALUE not in asked.out + page.read_text()


def test_a_preview_of_a_clone_without_a_host_says_that_nobody_could_be_asked(
    cli: Cli, world: World, bash: Callable[..., str]
) -> None:
    report, ours = world.root / "report.txt", world.root / "ours"
    for command, said in (
        (f"git remote set-url origin {world.root}/remote.git", "origin is on no host"),
        ("git remote remove origin", "has no remote named origin"),
    ):
        bash(command, cwd=ours)
        done = cli("preview", report, "--repo", ours, "--remote", env=world.github.environment())
        assert done.code == 0, done.err
        assert said in " ".join(done.out.split())


def test_a_host_that_does_not_answer_is_said_and_the_preview_stands(cli: Cli, world: World) -> None:
    env = {**world.github.environment(), "GITHUB_TOKEN": "", "PATH": "/usr/bin:/bin"}
    done = cli(
        *("preview", world.root / "report.txt", "--repo", world.root / "ours", "--remote"), env=env
    )
    assert done.code == 0, done.err
    assert "not known: " in done.out
    assert "refs/heads/main" in done.out
