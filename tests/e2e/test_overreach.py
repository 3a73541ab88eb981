"""A secret that is an ordinary word: left, named, exit 4; and gone when insisted on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .conftest import Cli

WORD = "password"


def test_a_word_is_left_until_insisted_on(
    cli: Cli, acme: Path, tmp_path: Path, bash: Callable[..., str]
) -> None:
    bash(f"echo '{WORD}=x' > settings; git add settings; git commit -qm settings", cwd=acme)
    report = tmp_path / "values.txt"
    report.write_text(f"{WORD}\n")
    shown = cli("preview", report, "--repo", acme, "--json")
    assert shown.code == 4, shown.err
    assert shown.document["refs"] == [] and shown.document["remnants"]
    (message,) = (m for m in shown.document["messages"] if "ordinary word" in m)
    assert "places" in message and WORD not in message.replace("ordinary word", "")

    flags = ("--repo", acme, "--yes", "--offline", "--no-push", "--no-undo", "--json")
    done = cli("run", report, *flags)
    assert done.code == 4, done.out
    assert bash("git show HEAD:settings", cwd=acme) == f"{WORD}=x\n"

    fingerprint = shown.document["secrets"][0]["fingerprint"]
    policy = tmp_path / "policy.toml"
    policy.write_text(f"[[credential]]\nmatch = {json.dumps(fingerprint)}\ninsist = true\n")
    done = cli("run", report, *flags, "--policy", policy)
    assert bash("git show HEAD:settings", cwd=acme) == "REMOVED-secret=x\n", done.out
    assert done.code in (0, 3, 4)
    assert WORD not in bash("git log --all -p -- settings", cwd=acme)
