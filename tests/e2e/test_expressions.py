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


def test_what_a_pattern_matches_goes_out_and_stays_known(
    cli: Cli, acme: Path, gitleaks: Path, key_file: Path, tmp_path: Path, bash: Callable[..., str]
) -> None:
    bash(
        "echo 'pin=Xy7kQ92mPw' > p; git add p; git commit -qm a; "
        "echo 'pin=Zz81LmNoQ4' > p; git commit -qam 'no pin=Zz81LmNoQ4'; git rm -q p; git commit -qm c",
        cwd=acme,
    )
    rules = tmp_path / "rules.txt"
    rules.write_text("regex:pin=([A-Z])\\w{9}==>pin=\\1\n")
    flags = ("--repo", acme, "--expressions", rules)
    done = cli(
        *("run", gitleaks, *flags, "--yes", "--offline", "--no-push", "--key-file", key_file),
    )
    assert done.code == 0, done.out + done.err
    log = bash("git log --all -p", cwd=acme)
    assert "Xy7kQ92mPw" not in log and "Zz81LmNoQ4" not in log
    assert "pin=X\n" in log and "no pin=Z\n" in log


def test_patterns_that_cannot_be_followed_are_refused(
    cli: Cli, acme: Path, gitleaks: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.txt"
    for line, why in (("regex:(pass==>x", "line 2"), ("regex:p*==>x", "empty text")):
        rules.write_text(f"literal:nowhere-at-all\n{line}\n")
        done = cli("preview", gitleaks, "--repo", acme, "--expressions", rules)
        assert done.code == 2
        assert why in done.err and "(pass" not in done.err


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
