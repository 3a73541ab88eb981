"""A leaked connection URL from the report to the record, against a real server and with no log-in but itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.demo.scenario import Scenario, build
from remediate.plugins.local import Planted
from remediate.secret import Secret

from .conftest import Server

POLICY = '[[credential]]\nmatch = "postgres"\nstores = ["dotenv:.env.local#DATABASE_URL"]\n'


def leak(folder: Path, url: str, policy: str = POLICY) -> Scenario:
    folder.mkdir()
    planted = Planted(
        {"config.py": f'URL = "{url}"\n'}, {"value": Secret(url)}, policy, "Add the database"
    )
    return build(folder, [planted])


def remediate(
    made: Scenario, *arguments: str, **environment: str
) -> tuple[int, list[dict[str, object]]]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "remediate", *arguments, "--key-file", made.key_file),
            *("--yes", "--json"),
        ],
        env={**os.environ, **environment},
        cwd=made.repository,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.decode().splitlines()]


@pytest.mark.parametrize("admin", [False, True], ids=["own", "admin"])
def test_the_old_password_dies_and_the_new_url_is_where_it_is_read(
    postgres: Server, tmp_path: Path, admin: bool
) -> None:
    role = postgres.role()
    url = postgres.url(role)
    made = leak(tmp_path / "leak", url)
    environment = postgres.environment() if admin else {}
    code, events = remediate(
        made,
        *("run", str(made.report), "--repo", str(made.repository), "--policy", str(made.policy)),
        **environment,
    )
    assert code == 0, events
    line = (made.repository / ".env.local").read_text().strip()
    new = line.removeprefix("DATABASE_URL=").strip("'\"")
    assert new != url
    assert postgres.sql("SELECT current_user", role=role, password=new.split(":")[2].split("@")[0])
    assert not postgres.accepts(role, "leaked" + "-Pa55")
    order = [e["action"] for e in events if e["event"] == "effect"]
    wanted = ["reissue", "install", "store"]
    wanted = ["revoke", *wanted] if admin else [*wanted, "revoke"]
    at = [order.index(action) for action in wanted]
    assert at == sorted(at), order


def test_without_a_store_it_is_ended_all_the_same(postgres: Server, tmp_path: Path) -> None:
    role = postgres.role()
    made = leak(tmp_path / "leak", postgres.url(role), '[[credential]]\nmatch = "postgres"\n')
    code, events = remediate(
        made,
        *("run", str(made.report), "--repo", str(made.repository), "--policy", str(made.policy)),
    )
    assert code == 3, events
    assert not postgres.accepts(role, "leaked" + "-Pa55")


def test_killed_on_the_way_it_goes_on_and_no_password_is_lost(
    postgres: Server, tmp_path: Path
) -> None:
    role = postgres.role()
    url = postgres.url(role)
    made = leak(tmp_path / "leak", url)
    options = ("--policy", str(made.policy), "--key-file", str(made.key_file), "--yes", "--json")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "remediate", "run", made.report, "--repo", made.repository),
            *options,
        ],
        cwd=made.repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "effect" and event["action"] == "reissue":
            process.kill()
            break
    process.communicate()
    code, events = remediate(made, "resume", "--policy", str(made.policy))
    assert code == 0, events
    line_of = (made.repository / ".env.local").read_text().strip()
    new = line_of.removeprefix("DATABASE_URL=").strip("'\"")
    assert postgres.accepts(role, new.split(":")[2].split("@")[0])
    assert not postgres.accepts(role, "leaked" + "-Pa55")
