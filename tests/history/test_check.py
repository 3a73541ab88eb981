"""A rehearsal that is not what it should be never gets as far as the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.errors import ExitStatus, GitError
from remediate.history import rehearse as rehearsing
from remediate.history.check import RehearsalError
from remediate.history.model import Needle
from remediate.history.packwriter import PackWriter
from remediate.history.repo import open_repo
from remediate.history.rewrite import Rewritten

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeNeedle = Callable[..., Needle]

TOKEN = "tok_" + "Zq8Rk2Lm5Xw7Vb3Nt9"


def _rehearse(lab: Lab, needle: Needle) -> None:
    lab.commit({"a": f"x {TOKEN} y\n", "b": "other", "bin": b"\0" + TOKEN.encode()}, "first")
    lab.commit({"d/b": TOKEN}, "second")
    lab.git("tag", "-m", "a tag", "v1")
    rehearsing.rehearse(open_repo(lab.path), [needle], lab.path.parent / "q")


@pytest.mark.parametrize(
    ("kind", "old", "new", "named"),
    [
        ("commit", b"author Ada Dev", b"author Eve Dev", "header"),
        ("commit", b"1700000", b"1800000", "header"),
        ("commit", b"second", b"2nd", "message"),
        ("commit", b"\n\nsecond", b"\nodd x\n\nsecond", "header"),
        ("tag", b"tag v1", b"tag v2", "header"),
        ("tag", b"a tag", b"another tag", "message"),
        ("tree", b"100644 b\0", b"100755 b\0", "b has another content"),
        ("tree", b"100644 b\0", b"100644 bb\0", "bb came out of nowhere"),
        ("blob", b" y\n", b" z\n", "another text"),
        ("blob", b"x ", b"xx ", "another text"),
        ("blob", b"\0", b"", "another length"),
    ],
)
def test_an_object_written_wrong_is_seen(
    lab: Lab,
    make_needle: MakeNeedle,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    old: bytes,
    new: bytes,
    named: str,
) -> None:
    real = PackWriter.add
    wrong = []

    def add(self: PackWriter, sort: str, content: bytes, *, like: tuple[str, ...] = ()) -> str:
        if sort == kind and old in content:
            content = content.replace(old, new)
            wrong.append(sort)
        return real(self, sort, content, like=like)

    monkeypatch.setattr(PackWriter, "add", add)
    with pytest.raises(RehearsalError) as caught:
        _rehearse(lab, make_needle(TOKEN))
    assert wrong and named in caught.value.message
    assert (
        caught.value.exit_status is ExitStatus.BUG and "Nothing was changed" in caught.value.message
    )
    assert TOKEN not in caught.value.message


def _other_parent(done: Rewritten) -> None:
    first = next(iter(done.commits))
    done.objects[first] = first


def _gone(done: Rewritten) -> None:
    done.objects[next(iter(done.commits))] = "1" * 40


@pytest.mark.parametrize("spoil", [_other_parent, _gone])
def test_an_object_mapped_wrong_is_seen(
    lab: Lab,
    make_needle: MakeNeedle,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Rewritten], None],
) -> None:
    real = rehearsing.rewrite

    def rewrite(directory: Path, *rest: object) -> Rewritten:
        done = real(directory, *rest)  # type: ignore[arg-type]
        spoil(done)
        return done

    monkeypatch.setattr(rehearsing, "rewrite", rewrite)
    with pytest.raises(RehearsalError):
        _rehearse(lab, make_needle(TOKEN))


def test_what_should_be_passes(lab: Lab, make_needle: MakeNeedle) -> None:
    _rehearse(lab, make_needle(TOKEN))


def test_a_pack_that_says_other_ids_than_its_objects_have(
    lab: Lab, make_needle: MakeNeedle, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PackWriter._id

    def wrong(self: PackWriter, kind: str, content: bytes) -> str:
        return real(self, kind, content + b" " if b"REMOVED" in content else content)

    monkeypatch.setattr(PackWriter, "_id", wrong)
    with pytest.raises(GitError, match="not what its id says"):
        _rehearse(lab, make_needle(TOKEN, "token"))
