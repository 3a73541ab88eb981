"""A leaked Vault token from the report to the record, against a real OpenBao: token and store alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from remediate.demo.scenario import build
from remediate.plugins.local import Planted
from remediate.secret import Secret


def test_the_token_dies_and_the_new_one_is_where_it_is_read(bao: Any, tmp_path: Path) -> None:
    bao.policy("reader", 'path "secret/data/app" { capabilities = ["read"] }')
    old = bao.token(policies=["reader"], period="1h")["client_token"]
    path = f"whole/{next(bao.number)}"
    bao.call("POST", f"secret/data/{path}", {"data": {"TOKEN": old, "OTHER": "kept"}})
    folder = tmp_path / "leak"
    folder.mkdir()
    policy = f'[[credential]]\nmatch = "vault"\nstores = ["vault:secret/{path}#TOKEN"]\n'
    planted = Planted({"a.hcl": f'token = "{old}"\n'}, {"value": Secret(old)}, policy, "Add it")
    made = build(folder, [planted])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "remediate", "run", made.report, "--repo", made.repository),
            *("--policy", made.policy, "--key-file", made.key_file, "--yes", "--json"),
        ],
        env={**os.environ, **bao.environment()},
        cwd=made.repository,
        capture_output=True,
        timeout=200,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert done.returncode == 0, events
    assert not bao.lives(old)
    held = bao.call("GET", f"secret/data/{path}")["data"]["data"]
    assert held["OTHER"] == "kept"
    new = bao.call("POST", "auth/token/lookup", {"token": held["TOKEN"]})["data"]
    assert "reader" in new["policies"]
    assert new["period"] == 3600
    for value in (old, held["TOKEN"]):
        assert value.encode() not in done.stdout + done.stderr
