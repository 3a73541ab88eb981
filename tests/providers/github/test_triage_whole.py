"""A leaked token whose thief left a deploy key: no new token for that owner, unless a person insists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from remediate.demo.scenario import build
from remediate.plugins.local import Planted
from remediate_providers.github.local import OWNER, REPOSITORY, RESPONDER, LocalGitHub
from remediate_providers.github.local_host import HostedRepository


def test_with_a_foothold_no_new_token_is_asked_for_until_a_person_insists(tmp_path: Path) -> None:
    github = LocalGitHub(lag=0.05).start()
    try:
        value = github.state.issue(OWNER, scopes=("repo", "read:org"))
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        row = {"id": 2, "key": "ssh-ed25519 AAAA", "title": "back", "read_only": False}
        hosted = HostedRepository(admins={RESPONDER: 7})
        hosted.deploy_keys = [{**row, "created_at": now, "added_by": OWNER}]
        github.host.repositories[REPOSITORY] = hosted
        folder = tmp_path / "leak"
        folder.mkdir()
        policy = '[[credential]]\nmatch = "github"\nstores = ["dotenv:.env.local#TOKEN"]\n'
        text = f'TOKEN = "{value.reveal_text()}"\n'
        made = build(folder, [Planted({"a.py": text}, {"value": value}, policy, "Add")])
        url = f"{github.url}/{REPOSITORY}.git"
        subprocess.check_call(["git", "remote", "add", "hub", url], cwd=made.repository)

        def remediate(*words: str) -> list[dict[str, object]]:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "remediate", *words, "--yes", "--json", "--no-push"),
                    *("--policy", str(made.policy), "--key-file", str(made.key_file)),
                ],
                env={**os.environ, **github.environment()},
                cwd=made.repository,
                capture_output=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 3, done.stdout.decode() + done.stderr.decode()
            events = [json.loads(line) for line in done.stdout.decode().splitlines()]
            manual = events[-1]["manual"]
            assert isinstance(manual, list)
            return manual

        steps = remediate("run", str(made.report), "--repo", str(made.repository))
        assert not [one for one in steps if str(one["id"]).startswith("replace-github-")]
        (look,) = [one for one in steps if "deploy key “back” (2)" in str(one)]
        assert "may write in acme/app" in str(look)
        assert github.is_dead({"value": value}), "it is killed all the same"

        made.policy.write_text(made.policy.read_text() + "insist = true\n")
        steps = remediate("resume")
        assert [one for one in steps if str(one["id"]).startswith("replace-github-")]
    finally:
        github.close()
