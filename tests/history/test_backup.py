from __future__ import annotations

import hashlib
import io
import json
import stat
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from remediate.errors import BackupError, RepositoryError
from remediate.history import archive as archives
from remediate.history.apply import apply
from remediate.history.archive import Manifest, Packer
from remediate.history.backup import plan_digest
from remediate.history.purge import purge


def _plain(busy: Any) -> bytes:
    return pyrage.decrypt(busy.archive.read_bytes(), [busy.identity])


def test_it_holds_what_a_person_without_remediate_needs(busy: Any, tmp_path: Path) -> None:
    made = busy.back_up()
    with tarfile.open(fileobj=io.BytesIO(_plain(busy))) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    out = tmp_path / "out"
    pack = b"".join(p.read_bytes() for p in sorted((out / "objects").iterdir()))
    subprocess.run(["git", "init", "-q", "--bare", "back.git"], cwd=tmp_path, check=True)
    back = tmp_path / "back.git"
    subprocess.run(
        ["git", "index-pack", "--stdin"], cwd=back, input=pack, check=True, capture_output=True
    )
    ids = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"],
        cwd=back,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert set(ids.split()) == set(busy.rehearsal.doomed)
    manifest = Manifest.from_json((out / "manifest.json").read_bytes())
    assert made.objects == len(busy.rehearsal.doomed) and made.files == len(manifest.files)
    names = {name.replace(busy.secret, "REMOVED-test"): old for name, old in manifest.refs.items()}
    assert {c.name: c.old for c in busy.rehearsal.refs}.items() <= names.items()
    kinds = {(file.kind, file.tree, file.path) for file in manifest.files}
    assert {
        ("reflog", None, "logs/refs/stash"),
        ("reflog", "side", "logs/HEAD"),
        ("index", None, "index"),
        ("index", "side", "index"),
        ("text", None, "config"),
        ("text", None, "FETCH_HEAD"),
        ("worktree", None, "link"),
        ("worktree", "side", "config.yml"),
        ("evidence", None, "packed-refs"),
        ("evidence", None, "HEAD"),
    } <= kinds
    for file in manifest.files:
        content = (out / file.member).read_bytes()
        assert hashlib.sha256(content).hexdigest() == manifest.members[file.member]


def test_it_is_private_and_sealed(busy: Any) -> None:
    made = busy.back_up()
    assert stat.S_IMODE(busy.archive.stat().st_mode) == 0o600
    assert hashlib.sha256(busy.archive.read_bytes()).hexdigest() == made.sha256
    assert busy.archive.stat().st_size == made.size
    for path in busy.archive.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert busy.secret.encode() not in path.read_bytes()
    assert busy.secret.encode() in _plain(busy) + b"", "in its reflogs, at least"
    assert not [p for p in busy.archive.parent.iterdir() if p.name.startswith(".")]


def test_it_changes_nothing(busy: Any, digest_tree: Callable[[Path], str]) -> None:
    before = digest_tree(busy.lab.path)
    busy.back_up()
    assert digest_tree(busy.lab.path) == before


def test_again_it_is_the_same_one_even_after_apply(busy: Any) -> None:
    made = busy.back_up()
    content = busy.archive.read_bytes()
    apply(busy.repo, busy.rehearsal, busy.needles)
    purge(busy.repo, busy.rehearsal)
    assert busy.back_up() == made
    assert busy.archive.read_bytes() == content


def test_a_half_made_one_is_made_again(busy: Any) -> None:
    (busy.archive.parent / ".remediate-tmp-backup.age").write_bytes(b"half")
    busy.back_up()
    assert not (busy.archive.parent / ".remediate-tmp-backup.age").exists()
    with busy.archive.open("rb") as stream:
        archives.verified(stream, busy.identity)


def test_another_rewrites_backup_is_not_written_over(busy: Any) -> None:
    busy.back_up()
    other = replace(busy, rehearsal=replace(busy.rehearsal, refs=busy.rehearsal.refs[1:]))
    content = busy.archive.read_bytes()
    with pytest.raises(BackupError, match="not the backup of this rewrite"):
        other.back_up()
    assert busy.archive.read_bytes() == content


def test_none_is_made_of_a_half_changed_state(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    with pytest.raises(RepositoryError, match="has begun"):
        busy.back_up()
    assert not busy.archive.exists()


def test_a_ref_that_moved_since_the_preview_is_named(busy: Any) -> None:
    busy.lab.git("update-ref", "refs/heads/main", "clean")
    with pytest.raises(RepositoryError, match="refs/heads/main"):
        busy.back_up()


def test_no_room_is_said(busy: Any) -> None:
    busy.archive.parent.rmdir()
    with pytest.raises(BackupError, match="can't be written"):
        busy.back_up()


def test_a_missing_object_is_said_and_leaves_no_file(busy: Any) -> None:
    ghost = replace(busy.rehearsal, doomed=(*busy.rehearsal.doomed, "0" * 39 + "1"))
    with pytest.raises(RepositoryError, match="pack-objects"):
        replace(busy, rehearsal=ghost).back_up()
    assert list(busy.archive.parent.iterdir()) == []


def test_the_plan_is_the_same_wherever_it_was_rehearsed(busy: Any) -> None:
    assert plan_digest(replace(busy.rehearsal, quarantine="/else")) == plan_digest(busy.rehearsal)
    fewer = replace(busy.rehearsal, doomed=busy.rehearsal.doomed[1:])
    assert plan_digest(fewer) != plan_digest(busy.rehearsal)


def _broken(busy: Any, how: str) -> tuple[bytes, pyrage.x25519.Identity]:
    whole = busy.archive.read_bytes()
    if how == "empty":
        return b"", busy.identity
    if how == "cut off early":
        return whole[:100], busy.identity
    if how == "cut off late":
        return whole[:-1], busy.identity
    if how == "flipped":
        middle = len(whole) // 2
        return whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], busy.identity
    if how == "not one of ours":
        return pyrage.encrypt(b"hello", [busy.identity.to_public()]), busy.identity
    if how == "no manifest":
        packer = Packer()
        text = b"".join([*packer.member("a", 1, [b"a"]), packer.end()])
        return pyrage.encrypt(text, [busy.identity.to_public()]), busy.identity
    if how == "another format":
        packer = Packer()
        other = json.dumps({"format": "remediate.backup/99"}).encode()
        text = b"".join([*packer.member("manifest.json", len(other), [other]), packer.end()])
        return pyrage.encrypt(text, [busy.identity.to_public()]), busy.identity
    if how == "another content":
        plain = _plain(busy).replace(b"[remote ", b"[Remote ", 1)
        return pyrage.encrypt(plain, [busy.identity.to_public()]), busy.identity
    if how == "cut off after its last member":
        # age seals 64 KiB at a time: all that tar wants to see is intact.
        padded = pyrage.encrypt(_plain(busy) + bytes(1 << 18), [busy.identity.to_public()])
        return padded[:-1], busy.identity
    return whole, pyrage.x25519.Identity.generate()


@pytest.mark.parametrize(
    "how",
    [
        *("empty", "cut off early", "cut off late", "flipped", "not one of ours"),
        *("no manifest", "another format", "another key", "another content"),
        "cut off after its last member",
    ],
)
def test_a_broken_archive_or_another_key_is_said(busy: Any, how: str) -> None:
    busy.back_up()
    content, identity = _broken(busy, how)
    expected = "another key" if how == "another key" else "damaged"
    with pytest.raises(BackupError, match=expected):
        archives.verified(io.BytesIO(content), identity)


def test_a_swapped_archive_is_known_by_its_checksum(busy: Any) -> None:
    made = busy.back_up()
    with busy.archive.open("rb") as stream:
        archives.verified(stream, busy.identity, made.sha256)
        with pytest.raises(BackupError, match="checksum"):
            archives.verified(stream, busy.identity, "0" * 64)
