"""Every exit code of the table, and a stream that ends in ``finished`` whatever happens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.errors import ExitStatus

from .conftest import Cli

QUIET = ("--yes", "--offline", "--no-push", "--no-undo", "--json")


def test_0_an_empty_report(cli: Cli, acme: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("[]\n")
    done = cli("run", tmp_path / "r.json", "--repo", acme, "--json")
    assert (done.code, done.finished["status"]) == (0, "clean")
    assert done.finished["incident"] is None


def test_0_an_empty_preview(cli: Cli, acme: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("[]")
    done = cli("preview", tmp_path / "r.json", "--repo", acme, "--json")
    assert done.code == 0
    assert done.document["secrets"] == []


PLUGIN = """
from remediate.model import Credential
from remediate.plugins.provider import Identified, Kind

class Broken:
    name = "broken"
    kinds = (Kind("broken-token", "A token", revoke="api", reissue="none"),)

    def identify(self, found):
        return [
            Identified(
                Credential("broken:" + f.fingerprint[:12], "broken", "broken-token",
                           {"value": f.fingerprint}),
                {f.fingerprint: "broken-token"},
            )
            for f in found
            if f.value.reveal().startswith(b"brk_")
        ]

    def revoke(self, batch, vendor):
        raise ValueError("about " + batch[0].values["value"].reveal_text())
"""


def test_1_a_bug_in_a_plugin_is_told_without_its_text(
    cli: Cli, acme: Path, tmp_path: Path, bash: Callable[..., str]
) -> None:
    site = tmp_path / "site"
    (site / "broken-1.0.dist-info").mkdir(parents=True)
    (site / "broken_plugin.py").write_text(PLUGIN)
    (site / "broken-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n"
    )
    (site / "broken-1.0.dist-info" / "entry_points.txt").write_text(
        "[remediate.providers.v1]\nbroken = broken_plugin:Broken\n"
    )
    value = "brk_" + "5d41402abc4b2a76"
    bash(f"echo {value} > token; git add token; git commit -qm token", cwd=acme)
    (tmp_path / "r.txt").write_text(value + "\n")
    done = cli(
        *("run", tmp_path / "r.txt", "--repo", acme, "--yes", "--only", "assess", "--only"),
        *("contain", "--json"),
        env={"PYTHONPATH": str(site)},
    )
    assert done.code == 1
    assert done.finished["status"] == "failed"
    assert value not in done.out + done.err
    assert "ValueError" in done.out


BAD_REPORTS = {
    "cut off": (b'[\n {\n  "RuleID": "x",\n  "Secr', "line"),
    "too short": (b"# values\nabc\n", "line 2"),
    "two words": (b"some words here\n", "line 1"),
    "not one of ours": (b'{"hello": "world"}', "expected"),
    "binary": (b"\x00\x01\x02\xff" * 50, "expected"),
    "markup": (b"<xml/>", "expected"),
}


@pytest.mark.parametrize("name", BAD_REPORTS)
@pytest.mark.parametrize("command", ["run", "preview", "verify"])
def test_2_a_report_that_cannot_be_read(
    cli: Cli, acme: Path, tmp_path: Path, name: str, command: str
) -> None:
    data, words = BAD_REPORTS[name]
    report = tmp_path / "the-report"
    report.write_bytes(data)
    done = cli(command, report, "--repo", acme, "--json")
    assert done.code == 2, done.err
    assert "the-report" in done.err
    assert words in done.err
    if command == "run":
        assert done.finished["status"] == "failed"
        assert any(e["event"] == "error" for e in done.events)
    else:
        assert set(done.document["error"]) == {"code", "message", "hint"}


USAGE = {
    "no such option": ("run", "x", "--bogus"),
    "no argument": ("preview",),
    "no such command": ("rnu",),
    "no such stage": ("run", "r.json", "--only", "cleaning"),
    "no such report": ("preview", "no-such-file"),
    "no such incident": ("show", "INC-none"),
    "no open incident": ("resume",),
    "a key file that is not there": ("run", "r.json", "--key-file", "none"),
    "a policy that is not there": ("run", "r.json", "--policy", "none"),
    "nothing to rotate": ("rotate",),
    "nothing to rescue by": ("rescue",),
    "no terminal to guide at": (),
}


@pytest.mark.parametrize("name", USAGE)
def test_2_bad_usage(cli: Cli, acme: Path, name: str) -> None:
    (acme / "r.json").write_text("long-enough-value\n")
    done = cli(*USAGE[name], cwd=acme)
    assert done.code == 2
    assert "remediate: " in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= (3 if USAGE[name] else 80)


def test_2_a_question_without_a_terminal_names_the_option(
    cli: Cli, acme: Path, gitleaks: Path
) -> None:
    done = cli("run", gitleaks, "--repo", acme, "--offline", "--no-push", "--no-undo", "--json")
    assert done.code == 2
    assert done.finished["status"] == "failed"
    assert "--yes" in next(e for e in done.events if e["event"] == "error")["error"]["hint"]


def test_2_a_policy_with_a_mistake(cli: Cli, acme: Path, gitleaks: Path) -> None:
    (acme / "remediate.toml").write_text("[incident]\nseverety = 'high'\n")
    done = cli("run", gitleaks, "--repo", acme, *QUIET)
    assert done.code == 2
    assert "remediate.toml, line 2" in done.err


def test_2_a_store_that_cannot_be_used_is_told_before_anything_is_killed(
    cli: Cli, acme: Path, gitleaks: Path
) -> None:
    (acme / "remediate.toml").write_text(
        '[[credential]]\nmatch = "github"\nstores = ["dotenv:.gitignore#X", "nowhere:x#Y"]\n'
    )
    done = cli("run", gitleaks, "--repo", acme, "--yes", "--no-push", "--no-undo", "--json")
    assert done.code == 2
    assert not [e for e in done.events if e["event"] == "effect"]


def test_3_no_key_for_the_backup(
    cli: Cli, acme: Path, gitleaks: Path, bash: Callable[..., str]
) -> None:
    before = bash("git for-each-ref", cwd=acme)
    done = cli("run", gitleaks, "--repo", acme, "--yes", "--offline", "--no-push", "--json")
    assert done.code == 3
    assert done.finished["status"] == "manual"
    assert [step["id"] for step in done.finished["manual"]] == ["backup-key"]
    assert bash("git for-each-ref", cwd=acme) == before


def test_3_too_many_to_revoke(cli: Cli, acme: Path, gitleaks: Path) -> None:
    (acme / "remediate.toml").write_text("[incident]\nmax_revocations = 1\n")
    done = cli(
        *("run", gitleaks, "--repo", acme, "--yes", "--no-push", "--no-undo", "--json"),
        env={
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "GITHUB_API_URL": "http://127.0.0.1:9",
            "STRIPE_API_BASE": "http://127.0.0.1:9",
        },
    )
    assert done.code == 3
    error = next(e for e in done.events if e["event"] == "error")["error"]
    assert "max_revocations" in error["hint"]


def test_4_something_is_left(cli: Cli, acme: Path, gitleaks: Path) -> None:
    value = json.loads(gitleaks.read_text())[0]["Secret"]
    (acme / "untracked.txt").write_text(f"copied {value}\n")
    done = cli("run", gitleaks, "--repo", acme, *QUIET)
    assert done.code == 4
    assert done.finished["status"] == "remnants"
    assert value in (acme / "untracked.txt").read_text(), "an untracked file is never changed"


def test_5_a_vendor_that_cannot_be_reached(cli: Cli, acme: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.txt"
    report.write_text("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\n")
    done = cli(
        *("run", report, "--repo", acme, "--yes", "--no-push", "--no-undo", "--only", "assess"),
        *("--only", "contain", "--only", "triage", "--only", "investigate", "--json"),
        env={"GITHUB_API_URL": "http://127.0.0.1:9"},
    )
    assert done.code == 5, done.out
    assert done.finished["status"] == "refused"
    told = [e["summary"] for e in done.events if e["event"] == "stage" and e.get("summary")]
    # Nobody has seen that there is nothing.
    for stage in told[2:]:
        assert stage.endswith("1 of them could not be looked at"), told
    assert len(told) == 4


def test_6_not_a_repository(cli: Cli, gitleaks: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = cli("run", gitleaks, "--repo", tmp_path / "empty", "--json")
    assert done.code == 6
    assert done.finished["exit"] == 6


def test_6_a_rebase_in_progress(
    cli: Cli, acme: Path, gitleaks: Path, bash: Callable[..., str]
) -> None:
    bash("echo a > README.md; git add README.md; git commit -qm a; "
         "git switch -q -c other HEAD~1; echo b > README.md; git add README.md; git commit -qm b; "
         "git rebase main || true", cwd=acme)  # fmt: skip
    done = cli("run", gitleaks, "--repo", acme, *QUIET)
    assert done.code == 6, done.out
    error = next(e for e in done.events if e["event"] == "error")["error"]
    assert "rebase" in error["message"] + error["hint"]


def test_8_the_user_says_no(acme: Path, gitleaks: Path) -> None:
    pexpect = pytest.importorskip("pexpect")
    child = pexpect.spawn(
        sys.executable,
        ["-m", "remediate", "run", str(gitleaks), "--repo", str(acme), "--offline", "--no-push",
         "--no-undo", "--plain"],
        encoding="utf-8",
        timeout=60,
    )  # fmt: skip
    child.expect("Rewrite .* commits")
    child.sendline("no")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 8


def test_9_a_tampered_journal(
    cli: Cli, acme: Path, gitleaks: Path, bash: Callable[..., str], sealed: Path
) -> None:
    cli("run", gitleaks, "--repo", acme, *QUIET)
    (folder,) = (sealed / "remediate" / "incidents").iterdir()
    (folder / "journal.head").write_text("1 " + "0" * 64 + "\n")
    done = cli("log", folder.name, "--check", "--json")
    assert done.code == 9
    assert done.document["error"]["code"] == "tampered-error"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_130_interrupted(acme: Path, gitleaks: Path, cli: Cli, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "remediate", "run", "-", "--repo", str(acme), *QUIET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout
        assert child.stdout.readline()
        time.sleep(0.3)
        child.send_signal(how)
        out = child.stdout.read()
        assert child.wait(30) == 130
        assert child.stderr
        assert b"resume" in child.stderr.read()
    assert json.loads(out.splitlines()[-1])["status"] == "interrupted"


def test_every_code_has_a_test_here() -> None:
    text = Path(__file__).read_text()
    for status in ExitStatus:
        assert f"def test_{int(status)}_" in text, status
