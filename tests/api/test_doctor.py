"""Is this machine ready: against local vendors, with credentials that may all, some and nothing, and without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from remediate.api.doctor import Check, machine, vendors
from remediate.testing.surroundings import nowhere
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.github import tokens
from remediate_providers.github.local import LocalGitHub, RunningGitHub
from remediate_providers.gitlab.local import LocalGitLab, RunningGitLab


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningAws]:
    running = LocalAws(lag=0.05, throttle=False).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def github() -> Iterator[RunningGitHub]:
    running = LocalGitHub(lag=0.05).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def gitlab() -> Iterator[RunningGitLab]:
    running = LocalGitLab(lag=0.02).start()
    yield running
    running.close()


def around(tmp_path: Path, more: Mapping[str, str]) -> dict[str, str]:
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true"}
    return {**home, **more}


def of(name: str, checks: list[Check]) -> Check:
    return next(check for check in checks if check.name == name)


def may(check: Check) -> dict[str, bool | None]:
    return {right.does: right.may for right in check.rights}


def policy(*actions: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": ["*"]}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_aws_tells_what_is_allowed_and_what_is_missing(aws: RunningAws, tmp_path: Path) -> None:
    user = aws.user("doctor", policy("iam:*AccessKey*", "iam:SimulatePrincipalPolicy"))
    found = of("aws", vendors(around(tmp_path, aws.environment_of(user))))
    assert found.ok and "user/doctor" in found.says
    allowed = may(found)
    assert allowed["end leaked keys"] is True
    assert allowed["put it into Secrets Manager"] is False
    why = next(r.reason for r in found.rights if r.does == "put it into Secrets Manager")
    assert "secretsmanager:PutSecretValue" in why


def test_aws_may_not_be_asked_about_itself(aws: RunningAws, tmp_path: Path) -> None:
    user = aws.user("doctor-blind", policy("iam:ListAccessKeys"))
    found = of("aws", vendors(around(tmp_path, aws.environment_of(user))))
    assert found.ok and set(may(found).values()) == {None}
    assert "iam:SimulatePrincipalPolicy" in found.rights[0].reason


def test_aws_refuses_a_dead_key(aws: RunningAws, tmp_path: Path) -> None:
    user = aws.user("doctor-dead", policy("*"))
    environment = aws.environment_of(user)
    environment = {**environment, "AWS_SECRET_ACCESS_KEY": "x" * 40}
    found = of("aws", vendors(around(tmp_path, environment)))
    assert not found.ok and "does not work" in found.says


@pytest.mark.parametrize(
    ("scopes", "secrets", "audit"),
    [(("repo", "read:audit_log"), True, True), (("read:org",), False, False), ((), False, False)],
)
def test_github_tells_by_scopes(
    github: RunningGitHub, tmp_path: Path, scopes: tuple[str, ...], secrets: bool, audit: bool
) -> None:
    value = github.state.issue("ada", scopes=scopes)
    environment = {**github.environment(), "GITHUB_TOKEN": value.reveal_text()}
    found = of("github", vendors(around(tmp_path, environment)))
    allowed = may(found)
    assert found.ok and "ada" in found.says
    assert allowed["end leaked tokens"] is True
    assert allowed["put new values into a repository's secrets"] is secrets
    assert allowed["read an organisation's audit log"] is audit


def test_githubs_fine_grained_tokens_are_not_known(github: RunningGitHub, tmp_path: Path) -> None:
    value = github.state.issue("ada", tokens.FINE_GRAINED)
    environment = {**github.environment(), "GITHUB_TOKEN": value.reveal_text()}
    found = of("github", vendors(around(tmp_path, environment)))
    assert found.ok and may(found)["put new values into a repository's secrets"] is None


def test_github_refuses_a_dead_token(github: RunningGitHub, tmp_path: Path) -> None:
    dead = "ghp_" + "A" * 36
    found = of("github", vendors(around(tmp_path, {**github.environment(), "GITHUB_TOKEN": dead})))
    assert not found.ok and "Bad credentials" in found.says
    assert dead not in json.dumps(found.data())


def test_gitlab_tells_by_scopes(gitlab: RunningGitLab, tmp_path: Path) -> None:
    found = of("gitlab", vendors(around(tmp_path, gitlab.environment())))
    assert found.ok and may(found)["make new tokens"] is True
    token = gitlab.state.issue(gitlab.state.user("ada"), scopes=("read_api",))
    environment = {**gitlab.environment(), "GITLAB_TOKEN": token.value.reveal_text()}
    found = of("gitlab", vendors(around(tmp_path, environment)))
    allowed = may(found)
    assert allowed["make new tokens"] is False
    assert allowed["see what was done with a token"] is True


def test_without_credentials_each_says_what_to_set(tmp_path: Path) -> None:
    checks = vendors(around(tmp_path, {}))
    for name, word in (
        ("aws", "AWS_PROFILE"),
        ("github", "GITHUB_TOKEN"),
        ("gitlab", "GITLAB_TOKEN"),
    ):
        found = of(name, checks)
        assert not found.ok and not found.needed
        assert word in found.says and "manual step" in found.says


def test_others_say_what_is_needed(tmp_path: Path) -> None:
    environment = {"SLACK_TOKEN": "xoxp-1", "VERCEL_TOKEN": "v" * 24, "STRIPE_API_KEY": "sk_x"}
    checks = vendors(around(tmp_path, environment))
    for name in ("slack", "vercel", "stripe"):
        found = of(name, checks)
        assert found.ok and found.rights and set(may(found).values()) == {None}
        assert all(right.needs for right in found.rights)


def test_no_network_is_a_plain_line(tmp_path: Path) -> None:
    gone = nowhere()
    environment = {
        "GITHUB_TOKEN": "ghp_" + "A" * 36,
        "GITHUB_API_URL": gone,
        "GITLAB_TOKEN": "glpat-x",
        "GITLAB_API_URL": gone,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "x" * 40,
        "AWS_ENDPOINT_URL": gone,
    }
    checks = vendors(around(tmp_path, environment))
    for name in ("aws", "github", "gitlab"):
        found = of(name, checks)
        assert found.ok and "could not be asked" in found.says, found
        assert None in may(found).values()


def test_offline_asks_nobody(github: RunningGitHub, tmp_path: Path) -> None:
    environment = {**github.environment(), "GITHUB_TOKEN": "ghp_" + "A" * 36}
    before = len(github.state.requests)
    found = of("github", vendors(around(tmp_path, environment), offline=True))
    assert found.ok and "--offline" in found.says
    assert len(github.state.requests) == before


def test_a_machine_without_git_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    checks = list(machine(os.environ))
    assert not of("git", checks).ok and of("git", checks).needed
    assert not of("ssh-keygen", checks).ok and not of("ssh-keygen", checks).needed
    assert not of("scanner", checks).ok


def test_an_extra_that_is_not_installed_names_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = metadata.distribution

    def lacking(name: str) -> metadata.Distribution:
        if name == "lightkube":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "distribution", lacking)
    found = of("extra kubernetes", list(machine(os.environ)))
    assert not found.ok and not found.needed
    assert "pip install 'remediate[kubernetes]'" in found.says


def test_the_command_for_people_and_for_scripts(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "remediate", "doctor", "--offline", *words],
            capture_output=True,
            text=True,
        )

    people = run()
    assert people.returncode == 0, people.stderr
    assert people.stdout.splitlines()[0].startswith("ok  git: git version")
    assert people.stdout.splitlines()[-1] == "This machine is ready."
    document = json.loads(run("--json").stdout)
    assert document["ready"] is True
    assert {"name", "ok", "says", "needed", "rights"} == set(document["checks"][0])
