"""A responder's own credential that is itself among the leaked: found wherever it lies, and killed last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from remediate.api.answers import Agrees
from remediate.demo.scenario import build
from remediate.history.repo import Repo, open_repo
from remediate.history.signingin import ADDRESS, HELPER, password_for
from remediate.incident.custody import Custody
from remediate.incident.journal import Journal
from remediate.incident.options import Options
from remediate.incident.policy import Policy
from remediate.incident.run import Run
from remediate.model import Credential
from remediate.plugins.local import Planted
from remediate.secret import InstallationKey, Secret
from remediate.stages import assess
from remediate_providers.gitlab import tokens
from remediate_providers.gitlab.local import LocalGitLab
from remediate_providers.loopback import Fault

GITHUB = Secret("ghp_" + "a1B2" * 9)
AWS = Secret("AKIA" + "Q" * 16), Secret("a1B2" * 10)


@pytest.fixture
def repo(tmp_path: Path, bash: Callable[..., str]) -> Repo:
    bash("git init -q r && git -C r remote add origin https://github.com/acme/app.git")
    return open_repo(tmp_path / "r")


def told(
    folder: Path, key: InstallationKey, repo: Repo, environment: dict[str, str]
) -> tuple[dict[str, object], list[str]]:
    """What `assess` finds out about a GitHub token and an AWS pair that leaked, and what it advises."""
    with closing(Journal(folder, key)) as journal:
        run = Run(
            folder=folder,
            journal=journal,
            custody=Custody(folder, key, None),
            key=key,
            repo=repo,
            policy=Policy(),
            options=Options(Path()),
            asks=Agrees(),
            listener=lambda _event: None,
            environment=environment,
        )
        run.stage = "assess"
        pair = dict(zip(("id", "secret"), map(key.fingerprint, AWS), strict=True))
        leaked = (
            Credential("github:1", "github", "github-pat", {"value": key.fingerprint(GITHUB)}),
            Credential("aws:1", "aws", "aws-access-key-id", pair),
        )
        for one in leaked:
            run.state.credentials[one.id] = one
        assess._responders(run)
        known = {
            one.id: dict(facts.known)
            for one in leaked
            if (facts := run.knows("responder", one)) is not None
        }
        return known, list(run.state.advice)


def home(tmp_path: Path, **files: str) -> dict[str, str]:
    """A user's home with those files, and an environment that leads to nothing else."""
    place = tmp_path / "home"
    for name, text in files.items():
        path = place / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o700)
    place.mkdir(exist_ok=True)
    path = f"{place}/bin:{os.environ['PATH']}"
    return {"HOME": str(place), "PATH": path, "GIT_CONFIG_NOSYSTEM": "1"}


def test_none_of_them(tmp_path: Path, folder: Path, key: InstallationKey, repo: Repo) -> None:
    assert told(folder, key, repo, home(tmp_path)) == ({}, [])


def test_the_token_that_gh_keeps(
    tmp_path: Path, folder: Path, key: InstallationKey, repo: Repo
) -> None:
    script = f"#!/bin/sh\necho {GITHUB.reveal_text()}\n"
    known, advice = told(folder, key, repo, home(tmp_path, bin__gh=script))
    assert known == {"github:1": {"leaked": True}}
    assert "done before it dies" in advice[0]
    assert GITHUB.reveal_text() not in "".join(advice)


def test_the_pair_in_the_aws_file(
    tmp_path: Path, folder: Path, key: InstallationKey, repo: Repo
) -> None:
    id_, secret = (value.reveal_text() for value in AWS)
    text = f"[default]\naws_access_key_id = {id_}\naws_secret_access_key = {secret}\n"
    known, advice = told(folder, key, repo, home(tmp_path, **{".aws__credentials": text}))
    assert known == {"aws:1": {"leaked": True}}
    assert secret not in "".join(advice)


def test_what_gits_credential_helper_gives(
    tmp_path: Path, folder: Path, key: InstallationKey, repo: Repo
) -> None:
    environment = home(
        tmp_path,
        **{
            ".gitconfig": "[credential]\n\thelper = store\n",
            ".git-credentials": f"https://ada:{GITHUB.reveal_text()}@github.com\n",
        },
    )
    known, advice = told(folder, key, repo, environment)
    assert known == {
        "github:1": {"leaked": True, "signs_in_at": "github.com", "from": HELPER},
    }
    assert "git credential reject" in advice[0]
    assert "remediate resume" in advice[0]
    assert GITHUB.reveal_text() not in "".join(advice)


@pytest.mark.parametrize("form", ["x:{}@", "{}@"])
def test_what_the_remotes_own_address_holds(
    tmp_path: Path,
    folder: Path,
    key: InstallationKey,
    repo: Repo,
    bash: Callable[..., str],
    form: str,
) -> None:
    address = f"https://{form.format(GITHUB.reveal_text())}github.com/acme/app.git"
    bash(f"git -C r remote set-url origin '{address}'")
    known, advice = told(folder, key, repo, home(tmp_path))
    assert known["github:1"]["from"] == ADDRESS
    assert "git remote set-url origin" in advice[0]


@pytest.mark.parametrize("address", ["git@github.com:acme/app.git", "/srv/app.git", "https://[x"])
def test_where_no_password_is_used_nobody_is_asked(tmp_path: Path, address: str) -> None:
    assert password_for(Secret(address), home(tmp_path)) is None


def test_a_helper_of_the_repositorys_own_is_not_run(
    tmp_path: Path, folder: Path, key: InstallationKey, repo: Repo, bash: Callable[..., str]
) -> None:
    bash("git -C r config credential.helper '!touch ran; echo password=x'")
    assert told(folder, key, repo, home(tmp_path)) == ({}, [])
    assert not list(tmp_path.rglob("ran"))


@pytest.mark.parametrize("helper", ["!sleep 60", "!false", "!echo nonsense"])
def test_a_helper_that_gives_none_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helper: str
) -> None:
    monkeypatch.setattr("remediate.history.signingin.SECONDS", 0.5)
    environment = home(tmp_path, **{".gitconfig": f'[credential]\n\thelper = "{helper}"\n'})
    assert password_for(Secret("https://github.com/acme/app"), environment) is None


def test_it_is_killed_last_so_that_the_others_can_be(tmp_path: Path) -> None:
    """An administrator's token is leaked with a deploy token that an administrator alone can end."""
    gitlab = LocalGitLab(lag=0.05, admin=True).start()
    try:
        other = gitlab.leak(kind=tokens.DEPLOY)
        # Slow to end: were both killed together, who is to end it would be dead by then.
        gitlab.fail("DELETE", "/admin/token", *[Fault(500)] * 2)
        values = {"value": gitlab.responder.value, "other": other.value}
        text = "\n".join(f'{name} = "{value.reveal_text()}"' for name, value in values.items())
        folder = tmp_path / "leak"
        folder.mkdir()
        policy = '[[credential]]\nmatch = "gitlab"\n'
        made = build(folder, [Planted({"a.py": text + "\n"}, values, policy, "Add")])
        done = subprocess.run(
            [
                *(sys.executable, "-m", "remediate", "run", made.report, "--repo", made.repository),
                *("--policy", made.policy, "--key-file", made.key_file, "--yes", "--json"),
            ],
            env={**os.environ, **gitlab.environment()},
            cwd=made.repository,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert gitlab.is_dead(values), done.stdout
        events = [json.loads(line) for line in done.stdout.decode().splitlines()]
        advice = [str(e["text"]) for e in events if e["event"] == "advice"]
        assert any("itself the leaked one" in each for each in advice), advice
    finally:
        gitlab.close()
