from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from remediate.history import huge, stream, window
from remediate.history.inventory import Inventory, Stretch
from remediate.history.model import Needle, Scan
from remediate.history.repo import open_repo
from remediate.history.scan import scan

if TYPE_CHECKING:
    from tests.history.conftest import Lab

scan_module = importlib.import_module("remediate.history.scan")

MakeNeedle = Callable[..., Needle]
MakeLab = Callable[..., "Lab"]

TOKEN = "tok_" + "Zq8Rk2Lm5Xw7Vb3Nt9"


@pytest.fixture
def token(make_needle: MakeNeedle) -> Needle:
    return make_needle(TOKEN, "token")


def _scan(path: Path, *needles: Needle) -> Scan:
    return scan(open_repo(path), needles)


def _hits(result: Scan) -> set[tuple[str, str]]:
    return {(hit.type, hit.oid) for hit in result.hits}


def test_hits_say_where_and_how(lab: Lab, token: Needle) -> None:
    lab.commit({"a": f"x{TOKEN}y{TOKEN}", "b": TOKEN.replace("_", "\\u005f")})
    result = _scan(lab.path, token)
    by_oid = {hit.oid: hit for hit in result.hits}
    one, other = by_oid[lab.git("rev-parse", "HEAD:a")], by_oid[lab.git("rev-parse", "HEAD:b")]
    assert (one.needle, one.type, one.encoding) == (token.id, "blob", "plain")
    assert one.offsets == (1, 2 + len(TOKEN))
    assert other.encoding == "json" and other.offsets == (0,)
    assert result.searched.objects == 4 and result.searched.forms > 10


def test_loose_packed_borrowed_and_unnamed(lab: Lab, make_lab: MakeLab, token: Needle) -> None:
    lab.commit({"a": TOKEN})
    lab.git("repack", "-q", "-a", "-d")
    lab.commit({"a": f"2 {TOKEN}"})
    lab.git("reset", "-q", "--hard", "HEAD^")
    blobs = {h.oid for h in _scan(lab.path, token).hits}
    assert len(blobs) == 2
    other = make_lab("borrower")
    (other.path / ".git/objects/info/alternates").write_text(f"{lab.path}/.git/objects\n")
    assert {h.oid for h in _scan(other.path, token).hits} == blobs


def test_the_graph_is_that_of_git(lab: Lab, token: Needle) -> None:
    first = lab.commit({"d/e/f": TOKEN, "g": "1"})
    second = lab.commit({"g": "2"})
    lab.git("tag", "-m", "t", "v1")
    graph = _scan(lab.path, token).graph
    assert graph.parents == {first: (), second: (first,)}
    assert graph.trees[second] == lab.git("rev-parse", "HEAD^{tree}")
    assert graph.targets == {lab.git("rev-parse", "v1"): second}
    d, e = lab.git("rev-parse", "HEAD:d"), lab.git("rev-parse", "HEAD:d/e")
    assert graph.doomed_trees == {
        graph.trees[first]: (d,),
        graph.trees[second]: (d,),
        d: (e,),
        e: (lab.git("rev-parse", "HEAD:d/e/f"),),
    }


def test_names_of_files_and_folders(lab: Lab, token: Needle) -> None:
    lab.commit({f"{TOKEN}/x": "1", f"y/{TOKEN}.txt": "2"})
    top, y = lab.git("rev-parse", "HEAD^{tree}"), lab.git("rev-parse", "HEAD:y")
    assert _hits(_scan(lab.path, token)) == {("tree", top), ("tree", y)}


def test_a_large_blob_comes_in_pieces(
    lab: Lab, token: Needle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "HALF", 1 << 12)
    monkeypatch.setattr(huge, "_PIECE", 1 << 16)
    monkeypatch.setattr(stream, "_OVERLAP", 1 << 12)
    edge = b"x" * ((1 << 16) - 5) + TOKEN.encode() + b"y" * 100_000
    last = b"z" * 300_000 + TOKEN.encode()
    lab.commit({"edge": edge, "last": last, "none": b"n" * 200_000, "small": TOKEN})
    result = _scan(lab.path, token)
    found = {hit.oid: hit.offsets for hit in result.hits}
    assert found == {
        lab.git("rev-parse", "HEAD:edge"): ((1 << 16) - 5,),
        lab.git("rev-parse", "HEAD:last"): (300_000,),
        lab.git("rev-parse", "HEAD:small"): (0,),
    }
    assert result.unreadable == ()


def test_a_damaged_object_costs_only_itself(lab: Lab, token: Needle) -> None:
    lab.commit({f"f{i}": f"{i} {TOKEN}" for i in range(20)})
    bad = lab.git("rev-parse", "HEAD:f7")
    path = lab.path / ".git/objects" / bad[:2] / bad[2:]
    path.chmod(0o644)
    content = path.read_bytes()
    for damage in (b"x\x9c not zlib", content[: len(content) // 2], b""):
        path.write_bytes(damage)
        result = _scan(lab.path, token)
        assert len(result.hits) == 19
        assert f"object {bad}" in {u.what for u in result.unreadable}


def test_files_outside_the_objects(lab: Lab, token: Needle, tmp_path: Path) -> None:
    lab.commit({"clean": TOKEN, "modified": "1"})
    linked = lab.worktree(tmp_path / "linked", "-b", f"b-{TOKEN}", "HEAD")
    lab.git("config", "remote.origin.url", f"https://{TOKEN}@example.com/x")
    lab.git("update-ref", "-m", TOKEN, "--create-reflog", "refs/heads/logged", "HEAD")
    (lab.path / ".git" / "COMMIT_EDITMSG").write_text(TOKEN)
    (lab.path / ".gitignore").write_text(".env\n")
    lab.write({"modified": TOKEN, ".env": TOKEN, "new": "x"})
    (linked.path / "link").symlink_to(TOKEN)
    found = {(hit.where, hit.path) for hit in _scan(lab.path, token).file_hits}
    assert found >= {
        ("worktree", "clean"),
        ("modified", "modified"),
        ("untracked", ".env"),
        ("untracked", "link"),
        ("config", "config"),
        ("reflog", "logs/refs/heads/logged"),
        ("gitfile", "COMMIT_EDITMSG"),
        ("ref", "refs/heads/b-REMOVED-token"),
    }
    assert TOKEN not in repr(found)


def test_progress_is_told_step_by_step(lab: Lab, token: Needle) -> None:
    lab.commit({"a": TOKEN})
    told: list[tuple[str, int, int | None]] = []
    scan(open_repo(lab.path), [token], progress=lambda *step: told.append(step))
    assert {step for step, _, _ in told} >= {"Reading objects", "Reading folders"}
    assert all(total is None or done <= total for _, done, total in told)


def test_through_a_pipe_it_is_the_same(
    lab: Lab, token: Needle, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.commit({f"d{i % 3}/f{i}": f"{i} {TOKEN if i % 5 == 0 else ''}" for i in range(40)})
    lab.git("tag", "-m", TOKEN, "v1")
    shared = _scan(lab.path, token)
    monkeypatch.setattr(window, "AVAILABLE", False)
    piped = _scan(lab.path, token)
    assert shared == piped and shared.graph == piped.graph and len(shared.hits) == 9


def test_many_windows_one_after_another(
    lab: Lab, token: Needle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "HALF", 1 << 12)
    lab.commit({f"f{i}": f"{i} " + "x" * (i * 37 % 3900) + TOKEN for i in range(60)})
    lab.git("repack", "-q", "-a", "-d")
    result = _scan(lab.path, token)
    assert len(result.hits) == 60 and not result.unreadable


def test_what_is_lost_while_it_is_read_is_named(
    lab: Lab, token: Needle, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.commit({f"f{i}": f"{i} {TOKEN}" for i in range(30)})
    gone = lab.git("rev-parse", "HEAD:f17")
    listed = scan_module.listed

    def listed_then_lost(directory: Path, found: Inventory, **apart: Any) -> Iterator[Stretch]:
        stretches = list(listed(directory, found, **apart))
        (lab.path / ".git/objects" / gone[:2] / gone[2:]).unlink(missing_ok=True)
        yield from stretches

    monkeypatch.setattr(scan_module, "listed", listed_then_lost)
    result = _scan(lab.path, token)
    assert len(result.hits) == 29
    assert [u.what for u in result.unreadable] == [f"object {gone}"]
