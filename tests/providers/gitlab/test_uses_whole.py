"""Who else uses the leaked value, from the report to the record: another variable holds it, and is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from remediate.demo.scenario import build
from remediate_providers.gitlab.local import LocalGitLab


def test_a_variable_that_the_policy_does_not_name_is_in_the_record(tmp_path: Path) -> None:
    gitlab = LocalGitLab(lag=0.05).start()
    try:
        planted = gitlab.plant()
        text = planted.values["value"].reveal_text()
        for name in ("MIRROR_TOKEN", "FORGOTTEN"):
            row = {"key": name, "value": text, "environment_scope": "*", "hidden": False}
            gitlab.state.variables.append(row)
        folder = tmp_path / "leak"
        folder.mkdir()
        made = build(folder, [planted])

        def remediate(*words: str) -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                [sys.executable, "-m", "remediate", *words],
                env={**os.environ, **gitlab.environment()},
                cwd=made.repository,
                capture_output=True,
                timeout=120,
                check=False,
            )

        options = (
            "--policy",
            str(made.policy),
            "--key-file",
            str(made.key_file),
            "--yes",
            "--json",
        )
        done = remediate("run", str(made.report), "--repo", str(made.repository), *options)
        events = [json.loads(line) for line in done.stdout.decode().splitlines()]
        told = [str(e["text"]) for e in events if e["event"] == "advice"]
        assert [t for t in told if "gitlab:acme/app#FORGOTTEN holds the old value" in t], told
        assert not [t for t in told if "#MIRROR_TOKEN" in t], "it gets the new one"
        assert text.encode() not in done.stdout + done.stderr
        record = remediate("record").stdout.decode()
        assert "FORGOTTEN" in record
    finally:
        gitlab.close()
