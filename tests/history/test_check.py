"""A rehearsal that is not what it should be never gets as far as the repository."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from remediate.errors import ExitStatus, GitError
from remediate.history import rehearse as rehearsing
from remediate.history.alike import same_text
from remediate.history.check import RehearsalError
from remediate.history.marks import Marks
from remediate.history.match import fit
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


def test_a_place_that_is_filled_up_in_base64_of_base64(make_needle: MakeNeedle) -> None:
    """Spelled out a value is longer than it is; so is what fills its place up where bytes are counted."""
    needle = make_needle("K5+JW/IDS6=KO|u38pc<}Wh;gK)JE", "token")
    spelled = quote(needle.secret.reveal(), safe="").encode()
    filled = fit(needle.replacement, len(spelled))
    assert len(filled) > len(needle.secret.reveal()) + 12
    marks = Marks([needle])

    def written(value: bytes, before: bytes = b"zip:", behind: bytes = b" the rest") -> bytes:
        once = base64.b64encode(before + b"\0" * 9 + value + behind)
        return b"a: " + base64.b64encode(b"b: " + once + b" ;\n") + b" ;\n"

    old = written(spelled)
    assert same_text(old, written(filled), marks)
    assert same_text(written(spelled, b"", b""), written(filled, b"", b""), marks)
    for wrong in (
        written(filled, before=b"zap:"),
        written(filled, behind=b" the best"),
        written(filled)[:-1],
        b"b" + written(filled)[1:],
        written(spelled[:-1] + b"x"),
    ):
        assert not same_text(old, wrong, marks)


def test_a_place_of_another_length_in_base64(make_needle: MakeNeedle) -> None:
    """An archive that can't be packed again is replaced whole; what follows is laid out anew."""
    needle = make_needle(TOKEN, "token")
    marks = Marks([needle])
    for behind in (b"", b"t", b"th", b"the rest of it"):
        for before in (b"before ", b"before it ", b"before all "):
            old, new = (
                b"a: " + base64.urlsafe_b64encode(before + text + behind) + b" ;\n"
                for text in (b"PK\3\4" + bytes(range(200)), needle.replacement)
            )
            assert same_text(old, new, marks), (behind, before)
            assert not same_text(old, new.replace(b"a:", b"b:"), marks)
            assert not same_text(old, new.replace(b"YmVm", b"YmVn"), marks)
            in_hex = [b"a: " + text.hex().encode() for text in (old, new)]
            assert same_text(*in_hex, marks), (behind, before)
            assert not same_text(in_hex[0], in_hex[1][:-2], marks)


def test_letters_that_make_no_group_are_compared(make_needle: MakeNeedle) -> None:
    marks = Marks([make_needle(TOKEN, "token")])
    for text in (b"x" * 16, b"x" * 17, b"x" * 18, b"x" * 19):
        assert not same_text(text + b"1", text + b"2", marks)
        assert not same_text(b"1" + text, b"2" + text, marks)


def test_what_only_looks_like_an_id_or_needs_quotes(lab: Lab, make_needle: MakeNeedle) -> None:
    """A secret of hex digits behind a ``%20``, and a name that git shows in quotes."""
    digits = "6d7fe49a82dcf61b8c50d2587cc05495"
    spelled = "".join(f"\\x{byte:02x}" for byte in TOKEN.encode())
    lab.commit({"a": digits}, "first")
    base = lab.git("rev-parse", "HEAD")
    lab.commit({f"name {spelled} \" 'x": "1", "b": TOKEN}, f"x%20{digits}%20y, as in {base[:9]}")
    needles = [make_needle(digits, "hex"), make_needle(TOKEN, "token")]
    made = rehearsing.rehearse(open_repo(lab.path), needles, lab.path.parent / "q")
    new = lab.git("--git-dir", made.quarantine, "log", "-1", "--format=%s", made.refs[-1].new)
    assert new == f"x%20REMOVED-hex%20y, as in {made.commits[base][:9]}"
