"""Undo after ``run --no-push``: every ref, stash entry, reflog, index and object as before."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from remediate.errors import BackupError, RepositoryError
from remediate.history.apply import apply
from remediate.history.backup import back_up
from remediate.history.model import Undone
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.undo import _inside, undo

Snapshot = Callable[[Path], dict[str, Any]]


def _undo(busy: Any) -> Undone:
    return undo(busy.repo, busy.archive, busy.identity, busy.rehearsal)


def _indexes(busy: Any) -> list[bytes]:
    return [(tree.git_dir / "index").read_bytes() for tree in busy.repo.worktrees]


@pytest.fixture
def cleaned(busy: Any, snapshot: Snapshot) -> tuple[Any, dict[str, Any], list[bytes]]:
    """The repository after apply and purge; what it was before; its indexes before."""
    before = snapshot(busy.lab.path)
    indexes = _indexes(busy)
    busy.back_up()
    apply(busy.repo, busy.rehearsal, busy.needles)
    purge(busy.repo, busy.rehearsal)
    return busy, before, indexes


def test_everything_is_as_it_was(cleaned: Any, snapshot: Snapshot) -> None:
    busy, before, indexes = cleaned
    done = _undo(busy)
    assert _indexes(busy) == indexes, "byte for byte"
    assert snapshot(busy.lab.path) == before
    assert done.left_alone == () and done.refs == len(busy.rehearsal.refs)
    busy.lab.git("fsck", "--full", "--strict")
    assert not list(busy.lab.path.rglob("*remediate*"))


def test_twice_is_once(cleaned: Any, snapshot: Snapshot) -> None:
    busy, before, indexes = cleaned
    first = _undo(busy)
    assert _undo(busy) == first
    assert _indexes(busy) == indexes
    assert snapshot(busy.lab.path) == before


def test_without_purge_and_without_apply(busy: Any, snapshot: Snapshot) -> None:
    before = snapshot(busy.lab.path)
    busy.back_up()
    _undo(busy)
    assert snapshot(busy.lab.path) == before
    apply(busy.repo, busy.rehearsal, busy.needles)
    _undo(busy)
    assert snapshot(busy.lab.path) == before


def test_apply_after_undo_gives_the_same_again(cleaned: Any, snapshot: Snapshot) -> None:
    busy, _, _ = cleaned
    clean = snapshot(busy.lab.path)
    _undo(busy)
    apply(busy.repo, busy.rehearsal, busy.needles)
    purge(busy.repo, busy.rehearsal)
    assert snapshot(busy.lab.path) == clean


def test_what_a_crash_of_apply_left_half_written_goes(cleaned: Any) -> None:
    busy, _, _ = cleaned
    left = [
        busy.lab.path / ".git/.remediate-tmp-description",
        busy.lab.path / ".remediate-tmp-staged",
    ]
    for path in left:
        path.write_text("half")
    _undo(busy)
    assert not any(path.exists() for path in left)


def test_a_log_that_was_copied_for_a_new_name_goes(busy: Any, snapshot: Snapshot) -> None:
    before = snapshot(busy.lab.path)
    busy.back_up()
    # What a kill leaves that comes before the new ref does.
    old = busy.lab.path / ".git/logs/refs/heads/fix" / busy.secret
    old.with_name("REMOVED-test").write_bytes(old.read_bytes())
    _undo(busy)
    assert snapshot(busy.lab.path) == before


def test_file_times_come_back(busy: Any) -> None:
    file = busy.lab.path / "sub/run.sh"
    before = file.stat().st_mtime_ns
    busy.back_up()
    apply(busy.repo, busy.rehearsal, busy.needles)
    assert file.stat().st_mtime_ns != before
    _undo(busy)
    assert file.stat().st_mtime_ns == before


def test_another_key_changes_nothing(cleaned: Any, digest_tree: Callable[[Path], str]) -> None:
    busy, _, _ = cleaned
    before = digest_tree(busy.lab.path)
    with pytest.raises(BackupError, match="another key"):
        undo(busy.repo, busy.archive, pyrage.x25519.Identity.generate(), busy.rehearsal)
    assert digest_tree(busy.lab.path) == before


def test_a_damaged_archive_changes_nothing(
    cleaned: Any, digest_tree: Callable[[Path], str]
) -> None:
    busy, _, _ = cleaned
    before = digest_tree(busy.lab.path)
    content = bytearray(busy.archive.read_bytes())
    content[-1] ^= 1
    busy.archive.write_bytes(content)
    with pytest.raises(BackupError, match="damaged"):
        _undo(busy)
    sha256 = hashlib.sha256(b"the one in the journal").hexdigest()
    with pytest.raises(BackupError, match="checksum"):
        undo(busy.repo, busy.archive, busy.identity, busy.rehearsal, sha256=sha256)
    busy.archive.unlink()
    with pytest.raises(BackupError, match="can't be read"):
        _undo(busy)
    assert digest_tree(busy.lab.path) == before


def test_another_rewrites_archive_changes_nothing(
    cleaned: Any, digest_tree: Callable[[Path], str]
) -> None:
    busy, _, _ = cleaned
    before = digest_tree(busy.lab.path)
    other = replace(busy.rehearsal, doomed=busy.rehearsal.doomed[1:])
    with pytest.raises(BackupError, match="another rewrite"):
        undo(busy.repo, busy.archive, busy.identity, other)
    assert digest_tree(busy.lab.path) == before


def test_a_commit_made_since_is_named_and_kept(
    cleaned: Any, digest_tree: Callable[[Path], str], snapshot: Snapshot
) -> None:
    busy, _, _ = cleaned
    busy.lab.git("commit", "-q", "-m", "since")
    since = busy.lab.git("rev-parse", "HEAD")
    before = digest_tree(busy.lab.path)
    with pytest.raises(RepositoryError, match="refs/heads/main moved after the rewrite") as caught:
        _undo(busy)
    assert digest_tree(busy.lab.path) == before
    # The hint is what one has to type.
    keep, _, put_back = caught.value.hint.partition(": ")[2].partition(" && ")
    busy.lab.git(*keep.split()[1:])
    busy.lab.git(*put_back.split()[1:])
    _undo(busy)
    assert busy.lab.git("rev-parse", "keep") == since
    busy.lab.git("fsck", "--full", "--strict")
    assert busy.lab.git("show", "keep:sub/run.sh").endswith("REMOVED-test")


def test_work_done_since_is_kept(cleaned: Any) -> None:
    busy, _, _ = cleaned
    busy.lab.write({"assumed": "edited since\n"})
    busy.lab.git("rm", "-q", "--cached", "big")
    busy.lab.git("checkout", "-q", "clean", "--", "readme")
    with (busy.lab.path / ".git/config").open("a") as config:
        config.write("[mine]\n\tsince = 1\n")
    done = _undo(busy)
    assert set(done.left_alone) == {"assumed", "config"}
    assert (busy.lab.path / "assumed").read_text() == "edited since\n"
    assert busy.lab.git("config", "mine.since") == "1"
    staged = busy.lab.git("diff", "--cached", "--name-status").splitlines()
    assert staged == ["D\tbig", "M\treadme", "A\tstaged"]
    assert busy.secret in busy.lab.git("show", ":staged"), "the entries of before are back"
    busy.lab.git("fsck", "--full", "--strict")


def test_reflog_entries_made_since_are_kept(cleaned: Any) -> None:
    busy, _, _ = cleaned
    before = (busy.lab.path / ".git/logs/HEAD").read_bytes()
    main = busy.lab.git("rev-parse", "main")
    # As "git checkout" would, and back again.
    busy.lab.git("update-ref", "-m", "since", "--create-reflog", "HEAD", main, main)
    old = next(c.old for c in busy.rehearsal.refs if c.name == "refs/heads/main")
    _undo(busy)
    after = (busy.lab.path / ".git/logs/HEAD").read_bytes()
    lines = after.splitlines()
    assert len(lines) == len(before.splitlines()) + 1
    assert lines[-1].startswith(f"{old} {old} ".encode()) and lines[-1].endswith(b"since")
    busy.lab.git("fsck", "--full", "--strict")


def test_a_worktree_that_is_gone_is_no_obstacle(cleaned: Any) -> None:
    busy, _, _ = cleaned
    shutil.rmtree(busy.side.path)
    done = undo(open_repo(busy.lab.path), busy.archive, busy.identity, busy.rehearsal)
    assert all("worktree is gone" in line for line in done.left_alone)
    assert len(done.left_alone) == 4


def test_texts_alone(
    make_lab: Callable[..., Any],
    make_needle: Callable[..., Any],
    snapshot: Snapshot,
    tmp_path: Path,
) -> None:
    secret = make_needle("tok_" + "0123456789abcdef", "test")
    lab = make_lab("work")
    lab.commit({"f": "1"})
    lab.git("config", "http.extraheader", f"X: {secret.secret.reveal_text()}")
    repo = open_repo(lab.path)
    rehearsal = rehearse(repo, [secret], tmp_path / "quarantine")
    assert rehearsal.doomed == ()
    before = snapshot(lab.path)
    identity = pyrage.x25519.Identity.generate()
    recipients = [identity.to_public()]
    made = back_up(repo, rehearsal, recipients, tmp_path / "b.age", needles=[secret])
    assert (made.objects, made.files) == (0, 3), "config, the index, HEAD"
    apply(repo, rehearsal, [secret])
    purge(repo, rehearsal)
    assert lab.git("config", "http.extraheader") == "X: REMOVED-test"
    undo(repo, tmp_path / "b.age", identity, rehearsal)
    assert snapshot(lab.path) == before


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "linked/evil", ""])
def test_a_path_that_leads_out_is_not_followed(path: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/linked").symlink_to(tmp_path)
    assert _inside(tmp_path / "root", path) is None
    assert _inside(tmp_path / "root", "a/b") == tmp_path / "root/a/b"


@pytest.mark.parametrize(
    ("name", "options"), [("sha256", ("--object-format=sha256",)), ('o:d"d', ())]
)
def test_other_ids_and_odd_folders(
    name: str,
    options: tuple[str, ...],
    make_lab: Callable[..., Any],
    make_needle: Callable[..., Any],
    snapshot: Snapshot,
    tmp_path: Path,
) -> None:
    secret = make_needle("tok_" + "0123456789abcdef", "test")
    lab = make_lab(name, *options)
    lab.commit({"f": secret.secret.reveal(), "g": "1"}, "leak")
    lab.git("repack", "-a", "-d", "-q")
    repo = open_repo(lab.path)
    rehearsal = rehearse(repo, [secret], tmp_path / "quarantine")
    before = snapshot(lab.path)
    identity = pyrage.x25519.Identity.generate()
    back_up(repo, rehearsal, [identity.to_public()], tmp_path / "b.age", needles=[secret])
    apply(repo, rehearsal, [secret])
    purge(repo, rehearsal)
    assert lab.git("show", "HEAD:f") == "REMOVED-test"
    lab.git("fsck", "--full", "--strict")
    undo(repo, tmp_path / "b.age", identity, rehearsal)
    assert snapshot(lab.path) == before
