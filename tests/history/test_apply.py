from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import BusyError, RepositoryError
from remediate.history import worktrees
from remediate.history.apply import apply
from remediate.history.model import Needle, Rehearsal
from remediate.history.rehearse import rehearse
from remediate.history.repo import Repo, open_repo

Snapshot = Callable[[Path], dict[str, Any]]


def test_work_in_progress_is_as_it_was(busy: Any, snapshot: Snapshot) -> None:
    before = snapshot(busy.lab.path)
    stashes = busy.lab.git("stash", "list", "--format=%gd %gs").splitlines()
    done = apply(busy.repo, busy.rehearsal, busy.needles)
    after = snapshot(busy.lab.path)
    for tree in (busy.lab.path, busy.side.path):
        assert after[f"status {tree}"] == before[f"status {tree}"]
    flags = [row[:1] for row in before[f"index {busy.lab.path}"].split(b"\0")]
    assert [row[:1] for row in after[f"index {busy.lab.path}"].split(b"\0")] == flags
    assert {b"S", b"h"} <= set(flags), "the fixture has both flags"
    assert busy.lab.git("stash", "list", "--format=%gd %gs").splitlines() == [
        line.replace(busy.secret, "REMOVED-test") for line in stashes
    ]
    assert set(done.left_alone) == {"config.yml", "notes.txt"}
    assert done.worktree_files == (
        "assumed",
        "keys/REMOVED-test/b",
        "link",
        "staged",
        "sub/run.sh",
        str(busy.side.path / "big"),
        str(busy.side.path / "config.yml"),
        str(busy.side.path / "link"),
        str(busy.side.path / "sub/run.sh"),
    )


def test_nothing_points_at_the_old_history(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    doomed = set(busy.rehearsal.doomed)
    assert not {ref.oid for ref in busy.repo.refs()} & doomed
    assert {c.name: c.new for c in busy.rehearsal.refs}.items() <= {
        ref.name: ref.oid for ref in busy.repo.refs()
    }.items()
    packed = (busy.lab.path / ".git/packed-refs").read_text()
    assert not any(oid in packed for oid in doomed)
    for path in (busy.lab.path / ".git").rglob("*"):
        inside = path.relative_to(busy.lab.path / ".git").parts[0]
        if path.is_file() and inside not in ("objects", "lfs", "index", "worktrees"):
            content = path.read_bytes()
            assert busy.secret.encode() not in content, path
            assert not any(oid.encode() in content for oid in doomed), path
    reachable = busy.lab.git("rev-list", "--objects", "--all", "--reflog", "--indexed-objects")
    assert not {line.split()[0] for line in reachable.splitlines()} & doomed


def test_files_keep_their_modes_and_links(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    script = busy.lab.path / "sub/run.sh"
    assert script.read_text() == "#!/bin/sh\nexport T=REMOVED-test\n"
    assert os.access(script, os.X_OK)
    # Path.readlink would tidy it.
    assert os.readlink(busy.lab.path / "link") == "./sub//REMOVED-test"  # noqa: PTH115
    assert (busy.lab.path / "config.yml").read_text() == f"token: {busy.secret}\nmine: 1\n"
    assert (busy.lab.path / "notes.txt").read_text() == f"mine: {busy.secret}\n"
    assert not list(busy.lab.path.rglob(".remediate-tmp-*"))


def test_cleaned_files_are_clean_to_plumbing_too(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    changed = busy.lab.git("diff-files", "--name-only").splitlines()
    assert changed == ["config.yml"]


def test_reflogs_keep_every_entry(busy: Any) -> None:
    logs = busy.lab.path / ".git/logs"
    before = {p: p.read_bytes().splitlines() for p in logs.rglob("*") if p.is_file()}
    apply(busy.repo, busy.rehearsal, busy.needles)
    names = {path: Path(str(path).replace(busy.secret, "REMOVED-test")) for path in before}
    for path, old in before.items():
        new = names[path].read_bytes().splitlines()
        assert len(new) == len(old), path
        for was, now in zip(old, new, strict=True):
            who = was.split(b"\t")[0].split(b" ")[2:]
            assert now.split(b"\t")[0].split(b" ")[2:] == who
    there = {p for p in logs.rglob("*") if p.is_file()}
    assert there == set(names.values()), "no log came up"


def test_going_back_by_the_reflog_still_works(busy: Any) -> None:
    # "checkout -" is read from the message of a reflog entry, which names a commit.
    busy.lab.git("stash", "push", "-q", "-u")
    busy.lab.git("checkout", "-q", busy.lab.git("rev-parse", "HEAD~2"))
    busy.lab.git("checkout", "-q", "main")
    rehearsal = rehearse(busy.repo, busy.needles, busy.lab.path.parent / "again")
    old = busy.lab.git("rev-parse", "HEAD~2")
    apply(busy.repo, rehearsal, busy.needles)
    busy.lab.git("checkout", "-q", "-")
    assert busy.lab.git("rev-parse", "HEAD") == rehearsal.objects[old]


def test_a_config_address_loses_its_token(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    assert busy.lab.git("config", "remote.origin.url") == "https://example.com/r.git"


def test_twice_is_once(busy: Any, snapshot: Snapshot) -> None:
    first = apply(busy.repo, busy.rehearsal, busy.needles)
    after = snapshot(busy.lab.path)
    assert apply(busy.repo, busy.rehearsal, busy.needles) == first
    assert snapshot(busy.lab.path) == after


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/pull/7/head", "worktrees/side/HEAD"])
def test_a_ref_that_moved_is_named_and_nothing_changes(
    busy: Any, ref: str, digest_tree: Callable[[Path], str]
) -> None:
    clean = busy.lab.git("rev-parse", "clean")
    busy.lab.git("update-ref", "--no-deref", ref, clean)
    before = digest_tree(busy.lab.path)
    with pytest.raises(RepositoryError, match=ref) as caught:
        apply(busy.repo, busy.rehearsal, busy.needles)
    assert digest_tree(busy.lab.path) == before
    assert "git update-ref" in caught.value.hint


def test_a_new_branch_on_the_old_history_is_named(
    busy: Any, digest_tree: Callable[[Path], str]
) -> None:
    busy.lab.git("branch", "late", "main")
    before = digest_tree(busy.lab.path)
    with pytest.raises(RepositoryError, match="refs/heads/late"):
        apply(busy.repo, busy.rehearsal, busy.needles)
    assert digest_tree(busy.lab.path) == before


def test_half_brought_objects_are_rolled_forward(busy: Any, snapshot: Snapshot) -> None:
    # What a kill between two packs leaves: the successors are in, the commit that moves notes is not.
    (pack,) = (Path(busy.rehearsal.quarantine) / "objects/pack").glob("new*.pack")
    subprocess.run(
        ["git", "index-pack", "--stdin", "--fix-thin"],
        cwd=busy.lab.path,
        input=pack.read_bytes(),
        check=True,
        capture_output=True,
    )
    apply(busy.repo, busy.rehearsal, busy.needles)
    notes = next(ref.new for ref in busy.rehearsal.refs if ref.name == "refs/notes/commits")
    assert busy.lab.git("rev-parse", "refs/notes/commits") == notes
    busy.lab.git("fsck", "--full", "--strict")


def test_half_moved_refs_are_rolled_forward(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    for change in busy.rehearsal.refs[::2]:
        # What a kill in the middle of update-ref leaves: some have moved, others have not.
        busy.lab.git("update-ref", "--no-deref", change.name, change.old)
    apply(busy.repo, busy.rehearsal, busy.needles)
    at = {ref.name: ref.oid for ref in busy.repo.refs()}
    assert [at[change.name] for change in busy.rehearsal.refs] == [
        change.new for change in busy.rehearsal.refs
    ]


def test_a_ref_that_is_locked_by_another_git_is_busy(busy: Any) -> None:
    lock = busy.lab.path / ".git/refs/heads/main.lock"
    lock.touch()
    with pytest.raises(BusyError, match=r"main\.lock"):
        apply(busy.repo, busy.rehearsal, busy.needles)
    assert lock.exists(), "not ours to take away"
    lock.unlink()
    apply(busy.repo, busy.rehearsal, busy.needles)


def test_an_index_that_is_locked_by_another_git_is_busy(busy: Any) -> None:
    lock = busy.lab.path / ".git/index.lock"
    lock.touch()
    with pytest.raises(RepositoryError, match=r"index\.lock"):
        apply(busy.repo, busy.rehearsal, busy.needles)
    assert lock.exists()
    lock.unlink()
    apply(busy.repo, busy.rehearsal, busy.needles)
    assert "REMOVED-test" in busy.lab.git("cat-file", "blob", ":staged")


def _one(path: Path, needle: Needle) -> tuple[Repo, Rehearsal]:
    repo = open_repo(path)
    return repo, rehearse(repo, [needle], path.parent / "quarantine")


def test_a_bare_repository(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle]
) -> None:
    secret = make_needle("tok_" + "0123456789abcdef")
    lab = make_lab("work")
    lab.commit({"f": secret.secret.reveal()}, "leak")
    lab.git("clone", "-q", "--bare", ".", "../bare.git")
    bare = lab.path.parent / "bare.git"
    repo, rehearsal = _one(bare, secret)
    done = apply(repo, rehearsal, [secret])
    assert done.refs == 1 and done.worktree_files == ()
    shown = subprocess.run(
        ["git", "show", "main:f"], cwd=bare, check=True, capture_output=True
    ).stdout
    assert shown == b"REMOVED-secret"


def test_an_unborn_head_and_a_staged_secret(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle]
) -> None:
    secret = make_needle("tok_" + "0123456789abcdef")
    lab = make_lab("work")
    lab.write({"f": secret.secret.reveal()})
    lab.git("add", "f")
    repo, rehearsal = _one(lab.path, secret)
    done = apply(repo, rehearsal, [secret])
    assert done.worktree_files == ("f",)
    assert (lab.path / "f").read_bytes() == b"REMOVED-secret"
    assert lab.git("status", "--porcelain") == "A  f"


def test_a_detached_head(make_lab: Callable[..., Any], make_needle: Callable[..., Needle]) -> None:
    secret = make_needle("tok_" + "0123456789abcdef")
    lab = make_lab("work")
    lab.commit({"f": secret.secret.reveal()}, "leak")
    lab.git("checkout", "-q", "--detach")
    lab.commit({"g": "1"}, "only here")
    repo, rehearsal = _one(lab.path, secret)
    apply(repo, rehearsal, [secret])
    assert lab.git("rev-parse", "HEAD") == rehearsal.objects[rehearsal.refs[0].old]
    assert lab.git("status", "--porcelain") == ""
    assert (lab.path / ".git/HEAD").read_text().strip() == lab.git("rev-parse", "HEAD")


def test_a_file_that_came_through_a_filter_is_left_alone(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle]
) -> None:
    secret = make_needle("tok_" + "0123456789abcdef")
    lab = make_lab("work")
    lab.commit({".gitattributes": "f eol=crlf\n", "f": secret.secret.reveal() + b"\nx\n"}, "leak")
    (lab.path / "f").unlink()
    lab.git("checkout", "f")
    crlf = secret.secret.reveal() + b"\r\nx\r\n"
    assert (lab.path / "f").read_bytes() == crlf
    repo, rehearsal = _one(lab.path, secret)
    done = apply(repo, rehearsal, [secret])
    assert done.left_alone == ("f",) and done.worktree_files == ()
    assert (lab.path / "f").read_bytes() == crlf


def test_a_folder_that_can_not_be_written_is_noted(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle], monkeypatch: Any
) -> None:
    secret = make_needle("tok_" + "0123456789abcdef")
    lab = make_lab("work")
    lab.commit({"d/f": secret.secret.reveal()}, "leak")
    repo, rehearsal = _one(lab.path, secret)
    # root may write anywhere, so a folder where the draft should be stands for "can't".
    (lab.path / "d/.remediate-tmp-f").mkdir()
    done = apply(repo, rehearsal, [secret])
    assert done.left_alone == ("d/f",)
    assert len(done.notes) == 1 and "d/f could not be written" in done.notes[0]


def test_a_file_staged_since_the_preview_is_named(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle]
) -> None:
    secret = make_needle("tok_" + "0123456789abcdef")
    lab = make_lab("work")
    lab.commit({"f": secret.secret.reveal()}, "leak")
    repo, rehearsal = _one(lab.path, secret)
    blob = lab.git("rev-parse", "HEAD:f")
    without = replace(rehearsal, objects={o: n for o, n in rehearsal.objects.items() if o != blob})
    with pytest.raises(RepositoryError, match="f was staged after the preview"):
        list(worktrees.plan(repo, without.objects, frozenset(without.doomed), bytes))


def test_what_a_crash_left_half_written_goes(busy: Any) -> None:
    left = [
        busy.lab.path / ".git" / f".remediate-tmp-{n}" for n in ("config", "index", "index.lock")
    ]
    left.append(busy.lab.path / ".git/logs/refs/.remediate-tmp-stash")
    for path in left:
        path.write_text("half")
    apply(busy.repo, busy.rehearsal, busy.needles)
    assert not any(path.exists() for path in left)


def test_packs_come_in_under_names_that_git_gives(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    for path in (busy.repo.objects_dir / "pack").glob("*.pack"):
        trailer = path.read_bytes()[-20:].hex()
        assert path.name == f"pack-{trailer}.pack"
        assert stat.S_IMODE(path.stat().st_mode) == 0o444


@pytest.mark.parametrize(("shared", "mode"), [("group", 0o440), ("all", 0o444), ("0640", 0o440)])
def test_objects_of_a_shared_repository_can_be_read_by_those_it_is_shared_with(
    busy: Any, shared: str, mode: int
) -> None:
    busy.lab.git("config", "core.sharedRepository", shared)
    before = set((busy.repo.objects_dir / "pack").iterdir())
    old = os.umask(0o077)
    try:
        apply(busy.repo, busy.rehearsal, busy.needles)
    finally:
        os.umask(old)
    new = set((busy.repo.objects_dir / "pack").iterdir()) - before
    assert new and all(stat.S_IMODE(path.stat().st_mode) & 0o444 == mode for path in new)


def test_what_a_killed_update_of_the_servers_lists_left_goes(busy: Any) -> None:
    """git writes them to a draft beside; one of a git that was killed names refs, and stays for ever."""
    common = busy.lab.path / ".git"
    busy.lab.git("update-server-info")
    drafts = [common / "info" / "refs_aBc123", common / "objects" / "info" / "packs_aBc123"]
    for draft in drafts:
        draft.write_text("half")
    apply(busy.repo, busy.rehearsal, busy.needles)
    assert not any(draft.exists() for draft in drafts)
