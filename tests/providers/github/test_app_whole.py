"""A leaked app token from the report to the record: reset where it can be, and dead in any case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.demo.scenario import Scenario, build
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.github import tokens
from remediate_providers.github.app import VARIABLE
from remediate_providers.github.local import OWNER, LocalGitHub, RunningGitHub
from remediate_providers.loopback import Fault


@pytest.fixture
def github() -> Iterator[RunningGitHub]:
    running = LocalGitHub(lag=0.05).start()
    running.state.register("Ov23liLocalExample00")
    yield running
    running.close()


def leak(folder: Path, github: RunningGitHub) -> tuple[Scenario, Secret]:
    value = github.state.issue(OWNER, tokens.OAUTH, ("repo",), app="Ov23liLocalExample00")
    folder.mkdir()
    policy = (
        '[[credential]]\nmatch = "github"\nprovider = "github-app"\n'
        'with = { client_id = "Ov23liLocalExample00" }\n'
        'stores = ["dotenv:.env.local#TOKEN"]\n'
    )
    text = f'TOKEN = "{value.reveal_text()}"\n'
    return build(folder, [Planted({"a.py": text}, {"value": value}, policy, "Add")]), value


def run(made: Scenario, github: RunningGitHub, *more: str) -> tuple[int, list[dict[str, object]]]:
    secret = github.state.apps["Ov23liLocalExample00"].reveal_text()
    words = more or ("run", str(made.report), "--repo", str(made.repository))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "remediate", *words, "--policy", str(made.policy)),
            *("--key-file", made.key_file, "--yes", "--json"),
        ],
        env={**os.environ, **github.environment(), VARIABLE: secret},
        cwd=made.repository,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert secret.encode() not in done.stdout + done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_it_is_reset_and_the_new_one_is_where_it_is_read(
    github: RunningGitHub, tmp_path: Path
) -> None:
    made, old = leak(tmp_path / "leak", github)
    code, events = run(made, github)
    assert code == 0, events
    new = (made.repository / ".env.local").read_text().strip().removeprefix("TOKEN=").strip("'\"")
    assert github.state.living(Secret(new)) is not None
    assert github.is_dead({"value": old})
    assert b"gho_" not in json.dumps(events).encode()


@pytest.mark.parametrize("fault", [Fault(422), Fault(401)], ids=["no such token", "wrong secret"])
def test_where_it_can_not_be_reset_it_is_dead_all_the_same(
    github: RunningGitHub, tmp_path: Path, fault: Fault
) -> None:
    made, old = leak(tmp_path / "leak", github)
    github.fail("PATCH", "/applications/*/token", fault)
    code, events = run(made, github)
    assert code == 3, events
    assert github.is_dead({"value": old})
    steps = [e for e in events if e["event"] == "manual"]
    assert any(str(e["id"]).startswith("replace-github-") for e in steps)


def test_a_refresh_token_is_traded_and_known_to_be_used_up(
    github: RunningGitHub, tmp_path: Path
) -> None:
    _access, old = github.state.sign_in(OWNER, "Ov23liLocalExample00")
    folder = tmp_path / "leak"
    folder.mkdir()
    policy = (
        '[[credential]]\nmatch = "github"\nprovider = "github-app"\n'
        'with = { client_id = "Ov23liLocalExample00" }\n'
        'stores = ["dotenv:.env.local#REFRESH=value,ACCESS=access_token"]\n'
    )
    text = f'REFRESH = "{old.reveal_text()}"\n'
    made = build(folder, [Planted({"a.py": text}, {"value": old}, policy, "Add")])
    code, events = run(made, github)
    assert code == 0, events
    lines = (made.repository / ".env.local").read_text().split()
    values = [Secret(line.partition("=")[2].strip("'\"")) for line in lines]
    assert [tokens.kind_of(value) for value in values] == [tokens.REFRESH, tokens.USER]
    assert all(github.state.living(value) for value in values), "the new pair lives"


def test_a_refresh_token_is_open_until_a_person_says_that_the_app_is_let_in_no_more(
    tmp_path: Path, github: RunningGitHub
) -> None:
    value = github.state.issue(OWNER, tokens.REFRESH)
    folder = tmp_path / "leak"
    folder.mkdir()
    text = f'TOKEN = "{value.reveal_text()}"\n'
    made = build(folder, [Planted({"a.py": text}, {"value": value}, "", "Add")])

    def open_steps(*more: str) -> list[str]:
        _code, events = run(made, github, *more)
        manual = events[-1]["manual"]
        assert isinstance(manual, list)
        return [one["id"] for one in manual if str(one["id"]).startswith("revoke-github-")]

    assert len(open_steps()) == 1
    assert github.is_dead({"value": value})
    made.policy.write_text(
        '[[credential]]\nmatch = "github-refresh-token"\nprovider = "github-app"\n'
        'with = { authorisation = "ended" }\n'
    )
    assert open_steps("resume") == []
