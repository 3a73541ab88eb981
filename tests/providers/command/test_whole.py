"""A leaked value that no provider knows, from the report to the record, by programs of the user's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from remediate.demo.scenario import build
from remediate.plugins.local import Planted
from remediate.secret import Secret

from .test_programs import VENDOR, script

LEAKED = "zz-" + "a1B2" * 6


def test_it_dies_and_the_new_one_is_where_it_is_read(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    (tools / "keys").mkdir(parents=True)
    (tools / "keys" / LEAKED).touch()
    script(tools, "vendor", VENDOR)
    lines = [
        f'{name} = ["{tools}/vendor", "{name}"]'
        for name in ("check", "revoke", "reissue", "forget")
    ]
    policy = (
        '[[credential]]\nmatch = "secret"\nprovider = "command"\n'
        f"with = {{ {', '.join(lines)} }}\n"
        'stores = ["dotenv:.env.local#API_KEY"]\n'
    )
    folder = tmp_path / "leak"
    folder.mkdir()
    planted = Planted(
        {"config.py": f'KEY = "{LEAKED}"\n'}, {"value": Secret(LEAKED)}, policy, "Add the key"
    )
    made = build(folder, [planted])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "remediate", "run", made.report, "--repo", made.repository),
            *("--policy", made.policy, "--key-file", made.key_file, "--yes", "--json"),
        ],
        env=dict(os.environ),
        cwd=made.repository,
        capture_output=True,
        timeout=120,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert done.returncode == 0, events
    (left,) = (tools / "keys").iterdir()
    assert (made.repository / ".env.local").read_text().strip() == f"API_KEY={left.name}"
    assert LEAKED.encode() not in done.stdout + done.stderr
