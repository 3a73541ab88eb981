"""Repositories to find secrets in, built by real git; and the secrets of the sample one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest

from remediate.history.backup import back_up
from remediate.history.model import Backup, Needle, Rehearsal
from remediate.history.rehearse import rehearse
from remediate.history.repo import Repo, open_repo
from remediate.secret import Secret

_KINDS = {
    "slack-bot-token": "slack-token",
    "private-key": "private-key",
    "github-pat": "github-pat",
    "stripe-access-token": "stripe-secret-key",
}


def needle(value: bytes | str, kind: str = "secret") -> Needle:
    """A needle as the stages make one; its id stands for the fingerprint."""
    secret = Secret(value)
    digest = hashlib.sha256(b"test" + secret.reveal()).hexdigest()
    return Needle(digest, secret, f"REMOVED-{kind}".encode())


class Lab:
    """A repository that a test builds, one commit at a time, with a clock of its own."""

    def __init__(self, path: Path, *init: str, existing: bool = False) -> None:
        self.path = path
        self._clock = 1_700_000_000
        path.mkdir(parents=True, exist_ok=True)
        if not existing:
            self.git("init", "-q", "-b", "main", *init)

    def worktree(self, path: Path, *arguments: str) -> Lab:
        """A linked worktree of this one."""
        self.git("worktree", "add", "-q", *arguments[:-1], str(path), *arguments[-1:])
        return Lab(path, existing=True)

    def git(self, *arguments: str, stdin: bytes = b"", **environment: str) -> str:
        """Run git here; gives its output without the last newline."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, **self._dates(), **environment},
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def _dates(self) -> dict[str, str]:
        when = f"{self._clock} +0100"
        return {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}

    def write(self, files: Mapping[str, bytes | str | None]) -> None:
        """Put files into the work tree (None: remove)."""
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(
        self, files: Mapping[str, bytes | str | None] | None = None, message: bytes | str = "change"
    ) -> str:
        """Write *files*, commit everything; gives the commit's id."""
        self.write(files or {})
        self.git("add", "-A")
        self._clock += 60
        text = message.encode() if isinstance(message, str) else message
        self.git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-", stdin=text)
        return self.git("rev-parse", "HEAD")

    def raw(self, kind: str, content: bytes) -> str:
        """Write an object byte for byte, however odd; gives its id."""
        return self.git("hash-object", "-w", "--literally", "-t", kind, "--stdin", stdin=content)

    def cat(self, oid: str) -> bytes:
        """An object's bytes."""
        kind = self.git("cat-file", "-t", oid)
        return subprocess.run(
            ["git", "cat-file", kind, oid], cwd=self.path, check=True, capture_output=True
        ).stdout


@pytest.fixture
def make_lab(tmp_path: Path) -> Callable[..., Lab]:
    """A new repository below the test's folder, by name, with ``git init``'s options."""
    return lambda name, *init: Lab(tmp_path / name, *init)


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """An empty repository to build in."""
    return make_lab("lab")


@pytest.fixture
def make_needle() -> Callable[..., Needle]:
    """`needle`, for tests."""
    return needle


@pytest.fixture
def acme_needles(fixtures: Path) -> tuple[Needle, ...]:
    """The seven distinct secrets that gitleaks found in the sample repository."""
    report = json.loads((fixtures / "reports" / "gitleaks.json").read_text())
    kinds: dict[str, str] = {}
    for entry in report:
        value = entry["Secret"]
        kind = _KINDS.get(entry["RuleID"])
        kind = kind or ("aws-access-key-id" if len(value) == 20 else "aws-secret-access-key")
        kinds.setdefault(value, kind)
    assert len(kinds) == 7
    return tuple(needle(value, kind) for value, kind in kinds.items())


@pytest.fixture
def digest_tree() -> Callable[[Path], str]:
    """SHA-256 over every file, link and folder below a path: names, kinds, modes and bytes."""

    def digest(root: Path) -> str:
        total = hashlib.sha256()
        for path in _walk(root):
            state = path.lstat()
            total.update(
                f"{path.relative_to(root)}\0{state.st_mode:o}\0".encode("utf-8", "surrogateescape")
            )
            if path.is_symlink():
                total.update(os.fsencode(path.readlink()))
            elif path.is_file():
                total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    return digest


def _walk(root: Path) -> Iterable[Path]:
    return sorted(root.rglob("*"))


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, object]]:
    """Everything about a repository that people can see, to be compared before and after."""

    def git(where: Path, *arguments: str) -> bytes:
        done = subprocess.run(["git", *arguments], cwd=where, check=False, capture_output=True)
        bare = b"must be run in a work tree" in done.stderr
        assert done.returncode in (0, 1) or bare, (arguments, done.stderr)
        return done.stdout

    def take(path: Path) -> dict[str, object]:
        common = Path(os.fsdecode(git(path, "rev-parse", "--git-common-dir").rstrip(b"\n")))
        common = (path / common).resolve()
        trees = [
            Path(os.fsdecode(line.removeprefix(b"worktree ")))
            for line in git(path, "worktree", "list", "--porcelain").splitlines()
            if line.startswith(b"worktree ")
        ]
        # A work tree whose git directory is elsewhere is listed by that.
        if not git(path, "rev-parse", "--is-bare-repository").startswith(b"true"):
            trees = [path if tree == common else tree for tree in trees]
        state: dict[str, object] = {
            "refs": git(path, "for-each-ref", "--format=%(refname) %(objectname) %(symref)"),
            "objects": set(git(path, "cat-file", "--batch-all-objects", "--batch-check").split()),
            "stash": git(path, "stash", "list", "--format=%H %gd %gs"),
        }
        # Each by itself, so that a test that fails says which.
        state |= {
            f"text {file.relative_to(common)}": file.read_bytes()
            for file in _walk(common)
            if file.is_file() and not _volatile(file.relative_to(common))
        }
        for tree in (tree for tree in trees if tree.is_dir()):
            # Refreshes the index, as people's own "git status" does.
            state[f"status {tree}"] = git(tree, "status", "--porcelain", "-z", "--ignored")
            state[f"head {tree}"] = git(tree, "rev-parse", "-q", "--verify", "HEAD")
            if not git(tree, "rev-parse", "--is-bare-repository").startswith(b"true"):
                state[f"index {tree}"] = git(tree, "ls-files", "-s", "-v", "-z")
                state[f"files {tree}"] = {
                    str(file.relative_to(tree)): (
                        file.lstat().st_mode,
                        os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes(),
                    )
                    for file in _walk(tree)
                    if ".git" not in file.relative_to(tree).parts
                    and (file.is_symlink() or file.is_file())
                }
        return state

    return take


def _volatile(path: Path) -> bool:
    """Whether a file of ``.git`` is told otherwise in a snapshot, or only makes git faster."""
    if path.name.startswith(("index", "sharedindex")) or str(path) in ("packed-refs", "info/refs"):
        return True
    return path.parts[0] in ("objects", "refs") or (
        "refs" in path.parts[:-1] and "logs" not in path.parts
    )


@dataclass(frozen=True)
class Rewrite:
    """A repository in the middle of somebody's work, and its rehearsed rewrite."""

    lab: Lab
    side: Lab
    """A linked worktree of it, detached."""
    repo: Repo
    needles: tuple[Needle, ...]
    rehearsal: Rehearsal
    secret: str
    identity: pyrage.x25519.Identity
    archive: Path

    def back_up(self) -> Backup:
        """The backup, made."""
        return back_up(
            self.repo,
            self.rehearsal,
            [self.identity.to_public()],
            self.archive,
            needles=self.needles,
        )


@pytest.fixture
def busy(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Rewrite:
    """Packs and loose objects, caches, stashes, staged, modified and untracked files, a worktree.

    Built once; each test works in a copy.
    """
    secret = "tok_" + "A1b2C3d4E5f6G7h8"
    needles = (needle(secret, "test"),)
    template = tmp_path_factory.getbasetemp() / "busy"
    plan = template / "rehearsal.json"
    if not plan.exists():
        _build_busy(template, secret)
        made = rehearse(open_repo(template / "lab"), needles, template / "quarantine")
        plan.write_text(json.dumps(made.to_json()))
    for name in ("lab", "side"):
        shutil.copytree(template / name, tmp_path / name, symlinks=True)
    (tmp_path / "side/.git").write_text(f"gitdir: {tmp_path}/lab/.git/worktrees/side\n")
    (tmp_path / "lab/.git/worktrees/side/gitdir").write_text(f"{tmp_path}/side/.git\n")
    (tmp_path / "kept").mkdir()
    lab, side = Lab(tmp_path / "lab", existing=True), Lab(tmp_path / "side", existing=True)
    for copy in (lab, side):
        copy.git("status", "--porcelain")
    return Rewrite(
        lab,
        side,
        open_repo(lab.path),
        needles,
        Rehearsal.from_json(json.loads(plan.read_text())),
        secret,
        pyrage.x25519.Identity.generate(),
        tmp_path / "kept" / "backup.age",
    )


def _build_busy(root: Path, secret: str) -> None:
    lab = Lab(root / "lab")
    lab.commit({"readme": "hello\n", "big": "".join(f"line {n}\n" for n in range(500))})
    lab.git("branch", "clean")
    lab.commit(
        {"config.yml": f"token: {secret}\n", "sub/run.sh": f"#!/bin/sh\nexport T={secret}\n"}
    )
    (lab.path / "sub/run.sh").chmod(0o755)
    (lab.path / "link").symlink_to(f"./sub//{secret}")
    leak = lab.commit({"big": "".join(f"line {n}\n" for n in range(499)) + secret}, f"use {secret}")
    lab.git("tag", "-a", "v1", "-m", f"first, with {secret}")
    lab.git("notes", "add", "-m", f"rotate {secret}")
    lab.git("update-ref", "refs/pull/7/head", leak)
    lab.git("update-ref", "refs/remotes/origin/main", leak)
    lab.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    lab.raw("blob", b"unreachable and clean, packed")
    lab.git("repack", "-q")
    lab.git("repack", "-a", "-d", "-k", "-q")
    lab.git("pack-refs", "--all")
    lab.commit({"readme": "hello again\n"}, f"revert of {leak[:9]}?")
    lab.git("repack", "-d", "-q")
    lab.git("multi-pack-index", "write")
    lab.git("commit-graph", "write", "--reachable")
    for n in range(3):
        lab.write({"readme": f"stash {n} {secret if n != 1 else ''}\n"})
        lab.git("stash", "push", "-q", "-m", f"work {n} on {secret}")
    lab.git("checkout", "-q", leak)
    lab.git("checkout", "-q", "main")
    side = lab.worktree(root / "side", "--detach", leak)
    side.write({"config.yml": f"token: {secret} # staged\n"})
    side.git("add", "config.yml")
    lab.commit(
        {
            "skipped": f"{secret} skipped\n",
            "assumed": f"{secret} assumed\n",
            f"keys/{secret}/a": "1\n",
            f"keys/{secret}/b": f"{secret}\n",
        }
    )
    lab.git("update-index", "--skip-worktree", "skipped")
    lab.git("update-index", "--assume-unchanged", "assumed")
    (lab.path / "skipped").unlink()
    lab.write({"staged": f"new {secret}\n", "big": "shorter\n"})
    lab.git("add", "staged", "big")
    lab.write({"config.yml": f"token: {secret}\nmine: 1\n", "notes.txt": f"mine: {secret}\n"})
    lab.raw("blob", b"unreachable and clean, loose")
    lab.raw("blob", f"unreachable, {secret}".encode())
    lab.git("branch", f"fix/{secret}", "main")
    lab.git("update-ref", f"refs/remotes/origin/fix/{secret}", "clean")
    lab.git("symbolic-ref", "refs/heads/alias", f"refs/heads/fix/{secret}")
    stored = f"{secret}\n".encode() * 3
    name = hashlib.sha256(stored).hexdigest()
    (lab.path / ".git/lfs/objects" / name[:2] / name[2:4]).mkdir(parents=True)
    (lab.path / ".git/lfs/objects" / name[:2] / name[2:4] / name).write_bytes(stored)
    address = f"https://me:{secret}@example.com/r.git"
    (lab.path / ".git/FETCH_HEAD").write_text(f"{leak}\t\tbranch 'main' of {address}\n")
    lab.git("config", "remote.origin.url", address)


#: Everything by which a process changes files or starts a git that does (Python's audit events).
_CHANGES = (
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
)


@pytest.fixture
def killed_at() -> Callable[[Callable[[], object], int], int]:
    """Run something in a child that is killed (SIGKILL) at its nth change of a file or start of git.

    Gives how many such places it came to; with n = 0, all of them, and nobody is killed. *may_end*: whether
    it may come to fewer than n this time, and so to its end.
    """

    def run(work: Callable[[], object], n: int, *, may_end: bool = False) -> int:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            count = 0

            def hook(event: str, arguments: tuple[Any, ...]) -> None:
                nonlocal count
                writes = event == "open" and isinstance(arguments[2], int)
                writes = writes and arguments[2] & (os.O_WRONLY | os.O_RDWR) != 0
                if writes or event in _CHANGES or event == "subprocess.Popen":
                    count += 1
                    if count == n:
                        os.kill(os.getpid(), signal.SIGKILL)

            try:
                sys.addaudithook(hook)
                work()
                os.write(write_end, str(count).encode())
                code = 0
            finally:
                os._exit(code)
        os.close(write_end)
        with os.fdopen(read_end) as told:
            count = int(told.read() or n)
        _, status = os.waitpid(child, 0)
        ended = may_end and os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 and count < n
        killed = os.WIFSIGNALED(status)
        assert ended or killed == (n > 0), "it was to be killed, or it failed by itself"
        return count

    return run


@pytest.fixture
def kill_points() -> Callable[[int], Iterable[int]]:
    """Which of *n* places to be killed at: a handful, spread out; more with KILL_POINTS=<number> or all."""

    def choose(n: int, handful: int = 8) -> Iterable[int]:
        asked = os.environ.get("KILL_POINTS", "")
        if asked == "all":
            return range(1, n + 1)
        number = max(2, int(asked)) if asked else handful
        return sorted({1 + (n - 1) * k // (number - 1) for k in range(number)})

    return choose
