"""Nothing is believed: a repository that wants to run something, names that want the terminal, a vendor
that never ends."""

from __future__ import annotations

import json
import os
import re
import socketserver
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Cli

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"
ALONE = ("--yes", "--offline", "--no-push", "--no-undo")

HOOKS = [
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
    "update",
]


@pytest.fixture
def trap(tmp_path: Path, bash: Callable[..., str]) -> Path:
    """A repository that runs a canary by every way git has; the folder that the canaries land in."""
    dead = tmp_path / "canaries"
    dead.mkdir()
    canary = tmp_path / "canary"
    canary.write_text(f'#!/bin/sh\necho "$@" > "{dead}/$(date +%s%N)-$$"\ncat 2>/dev/null\n')
    canary.chmod(0o755)
    settings = {
        "core.fsmonitor": canary,
        "core.sshCommand": canary,
        "core.gitProxy": canary,
        "core.askPass": canary,
        "core.pager": canary,
        "core.editor": canary,
        "sequence.editor": canary,
        "core.alternateRefsCommand": canary,
        "core.alternateRefsPrefixes": "refs/",
        "credential.helper": f"!{canary}",
        "diff.external": canary,
        "diff.evil.command": canary,
        "diff.evil.textconv": canary,
        "filter.evil.clean": canary,
        "filter.evil.smudge": canary,
        "filter.evil.process": canary,
        "filter.evil.required": "true",
        "merge.evil.driver": canary,
        "gpg.program": canary,
        "gpg.ssh.program": canary,
        "gpg.ssh.defaultKeyCommand": canary,
        "commit.gpgSign": "true",
        "tag.gpgSign": "true",
        "log.showSignature": "true",
        "trailer.evil.command": canary,
        "uploadpack.packObjectsHook": canary,
        "ssh.variant": "simple",
        "protocol.ext.allow": "always",
        "protocol.allow": "always",
        "browser.evil.cmd": canary,
        "man.evil.cmd": canary,
        "interactive.diffFilter": canary,
        "submodule.sub.update": f"!{canary}",
        "submodule.recurse": "true",
        "maintenance.auto": "true",
        "include.path": "../evil.config",
        "includeIf.gitdir:**.path": "../evil.config",
        **{
            f"alias.{name}": f"!{canary}"
            for name in ("cat-file", "rev-list", "status", "fsck", "update-ref", "ls-files", "x")
        },
    }
    bash(
        f"""
        git init -q trap; cd trap
        printf '* filter=evil diff=evil merge=evil\\n' > .gitattributes
        printf '[submodule "sub"]\\n\\tpath = sub\\n\\turl = ext::{canary}\\n\\tupdate = !{canary}\\n' \\
            > .gitmodules
        echo 'key = "{VALUE}"' > secret.ini; echo one > a; echo {VALUE} > untracked
        git add .gitattributes .gitmodules secret.ini a; git commit -qm 'the key {VALUE}'
        git branch side; echo two > a; git add a; git commit -qm two; echo three > a
        echo {VALUE} > ../report.txt
        """
    )
    config = tmp_path / "trap" / ".git" / "config"
    evil = f"[alias]\n\tlog = !{canary}\n[core]\n\tfsmonitor = {canary}\n"
    (tmp_path / "trap" / "evil.config").write_text(evil)
    hooks = tmp_path / "trap" / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in HOOKS:
        (hooks / name).write_bytes(canary.read_bytes())
        (hooks / name).chmod(0o755)
    for key, value in settings.items():
        section, _, last = key.rpartition(".")
        name, _, sub = section.partition(".")
        header = f'[{name} "{sub}"]' if sub else f"[{name}]"
        text = str(value).replace("\\", "\\\\").replace('"', '\\"')
        with config.open("a") as stream:
            stream.write(f'{header}\n\t{last} = "{text}"\n')
    return dead


def test_the_trap_is_one(trap: Path, tmp_path: Path, bash: Callable[..., str]) -> None:
    """git itself falls into it: else the other tests would show nothing."""
    bash("git -C trap status || true; git -C trap diff || true; git -C trap x || true")
    assert len(list(trap.iterdir())) > 2


def test_nothing_of_a_repository_is_executed(
    trap: Path, cli: Cli, tmp_path: Path, bash: Callable[..., str]
) -> None:
    report, repository = tmp_path / "report.txt", tmp_path / "trap"
    preview = cli("preview", report, "--repo", repository, "--json")
    # The untracked copy is somebody's own: named, never changed, and so not clean.
    assert preview.code == 4, preview.out + preview.err
    assert [left["where"] for left in preview.document["remnants"]] == ["untracked"]
    assert list(trap.iterdir()) == []
    done = cli("run", report, "--repo", repository, *ALONE, "--json", cwd=repository)
    assert done.finished["status"] == "remnants", done.out
    assert list(trap.iterdir()) == []
    new = {ref["name"]: ref["new"] for ref in preview.document["refs"]}
    refs = (repository / ".git" / "refs" / "heads").iterdir()
    assert {f"refs/heads/{p.name}": p.read_text().strip() for p in refs} == new
    cli("verify", report, "--repo", repository)
    for command in ("list", "show", "log", "record", "resume"):
        cli(command, cwd=repository)
    assert list(trap.iterdir()) == []


def test_a_remote_that_is_a_command_is_not_run(trap: Path, cli: Cli, tmp_path: Path) -> None:
    canary, config = tmp_path / "canary", tmp_path / "trap" / ".git" / "config"
    with config.open("a") as stream:
        stream.write(f'[remote "origin"]\n\turl = "ext::{canary} %S"\n')
        stream.write("\tfetch = +refs/heads/*:refs/remotes/origin/*\n")
    done = cli("run", tmp_path / "report.txt", "--repo", tmp_path / "trap", "--yes", "--offline",
               "--no-undo", "--json")  # fmt: skip
    assert done.code in (4, 5), done.out
    assert cli("verify", tmp_path / "report.txt", "--repo", tmp_path / "trap", "--remote").code != 0
    assert [p.read_text() for p in trap.iterdir()] == []


def test_a_clone_that_would_fetch_what_is_missing_by_a_command(
    trap: Path, cli: Cli, tmp_path: Path
) -> None:
    with (tmp_path / "trap" / ".git" / "config").open("a") as stream:
        stream.write(f'[remote "promisor"]\n\turl = "ext::{tmp_path / "canary"} %S"\n')
        stream.write("\tpromisor = true\n\tvcs = ext\n")
    report, repository = tmp_path / "report.txt", tmp_path / "trap"
    assert cli("preview", report, "--repo", repository).code == 6
    assert cli("run", report, "--repo", repository, *ALONE).code == 6
    assert list(trap.iterdir()) == []


EVIL = "\x1b]0;owned\x07\x1b[2J\u202eevil\x9b31m"
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_terminal_escapes_from_anywhere_are_shown_harmless(
    cli: Cli, tmp_path: Path, bash: Callable[..., str]
) -> None:
    """In the repository's and a file's name, a message, an author, a ref, a remote, a bad policy."""
    repository = tmp_path / f"app{EVIL}"
    repository.mkdir()
    path = f"dir{EVIL}\nDone: all is clean"
    (repository / path).parent.mkdir(parents=True, exist_ok=True)
    (repository / path).write_text(f"key = {VALUE}\n")
    bad = os.fsencode(repository) + b"/caf\xe9.ini"
    Path(os.fsdecode(bad)).write_text(f"key = {VALUE}\n")
    branch = "\u202ebranch"
    env = {"GIT_AUTHOR_NAME": f"Ada{EVIL}", "GIT_AUTHOR_EMAIL": f"a{EVIL}@x"}
    exports = "\n".join(f"export {k}=$'{v}'" for k, v in env.items())
    bash(
        f"""
        git init -q . ; {exports}
        git add -A; git commit -qm $'leak {VALUE}\\n\\n{EVIL}'; git branch $'{branch}'
        git remote add origin $'https://x:y@host/{EVIL}.git'
        """,
        cwd=repository,
    )
    report = tmp_path / f"report{EVIL}.txt"
    report.write_text(VALUE + "\n")
    shown = []
    for arguments in (
        ("preview", report, "--plain"),
        ("run", report, *ALONE, "--plain", "--verbose"),
        ("verify", report, "--plain"),
        ("list", "--all", "--plain"),
        ("show", "--plain"),
        ("log", "--plain"),
        ("record",),
        ("preview", tmp_path / f"none{EVIL}"),
        ("run", report, "--only", f"st{EVIL}"),
        ("show", f"INC{EVIL}"),
    ):
        done = cli(*arguments, cwd=repository)
        assert done.code != 1, done.err
        shown.append((arguments[0], done.out + done.err))
    (repository / "remediate.toml").write_text("[incident]\n'x\\u001b[2J' = 1\n")
    done = cli("run", report, *ALONE, cwd=repository)
    assert done.code == 2
    shown.append(("policy", done.err))
    record = next((tmp_path.parent.parent).rglob("record.md"), None)
    for name, text in shown:
        assert not ACTING.search(text), (name, ACTING.findall(text), text)
        assert not re.search(r"^Done: all is clean", text, re.MULTILINE), f"{name} forges a line"
    assert record is None or not ACTING.search(record.read_text())


def test_a_report_of_more_values_than_can_be_looked_for_is_refused(
    cli: Cli, acme: Path, tmp_path: Path
) -> None:
    report = tmp_path / "many.txt"
    report.write_text("".join(f"a-value-of-some-length-{number:06d}\n" for number in range(20_001)))
    done = cli("preview", report, "--repo", acme)
    assert done.code == 2
    assert "at most 20000 distinct values; found 20001" in done.err


def test_a_path_in_a_report_never_leaves_the_repository(
    cli: Cli, acme: Path, tmp_path: Path, fixtures: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text(f"key = {VALUE}\n")
    (acme / "link").symlink_to(outside)
    findings = json.loads((fixtures / "reports" / "gitleaks.json").read_text())[:1]
    found = findings[0]
    reports = []
    for number, path in enumerate(
        ["../outside.txt", str(outside), "link", "a/../../outside.txt", ".git/../../outside.txt"]
    ):
        entry = {**found, "File": path, "Secret": "REDACTED", "Match": "REDACTED", "StartLine": 1,
                 "EndLine": 1, "StartColumn": 7, "EndColumn": 6 + len(VALUE)}  # fmt: skip
        for commit in ("", found["Commit"]):
            report = tmp_path / f"r{number}{bool(commit)}.json"
            report.write_text(json.dumps([{**entry, "Commit": commit}]))
            reports.append(report)
    before = outside.read_bytes(), outside.stat().st_mtime_ns
    for report in reports:
        done = cli("preview", report, "--repo", acme, "--json")
        assert done.code in (2, 4), "the value can't be had"
        assert VALUE not in done.out + done.err
    plain = tmp_path / "plain.txt"
    plain.write_text(VALUE + "\n")
    cli("run", plain, "--repo", acme, *ALONE)
    assert (outside.read_bytes(), outside.stat().st_mtime_ns) == before, "a link is not followed"


class Endless(socketserver.ThreadingTCPServer):
    """A vendor that answers everything with a body that never ends, or leads elsewhere."""

    allow_reuse_address = True
    daemon_threads = True
    mode = "endless"
    asked = 0


class _Answer(socketserver.BaseRequestHandler):
    server: Endless

    def handle(self) -> None:
        self.request.recv(65536)
        self.server.asked += 1
        port = self.server.server_address[1]
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        try:
            match self.server.mode:
                case "redirect":
                    self.request.sendall(
                        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
                        + f"Location: http://127.0.0.1:{port}/{self.server.asked}\r\n\r\n".encode()
                    )
                case "huge":
                    self.request.sendall(head + b"Content-Length: 52428800\r\n\r\n")
                    for _ in range(800):
                        self.request.sendall(b"[" * 65536)
                case _:
                    self.request.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
                    while True:
                        self.request.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
                        time.sleep(0.001)
        except OSError:
            pass


@pytest.fixture
def vendor() -> Iterator[Endless]:
    with Endless(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("mode", ["redirect", "huge", "endless"])
def test_a_vendor_that_wants_to_keep_us(
    cli: Cli, vendor: Endless, acme: Path, tmp_path: Path, bash: Callable[..., str], mode: str
) -> None:
    vendor.mode = mode
    token = "ghp_" + "A1b2" * 9
    bash(f"echo 'token = {token}' > t; git add t; git commit -qm t", cwd=acme)
    report = tmp_path / "r.txt"
    report.write_text(token + "\n")
    began = time.monotonic()
    done = cli(
        *(
            "run",
            report,
            "--repo",
            acme,
            "--yes",
            "--only",
            "assess",
            "--only",
            "contain",
            "--json",
        ),
        env={"GITHUB_API_URL": f"http://127.0.0.1:{vendor.server_address[1]}"},
    )
    assert done.code in (3, 5), done.out
    assert time.monotonic() - began < 60
    assert token not in done.out + done.err
    assert not stat.S_ISLNK(Path(done.finished["record"]).lstat().st_mode)
