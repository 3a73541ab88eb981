"""Rules of the user's own, in git-filter-repo's format: taken in, and written out when asked for."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from .conftest import Cli

INTERNAL = "build.acme-internal.example"


def test_rules_go_out_beside_the_secrets(
    cli: Cli, acme: Path, gitleaks: Path, key_file: Path, tmp_path: Path, bash: Callable[..., str]
) -> None:
    bash(f"echo 'host={INTERNAL}' > host; git add host; git commit -qm 'use {INTERNAL}'", cwd=acme)
    rules = tmp_path / "rules.txt"
    rules.write_text(f"literal:{INTERNAL}==>host.example\n")
    flags = ("--repo", acme, "--expressions", rules)
    shown = cli("preview", gitleaks, *flags, "--json").document
    done = cli(
        *("run", gitleaks, *flags, "--yes", "--offline", "--no-push", "--key-file", key_file),
        "--json",
    )
    assert done.code == 0, done.out
    now = bash("git for-each-ref --format='%(refname) %(objectname)'", cwd=acme)
    for ref in shown["refs"]:
        assert f"{ref['name']} {ref['new']}" in now
    assert bash("git show HEAD:host", cwd=acme) == "host=host.example\n"
    assert INTERNAL not in bash("git log --all -p", cwd=acme)


def test_rules_that_cannot_be_followed_are_refused(
    cli: Cli, acme: Path, gitleaks: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.txt"
    rules.write_text("regex:pass.*==>x\n")
    done = cli("preview", gitleaks, "--repo", acme, "--expressions", rules)
    assert done.code == 2
    assert "regular expressions" in done.err


def test_the_secrets_are_written_as_rules_only_when_asked_for(
    cli: Cli, acme: Path, gitleaks: Path, key_file: Path, tmp_path: Path
) -> None:
    flags = ("--repo", acme, "--key-file", key_file)
    cli("run", gitleaks, *flags, "--yes", "--offline", "--no-push")
    written = tmp_path / "expressions.txt"
    done = cli("show", *flags, "--expressions", written)
    assert done.code == 0, done.err
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    lines = written.read_text().splitlines()
    assert len(lines) == 5, "the two private keys have several lines and are named instead"
    assert all(line.startswith("literal:") and "==>REMOVED-" in line for line in lines)
    assert cli("show", "--repo", acme, "--expressions", tmp_path / "x").code == 2, (
        "no key, no values"
    )
