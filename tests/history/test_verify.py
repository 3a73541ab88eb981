"""The verifier: sees what is there wherever it is, says what it could not read, and changes nothing."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.history import git
from remediate.history.model import Needle, Scope, Verdict
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.reread import Names
from remediate.history.verify import verify, verify_rehearsal

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeNeedle = Callable[..., Needle]
MakeLab = Callable[..., "Lab"]

TOKEN = "tok_" + "Zq8Rk2Lm5Xw7Vb3Nt9"


@pytest.fixture
def token(make_needle: MakeNeedle) -> Needle:
    return make_needle(TOKEN, "token")


def _verify(path: Path, *needles: Needle) -> Verdict:
    return verify(open_repo(path), needles)


def _told(verdict: Verdict) -> set[tuple[str, str]]:
    return {(r.where, r.encoding) for r in verdict.remnants}


def test_clean_is_clean(lab: Lab, make_lab: MakeLab, token: Needle) -> None:
    lab.commit({"a": "nothing here", "b/c": "nor here"}, "nor in this")
    lab.git("tag", "-m", "nor here", "v1")
    verdict = _verify(lab.path, token)
    assert verdict.clean and verdict.scope == Scope(local=True)
    assert verdict.searched.objects == 6 and verdict.searched.bytes > 100
    assert verdict.searched.files > 5 and verdict.searched.forms > 1
    assert _verify(make_lab("empty").path, token).clean
    assert _verify(make_lab("bare", "--bare").path, token).clean


def test_every_object_named_or_not(lab: Lab, token: Needle) -> None:
    lab.commit({"a": "1"})
    blob = lab.git("hash-object", "-w", "--stdin", stdin=f"x {TOKEN} y".encode())
    tree = lab.git("mktree", stdin=f"100644 blob {blob}\tname-{TOKEN}\n".encode())
    commit = lab.git("commit-tree", tree, "-m", f"subject\n\n{TOKEN}")
    tag = lab.raw("tag", f"object {commit}\ntype commit\ntag v\n\n{TOKEN}\n".encode())
    verdict = _verify(lab.path, token)
    assert {(r.where, r.object) for r in verdict.remnants} == {
        ("file", blob),
        ("path", tree),
        ("commit-message", commit),
        ("tag-message", tag),
    }
    lab.git("update-ref", "refs/keep", tag)
    lab.git("repack", "-q", "-a", "-d")
    assert len(_verify(lab.path, token).remnants) == 4


def test_every_file_of_gits_and_of_the_work_trees(lab: Lab, token: Needle, tmp_path: Path) -> None:
    lab.commit({"a": "1", "link": "x"})
    linked = lab.worktree(tmp_path / "linked", "-b", "side", "HEAD")
    lab.git("config", "remote.origin.url", f"https://{TOKEN}@example.com/x")
    lab.git("branch", f"b-{TOKEN}")
    lab.git("update-ref", "-m", f"why {TOKEN}", "--create-reflog", "refs/heads/logged", "HEAD")
    (lab.path / ".git" / "hooks").mkdir(exist_ok=True)
    (lab.path / ".git" / "hooks" / "pre-push").write_text(f"curl -H {TOKEN}")
    (lab.path / ".git" / "COMMIT_EDITMSG").write_text(TOKEN)
    linked.write({"untracked": TOKEN})
    (linked.path / "to").symlink_to(f"/{TOKEN}")
    (linked.path / f"{TOKEN}.txt").write_text("")
    (lab.path / ".gitignore").write_text(".env\n")
    lab.write({".env": f"K={TOKEN}"})
    lab.git(
        "update-index", "--add", "--cacheinfo", f"100644,{lab.git('rev-parse', 'HEAD:a')},i-{TOKEN}"
    )
    verdict = _verify(lab.path, token)
    found = {(r.where, r.path) for r in verdict.remnants}
    shown = "(a secret)"
    assert found >= {
        ("gitfile", "config"),
        ("gitfile", "hooks/pre-push"),
        ("gitfile", "COMMIT_EDITMSG"),
        ("gitfile", "logs/refs/heads/logged"),
        ("gitfile", f"refs/heads/b-{shown}"),
        ("ref", f"refs/heads/b-{shown}"),
        ("index", f"i-{shown}"),
        ("worktree", "untracked"),
        ("worktree", "to"),
        ("worktree", f"{shown}.txt"),
        ("worktree", ".env"),
    }
    assert TOKEN not in repr(verdict)


@pytest.mark.parametrize(
    ("encode", "named"),
    [
        (lambda t: b"x" + base64.b64encode(b"user:" + t), "base64+plain"),
        (lambda t: base64.urlsafe_b64encode(base64.b64encode(t)), "base64+base64+plain"),
        (
            lambda t: base64.encodebytes(b"long text before it, " * 9 + t + b" and after" * 9),
            "base64+plain",
        ),
        (lambda t: t.hex().encode(), "hex+plain"),
        (lambda t: t.decode().encode("utf-16"), "utf-16+plain"),
        (lambda t: t.replace(b"_", b"\\u005f"), "escaped+plain"),
        (lambda t: t.replace(b"_", b"%5F"), "escaped+plain"),
        (lambda t: b"\0\1" + t, "plain"),
    ],
)
def test_every_encoding(
    lab: Lab, token: Needle, encode: Callable[[bytes], bytes], named: str
) -> None:
    lab.commit({"a": b"k: " + encode(TOKEN.encode()) + b"\n"})
    assert ("file", named) in _told(_verify(lab.path, token))


def test_a_key_in_pieces(lab: Lab, make_needle: MakeNeedle, fixtures: Path) -> None:
    pem = (fixtures / "reports" / "planted_key.pem").read_text()
    body = "".join(pem.split("\n")[1:-2])
    lab.commit({"a.yml": "\n".join("   " + body[i : i + 50] for i in range(0, len(body), 50))})
    assert _told(_verify(lab.path, make_needle(pem))) == {
        ("file", "multi-line"),
        ("worktree", "multi-line"),
    }
    assert _verify(lab.path, make_needle(pem.replace("MII", "MIJ"))).clean


def test_what_cannot_be_read_is_not_clean(lab: Lab, token: Needle, make_lab: MakeLab) -> None:
    lab.commit({"a": "1", "b": "2", "c": "3"})
    lab.commit({"a": "2"})
    gone, broken = lab.git("rev-parse", "HEAD:b"), lab.git("rev-parse", "HEAD:c")
    for oid in (gone, broken):
        path = lab.path / ".git/objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(b"x\x9c not zlib") if oid == broken else path.unlink()
    verdict = _verify(lab.path, token)
    assert not verdict.clean and verdict.remnants == ()
    assert {u.what for u in verdict.unreadable} >= {f"object {gone}", f"object {broken}"}

    shallow = make_lab("shallow")
    source = make_lab("source")
    source.commit({"a": "1"})
    source.commit({"a": "2"})
    shallow.git("fetch", "-q", "--depth=1", f"file://{source.path}", "main")
    assert any("shallow" in u.reason for u in _verify(shallow.path, token).unreadable)

    source.git("config", "uploadpack.allowFilter", "true")
    subprocess.run(
        ["git", "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{source.path}", "p"],
        cwd=lab.path.parent,
        check=True,
    )
    partial = lab.path.parent / "p"
    before = sorted((partial / ".git/objects").rglob("*"))
    assert any("partial" in u.reason for u in _verify(partial, token).unreadable)
    assert sorted((partial / ".git/objects").rglob("*")) == before

    borrowing = make_lab("borrowing")
    (borrowing.path / ".git/objects/info/alternates").write_text("/nonexistent/objects\n")
    assert any("alternate" in u.what for u in _verify(borrowing.path, token).unreadable)


def test_a_file_without_permission_is_named(lab: Lab, token: Needle) -> None:
    lab.commit({"a": "1"})
    (lab.path / "loop").symlink_to("loop")
    (lab.path / "dir").mkdir()
    verdict = _verify(lab.path, token)
    assert verdict.clean


def test_nothing_is_changed(lab: Lab, token: Needle, digest_tree: Callable[[Path], str]) -> None:
    lab.commit({"a": TOKEN})
    (lab.path / "a").touch()
    before = digest_tree(lab.path)
    assert not _verify(lab.path, token).clean
    assert digest_tree(lab.path) == before


def test_only_the_new_objects_of_a_rehearsal(lab: Lab, token: Needle, tmp_path: Path) -> None:
    lab.commit({"a": TOKEN, "b": "1"})
    result = rehearse(open_repo(lab.path), [token], tmp_path / "q")
    verdict = verify_rehearsal(tmp_path / "q", [token])
    assert verdict.clean and verdict.searched.objects == len(result.objects)
    git.run(tmp_path / "q", "hash-object", "-w", "--stdin", stdin=f"{TOKEN}!".encode())
    assert not verify_rehearsal(tmp_path / "q", [token]).clean


_FILES = st.dictionaries(
    st.text("abcXYZ", min_size=1, max_size=4), st.binary(min_size=20, max_size=20), max_size=6
)


@given(st.lists(_FILES, max_size=12))
def test_names_of_many_trees_are_each_seen(versions: list[dict[str, bytes]]) -> None:
    names = Names()
    seen: set[bytes] = set()
    for files in versions:
        content = b"".join(b"100644 %s\0%s" % (k.encode(), v) for k, v in sorted(files.items()))
        # Every name was told by then, in this tree or one before.
        seen.update(names.fresh(content, 20).split(b"\n"))
        assert seen >= {name.encode() for name in files}
