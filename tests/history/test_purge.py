from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import RepositoryError
from remediate.history import packs
from remediate.history.apply import apply
from remediate.history.borrowers import borrowers
from remediate.history.model import Needle
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo


def _ids(lab: Any) -> set[str]:
    rows = lab.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return set(rows.split())


def test_only_doomed_objects_go(busy: Any) -> None:
    before = _ids(busy.lab)
    apply(busy.repo, busy.rehearsal, busy.needles)
    done = purge(busy.repo, busy.rehearsal)
    doomed = set(busy.rehearsal.doomed)
    assert doomed <= before
    # Beside the successors: the commit that moves the notes, and the folder that it moves them in.
    notes = next(ref.new for ref in busy.rehearsal.refs if ref.name == "refs/notes/commits")
    moved = {notes, busy.lab.git("rev-parse", f"{notes}^{{tree}}")}
    assert _ids(busy.lab) == (before - doomed) | set(busy.rehearsal.objects.values()) | moved
    assert done.objects == len(doomed) and done.kept == ()
    assert done.packs_rewritten == 2
    busy.lab.git("fsck", "--full", "--strict")
    assert purge(busy.repo, busy.rehearsal) == replace(done, packs_rewritten=0)


@pytest.mark.parametrize("seed", range(4))
def test_unreachable_objects_survive_wherever_they_are(
    seed: int, make_lab: Callable[..., Any], make_needle: Callable[..., Needle]
) -> None:
    dice = random.Random(seed)
    secret = make_needle("tok_" + "0123456789abcdef")
    value = secret.secret.reveal()
    lab = make_lab("work")
    for n in range(12):
        text = dice.randbytes(40).hex().encode() + (value if dice.random() < 0.4 else b"")
        lab.commit({f"f{dice.randrange(3)}": text}, f"change {n}")
        for _ in range(dice.randrange(3)):
            lab.raw("blob", dice.randbytes(dice.randrange(80)))
        if dice.random() < 0.3:
            tree = lab.git("write-tree")
            lab.git("commit-tree", tree, "-m", f"nobody's, {dice.random()}")
        if dice.random() < 0.4:
            lab.git("repack", "-q", *dice.choice([("-d",), ("-a", "-d", "-k")]))
        if dice.random() < 0.2:
            lab.git("reset", "-q", "--hard", "HEAD~1") if n > 1 else None
    repo = open_repo(lab.path)
    rehearsal = rehearse(repo, [secret], lab.path.parent / "quarantine")
    before = _ids(lab)
    apply(repo, rehearsal, [secret])
    purge(repo, rehearsal)
    assert _ids(lab) == (before - set(rehearsal.doomed)) | set(rehearsal.objects.values())
    lab.git("fsck", "--full", "--strict")


def test_caches_that_name_what_went_go_too(busy: Any) -> None:
    objects = busy.lab.path / ".git/objects"
    assert (objects / "pack/multi-pack-index").exists()
    assert (objects / "info/commit-graph").exists()
    apply(busy.repo, busy.rehearsal, busy.needles)
    purge(busy.repo, busy.rehearsal)
    assert not list((objects / "pack").glob("multi-pack-index*"))
    assert not (objects / "info/commit-graph").exists()
    listed = (objects / "info/packs").read_text().split()[1::2]
    assert sorted(listed) == sorted(p.name for p in (objects / "pack").glob("*.pack"))


def test_a_split_commit_graph_and_a_bitmap_go_too(busy: Any) -> None:
    objects = busy.lab.path / ".git/objects"
    (objects / "info/commit-graph").unlink()
    busy.lab.git("repack", "-a", "-d", "-b", "-q", "-k")
    busy.lab.git("commit-graph", "write", "--reachable", "--split")
    assert list((objects / "pack").glob("*.bitmap"))
    apply(busy.repo, busy.rehearsal, busy.needles)
    purge(busy.repo, busy.rehearsal)
    assert not list((objects / "pack").glob("*.bitmap"))
    assert not list((objects / "info/commit-graphs").iterdir())
    busy.lab.git("fsck", "--full", "--strict")


def test_packs_without_doomed_objects_are_not_touched(busy: Any) -> None:
    clean = busy.lab.git("rev-parse", "clean")
    base = busy.lab.path / ".git/objects/pack/pack"
    busy.lab.git("pack-objects", "-q", str(base), stdin=f"{clean}\n".encode())
    apply(busy.repo, busy.rehearsal, busy.needles)
    doomed = set(busy.rehearsal.doomed)
    before = {
        index: index.with_suffix(".pack").stat().st_ino
        for index in packs.indexes(busy.repo.objects_dir)
        if doomed.isdisjoint(packs.listed(busy.repo, index))
    }
    assert len(before) == 3, "the one made here, and the two that apply brought in: new, notes"
    purge(busy.repo, busy.rehearsal)
    assert {index: index.with_suffix(".pack").stat().st_ino for index in before} == before


def test_a_rewritten_pack_keeps_its_marks_and_age(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    doomed = set(busy.rehearsal.doomed)
    for index in packs.indexes(busy.repo.objects_dir):
        if doomed.intersection(packs.listed(busy.repo, index)):
            index.with_suffix(".keep").write_text("mine\n")
            os.utime(index.with_suffix(".pack"), (1_600_000_000, 1_600_000_000))
    purge(busy.repo, busy.rehearsal)
    kept = list((busy.repo.objects_dir / "pack").glob("*.keep"))
    assert [path.read_text() for path in kept] == ["mine\n", "mine\n"]
    for path in kept:
        assert path.with_suffix(".pack").stat().st_mtime == 1_600_000_000
        assert doomed.isdisjoint(packs.listed(busy.repo, path.with_suffix(".idx")))


def test_a_pack_of_doomed_objects_alone_just_goes(busy: Any) -> None:
    base = busy.lab.path / ".git/objects/pack/pack"
    stdin = "".join(f"{oid}\n" for oid in busy.rehearsal.doomed).encode()
    name = busy.lab.git("pack-objects", "-q", str(base), stdin=stdin)
    apply(busy.repo, busy.rehearsal, busy.needles)
    purge(busy.repo, busy.rehearsal)
    assert not list(base.parent.glob(f"pack-{name}*"))


def test_hard_linked_packs_are_named(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    pack = next(
        index.with_suffix(".pack")
        for index in packs.indexes(busy.repo.objects_dir)
        if set(busy.rehearsal.doomed).intersection(packs.listed(busy.repo, index))
    )
    other = busy.lab.path.parent / "other.pack"
    other.hardlink_to(pack)
    done = purge(busy.repo, busy.rehearsal)
    assert len(done.kept) == 1 and pack.name in done.kept[0]
    assert other.exists() and not pack.exists()


def test_the_old_history_in_use_again_stops_it(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    old = next(change.old for change in busy.rehearsal.refs if change.name == "refs/heads/main")
    tree = busy.lab.git("rev-parse", f"{old}^{{tree}}")
    late = busy.lab.git("commit-tree", tree, "-p", old, "-m", "somebody's, on top of the old one")
    busy.lab.git("branch", "late", late)
    before = _ids(busy.lab)
    with pytest.raises(RepositoryError, match="in use again"):
        purge(busy.repo, busy.rehearsal)
    assert _ids(busy.lab) == before


def test_a_doomed_file_committed_again_stops_it(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    busy.lab.git("commit", "-q", "-m", "again", "config.yml")
    blob = busy.lab.git("rev-parse", "HEAD:config.yml")
    assert blob not in busy.rehearsal.doomed, "mine: 1 makes it another"
    busy.lab.write({"config.yml": f"token: {busy.secret}\n"})
    busy.lab.git("add", "config.yml")
    before = _ids(busy.lab)
    with pytest.raises(RepositoryError, match="in use again"):
        purge(busy.repo, busy.rehearsal)
    assert _ids(busy.lab) == before


def test_precious_objects_are_refused(busy: Any) -> None:
    busy.lab.git("config", "core.repositoryformatversion", "1")
    busy.lab.git("config", "extensions.preciousObjects", "true")
    with pytest.raises(RepositoryError, match="preciousObjects"):
        purge(open_repo(busy.lab.path), busy.rehearsal)


def test_a_clone_beside_it_that_borrows_is_named(busy: Any) -> None:
    busy.lab.git("clone", "-q", "--shared", "--no-checkout", ".", "../borrower")
    borrower = busy.lab.path.parent / "borrower"
    assert borrowers(busy.repo.common_dir, busy.repo.work_tree) == [borrower]
    with pytest.raises(RepositoryError, match="borrower") as caught:
        apply(busy.repo, busy.rehearsal, busy.needles)
    standing_alone = caught.value.hint.partition(": ")[2]
    subprocess.run(["bash", "-euc", standing_alone], check=True, capture_output=True)
    assert borrowers(busy.repo.common_dir, busy.repo.work_tree) == []
    apply(busy.repo, busy.rehearsal, busy.needles)
    purge(busy.repo, busy.rehearsal)
    subprocess.run(["git", "fsck"], cwd=borrower, check=True, capture_output=True)


def test_objects_in_a_borrowed_repository_are_named(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle], tmp_path: Path
) -> None:
    secret = make_needle("tok_" + "0123456789abcdef")
    lab = make_lab("lender")
    lab.commit({"f": secret.secret.reveal()}, "leak")
    lab.git("clone", "-q", "--shared", ".", "../borrower")
    repo = open_repo(tmp_path / "borrower")
    rehearsal = rehearse(repo, [secret], tmp_path / "quarantine")
    apply(repo, rehearsal, [secret])
    done = purge(repo, rehearsal)
    assert done.objects == 0
    assert len(done.kept) == 3 and all("lender/.git/objects" in line for line in done.kept)


def test_a_damaged_object_stops_it_before_anything_goes(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    unreachable = busy.lab.git("hash-object", "--stdin", stdin=b"unreachable and clean, packed")
    index = next(
        index
        for index in packs.indexes(busy.repo.objects_dir)
        if unreachable in packs.listed(busy.repo, index)
    )
    rows = subprocess.run(
        ["git", "show-index"], input=index.read_bytes(), capture_output=True, check=True
    ).stdout.split(b"\n")
    offset = next(int(row.split()[0]) for row in rows if unreachable.encode() in row)
    pack = index.with_suffix(".pack")
    pack.chmod(0o644)
    content = bytearray(pack.read_bytes())
    content[offset + 4 : offset + 12] = b"\xff" * 8
    pack.write_bytes(content)
    before = {path: path.stat().st_ino for path in (busy.repo.objects_dir / "pack").iterdir()}
    with pytest.raises(RepositoryError):
        purge(busy.repo, busy.rehearsal)
    assert {p: p.stat().st_ino for p in before if p.exists()} == before


def test_a_removal_that_was_cut_short_is_finished(busy: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    doomed = set(busy.rehearsal.doomed)
    old = [
        i for i in packs.indexes(busy.repo.objects_dir) if doomed & {*packs.listed(busy.repo, i)}
    ]
    headless = {index: index.read_bytes() for index in old}
    purge(busy.repo, busy.rehearsal)
    for index, content in headless.items():
        # The pack goes before its index.
        index.write_bytes(content)
    purge(busy.repo, busy.rehearsal)
    assert not any(index.exists() for index in headless)
    busy.lab.git("fsck", "--full", "--strict")


@pytest.mark.parametrize(
    "tidying", [("gc", "--quiet", "--prune=never"), ("repack", "-a", "-d", "-k", "-q")]
)
def test_a_gc_that_comes_in_between_brings_nothing_back(busy: Any, tidying: Any) -> None:
    apply(busy.repo, busy.rehearsal, busy.needles)
    reachable = (
        "rev-list",
        "--objects",
        "--no-object-names",
        "--all",
        "--reflog",
        "--indexed-objects",
    )
    before = set(busy.lab.git(*reachable).split())
    came: list[str] = []

    def progress(step: str, done: int, total: int | None) -> None:
        if step == "rewriting packs" and not came:
            came.append(step)
            busy.lab.git(*tidying)

    done = purge(busy.repo, busy.rehearsal, progress=progress)
    assert came and done.kept == ()
    assert not set(busy.rehearsal.doomed) & _ids(busy.lab)
    assert before <= _ids(busy.lab)
    busy.lab.git("fsck", "--full", "--strict")


def test_a_servers_list_of_packs_names_none_that_a_killed_purge_took_away(
    busy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who fetches over plain http asks for what it names. No pack is left to rewrite the second time."""
    busy.lab.git("update-server-info")
    apply(busy.repo, busy.rehearsal, busy.needles)
    packed = busy.repo.objects_dir / "pack"
    list_of_packs = busy.repo.objects_dir / "info" / "packs"

    def named() -> set[str]:
        return {line.split()[1] for line in list_of_packs.read_text().splitlines() if line}

    def there() -> set[str]:
        return {path.name for path in packed.glob("*.pack")}

    assert named() == there()
    git = tmp_path / "killing" / "git"
    git.parent.mkdir()
    dies = 'case "$*" in *update-server-info*) kill -9 $PPID; exit 1;; esac'
    git.write_text(f'#!/bin/sh\n{dies}\nexec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{git.parent}{os.pathsep}{os.environ['PATH']}")
        child = os.fork()
        if child == 0:
            try:
                purge(busy.repo, busy.rehearsal)
            finally:
                os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert named() - there(), "it was killed too early"
    assert purge(busy.repo, busy.rehearsal).packs_rewritten == 0
    assert named() == there()
