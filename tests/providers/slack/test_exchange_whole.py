"""A long-lived bot token, from the report to the store: exchanged, and dead before the run is over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remediate.demo.scenario import build
from remediate_providers.slack.local import LocalSlack


@pytest.mark.parametrize("rotating", [True, False], ids=["with-rotation", "without"])
def test_the_application_gets_both_tokens_or_the_leaked_one_is_revoked(
    tmp_path: Path, rotating: bool
) -> None:
    slack = LocalSlack(lag=0.05).start()
    slack.state.rotating = rotating
    try:
        planted = slack.plant()
        policy = planted.policy.replace("#SLACK_TOKEN", "#TOKEN=value,REFRESH=refresh_token")
        folder = tmp_path / "leak"
        folder.mkdir()
        made = build(folder, [replace(planted, policy=policy)])
        app = dict(zip(("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"), slack.state.app, strict=True))
        options = ("--policy", made.policy, "--key-file", made.key_file, "--yes", "--json")
        where = (made.report, "--repo", made.repository)
        done = subprocess.run(
            [sys.executable, "-m", "remediate", "run", *where, *options],
            env={**os.environ, **slack.environment(), **app},
            cwd=made.repository,
            capture_output=True,
            timeout=120,
            check=False,
        )
        asked = [one.path.rpartition("/")[2] for one in slack.requests]
        assert asked.count("oauth.v2.exchange") == 1
        assert slack.is_dead(planted.values)
        last = json.loads(done.stdout.decode().splitlines()[-1])
        stored = made.repository / ".env.bot"
        if rotating:
            assert "auth.revoke" not in asked, "that would end the successor"
            values = dict(line.split("=") for line in stored.read_text().split())
            assert values["TOKEN"].startswith("xoxe.xoxb-")
            assert values["REFRESH"].startswith("xoxe-1-")
            assert not [step for step in last["manual"] if "slack" in step["id"]], last
        else:
            assert "auth.revoke" in asked
            assert not stored.exists()
            assert [step for step in last["manual"] if step["id"].startswith("replace-slack")]
    finally:
        slack.close()
