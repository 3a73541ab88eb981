"""Each place a secret can be in: found, rewritten or named, verified, and put back by undo.

What is left is told by code that knows nothing of ours: every file's bytes, every object's content.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest

from remediate.history.apply import apply
from remediate.history.backup import back_up
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.undo import undo
from remediate.history.verify import verify

from .conftest import Lab, needle

SECRET = "tok_" + "7Hs9dKq2LmZx4Wv8"
PLACES: dict[str, Spot] = {}


@dataclass(frozen=True)
class Spot:
    """A place: how a secret gets there, what it is called, and whether it is named instead of cleaned."""

    build: Callable[[Lab], None]
    where: str
    named: bool = False


def place(
    name: str, where: str, *, named: bool = False
) -> Callable[[Callable[[Lab], None]], Callable[[Lab], None]]:
    def add(build: Callable[[Lab], None]) -> Callable[[Lab], None]:
        PLACES[name] = Spot(build, where, named)
        return build

    return add


def put(lab: Lab, name: str, content: bytes | str = SECRET) -> Path:
    """A file of ``.git``."""
    path = lab.path / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@place("file", "file")
def _(lab: Lab) -> None:
    lab.commit({"dir/f": f"a={SECRET}\n"})
    lab.commit({"g": "on top\n"})


@place("file that nothing names", "object")
def _(lab: Lab) -> None:
    lab.raw("blob", SECRET.encode())


@place("file that nothing names, packed", "object")
def _(lab: Lab) -> None:
    lab.raw("blob", SECRET.encode())
    lab.git("repack", "-a", "-d", "-k", "-q")


@place("symbolic link's target", "file")
def _(lab: Lab) -> None:
    (lab.path / "link").symlink_to(f"./x//{SECRET}")
    lab.commit()


@place("file name", "path")
def _(lab: Lab) -> None:
    lab.commit({f"key-{SECRET}.txt": "1\n", "other": "2\n"})


@place("file name that is taken", "path")
def _(lab: Lab) -> None:
    lab.commit({f"key-{SECRET}": "1\n", "key-REMOVED-secret": "2\n"})


@place("folder name", "path")
def _(lab: Lab) -> None:
    lab.commit({f"a/{SECRET}/f": "1\n", f"a/{SECRET}/g": "2\n"})


@place("commit message", "commit-message")
def _(lab: Lab) -> None:
    lab.commit(message=f"subject\n\nuses {SECRET}\n")


@place("author's name", "author")
def _(lab: Lab) -> None:
    lab.git("commit", "-q", "--allow-empty", "-m", "x", GIT_AUTHOR_NAME=f"Eve {SECRET}")


@place("committer's address", "author")
def _(lab: Lab) -> None:
    lab.git("commit", "-q", "--allow-empty", "-m", "x", GIT_COMMITTER_EMAIL=f"{SECRET}@example.com")


@place("tagger's name", "author")
def _(lab: Lab) -> None:
    lab.git("tag", "-a", "-m", "x", "v1", GIT_COMMITTER_NAME=f"Eve {SECRET}")


@place("tag's message", "tag-message")
def _(lab: Lab) -> None:
    lab.git("tag", "-a", "-m", f"with {SECRET}", "v1")


@place("tag of a tag", "tag-message")
def _(lab: Lab) -> None:
    lab.git("tag", "-a", "-m", f"with {SECRET}", "v1")
    lab.git("tag", "-a", "-m", "outer", "v2", "v1")


@place("tag of a file", "object")
def _(lab: Lab) -> None:
    lab.git("tag", "-a", "-m", "a file", "v1", lab.raw("blob", SECRET.encode()))


@place("tag of a folder", "object")
def _(lab: Lab) -> None:
    blob = lab.raw("blob", SECRET.encode())
    tree = lab.git("mktree", stdin=f"100644 blob {blob}\tf\n".encode())
    lab.git("tag", "-a", "-m", "a folder", "v1", tree)
    lab.git("update-ref", "refs/tags/light", tree)


@place("annotated tag's name", "ref")
def _(lab: Lab) -> None:
    lab.git("tag", "-a", "-m", "x", f"v-{SECRET}")


@place("tag's name", "ref")
def _(lab: Lab) -> None:
    lab.git("tag", f"v-{SECRET}")
    lab.git("pack-refs", "--all")


@place("branch's name", "ref")
def _(lab: Lab) -> None:
    lab.git("switch", "-q", "-c", f"fix/{SECRET}")
    lab.commit({"g": "on it\n"})
    lab.git("config", f"branch.fix/{SECRET}.remote", "origin")
    lab.git("config", f"branch.fix/{SECRET}.merge", f"refs/heads/fix/{SECRET}")
    lab.git("switch", "-q", "main")
    lab.git("switch", "-q", f"fix/{SECRET}")


@place("branch's name that is taken", "ref")
def _(lab: Lab) -> None:
    lab.git("branch", SECRET)
    lab.git("branch", "REMOVED-secret/x")
    lab.git("branch", f"b-{SECRET}")
    lab.git("branch", "b-REMOVED-secret")
    lab.git("switch", "-q", f"b-{SECRET}")


@place("name of a branch without commits", "ref")
def _(lab: Lab) -> None:
    lab.git("symbolic-ref", "HEAD", f"refs/heads/{SECRET}")


@place("name of a branch that another worktree is on", "ref")
def _(lab: Lab) -> None:
    lab.worktree(lab.path.parent / "side", "-b", f"side-{SECRET}", "HEAD")


@place("remote's name", "ref")
def _(lab: Lab) -> None:
    lab.git("remote", "add", f"r-{SECRET}", "https://example.com/r.git")
    lab.git("update-ref", f"refs/remotes/r-{SECRET}/main", "HEAD")
    lab.git("symbolic-ref", f"refs/remotes/r-{SECRET}/HEAD", f"refs/remotes/r-{SECRET}/main")


@place("what a symbolic ref that leads nowhere stands for", "ref")
def _(lab: Lab) -> None:
    lab.git("symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{SECRET}")


@place("name of a ref of a worktree's own", "ref")
def _(lab: Lab) -> None:
    side = lab.worktree(lab.path.parent / "side", "--detach", "HEAD")
    side.git("update-ref", f"refs/worktree/{SECRET}", "HEAD")


@place("note", "note")
def _(lab: Lab) -> None:
    lab.git("notes", "add", "-m", f"rotate {SECRET}")


@place("name of a ref of notes", "ref")
def _(lab: Lab) -> None:
    lab.git("notes", f"--ref={SECRET}", "add", "-m", "x")


for _space in (
    "pull/7/head",
    "remotes/origin/x",
    "original/refs/heads/x",
    "bisect/bad",
    "custom/a/b",
):

    @place(f"only below refs/{_space.split('/')[0]}", "file")
    def _(lab: Lab, space: str = _space) -> None:
        leak = lab.commit({"f": SECRET})
        lab.git("update-ref", f"refs/{space}", leak)
        lab.git("reset", "-q", "--hard", "HEAD~")
        lab.git("reflog", "expire", "--expire=now", "--all")


@place("what a replace ref puts in a commit's place", "file")
def _(lab: Lab) -> None:
    first = lab.commit({"f": "1\n"})
    second = lab.commit({"f": SECRET})
    lab.git("reset", "-q", "--hard", first)
    lab.git("update-ref", f"refs/replace/{first}", second)


@place("commit that a replace ref hides", "file")
def _(lab: Lab) -> None:
    leak = lab.commit({"f": SECRET})
    better = lab.git("commit-tree", "-m", "better", "HEAD~^{tree}")
    lab.git("update-ref", f"refs/replace/{leak}", better)


@place("stash, its index and untracked files", "file")
def _(lab: Lab) -> None:
    for number in range(3):
        lab.write({"f": f"staged {number} {SECRET}\n"})
        lab.git("add", "f")
        lab.write({"f": f"{number}\n", "new": f"{number} {SECRET}\n"})
        lab.git("stash", "push", "-q", "-u", "-m", f"entry {number}")


@place("reflog's entry", "file")
def _(lab: Lab) -> None:
    lab.commit({"f": SECRET})
    lab.git("reset", "-q", "--hard", "HEAD~")


@place("reflog's message", "reflog")
def _(lab: Lab) -> None:
    lab.git("update-ref", "-m", f"fetch {SECRET}", "--create-reflog", "refs/heads/x", "HEAD")


@place("worktree's HEAD, index and reflog", "file")
def _(lab: Lab) -> None:
    leak = lab.commit({"f": SECRET})
    side = lab.worktree(lab.path.parent / "side", "--detach", leak)
    side.write({"f": f"{SECRET} staged\n"})
    side.git("add", "f")
    lab.git("reset", "-q", "--hard", "HEAD~")
    put(lab, "worktrees/side/COMMIT_EDITMSG")


@place("staged file", "object")
def _(lab: Lab) -> None:
    lab.write({"new": f"{SECRET}\n"})
    lab.git("add", "new")


@place("staged file's name", "index")
def _(lab: Lab) -> None:
    lab.write({f"new-{SECRET}": "1\n"})
    lab.git("add", ".")


@place("what the index remembers of folders", "file")
def _(lab: Lab) -> None:
    lab.commit({"a/b/f": f"{SECRET}\n"})
    lab.write({"a/b/g": "1\n"})
    lab.git("add", ".")
    lab.git("write-tree")


@place("shared part of a split index", "path")
def _(lab: Lab) -> None:
    lab.commit({f"f-{SECRET}": f"{SECRET}\n", **{f"g{n}": str(n) for n in range(20)}})
    lab.git("update-index", "--split-index")
    lab.write({"g1": "staged"})
    lab.git("add", "g1")


@place("what the index remembers of a conflict", "file")
def _(lab: Lab) -> None:
    lab.git("switch", "-q", "-c", "side")
    lab.commit({f"f-{SECRET}": SECRET})
    lab.git("switch", "-q", "main")
    lab.commit({f"f-{SECRET}": "2"})
    with pytest.raises(AssertionError):
        lab.git("merge", "-q", "side")
    lab.write({f"f-{SECRET}": "3"})
    lab.commit()


@place("what the index remembers of untracked folders", "file")
def _(lab: Lab) -> None:
    lab.commit({"f": SECRET})
    lab.git("update-index", "--force-untracked-cache")
    lab.write({"u/x": "1\n"})
    lab.git("status")


@place("config: address with a token", "config")
def _(lab: Lab) -> None:
    lab.git("remote", "add", "origin", f"https://me:{SECRET}@example.com/r.git")


@place("config: extra header", "config")
def _(lab: Lab) -> None:
    lab.git("config", "http.https://example.com/.extraheader", f"Authorization: {SECRET}")


@place("config of one worktree", "config")
def _(lab: Lab) -> None:
    lab.git("config", "extensions.worktreeConfig", "true")
    lab.git("config", "--worktree", "my.token", SECRET)


for _name in (
    *("FETCH_HEAD", "COMMIT_EDITMSG", "MERGE_MSG", "SQUASH_MSG", "TAG_EDITMSG", "description"),
    *(
        "rr-cache/1/preimage",
        "info/exclude",
        "info/attributes",
        "filter-repo/x",
        "lost-found/other/x",
    ),
    *("branches/x", "remotes/x", "objects/info/x", "rebased-patches", "gitk.cache"),
):

    @place(f".git/{_name}", "gitfile")
    def _(lab: Lab, name: str = _name) -> None:
        put(lab, name, f"x {SECRET}\n")


@place("ORIG_HEAD", "file")
def _(lab: Lab) -> None:
    leak = lab.commit({"f": SECRET})
    lab.git("reset", "-q", "--hard", "HEAD~")
    lab.git("update-ref", "ORIG_HEAD", leak)


@place("hook", "hook")
def _(lab: Lab) -> None:
    put(lab, "hooks/post-commit", f"#!/bin/sh\ncurl -u {SECRET}\n").chmod(0o755)


@place("hook's name", "path", named=True)
def _(lab: Lab) -> None:
    put(lab, f"hooks/{SECRET}", "#!/bin/sh\n")


@place("linked worktree's name", "path", named=True)
def _(lab: Lab) -> None:
    lab.worktree(lab.path.parent / f"wt-{SECRET}", "--detach", "HEAD")


@place("untracked file", "untracked", named=True)
def _(lab: Lab) -> None:
    lab.write({"mine": SECRET})


@place("ignored file", "untracked", named=True)
def _(lab: Lab) -> None:
    lab.write({"mine": SECRET})
    put(lab, "info/exclude", "mine\n")


@place("modified file", "modified", named=True)
def _(lab: Lab) -> None:
    lab.write({"readme": f"{SECRET}\n"})


@place("untracked file's name", "untracked", named=True)
def _(lab: Lab) -> None:
    lab.write({f"mine-{SECRET}": "1\n"})


@place(".gitmodules", "file")
def _(lab: Lab) -> None:
    lab.commit({".gitmodules": f'[submodule "s"]\n\tpath = s\n\turl = https://{SECRET}@h/s\n'})


POINTER = re.compile(r"oid sha256:([0-9a-f]{64})\nsize ([0-9]+)$", re.MULTILINE)

#: What git itself may pack or unpack.
GITS = re.compile(r"\.git/(objects|refs|packed-refs)")


def fsck(lab: Lab) -> int:
    return subprocess.run(["git", "fsck", "--full"], cwd=lab.path, capture_output=True).returncode


@place("sub-module's history", "submodule", named=True)
def _(lab: Lab) -> None:
    other = Lab(lab.path.parent / "other")
    other.commit({"s": SECRET})
    other.commit({"s": "clean\n"})
    lab.git("submodule", "--quiet", "add", str(other.path), "s")
    lab.commit()


@place("LFS object and its pointer", "gitfile")
def _(lab: Lab) -> None:
    content = f"{SECRET}\n".encode() * 2
    oid = hashlib.sha256(content).hexdigest()
    put(lab, f"lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}", content)
    spec = "https://git-lfs.github.com/spec/v1"
    lab.commit({"big": f"version {spec}\noid sha256:{oid}\nsize {len(content)}\n"})
    lab.git(
        "config", "filter.lfs.clean", "cat"
    )  # so that the object may stand in the pointer's place
    lab.write({"big": content})


@place("LFS object that is an archive", "file")
def _(lab: Lab) -> None:
    content = gzip.compress(f"{SECRET}\n".encode() * 40, mtime=0)
    oid = hashlib.sha256(content).hexdigest()
    put(lab, f"lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}", content)
    spec = "https://git-lfs.github.com/spec/v1"
    lab.commit({"big": f"version {spec}\noid sha256:{oid}\nsize {len(content)}\n"})
    lab.commit({"f": SECRET}, f"of {oid}")


@place("git's unfinished file, an hour old", "file")
def _(lab: Lab) -> None:
    lab.commit({"f": SECRET})
    for name in ("objects/pack/tmp_pack_Xy12", "objects/ab/tmp_obj_Xy12", "objects/tmp_objdir-x/p"):
        path = put(lab, name, zlib.compress(SECRET.encode()))
        os.utime(path, (1_700_000_000, 1_700_000_000))


def left(lab: Lab) -> list[str]:
    """Every place in which the secret stands in clear, or deflated as git's objects are."""
    found = []
    wanted = SECRET.encode()
    for tree in (lab.path, lab.path.parent / "side"):
        for path in sorted(tree.rglob("*")):
            name = str(path.relative_to(tree))
            if SECRET in name:
                found.append(f"name {name}")
            if path.is_symlink():
                content = os.fsencode(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            else:
                continue
            if any(wanted in text for text in (content, *_inflated(content))):
                found.append(name)
    objects = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"],
        cwd=lab.path,
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_NO_REPLACE_OBJECTS": "1"},
    ).stdout
    return [*found, *(["objects"] if wanted in objects else [])]


def _inflated(content: bytes) -> Iterator[bytes]:
    for at in (0, 12):  # a loose object; the first in a pack
        try:
            yield zlib.decompressobj().decompress(content[at:])
        except zlib.error:
            continue


@pytest.mark.parametrize("name", PLACES)
def test_found_rewritten_verified_and_put_back(
    name: str, lab: Lab, tmp_path: Path, snapshot: Callable[[Path], dict[str, Any]]
) -> None:
    spot = PLACES[name]
    lab.commit({"readme": "hello\n"})
    spot.build(lab)
    needles = [needle(SECRET)]
    repo = open_repo(lab.path)
    before = snapshot(lab.path)
    held, well = left(lab), fsck(lab)
    assert held, "the test itself has to put one there"

    rehearsal = rehearse(repo, needles, tmp_path / "quarantine")
    found = {p.where for p in rehearsal.places} | {r.where for r in rehearsal.remnants}
    assert spot.where in found
    assert bool(rehearsal.remnants) == spot.named, rehearsal.remnants
    assert SECRET not in str(rehearsal.to_json())

    identity = pyrage.x25519.Identity.generate()
    archive = tmp_path / "backup.age"
    back_up(repo, rehearsal, [identity.to_public()], archive, needles=needles)
    apply(repo, rehearsal, needles)
    purge(repo, rehearsal)
    assert fsck(lab) == well
    lab.git("status")
    verdict = verify(repo, needles)
    pointers = POINTER.findall(lab.git("show", "HEAD:big")) if name.startswith("LFS") else []
    assert bool(pointers) == name.startswith("LFS")
    for pointer in pointers:
        stored = lab.path / ".git/lfs/objects" / pointer[0][:2] / pointer[0][2:4] / pointer[0]
        assert len(content := stored.read_bytes()) == int(pointer[1])
        assert hashlib.sha256(content).hexdigest() == pointer[0]
    if spot.named:
        called = {"untracked": "worktree", "modified": "worktree", "path": "gitfile"}
        assert called.get(spot.where, spot.where) in {r.where for r in verdict.remnants}
    else:
        assert left(lab) == []
        assert verdict.clean, verdict

    undo(repo, archive, identity, rehearsal)
    # Objects and refs may be packed, or not, otherwise than they were.
    assert [x for x in left(lab) if not GITS.search(x)] == [x for x in held if not GITS.search(x)]
    assert snapshot(lab.path) == before


def test_what_git_is_writing_just_now_is_no_clean_verdict(lab: Lab, tmp_path: Path) -> None:
    lab.commit({"f": SECRET})
    put(lab, "objects/pack/tmp_pack_Xy12", zlib.compress(SECRET.encode()))
    repo, needles = open_repo(lab.path), [needle(SECRET)]
    rehearsal = rehearse(repo, needles, tmp_path / "quarantine")
    assert [thing.what for thing in rehearsal.unreadable] == ["objects/pack/tmp_pack_Xy12"]
    apply(repo, rehearsal, needles)
    purge(repo, rehearsal)
    assert (lab.path / ".git/objects/pack/tmp_pack_Xy12").exists()
    assert [thing.what for thing in verify(repo, needles).unreadable] == [
        "objects/pack/tmp_pack_Xy12"
    ]
