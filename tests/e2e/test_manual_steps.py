"""What a person has to do: told exactly, taken in when it is done, and the pipeline goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remediate.demo.scenario import Scenario, build
from remediate.model import ManualStep
from remediate_providers.github.local import LocalGitHub, RunningGitHub
from remediate_providers.stripe.local import LocalStripe, RunningStripe

from .conftest import Cli, holds


@pytest.fixture
def github() -> Iterator[RunningGitHub]:
    running = LocalGitHub(lag=0.05).start()
    yield running
    running.close()


@pytest.fixture
def stripe() -> Iterator[RunningStripe]:
    running = LocalStripe(lag=0.05, managed=False).start()
    yield running
    running.close()


def leak_of(vendor: RunningGitHub | RunningStripe, tmp_path: Path) -> Scenario:
    folder = tmp_path / "leak"
    folder.mkdir()
    return build(folder, [vendor.plant()])


def flags(leak: Scenario) -> list[str]:
    return [
        *("--repo", str(leak.repository), "--policy", str(leak.policy)),
        *("--key-file", str(leak.key_file), "--yes", "--json"),
    ]


def step_of(data: dict[str, object]) -> ManualStep:
    return ManualStep(**{**data, "instructions": tuple(data["instructions"])})  # type: ignore[arg-type]


def test_a_github_token_is_replaced_by_hand(
    cli: Cli, github: RunningGitHub, tmp_path: Path, sealed: Path
) -> None:
    leak = leak_of(github, tmp_path)
    env = dict(github.environment())
    done = cli("run", leak.report, *flags(leak), env=env)
    assert done.code == 3, done.out
    (step,) = done.finished["manual"]
    assert step["takes_value"]
    assert "/settings/tokens/new?" in step["url"]
    for request in github.asked("POST", "/credentials/revoke"):
        assert "Authorization" not in request

    wrong = cli("resume", "--value", step["id"], *flags(leak), env=env, stdin=b"not-a-token\n")
    assert wrong.code == 2
    assert "not-a-token" not in wrong.out + wrong.err
    old = json.loads(leak.report.read_text())[0]["Secret"].encode()
    same = cli("resume", "--value", step["id"], *flags(leak), env=env, stdin=old)
    assert same.code == 2
    other = cli("resume", "--value", "no-such-step", *flags(leak), env=env, stdin=b"x" * 20)
    assert other.code == 2
    assert step["id"] in other.err
    empty = cli("resume", "--value", step["id"], *flags(leak), env=env)
    assert empty.code == 2

    still = cli("show", "--repo", leak.repository, "--json").document
    assert [s["id"] for s in still["manual"]] == [step["id"]], "it waits as before"
    new = github.person(step_of(step))
    assert new is not None
    done = cli("resume", "--value", step["id"], *flags(leak), env=env, stdin=new.reveal())
    assert done.code == 0, done.out
    assert done.finished["status"] == "clean"
    assert github.stored("acme/app", "DEPLOY_TOKEN") == new
    assert new.reveal_text() in (leak.repository / ".env.local").read_text()
    assert holds(sealed, {"new": new.reveal(), "old": old}) == []
    assert new.reveal_text() not in done.out + done.err
    (listed,) = cli("list", "--json").document
    assert listed["status"] == "clean", "open still, for nobody has judged what was done with it"
    policy = leak.policy.read_text() + "insist = true\n"
    leak.policy.write_text(policy)
    assert cli("resume", *flags(leak), env=env).code == 0
    (listed,) = cli("list", "--json").document
    assert "still hands out" in listed["waiting"], "watched, until the server has tidied up"
    subprocess.run(["git", "-C", leak.remote, "gc", "-q", "--prune=now"], check=True)
    assert cli("resume", *flags(leak), env=env).code == 0
    closed = cli("list", "--all", "--json").document
    assert [each["status"] for each in closed] == ["closed"]
    assert cli("resume", "--repo", leak.repository).code == 2, "nothing is open any more"


def test_a_stripe_account_without_managed_keys(
    cli: Cli, stripe: RunningStripe, tmp_path: Path
) -> None:
    leak = leak_of(stripe, tmp_path)
    env = dict(stripe.environment())
    done = cli("run", leak.report, *flags(leak), env=env)
    assert done.code == 3, done.out
    steps = {step["id"]: step for step in done.finished["manual"]}
    assert all("/apikeys" in step["url"] for step in steps.values())
    assert any(step["takes_value"] for step in steps.values())
    (taking,) = [step for step in steps.values() if step["takes_value"]]
    new = stripe.person(step_of(taking))
    assert new is not None, "rolled on the dashboard"
    done = cli("resume", "--value", taking["id"], *flags(leak), env=env, stdin=new.reveal())
    assert done.code == 0, done.out
    revoked = [e for e in done.events if e["event"] == "effect" and e["action"] == "revoke"]
    assert revoked[0]["status"] in ("done", "unchanged"), "remediate itself saw it dead"


def test_nothing_is_killed_that_does_not_stand_here(
    cli: Cli, github: RunningGitHub, acme: Path, tmp_path: Path
) -> None:
    value = github.plant().values["value"]
    (tmp_path / "r.txt").write_text(value.reveal_text() + "\n")
    done = cli(
        *("run", tmp_path / "r.txt", "--repo", acme, "--yes", "--no-push", "--json"),
        env=dict(github.environment()),
    )
    assert done.code == 3
    assert done.finished["manual"][0]["id"].startswith("claim-")
    assert not github.is_dead({"value": value})
    assert not github.asked("POST", "/credentials/revoke")


def test_typed_at_the_terminal_without_echo(
    github: RunningGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pexpect = pytest.importorskip("pexpect")
    leak = leak_of(github, tmp_path)
    for name, value in github.environment().items():
        monkeypatch.setenv(name, value)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "remediate", "run", str(leak.report), *flags(leak)[:6], "--plain"],
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 200),
    )
    child.expect("Kill github-pat .* now")
    child.sendline("")
    child.expect(r"(http://\S+)\s+then paste it here")
    url = child.match.group(1).rstrip(",")
    step = ManualStep("x", "", "", url=url, takes_value=True)
    new = github.person(step)
    assert new is not None
    child.expect("not shown")
    child.sendline(new.reveal_text())
    child.expect("Rewrite .* commits")
    child.sendline("perhaps")
    child.expect("answer yes or no")
    child.sendline("yes")
    child.expect("Force-push")
    child.sendline("y")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert new.reveal_text() not in (child.before or "")
    assert github.stored("acme/app", "DEPLOY_TOKEN") == new


def test_a_passphrase_at_the_terminal_seals_the_backup(
    acme: Path, gitleaks: Path, bash: Callable[..., str]
) -> None:
    pexpect = pytest.importorskip("pexpect")
    before = bash("git for-each-ref", cwd=acme)

    def spawn(*arguments: str):  # type: ignore[no-untyped-def]
        return pexpect.spawn(
            sys.executable,
            ["-m", "remediate", *arguments, "--repo", str(acme), "--plain"],
            encoding="utf-8",
            timeout=60,
            dimensions=(50, 300),
        )

    child = spawn("run", str(gitleaks), "--offline", "--no-push")
    child.expect("Rewrite .* commits")
    child.sendline("")
    for question, answer in [
        ("passphrase of your choice", "short"),
        ("too short", "correct horse"),
        ("Once more", "another one"),
        ("not the same", "correct horse"),
        ("Once more", "correct horse"),
    ]:
        child.expect(question)
        child.expect("not shown")
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert bash("git for-each-ref", cwd=acme) != before
    child = spawn("undo")
    child.expect("Put the old history")
    child.sendline("yes")
    child.expect("sealed with a passphrase")
    child.sendline("correct horse")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert bash("git for-each-ref", cwd=acme) == before
