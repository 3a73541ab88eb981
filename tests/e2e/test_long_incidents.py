"""Days pass between two stages: what waits for what, which one is open here, and what has happened so far."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remediate.cli.incidents import ago

from .conftest import Cli

LIMITED = ("--yes", "--offline", "--no-push", "--no-undo")


@pytest.fixture
def begun(
    cli: Cli, acme: Path, gitleaks: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setenv("REMEDIATE_KEY_FILE", str(key_file))
    done = cli("run", gitleaks, "--repo", acme, *LIMITED, "--only", "assess", "--json", "-v")
    assert done.code == 0, done.out
    return str(done.finished["incident"])


def test_one_open_here_among_several(
    cli: Cli, acme: Path, begun: str, gitleaks: Path, tmp_path: Path, bash: Callable[..., str]
) -> None:
    bash("cp -r acme other; mkdir acme/sub; git -C acme worktree add -q ../linked HEAD")
    other = cli("run", gitleaks, "--repo", tmp_path / "other", *LIMITED, "--only", "assess",
                "--json").finished["incident"]  # fmt: skip
    assert cli("resume", *LIMITED, cwd=tmp_path).code == 2, "two are open on this machine"
    for where in (acme / "sub", tmp_path / "linked"):
        done = cli("resume", *LIMITED, "--only", "assess", "--json", cwd=where)
        assert done.finished["incident"] == begun, where
    listed = {each["incident"]: each for each in cli("list", "--json").document}
    assert set(listed) == {begun, other}
    (wait,) = listed[begun]["waits"]
    assert wait["on"] == "flags"
    assert "left out" in wait["what"]
    assert wait["next"] == f"remediate resume {begun}"
    text = cli("list").out
    assert "waits for your word: left out: " in text
    assert "last worked on" in text


def test_the_journal_as_a_person_reads_it(
    cli: Cli, acme: Path, begun: str, sealed: Path, fixtures: Path
) -> None:
    text = cli("log", "--repo", acme).out
    lines = text.splitlines()
    assert "Incident opened from gitleaks.json." in lines[0]
    assert all(" ago " in line or "just now" in line for line in lines)
    assert "taken out of custody for looking whether it stands in this repository" in text
    assert "What is allowed stands in the defaults." in text
    assert (
        cli("resume", "--repo", acme, *LIMITED, "--skip", "publish", "--only", "assess").code == 0
    )
    text = cli("log", "--repo", acme).out
    assert "What is allowed has changed: flag skip: nothing, now publish." in text
    record = json.loads(cli("record", "--repo", acme, "--json").out)
    assert any("flag skip" in entry["what"] for entry in record["timeline"])
    takes = [c for c in record["custody"] if c["action"] == "take"]
    assert {c["stage"] for c in takes} == {"assess"}
    assert len({c["fingerprint"] for c in takes}) >= 5, "one of each credential proves it"

    log = sealed / "remediate" / "incidents" / begun / "run.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    written = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"incident", "stage"} <= {line["message"] for line in written}
    assert any(line["message"].startswith("row ") for line in written), "it was run with -v"
    planted = json.loads((fixtures / "reports" / "planted.json").read_text())
    for value in planted.values():
        assert value not in log.read_text()


def test_follow_shows_what_another_process_writes(cli: Cli, acme: Path, begun: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "remediate", "log", "--follow", "--json", "--repo", str(acme)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    ) as child:
        try:
            _followed(child, cli, acme)
        finally:
            child.kill()
    assert cli("log", "--check", "--repo", acme, "--json").document["intact"] is True


def _followed(child: subprocess.Popen[bytes], cli: Cli, acme: Path) -> None:
    assert child.stdout
    first = json.loads(child.stdout.readline())
    assert first["kind"] == "opened"
    assert cli("resume", "--repo", acme, *LIMITED, "--only", "assess").code == 0
    rows = [first]
    while rows[-1]["kind"] != "resumed":
        rows.append(json.loads(child.stdout.readline()))
    while rows[-1]["kind"] != "concluded":
        rows.append(json.loads(child.stdout.readline()))
    child.send_signal(signal.SIGINT)
    assert child.wait(20) in (0, 130)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1)), "each row once"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=0.4), "just now"),
        (timedelta(seconds=-1), "just now"),
        (timedelta(seconds=30), "30 s ago"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=300), "2026-03-07"),
        (timedelta(days=-3), "2027-01-04"),
    ],
)
def test_how_long_ago(before: timedelta, said: str) -> None:
    now = datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert ago((now - before).isoformat(), now) == said


def test_a_time_that_is_none_is_shown_as_it_is() -> None:
    assert ago("not a time", datetime.now(UTC)) == "not a time"
    assert ago("2026-01-01T00:00:00", datetime.now(UTC)) == "2026-01-01T00:"
