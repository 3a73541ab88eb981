"""Each state a repository can be in: the rewrite works and undo puts all back, or it is refused by name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from remediate.errors import ExitStatus, RepositoryError
from remediate.history.apply import apply
from remediate.history.backup import back_up
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo, require_rewritable
from remediate.history.undo import undo
from remediate.history.verify import verify

from .conftest import Lab, needle

SECRET = "tok_" + "3Gf8dWq1LmZx9Rv5"
Build = Callable[[Path], Lab]
WORKS: dict[str, Build] = {}
REFUSED: dict[str, tuple[Build, str]] = {}


def state(name: str) -> Callable[[Build], Build]:
    return lambda build: WORKS.setdefault(name, build)


def refused(name: str, said: str) -> Callable[[Build], Build]:
    def add(build: Build) -> Build:
        REFUSED[name] = (build, said)
        return build

    return add


def leaky(path: Path, *init: str) -> Lab:
    lab = Lab(path, *init)
    lab.commit(
        {"in/f": f"{SECRET}\n", "out/g": f"{SECRET}\n", **{f"n{n}": f"{n}" for n in range(9)}}
    )
    lab.commit({"on-top": "1\n"}, "on top")
    return lab


@state("dirty tree")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.write({"in/f": f"{SECRET}\nmine\n", "staged": "s\n", "mine": "m\n", "out/g": None})
    lab.git("add", "staged")
    lab.git("rm", "-q", "--cached", "n1")
    return lab


@state("detached HEAD")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("checkout", "-q", "HEAD~")
    return lab


@state("unborn HEAD")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("switch", "-q", "--orphan", "new")
    lab.write({"f": f"{SECRET}\n"})
    lab.git("add", "f")
    return lab


@state("linked worktrees, one of them gone, one locked")
def _(path: Path) -> Lab:
    lab = leaky(path)
    for name in ("one", "two", "three"):
        lab.worktree(path.parent / name, "--detach", "HEAD~")
    lab.git("worktree", "lock", str(path.parent / "two"))
    (path.parent / "three").rename(path.parent / "unplugged")
    return lab


@state("sparse checkout")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("sparse-checkout", "set", "in")
    return lab


@state("sparse index")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    return lab


@state("split index")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("update-index", "--split-index")
    lab.write({"n1": "staged"})
    lab.git("add", "n1")
    return lab


@state("index version 4, untracked cache")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("update-index", "--index-version", "4", "--force-untracked-cache")
    lab.write({"mine": "m\n"})
    return lab


@state("bare")
def _(path: Path) -> Lab:
    lab = leaky(path.parent / "from")
    lab.git("clone", "-q", "--bare", ".", str(path))
    return Lab(path, existing=True)


@state("mirror")
def _(path: Path) -> Lab:
    lab = leaky(path.parent / "from")
    lab.git("update-ref", "refs/pull/1/head", "HEAD~")
    lab.git("clone", "-q", "--mirror", ".", str(path))
    return Lab(path, existing=True)


@state("empty")
def _(path: Path) -> Lab:
    lab = Lab(path)
    lab.git("config", "my.token", SECRET)
    return lab


@state("git directory elsewhere")
def _(path: Path) -> Lab:
    return leaky(path, f"--separate-git-dir={path.parent / 'gitdir'}")


@state("SHA-256")
def _(path: Path) -> Lab:
    return leaky(path, "--object-format=sha256")


@state("sub-module")
def _(path: Path) -> Lab:
    other = Lab(path.parent / "other")
    other.commit({"s": "1\n"})
    lab = leaky(path)
    lab.git("submodule", "--quiet", "add", str(other.path), "sub")
    lab.commit(message="with a sub-module")
    lab.commit({"in/f": f"again {SECRET}\n"})
    return lab


@state("repository within")
def _(path: Path) -> Lab:
    lab = leaky(path)
    leaky(path / "inner").git("gc", "-q")
    shutil.rmtree(path / "inner/in")
    shutil.rmtree(path / "inner/out")
    shutil.rmtree(path / "inner/.git/logs")
    return lab


@state("LFS")
def _(path: Path) -> Lab:
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed")
    lab = Lab(path)
    lab.git("lfs", "install", "--local", "--skip-repo")
    lab.git("lfs", "track", "*.bin")
    lab.commit({"big.bin": f"{SECRET}\n" * 3, "small": f"{SECRET}\n"})
    lab.commit({"big.bin": "no more\n"})
    return lab


@state("replace refs and grafts")
def _(path: Path) -> Lab:
    lab = leaky(path)
    first = lab.git("rev-parse", "HEAD~")
    lab.git("replace", first, lab.git("commit-tree", "-m", "other", "HEAD^{tree}"))
    (path / ".git/info/grafts").write_text(lab.git("rev-parse", "HEAD") + "\n")
    return lab


@state("hard-linked packs")
def _(path: Path) -> Lab:
    lab = leaky(path.parent / "from")
    lab.git("repack", "-a", "-d", "-q")
    lab.git("clone", "-q", "--local", ".", str(path))
    return Lab(path, existing=True)


@state("bitmaps, multi-pack index, commit-graphs")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("repack", "-a", "-d", "-q", "--write-bitmap-index")
    lab.commit({"more": f"{SECRET} more\n"})
    lab.git("repack", "-d", "-q")
    lab.git("multi-pack-index", "write", "--bitmap")
    lab.git("commit-graph", "write", "--reachable", "--split", "--changed-paths")
    return lab


@state("cruft pack")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.raw("blob", f"forgotten {SECRET}".encode())
    lab.raw("blob", b"forgotten and clean")
    lab.git("repack", "--cruft", "-d", "-q")
    return lab


@refused("a rebase in progress", "a rebase")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("switch", "-q", "-c", "side", "HEAD~")
    lab.commit({"on-top": "2\n"}, "in conflict")
    with pytest.raises(AssertionError):
        lab.git("rebase", "-q", "main")
    return lab


@refused("a merge in progress", "a merge")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("switch", "-q", "-c", "side", "HEAD~")
    lab.commit({"on-top": "2\n"}, "in conflict")
    with pytest.raises(AssertionError):
        lab.git("merge", "-q", "main")
    return lab


@refused("a cherry-pick in progress", "a cherry-pick")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("switch", "-q", "-c", "side", "HEAD~")
    lab.commit({"on-top": "2\n"}, "in conflict")
    with pytest.raises(AssertionError):
        lab.git("cherry-pick", "main")
    return lab


@refused("a bisection", "a bisection")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("bisect", "start")
    return lab


@refused("a rebase in a linked worktree", "a rebase")
def _(path: Path) -> Lab:
    lab = leaky(path)
    side = lab.worktree(path.parent / "side", "-b", "side", "HEAD~")
    side.commit({"on-top": "2\n"}, "in conflict")
    with pytest.raises(AssertionError):
        side.git("rebase", "-q", "main")
    return lab


@refused("shallow", "shallow")
def _(path: Path) -> Lab:
    lab = leaky(path.parent / "from")
    lab.git("clone", "-q", "--depth=1", f"file://{lab.path}", str(path))
    return Lab(path, existing=True)


@refused("partial", "partial")
def _(path: Path) -> Lab:
    lab = leaky(path.parent / "from")
    lab.git("config", "uploadpack.allowFilter", "true")
    lab.git("clone", "-q", "--filter=blob:none", f"file://{lab.path}", str(path))
    return Lab(path, existing=True)


@refused("a clone that borrows", "borrows objects from")
def _(path: Path) -> Lab:
    lab = leaky(path.parent / "from")
    lab.git("clone", "-q", "--shared", ".", str(path))
    return Lab(path, existing=True)


@refused("borrowed from by a clone beside it", "borrows objects from this repository")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("clone", "-q", "--shared", ".", str(path.parent / "borrower"))
    return lab


@refused(".keep", "must stay as it is")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("repack", "-a", "-d", "-q")
    next((path / ".git/objects/pack").glob("*.pack")).with_suffix(".keep").touch()
    return lab


@refused("preciousObjects", "preciousObjects is set")
def _(path: Path) -> Lab:
    lab = leaky(path)
    lab.git("config", "core.repositoryFormatVersion", "1")
    lab.git("config", "extensions.preciousObjects", "true")
    return lab


@refused("a gc at work", "git gc is running")
def _(path: Path) -> Lab:
    lab = leaky(path)
    (path / ".git/gc.pid").write_text(f"{os.getpid()} {os.uname().nodename}")
    return lab


@refused("a git at work", "holds")
def _(path: Path) -> Lab:
    lab = leaky(path)
    (path / ".git/index.lock").touch()
    return lab


@refused("reftable", "(?i)reftable|refstorage")
def _(path: Path) -> Lab:
    lab = leaky(path)
    probe = subprocess.run(
        ["git", "init", "-q", "--ref-format=reftable", str(path.parent / "probe")],
        capture_output=True,
    )
    if probe.returncode == 0:
        lab.git("refs", "migrate", "--ref-format=reftable")
    else:  # this git can't make one: it is to be told all the same that it can't read it
        lab.git("config", "core.repositoryFormatVersion", "1")
        lab.git("config", "extensions.refStorage", "reftable")
    return lab


@pytest.mark.parametrize("name", WORKS)
def test_it_works_and_undo_puts_all_back(
    name: str, tmp_path: Path, snapshot: Callable[[Path], dict[str, Any]]
) -> None:
    lab = WORKS[name](tmp_path / "lab")
    needles = [needle(SECRET)]
    repo = open_repo(lab.path)
    before = snapshot(lab.path)
    require_rewritable(repo)
    rehearsal = rehearse(repo, needles, tmp_path / "quarantine")
    assert snapshot(lab.path) == before
    identity = pyrage.x25519.Identity.generate()
    archive = tmp_path / "backup.age"
    back_up(repo, rehearsal, [identity.to_public()], archive, needles=needles)
    assert snapshot(lab.path) == before

    apply(repo, rehearsal, needles)
    purge(repo, rehearsal)
    lab.git("fsck", "--full", GIT_NO_REPLACE_OBJECTS="1")
    verdict = verify(repo, needles)
    assert verdict.unreadable == ()
    # What is somebody's own is left, and named already before.
    assert {r.path for r in verdict.remnants} <= {r.path for r in rehearsal.remnants}

    undo(repo, archive, identity, rehearsal)
    assert snapshot(lab.path) == before


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name_with_a_way_out(
    name: str, tmp_path: Path, digest_tree: Callable[[Path], str]
) -> None:
    build, said = REFUSED[name]
    lab = build(tmp_path / "lab")
    before = digest_tree(lab.path)
    with pytest.raises(RepositoryError, match=said) as caught:
        require_rewritable(open_repo(lab.path))
    assert caught.value.exit_status is ExitStatus.REPOSITORY
    assert caught.value.hint
    assert digest_tree(lab.path) == before
