from __future__ import annotations

import base64
import http.server
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import RemoteError
from remediate.history import remote
from remediate.history.apply import apply
from remediate.history.model import Needle, Scope
from remediate.history.publish import plan_push, push
from remediate.history.rehearse import rehearse
from remediate.history.remote import Cause, cause_of, shown, verify_remote
from remediate.history.repo import open_repo
from remediate.history.verify import verify
from remediate.secret import Secret


@pytest.fixture
def leaky(make_lab: Callable[..., Any], make_needle: Callable[..., Needle]) -> tuple[Any, Needle]:
    """A bare remote with a secret on a pull ref and on a detached HEAD only; and the secret."""
    secret = make_needle("tok_" + "0123456789abcdef")
    lab = make_lab("seed")
    lab.commit({"a": "1"})
    lab.git("clone", "-q", "--bare", ".", "../remote.git")
    return type(lab)(lab.path.parent / "remote.git", existing=True), secret


def test_a_clean_remote_is_clean(leaky: Any, tmp_path: Path) -> None:
    bare, secret = leaky
    verdict = verify_remote(f"file://{bare.path}", [secret], tmp_path / "w", verify)
    assert verdict.clean and verdict.scope == Scope(remote_refs=True)
    assert verdict.searched.objects == 3
    assert list((tmp_path / "w").iterdir()) == [], "the clone is gone"


@pytest.mark.parametrize("where", ["refs/pull/9/head", "refs/tags/t", "HEAD"])
def test_every_advertised_ref_is_looked_at(leaky: Any, where: str, tmp_path: Path) -> None:
    bare, secret = leaky
    blob = bare.git("hash-object", "-w", "--stdin", stdin=secret.secret.reveal())
    tree = bare.git("mktree", stdin=f"100644 blob {blob}\tf\n".encode())
    commit = bare.git("commit-tree", tree, "-m", "leak")
    bare.git("update-ref", "--no-deref", where, commit)
    verdict = verify_remote(str(bare.path), [secret], tmp_path / "w", verify)
    assert [remnant.object for remnant in verdict.remnants] == [blob]


def test_an_empty_remote_is_clean(tmp_path: Path, make_needle: Callable[..., Needle]) -> None:
    subprocess.run(["git", "init", "-q", "--bare", "empty.git"], cwd=tmp_path, check=True)
    verdict = verify_remote(
        str(tmp_path / "empty.git"), [make_needle("x" * 20)], tmp_path / "w", verify
    )
    assert verdict.clean and verdict.searched.objects == 0


def test_an_unreachable_remote_is_never_clean(
    tmp_path: Path, make_needle: Callable[..., Needle]
) -> None:
    token = "s3cr3t" + "s3cr3t"
    for address in (str(tmp_path / "nowhere.git"), f"http://me:{token}@127.0.0.1:9/r.git"):
        with pytest.raises(RemoteError) as caught:
            verify_remote(address, [make_needle("x" * 20)], tmp_path / "w", verify)
        assert token not in caught.value.message + caught.value.hint
        assert list((tmp_path / "w").iterdir()) == []


def test_what_a_crash_left_is_thrown_away(leaky: Any, tmp_path: Path) -> None:
    bare, secret = leaky
    (tmp_path / "w/remote.git/objects").mkdir(parents=True)
    (tmp_path / "w/remote.git/objects/old").write_bytes(secret.secret.reveal())
    assert verify_remote(str(bare.path), [secret], tmp_path / "w", verify).clean
    assert list((tmp_path / "w").iterdir()) == []


def test_an_address_is_shown_without_what_lets_one_in() -> None:
    assert shown("https://tok@example.com/r.git") == "https://example.com/r.git"
    assert shown("https://me:t@o@k@example.com/r.git?t=1#x") == "https://example.com/r.git"
    assert shown("ssh://git@example.com:22/r.git") == "ssh://example.com:22/r.git"
    assert shown("git@example.com:o/r.git") == "git@example.com:o/r.git"
    assert shown("/srv/r.git") == "/srv/r.git"


@given(st.text("abc:@/?#%", max_size=30), st.sampled_from(["https", "ssh", "http"]))
@settings(max_examples=200, deadline=None)
def test_user_info_is_never_shown(info: str, scheme: str) -> None:
    info = info.replace("/", "").replace("?", "").replace("#", "")
    assert "token" not in shown(f"{scheme}://{info}token@example.com/r.git")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("[rejected] (stale info)", Cause.STALE),
        ("[remote rejected] (cannot lock ref 'x': is at 1 but expected 2)", Cause.STALE),
        ("[remote rejected] (deny updating a hidden ref)", Cause.HIDDEN),
        ("[remote rejected] (protected branch hook declined)", Cause.PROTECTED),
        ("remote: error: GH013: Repository rule violations found", Cause.PROTECTED),
        ("remote: GitLab: You are not allowed to force push code", Cause.PROTECTED),
        ("remote: - GITHUB PUSH PROTECTION\nremote: GH013: rule violations", Cause.PUSH_PROTECTION),
        ("remote: error: GH001: Large files detected.", Cause.SIZE),
        ("[remote rejected] (pre-receive hook declined)", Cause.HOOK),
        ("[remote rejected] (atomic push failed)", Cause.TOGETHER),
        ("[remote rejected] (branch is currently checked out)", Cause.CHECKED_OUT),
        ("fatal: Authentication failed for 'https://x'", Cause.PERMISSION),
        (
            "git@x: Permission denied (publickey).\nfatal: Could not read from remote",
            Cause.PERMISSION,
        ),
        ("remote: Permission to o/r.git denied to u.\nfatal: error: 403", Cause.PERMISSION),
        (
            "fatal: could not read Username for 'https://x': terminal prompts disabled",
            Cause.PERMISSION,
        ),
        ("fatal: unable to access 'https://x': Could not resolve host: x", Cause.UNREACHABLE),
        ("ssh: connect to host x port 22: Connection refused", Cause.UNREACHABLE),
        ("fatal: the remote end hung up unexpectedly", Cause.UNREACHABLE),
        ("[remote rejected] (something new)", Cause.OTHER),
    ],
)
def test_causes(words: str, cause: Cause) -> None:
    assert cause_of(words) is cause


def test_the_users_ways_in_are_kept_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    fake = tmp_path / "ssh"
    fake.write_text(f"#!/bin/sh\nenv > {seen}\nexit 255\n")
    fake.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(fake))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("https_proxy", "http://proxy")
    monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_DIR", "/somewhere/else")
    done = remote.run(tmp_path, ["ls-remote", "--", "ssh://git@host/r.git"])
    assert done.returncode
    environment = dict(line.partition("=")[::2] for line in seen.read_text().splitlines())
    assert environment["SSH_AUTH_SOCK"] == "/agent" and environment["https_proxy"]
    assert "GIT_TRACE_CURL" not in environment and environment.get("GIT_DIR") != "/somewhere/else"


class _Git(http.server.BaseHTTPRequestHandler):
    """``git http-backend`` behind a real web server, with one user who may push."""

    root: Path
    login: str

    def _serve(self) -> None:
        if (
            self.headers.get("Authorization")
            != "Basic " + base64.b64encode(self.login.encode()).decode()
        ):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        done = subprocess.run(
            ["git", "http-backend"],
            input=self.rfile.read(length),
            capture_output=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "me",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            },
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A git server over http that serves the test's folder: its port, and who may in."""
    login = "me:" + "pass" + "word" * 2
    handler = type("Handler", (_Git,), {"root": tmp_path, "login": login})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port, login
        server.shutdown()
        thread.join()


def test_over_http_with_a_password_in_the_address(
    leaky: Any, web: tuple[int, str], tmp_path: Path, make_lab: Callable[..., Any]
) -> None:
    bare, secret = leaky
    port, login = web
    address = f"http://{login}@127.0.0.1:{port}/remote.git"
    bare.git("config", "http.receivepack", "true")
    lab = make_lab("clone")
    lab.git("remote", "add", "origin", address)
    lab.git("fetch", "-q", "origin")
    lab.git("reset", "-q", "--hard", "origin/main")
    lab.commit({"f": secret.secret.reveal()}, "leak")
    lab.git("push", "-q", "origin", "main")
    repo = open_repo(lab.path)
    assert not verify_remote(Secret(address), [secret], tmp_path / "w", verify).clean
    rehearsal = rehearse(repo, [secret], tmp_path / "quarantine")
    apply(repo, rehearsal, [secret])
    plan = plan_push(repo, rehearsal, "origin")
    assert plan.url == f"http://127.0.0.1:{port}/remote.git"
    result = push(repo, plan)
    assert result.atomic and [ref.pushed for ref in result.refs] == [True]
    assert verify_remote(Secret(address), [secret], tmp_path / "w", verify).clean


def test_over_http_with_the_clones_own_settings(
    leaky: Any, web: tuple[int, str], tmp_path: Path, make_lab: Callable[..., Any]
) -> None:
    secret = leaky[1]
    port, login = web
    address = f"http://127.0.0.1:{port}/remote.git"
    with pytest.raises(RemoteError, match="does not let this user in"):
        verify_remote(address, [secret], tmp_path / "w", verify)
    lab = make_lab("clone")
    header = "Authorization: Basic " + base64.b64encode(login.encode()).decode()
    lab.git("config", f"http.http://127.0.0.1:{port}/.extraheader", header)
    repo = open_repo(lab.path)
    assert verify_remote(address, [secret], tmp_path / "w", verify, like=repo).clean
    wrong = "http://me:wr" + f"ong@127.0.0.1:{port}/remote.git"
    with pytest.raises(RemoteError, match="does not let this user in"):
        verify_remote(wrong, [secret], tmp_path / "w", verify)


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(max_size=20), max_size=3)
)
@settings(max_examples=25, deadline=None)
def test_settings_are_written_as_git_reads_them(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, str]
) -> None:
    found = {k: v.replace("\0", "").replace("\r", "") for k, v in found.items()}
    entries = [(f'http.https://h/"a\\b.{key}', value) for key, value in found.items()]
    path = tmp_path_factory.mktemp("config") / "config"
    path.write_text(remote._config_text(entries), "utf-8")
    raw = subprocess.run(
        ["git", "config", "--file", str(path), "--list", "-z"], capture_output=True, check=True
    ).stdout.decode()
    assert [tuple(row.split("\n", 1)) for row in raw.split("\0")[:-1]] == entries
