from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.history import worktrees
from remediate.history.apply import apply
from remediate.history.model import Needle, Rehearsal
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo


@pytest.fixture
def secret(make_needle: Callable[..., Needle]) -> Needle:
    return make_needle("tok_" + "0123456789abcdef", "test")


def _rewrite(lab: Any, secret: Needle) -> Rehearsal:
    repo = open_repo(lab.path)
    rehearsal = rehearse(repo, [secret], lab.path.parent / "quarantine")
    apply(repo, rehearsal, [secret])
    purge(repo, rehearsal)
    lab.git("fsck", "--full", "--strict")
    return rehearsal


def test_a_sparse_checkout_stays_sparse(lab: Any, secret: Needle) -> None:
    value = secret.secret.reveal()
    lab.commit({"in/f": value, "out/f": value, "out/g": "1"}, "leak")
    lab.git("sparse-checkout", "set", "in")
    assert not (lab.path / "out").exists()
    _rewrite(lab, secret)
    assert lab.git("status", "--porcelain") == ""
    assert not (lab.path / "out").exists()
    lab.git("sparse-checkout", "disable")
    assert (lab.path / "out/f").read_bytes() == b"REMOVED-test"


def test_a_sparse_index_stays_right(lab: Any, secret: Needle) -> None:
    value = secret.secret.reveal()
    lab.commit({"in/f": value, "out/f": value, "other/g": "1"}, "leak")
    lab.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    assert "out/\n" in lab.git("ls-files", "--sparse") + "\n"
    _rewrite(lab, secret)
    assert lab.git("status", "--porcelain") == ""
    lab.git("sparse-checkout", "disable")
    assert (lab.path / "out/f").read_bytes() == b"REMOVED-test"


def test_a_split_index_stays_right(lab: Any, secret: Needle) -> None:
    lab.commit({"f": secret.secret.reveal(), **{f"g{n}": str(n) for n in range(20)}}, "leak")
    lab.git("update-index", "--split-index")
    lab.write({"g1": "staged"})
    lab.git("add", "g1")
    assert list((lab.path / ".git").glob("sharedindex.*"))
    _rewrite(lab, secret)
    assert lab.git("status", "--porcelain") == "M  g1"
    assert lab.git("show", ":f") == "REMOVED-test"


def test_conflicts_long_resolved_are_forgotten(lab: Any, secret: Needle) -> None:
    value = secret.secret.reveal()
    lab.commit({"f": "0"})
    lab.git("checkout", "-q", "-b", "side")
    lab.commit({"f": value}, "leak")
    lab.git("checkout", "-q", "main")
    lab.commit({"f": "2"})
    with pytest.raises(AssertionError):
        lab.git("merge", "-q", "side")
    lab.write({"f": "3"})
    lab.git("add", "f")
    lab.git("commit", "-q", "-m", "merged")
    assert lab.git("ls-files", "--resolve-undo"), "the index remembers the leak's blob"
    _rewrite(lab, secret)
    assert lab.git("ls-files", "--resolve-undo") == ""


def test_a_folder_that_is_a_link_is_not_followed(lab: Any, secret: Needle, tmp_path: Path) -> None:
    value = secret.secret.reveal()
    lab.commit({"d/f": value}, "leak")
    outside = tmp_path / "outside"
    (lab.path / "d").rename(outside)
    (lab.path / "d").symlink_to(outside)
    _rewrite(lab, secret)
    assert (outside / "f").read_bytes() == value


def test_a_gone_worktrees_index_and_head_are_kept_right(
    lab: Any, secret: Needle, tmp_path: Path
) -> None:
    lab.commit({"f": secret.secret.reveal()}, "leak")
    side = lab.worktree(tmp_path / "side", "--detach", "HEAD")
    (tmp_path / "side").rename(tmp_path / "unplugged")
    rehearsal = _rewrite(lab, secret)
    (tmp_path / "unplugged").rename(tmp_path / "side")
    assert side.git("rev-parse", "HEAD") in rehearsal.objects.values()
    assert side.git("show", ":f") == "REMOVED-test"
    assert (side.path / "f").read_bytes() == secret.secret.reveal(), "verify names it"


def test_filters_of_the_repository_are_never_run(lab: Any, secret: Needle, tmp_path: Path) -> None:
    lab.commit({".gitattributes": "f filter=mine\n", "f": secret.secret.reveal()}, "leak")
    lab.git("config", "filter.mine.clean", f"touch {tmp_path}/ran; cat")
    lab.git("config", "filter.mine.smudge", f"touch {tmp_path}/ran; cat")
    _rewrite(lab, secret)
    assert not (tmp_path / "ran").exists()
    assert (lab.path / "f").read_bytes() == b"REMOVED-test"


def test_odd_names_and_large_files(lab: Any, secret: Needle) -> None:
    value = secret.secret.reveal()
    name = os.fsdecode(b'caf\xe9 "x"\t\n.txt')
    large = b"0123456789abcdef" * (1 << 17) + value
    lab.commit({name: value, "large": large}, "leak")
    _rewrite(lab, secret)
    assert lab.git("status", "--porcelain") == ""
    assert (lab.path / name).read_bytes() == b"REMOVED-test"
    assert (lab.path / "large").read_bytes().endswith(b"REMOVED-test")


def test_a_blobs_id_is_gits_own(lab: Any) -> None:
    lab.write({"f": "hello"})
    assert worktrees.blob_id(open_repo(lab.path), 5, [b"he", b"llo"]) == lab.git("hash-object", "f")
