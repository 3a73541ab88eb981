"""Blobs that are never held whole, with the bound lowered: loose and packed, scanned and rewritten."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import GitError
from remediate.history import alike, huge, reread, stream, verify, window
from remediate.history.marks import Marks
from remediate.history.matcher import Matcher
from remediate.history.model import Needle
from remediate.history.packwriter import PackWriter
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.secret import Secret

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeNeedle = Callable[..., Needle]

TOKEN = "tok_" + "Zq8Rk2Lm5Xw7Vb3Nt9"
NEEDLE = Needle("n", Secret(TOKEN), b"REMOVED-token")


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so low that a blob of a megabyte is a huge one."""
    monkeypatch.setattr(huge, "HUGE", 1 << 18)
    monkeypatch.setattr(huge, "_PIECE", 1 << 15)
    monkeypatch.setattr(huge, "_EDGE", 1 << 12)
    monkeypatch.setattr(stream, "_OVERLAP", 1 << 12)
    monkeypatch.setattr(window, "HALF", 1 << 16)
    monkeypatch.setattr(reread, "_WHOLE", 1 << 18)
    monkeypatch.setattr(reread, "_PIECE", 1 << 15)
    monkeypatch.setattr(reread, "_OVERLAP", 1 << 12)
    monkeypatch.setattr(alike, "_WINDOW", 1 << 16)
    monkeypatch.setattr(alike, "_AHEAD", 1 << 13)


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


_WORDS = st.sampled_from([TOKEN.encode(), b"x" * 700, b"-", TOKEN.encode() * 3, b"\n", b"ab" * 40])


@settings(deadline=None)
@given(st.lists(_WORDS, max_size=40), st.integers(50, 1500))
def test_in_parts_it_is_as_in_one(words: list[bytes], size: int) -> None:
    data, matcher = b"".join(words), Matcher([NEEDLE])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huge, "_EDGE", 300)
        patch.setattr(Matcher, "reach", 150)
        told = huge.replaced(_cut(data, size), matcher, keep_length=False)
        assert b"".join(told) == matcher.replace(data)
        places = [m.start for m in huge.find(_cut(data, size), matcher)]
    assert places == [m.start for m in matcher.find(data)]


@pytest.mark.usefixtures("lowered")
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("binary", [False, True])
def test_a_huge_blob_is_rewritten(
    lab: Lab, make_needle: MakeNeedle, packed: bool, binary: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    filling = rng.randbytes(1 << 19) if binary else rng.randbytes(1 << 18).hex().encode()
    piece, token = 1 << 15, TOKEN.encode()
    edge = filling[: piece - 9] + token + filling[piece:]
    lab.commit({"edge": edge + token, "clean": filling})
    if packed:
        lab.git("-c", "core.bigFileThreshold=1k", "repack", "-q", "-a", "-d")
    whole = []
    monkeypatch.setattr(
        Matcher, "mend", lambda self, data, **_: whole.append(len(data)) or _MEND(self, data, **_)
    )
    done = rehearse(open_repo(lab.path), [make_needle(TOKEN, "token")], lab.path.parent / "q")
    old, clean = lab.git("rev-parse", "HEAD:edge"), lab.git("rev-parse", "HEAD:clean")
    assert clean not in done.doomed and max(whole) < 1 << 18
    lab.git("fetch", "-q", done.quarantine, f"{done.refs[0].new}:refs/heads/new")
    text = b"REMOVED-token"
    text = text.ljust(len(token), b"*") if binary else text
    assert lab.cat(done.objects[old]) == edge.replace(token, text) + text
    assert not done.remnants and not done.unreadable
    assert {p.path for p in done.places} == {"edge"}
    left = verify.verify(open_repo(lab.path), [make_needle(TOKEN, "token")])
    assert {r.object for r in left.remnants if r.where == "file"} == {old}


_MEND = Matcher.mend


@pytest.mark.usefixtures("lowered")
def test_a_damaged_huge_blob_is_named(lab: Lab, make_needle: MakeNeedle) -> None:
    lab.commit({"huge": random.Random(8).randbytes(1 << 20), "small": TOKEN})
    bad = lab.git("rev-parse", "HEAD:huge")
    path = lab.path / ".git/objects" / bad[:2] / bad[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[: 1 << 19])
    with pytest.raises(GitError):
        list(huge.pieces(lab.path / ".git", bad))
    found = verify.verify(open_repo(lab.path), [make_needle(TOKEN, "token")])
    assert f"object {bad}" in {u.what for u in found.unreadable} and len(found.remnants) == 2


def _add(pack: Path, content: bytes, pieces: Iterable[bytes], size: int) -> str:
    with PackWriter(pack, "sha1") as writer:
        same = writer.add("blob", content)
        assert writer.add_stream("blob", size, pieces) == same
        other = writer.add_stream("blob", 4, [b"a", b"bc", b"", b"d"])
        assert writer.count == 2
    return other


def test_an_object_written_as_a_stream(lab: Lab, tmp_path: Path) -> None:
    content = b"some text, " * 50_000
    other = _add(tmp_path / "x.pack", content, _cut(content, 4096), len(content))
    lab.git("index-pack", "--stdin", stdin=(tmp_path / "x.pack").read_bytes())
    assert lab.cat(other) == b"abcd"
    with pytest.raises(ValueError, match="too few"), PackWriter(tmp_path / "y.pack", "sha1") as w:
        w.add_stream("blob", 5, [b"abcd"])


@given(st.lists(_WORDS, max_size=30), st.integers(50, 900), st.integers(0, 2000))
@settings(deadline=None)
def test_the_check_sees_what_else_was_changed(words: list[bytes], size: int, at: int) -> None:
    old = b"".join(words)
    new, marks = Matcher([NEEDLE]).replace(old), Marks([NEEDLE])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike, "_WINDOW", 2500)
        patch.setattr(alike, "_AHEAD", 1200)
        assert alike.same_stream(_cut(old, size), _cut(new, size), marks)
        assert not alike.same_stream(_cut(old, size), _cut(new + b"z", size), marks)
        place = at % (len(new) + 1)
        if not any(start - 1 <= place <= end + 1 for start, end in marks.places(new)):
            other = new[:place] + b"Q" + new[place + 1 :]
            assert not alike.same_stream(_cut(old, size), _cut(other, size), marks)


def test_lines_of_a_huge_text() -> None:
    text = b"".join(b"%d line\n" % n for n in range(4000))
    offsets = [0, 9, text.index(b"1234 line") + 3, len(text) - 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huge, "_EDGE", 200)
        found = huge.lines(_cut(text, 777), offsets)
    assert [found[at] for at in offsets] == [
        (1, b"0 line"),
        (2, b"1 line"),
        (1235, b"1234 line"),
        (4000, b"3999 line"),
    ]
