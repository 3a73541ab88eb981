"""Objects read again by several processes: the same is seen, and nothing is clean that nobody read."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.errors import GitError
from remediate.history import rereaders
from remediate.history.model import Needle, Verdict
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.verify import verify, verify_rehearsal

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeNeedle = Callable[..., Needle]

TOKEN = "tok_" + "Zq8Rk2Lm5Xw7Vb3Nt9"
KEY = "-----BEGIN PRIVATE KEY-----\n" + "Qm9keU9mQUtleQ" * 9 + "\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def needles(make_needle: MakeNeedle) -> list[Needle]:
    return [make_needle(TOKEN, "token"), make_needle(KEY, "private-key")]


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever there is to read goes to processes, three objects at a time."""
    monkeypatch.setattr(rereaders, "_WORTH", 1)
    monkeypatch.setattr(rereaders, "_LEAST_SHARE", 3)
    monkeypatch.setattr(rereaders, "_SHARES_EACH", 1_000_000)
    monkeypatch.setattr(rereaders, "_cores", lambda: 2)


@pytest.fixture
def leaky(lab: Lab) -> Lab:
    coded = base64.b64encode(f"key={TOKEN}".encode())
    for number in range(6):
        lab.commit({f"f{number}": f"{number} {TOKEN}", "coded": coded + b"\n" * number})
    lab.commit({"folder/" + TOKEN: "x", "k.pem": KEY.replace("\n", "\r\n")}, TOKEN)
    lab.git("tag", "-m", TOKEN, "v1")
    gone = lab.git("hash-object", "-w", "--stdin", stdin=b"broken")
    loose = lab.path / ".git" / "objects" / gone[:2] / gone[2:]
    loose.chmod(0o600)
    loose.write_bytes(b"no zlib")
    return lab


def _told(verdict: Verdict) -> list[object]:
    return [
        sorted(map(repr, verdict.remnants)),
        sorted(map(repr, verdict.unreadable)),
        verdict.searched,
    ]


def test_the_same_is_seen(
    leaky: Lab, needles: list[Needle], request: pytest.FixtureRequest
) -> None:
    alone = verify(open_repo(leaky.path), needles)
    request.getfixturevalue("in_processes")
    steps: list[tuple[str, int, int | None]] = []
    shared = verify(
        open_repo(leaky.path),
        needles,
        progress=lambda step, done, all_: steps.append((step, done, all_)),
    )
    assert _told(shared) == _told(alone)
    assert {r.where for r in shared.remnants} > {"file", "commit-message", "tag-message", "path"}
    assert shared.unreadable
    reading = [(done, all_) for step, done, all_ in steps if step == "Verifying objects"]
    assert reading == sorted(reading)
    assert len(reading) > 4


@pytest.mark.usefixtures("in_processes")
def test_a_rehearsal(lab: Lab, needles: list[Needle], tmp_path: Path) -> None:
    lab.commit({"a": TOKEN, "b": KEY})
    lab.commit({"a": "clean"}, TOKEN)
    made = rehearse(open_repo(lab.path), needles, tmp_path / "q")
    assert made.commits
    assert verify_rehearsal(tmp_path / "q", needles).clean
    # What is not as its id says ends it, from another process too.
    pack = next((tmp_path / "q" / "objects" / "pack").glob("*.pack"))
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0xFF
    pack.write_bytes(data)
    with pytest.raises(GitError) as caught:
        verify_rehearsal(tmp_path / "q", needles)
    assert "is not what its id says" in caught.value.message


@pytest.mark.usefixtures("in_processes")
def test_a_process_that_ends_early(
    leaky: Lab, needles: list[Needle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        rereaders,
        "_BEGIN",
        rereaders._BEGIN.replace("child()", "sys.stdin.readline(); sys.exit(7)"),
    )
    with pytest.raises(GitError) as caught:
        verify(open_repo(leaky.path), needles)
    assert "ended early (7)" in caught.value.message
    assert "remediate resume" in caught.value.hint


@pytest.mark.usefixtures("in_processes")
def test_a_process_that_says_nonsense(
    leaky: Lab, needles: list[Needle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        rereaders, "_BEGIN", rereaders._BEGIN.replace("child()", "print('[]', flush=True); input()")
    )
    with pytest.raises(GitError):
        verify(open_repo(leaky.path), needles)


@pytest.mark.usefixtures("in_processes")
def test_one_that_is_killed(leaky: Lab, needles: list[Needle]) -> None:
    """And no argument or variable of any process holds a value, and none is left afterwards."""
    seen: set[int] = set()
    shown: list[bytes] = []
    stop = threading.Event()

    def watch() -> None:
        me = str(os.getpid())
        while not stop.is_set():
            for task in Path(f"/proc/{me}/task").iterdir():
                for pid in map(int, _text(task / "children").split()):
                    words = _bytes(Path(f"/proc/{pid}/cmdline"))
                    if b"rereaders import child" in words and pid not in seen:
                        shown.extend((words, _bytes(Path(f"/proc/{pid}/environ"))))
                        seen.add(pid)
                        if len(seen) == 2:
                            os.kill(pid, 9)
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(GitError) as caught:
            verify(open_repo(leaky.path), needles)
    finally:
        stop.set()
        watcher.join()
    assert "ended early (-9)" in caught.value.message
    assert caught.value.killed
    assert len(seen) == 2
    assert not any(TOKEN.encode() in words for words in shown)
    assert not any(Path(f"/proc/{pid}").exists() for pid in seen)


def test_nobody_is_left_when_the_one_who_asked_is_gone(leaky: Lab, needles: list[Needle]) -> None:
    asked = rereaders._setup(leaky.path / ".git", _reader(needles), hashed=False)
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", rereaders._BEGIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    oid = leaky.git("rev-parse", "HEAD^{tree}")
    child.stdin.write(asked + oid.encode() + b"\n")
    child.stdin.flush()
    assert json.loads(child.stdout.readline())["objects"] == 1
    child.stdin.close()
    assert child.wait(20) == 0
    child.stdout.close()


def _reader(needles: list[Needle]) -> rereaders.Reader:
    return rereaders.Reader(rereaders.Wanted(n.id, n.secret.reveal(), key=False) for n in needles)


def _text(path: Path) -> str:
    return _bytes(path).decode("ascii")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
