"""Many credentials in one report: none is killed over the limit, all are within it, in one run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remediate.secret import Secret
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.github.local import LocalGitHub, RunningGitHub
from tests.e2e.conftest import Cli

COUNT = 25


@pytest.fixture
def github() -> Iterator[RunningGitHub]:
    running = LocalGitHub(lag=0.05).start()
    yield running
    running.close()


@pytest.fixture
def aws() -> Iterator[RunningAws]:
    running = LocalAws(lag=0.05).start()
    yield running
    running.close()


def leaky(folder: Path, bash: Callable[..., str], values: list[Secret]) -> tuple[Path, Path]:
    """A repository that holds them all, and a plain report of them."""
    lines = "".join(f"TOKEN_{at}={value.reveal_text()}\n" for at, value in enumerate(values))
    (folder / "app").mkdir()
    (folder / "app" / "tokens.env").write_text(lines)
    bash("git init -q app && cd app && git add -A && git commit -qm tokens")
    report = folder / "report.txt"
    report.write_text("".join(value.reveal_text() + "\n" for value in values))
    return folder / "app", report


def test_over_the_limit_none_is_killed_and_within_it_all_are(
    cli: Cli, tmp_path: Path, bash: Callable[..., str], github: RunningGitHub
) -> None:
    values = [github.state.issue(f"user-{at}") for at in range(COUNT)]
    repository, report = leaky(tmp_path, bash, values)
    stages = [flag for stage in ("assess", "preserve", "contain") for flag in ("--only", stage)]
    ordered = ["run", report, "--repo", repository, "--yes", "--json", *stages]
    done = cli(*ordered, env=dict(github.environment()))
    assert done.code == 3
    assert "max_revocations" in done.out
    assert all(github.state.living(value) for value in values)
    (repository / "remediate.toml").write_text(f"[incident]\nmax_revocations = {COUNT}\n")
    done = cli(*ordered, env=dict(github.environment()))
    assert done.finished["status"] == "partial", done.err
    assert not any(github.state.living(value) for value in values)
    revoking = [one for one in github.state.requests if one.path == "/credentials/revoke"]
    assert len(revoking) == 1, "one request for all of them"
    killed = [e for e in done.events if e["event"] == "effect" and e["action"] == "revoke"]
    assert [e["status"] for e in killed] == ["done"] * COUNT


def test_the_responder_s_own_key_does_its_work_before_it_dies(
    cli: Cli, tmp_path: Path, bash: Callable[..., str], aws: RunningAws
) -> None:
    """It stands in the same report, before the others; with it dead, none of them could be deactivated."""
    own = {
        "id": Secret(aws.environment()["AWS_ACCESS_KEY_ID"]),
        "secret": Secret(aws.environment()["AWS_SECRET_ACCESS_KEY"]),
    }
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    others = [aws.user(f"app-{at}", policy) for at in range(12)]
    pairs = [own, *others]
    (tmp_path / "app").mkdir()
    for at, pair in enumerate(pairs):
        text = f"id={pair['id'].reveal_text()}\nsecret={pair['secret'].reveal_text()}\n"
        (tmp_path / "app" / f"{at:02}.env").write_text(text)
    bash("git init -q app && cd app && git add -A && git commit -qm keys")
    report = tmp_path / "report.json"
    findings = []
    for at, pair in enumerate(pairs):
        for line, part in enumerate(("id", "secret"), 1):
            findings.append(
                {
                    "RuleID": "any",
                    "StartLine": line,
                    "EndLine": line,
                    "StartColumn": 1,
                    "EndColumn": 2,
                    "Match": "",
                    "Secret": pair[part].reveal_text(),
                    "File": f"{at:02}.env",
                    "Commit": bash("cd app && git rev-parse HEAD").strip(),
                    "Fingerprint": f"{at}:{line}",
                }
            )
    report.write_text(json.dumps(findings))
    stages = [flag for stage in ("assess", "contain") for flag in ("--only", stage)]
    ordered = ["run", report, "--repo", tmp_path / "app", "--yes", "--json", *stages]
    done = cli(*ordered, env=dict(aws.environment()))
    assert all(aws.is_dead(pair) for pair in others), done.out[-2000:]
    assert aws.is_dead(own)
    killed = [e["subject"] for e in done.events if e["event"] == "effect"]
    assert killed[-1] == f"aws:{own['id'].reveal_text()}", "the last of all"
