"""The sample report over the sample repository: preview, run, verify, undo."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli, holds, tree_hash

KINDS = [
    "aws-access-key-id",
    "aws-secret-access-key",
    "github-pat",
    "private-key",
    "private-key",
    "slack-token",
    "stripe-secret-key",
]


@pytest.fixture
def values(gitleaks: Path) -> dict[str, bytes]:
    return {f"{n}": e["Secret"].encode() for n, e in enumerate(json.loads(gitleaks.read_text()))}


def refs(repo: Path) -> dict[str, str]:
    text = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname) %(objectname)"],
        cwd=repo,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(line.split(" ") for line in text.splitlines())


def preview(cli: Cli, repo: Path, report: Path) -> dict[str, Any]:
    done = cli("preview", report, "--repo", repo, "--json")
    assert done.code == 0, done.err
    return done.document  # type: ignore[no-any-return]


def test_preview_names_the_seven_and_touches_nothing(cli: Cli, acme: Path, gitleaks: Path) -> None:
    before = tree_hash(acme)
    shown = preview(cli, acme, gitleaks)
    assert tree_hash(acme) == before
    assert sorted(secret["kind"] for secret in shown["secrets"]) == KINDS
    assert all(secret["places"] for secret in shown["secrets"])
    assert shown["remnants"] == shown["unreadable"] == []
    by_kind = {s["kind"]: s for s in shown["secrets"]}
    places = {(p["where"], p["path"], p["line"]) for p in by_kind["github-pat"]["places"]}
    assert ("file", ".env", 1) in places
    assert any(where == "tag-message" for where, _, _ in places), "the scanner had not seen the tag"
    paths = {p["path"] for p in by_kind["aws-access-key-id"]["places"]}
    assert paths == {"config/settings.py", "config/set tings é.py"}
    assert by_kind["aws-access-key-id"]["provider"] == "aws"
    assert {ref["name"] for ref in shown["refs"]} == {
        name for name in refs(acme) if name != "refs/remotes/origin/HEAD"
    }


def test_preview_gives_the_same_ids_on_another_machine(
    cli: Cli, acme: Path, gitleaks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = preview(cli, acme, gitleaks)
    monkeypatch.setenv("REMEDIATE_HOME", str(tmp_path / "another"))
    other = preview(cli, acme, gitleaks)
    assert one["refs"] == other["refs"]
    assert one["secrets"][0]["fingerprint"] != other["secrets"][0]["fingerprint"]


def test_run_gives_exactly_the_previewed_ids(
    cli: Cli,
    acme: Path,
    gitleaks: Path,
    key_file: Path,
    values: dict[str, bytes],
    sealed: Path,
    bash: Callable[..., str],
) -> None:
    shown = preview(cli, acme, gitleaks)
    done = cli(
        *("run", gitleaks, "--repo", acme, "--yes", "--offline", "--no-push", "--json"),
        env={"REMEDIATE_KEY_FILE": str(key_file)},
    )
    assert done.code == 0, done.out + done.err
    assert done.finished["status"] == "partial"
    now = refs(acme)
    for ref in shown["refs"]:
        assert now[ref["name"]] == ref["new"], ref["name"]
    assert holds(acme, values) == []
    secret = {name: value for name, value in values.items() if not value.startswith(b"AKIA")}
    assert len(secret) == 6
    assert holds(sealed, secret) == [], "a public id may be shown; a value is in no file of ours"
    bash("git fsck --strict", cwd=acme)
    assert bash("git status --porcelain", cwd=acme) == ""
    assert "REMOVED-aws-access-key-id" in (acme / "config" / "set tings é.py").read_text()
    record = Path(done.finished["record"])
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert json.loads(record.read_text())["incident"]
    assert cli("verify", gitleaks, "--repo", acme).code == 0


def test_verify_before_the_clean_up_finds_them(cli: Cli, acme: Path, gitleaks: Path) -> None:
    before = tree_hash(acme)
    done = cli("verify", gitleaks, "--repo", acme, "--json")
    assert done.code == 4
    assert done.document["clean"] is False
    assert len({r["fingerprint"] for r in done.document["remnants"]}) == 7
    assert set(done.document["scope"]) == {"local", "remote_refs", "remote_by_id", "copies"}
    assert tree_hash(acme) == before


def test_a_redacted_report_does_the_same(
    cli: Cli, acme: Path, fixtures: Path, gitleaks: Path
) -> None:
    redacted = preview(cli, acme, fixtures / "reports" / "gitleaks-redact.json")
    assert redacted["refs"] == preview(cli, acme, gitleaks)["refs"]


def test_a_report_on_standard_input_does_the_same(cli: Cli, acme: Path, gitleaks: Path) -> None:
    done = cli("preview", "-", "--repo", acme, "--json", stdin=gitleaks.read_bytes())
    assert done.document["refs"] == preview(cli, acme, gitleaks)["refs"]


def test_undo_puts_everything_back(
    cli: Cli, acme: Path, gitleaks: Path, key_file: Path, bash: Callable[..., str]
) -> None:
    bash("echo stashed >> .gitignore; git stash -q -u; echo staged > new; git add new", cwd=acme)
    bash("git reflog > /dev/null; git update-ref refs/custom/x HEAD~1 --create-reflog", cwd=acme)
    everything = "git cat-file --batch-all-objects --batch-check | sort"

    def state() -> list[str]:
        return [
            bash("git for-each-ref; git symbolic-ref HEAD; git ls-files --stage", cwd=acme),
            bash("git stash list --format=%H; git reflog --all --format='%H %gd %gs'", cwd=acme),
            bash(everything, cwd=acme),
            bash("git status --porcelain; cat new .gitignore || true; ls -lA config", cwd=acme),
            "".join(
                f"{p} {p.read_text()}"
                for p in sorted((acme / ".git/logs").rglob("*"))
                if p.is_file()
            ),
        ]

    before = state()
    flags = ("--repo", acme, "--yes", "--key-file", key_file)
    assert cli("run", gitleaks, "--offline", "--no-push", *flags).code == 0
    assert state()[:3] != before[:3]
    done = cli("undo", *flags)
    assert done.code == 0, done.err
    assert state() == before
    assert cli("verify", gitleaks, "--repo", acme).code == 4, "the secrets are there again"
    again = cli("run", gitleaks, "--offline", "--no-push", *flags)
    assert again.code == 0, "and the incident goes on"
    assert state()[:3] != before[:3]


def test_a_second_run_finds_nothing_to_do(
    cli: Cli, acme: Path, gitleaks: Path, key_file: Path
) -> None:
    flags = ("--repo", acme, "--yes", "--key-file", key_file, "--offline", "--no-push", "--json")
    first = cli("run", gitleaks, *flags).finished
    before = refs(acme)
    second = cli("run", gitleaks, *flags).finished
    assert (second["incident"], second["exit"]) == (first["incident"], 0)
    assert refs(acme) == before
