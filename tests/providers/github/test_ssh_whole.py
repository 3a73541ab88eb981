"""A leaked SSH key from the report to the record: gone from GitHub, and open until somebody saw to the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from remediate.demo.scenario import build
from remediate.plugins.local import Planted
from remediate_providers.github import ssh_keys
from remediate_providers.github.local import REPOSITORY, RESPONDER, LocalGitHub
from remediate_providers.github.local_host import HostedRepository


def test_it_is_open_until_a_person_says_that_no_other_server_trusts_it(tmp_path: Path) -> None:
    github = LocalGitHub(lag=0.05).start()
    try:
        value, line = ssh_keys.new_pair()
        row = {"id": 2, "key": line, "title": "ci", "read_only": True, "added_by": "bob"}
        hosted = HostedRepository(admins={RESPONDER: 7}, deploy_keys=[row])
        github.host.repositories[REPOSITORY] = hosted
        policy = (
            '[[credential]]\nmatch = "private-key"\nprovider = "github-ssh"\n'
            f'with = {{ repositories = ["{REPOSITORY}"] }}\n'
        )
        folder = tmp_path / "leak"
        folder.mkdir()
        files = {"id_ed25519": value.reveal_text()}
        made = build(folder, [Planted(files, {"value": value}, policy, "Add the key")])
        log = ["git", "log", "--all", "--format=%H", "--diff-filter=A", "--", "id_ed25519"]
        commit = subprocess.check_output(log, cwd=made.repository, text=True).split()[0]
        entry = {
            "RuleID": "private-key",
            "StartLine": 1,
            "EndLine": value.reveal_text().count("\n"),
            "Match": value.reveal_text(),
            "Secret": value.reveal_text(),
            "File": "id_ed25519",
            "Commit": commit,
            "Fingerprint": f"{commit}:id_ed25519:private-key:1",
        }
        made.report.write_text(json.dumps([entry]))

        def remediate(*words: str) -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                [sys.executable, "-m", "remediate", *words],
                env={**os.environ, **github.environment()},
                cwd=made.repository,
                capture_output=True,
                timeout=120,
                check=False,
            )

        def steps(done: subprocess.CompletedProcess[bytes]) -> dict[str, str | None]:
            events = [json.loads(text) for text in done.stdout.decode().splitlines()]
            (end,) = [event for event in events if event["event"] == "finished"]
            return {one["id"]: one["owner"] for one in end["manual"]}

        tail = ("--policy", str(made.policy), "--key-file", str(made.key_file), "--yes", "--json")
        done = remediate("run", str(made.report), "--repo", str(made.repository), *tail)
        assert done.returncode == 3, done.stdout
        assert hosted.deploy_keys == []
        (owner,) = [o for name, o in steps(done).items() if name.startswith("elsewhere-")]
        assert "bob put it at GitHub" in str(owner)
        record = remediate("record").stdout.decode()
        assert "See that no other server trusts the leaked SSH key" in record
        assert "bob put it at GitHub" in record

        text = made.policy.read_text().replace('"] }', '"], elsewhere = "checked" }')
        made.policy.write_text(text)
        assert not [n for n in steps(remediate("resume", *tail)) if n.startswith("elsewhere-")]
        assert "looked at the other servers" in remediate("record").stdout.decode()
    finally:
        github.close()
