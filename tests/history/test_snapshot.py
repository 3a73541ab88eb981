"""What is kept of a remote, Git LFS before the refs, and the maps that others read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import InputError, RemoteError
from remediate.history.commitmap import (
    first_changed,
    read_map,
    resolved,
    write_map,
    write_object_map,
)
from remediate.history.lfs import push_lfs
from remediate.history.model import Needle
from remediate.history.repo import open_repo
from remediate.history.snapshot import keep_remote
from remediate.secret import Secret

from .hosted import Hosted

HEX = st.text("0123456789abcdef", min_size=40, max_size=40)


@pytest.fixture
def hosted(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle], tmp_path: Path
) -> Hosted:
    return Hosted(make_lab, make_needle("tok_" + "0123456789abcdef", "test"), tmp_path)


def test_the_bundle_gives_every_ref_back(hosted: Hosted) -> None:
    identity = pyrage.x25519.Identity.generate()
    path, work = hosted.root / "remote.age", hosted.root / "w"
    url = Secret(str(hosted.remote))
    before = hosted.refs()
    made = keep_remote(url, [identity.to_public()], path, work, like=hosted.repo)
    assert made is not None and made.files == len(before)
    assert list(work.iterdir()) == [], "nothing in clear is left"
    assert hosted.secret.secret.reveal() not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    bundle = hosted.root / "remote.bundle"
    bundle.write_bytes(pyrage.decrypt(path.read_bytes(), [identity]))
    subprocess.run(["git", "clone", "-q", "--mirror", bundle, hosted.root / "back"], check=True)
    rows = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname) %(objectname)"],
        cwd=hosted.root / "back", capture_output=True, check=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert dict(row.split() for row in rows) == before  # type: ignore[arg-type,misc]


def test_an_empty_remote_and_one_that_is_gone(hosted: Hosted) -> None:
    recipients = [pyrage.x25519.Identity.generate().to_public()]
    path, work = hosted.root / "remote.age", hosted.root / "w"
    subprocess.run(["git", "init", "-q", "--bare", hosted.root / "empty.git"], check=True)
    empty = Secret(str(hosted.root / "empty.git"))
    assert keep_remote(empty, recipients, path, work, like=hosted.repo) is None
    with pytest.raises(RemoteError):
        keep_remote(Secret("/nowhere.git"), recipients, path, work, like=hosted.repo)
    assert not path.exists()


def test_the_first_changed_commit_is_the_leak(hosted: Hosted) -> None:
    new = hosted.rehearsal.commits[hosted.leak]
    assert first_changed(hosted.repo, hosted.rehearsal) == ((hosted.leak, new),)


@given(st.dictionaries(HEX, HEX, min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_map_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, commits: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("map")
    kept = {old: new for old, new in commits.items() if set(new) != {"0"}}
    if not kept:
        return
    for write in (write_map, write_object_map):
        write(folder / "m", commits)
        assert read_map(folder / "m") == kept
    assert (folder / "m").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "no map\n", "old new\n", f"{'a' * 40} {'b' * 39}\n", "ü\n"])
def test_what_is_no_map_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m").write_text(text)
    with pytest.raises(InputError, match="expected"):
        read_map(tmp_path / "m")
    with pytest.raises(InputError):
        read_map(tmp_path / "nowhere")


def test_what_was_rewritten_twice_goes_to_its_last_successor() -> None:
    assert resolved({"a": "b", "b": "c", "x": "y"}) == {"a": "c", "b": "c", "x": "y"}


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_lfs_objects_go_up_before_the_refs(make_lab: Callable[..., Any], tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "remote.git"], check=True)
    lab = make_lab("lab")
    lab.git("remote", "add", "origin", f"file://{tmp_path}/remote.git")
    plain = lab.commit({"a": "1"})
    assert not push_lfs(open_repo(lab.path), "origin", [plain]).used
    lab.git("lfs", "install", "--local")
    lab.git("lfs", "track", "*.bin")
    big = lab.commit({"x.bin": "large, in its way"})
    done = push_lfs(open_repo(lab.path), "origin", [big])
    assert done.used and done.problem == ""
    assert list((tmp_path / "remote.git/lfs/objects").rglob("*")), "the object is there"
    assert "refs/heads/main" not in lab.git("ls-remote", "origin"), "and no ref yet"
    lab.git("remote", "set-url", "origin", f"file://{tmp_path}/nowhere.git")
    assert push_lfs(open_repo(lab.path), "origin", [big]).problem
