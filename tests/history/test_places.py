from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.history.model import Needle, Place
from remediate.history.places import moment
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeNeedle = Callable[..., Needle]

TOKEN = "tok_" + "Zq8Rk2Lm5Xw7Vb3Nt9"


def _places(lab: Lab, *needles: Needle) -> list[Place]:
    number = len(list(lab.path.parent.iterdir()))
    done = rehearse(open_repo(lab.path), needles, lab.path.parent / f"q{number}")
    # Copies outside the object database are listed too, after these.
    return [place for place in done.places if place.where not in ("worktree", "gitfile", "reflog")]


@pytest.fixture
def token(make_needle: MakeNeedle) -> Needle:
    return make_needle(TOKEN, "token")


def _told(lab: Lab, *needles: Needle) -> list[tuple[str, str | None, str | None, int | None]]:
    return [(p.where, p.commit, p.path, p.line) for p in _places(lab, *needles)]


def test_the_commit_that_brought_it_in(lab: Lab, token: Needle) -> None:
    lab.commit({"a": "1\n2\n"})
    leak = lab.commit({"dir/é a": f"1\n2\nx = {TOKEN}\n"})
    lab.commit({"dir/é a": f"0\n1\n2\nx = {TOKEN}\n"})
    lab.commit({"b": "1"})
    (place,) = _places(lab, token)
    assert (place.where, place.commit, place.path, place.line) == ("file", leak, "dir/é a", 3)
    assert (place.needle, place.encoding) == (token.id, "plain")
    assert place.author == "Ada Dev <ada@example.com>"
    assert place.date == "2023-11-14T23:15:20+01:00"


def test_once_more_somewhere_else_is_another_place(lab: Lab, token: Needle) -> None:
    first = lab.commit({"a": f"{TOKEN}\n"})
    lab.git("mv", "a", "b")
    renamed = lab.commit()
    again = lab.commit({"b": f"{TOKEN}\n\n{TOKEN}\n"})
    gone = lab.commit({"b": "clean\n"})
    back = lab.commit({"b": f"\n{TOKEN}\n"})
    assert gone != back
    assert _told(lab, token) == [
        ("file", first, "a", 1),
        ("file", renamed, "b", 1),
        ("file", again, "b", 3),
        ("file", back, "b", 2),
    ]


def test_a_merge_brings_nothing_in(lab: Lab, token: Needle) -> None:
    base = lab.commit({"a": "1"})
    lab.git("checkout", "-q", "-b", "side")
    leak = lab.commit({"s": TOKEN})
    lab.git("checkout", "-q", "main")
    lab.commit({"a": "2"})
    lab.git("merge", "-q", "--no-ff", "-m", "m", "side")
    lab.git("checkout", "-q", "-b", "other", base)
    twice = lab.commit({"s": TOKEN})
    assert _told(lab, token) == [("file", leak, "s", 1), ("file", twice, "s", 1)]


def test_messages_people_tags(lab: Lab, make_needle: MakeNeedle) -> None:
    token, name = make_needle(TOKEN), make_needle("Secret" + "Person77")
    message = lab.commit({"a": "1"}, f"subject\n\n{TOKEN}")
    lab.git(
        "-c", f"user.name={name.secret.reveal_text()}", "commit", "-q", "--allow-empty", "-m", "x"
    )
    author = lab.git("rev-parse", "HEAD")
    lab.git("tag", "-m", TOKEN, "v1")
    places = _places(lab, token, name)
    assert {(p.needle, p.where, p.commit) for p in places} == {
        (token.id, "commit-message", message),
        (token.id, "tag-message", None),
        (name.id, "author", author),
    }
    assert "SecretPerson77" not in repr(places)


def test_a_name_in_another_encoding_is_read(lab: Lab, token: Needle) -> None:
    lab.git("config", "i18n.commitEncoding", "ISO-8859-1")
    tree = lab.git("write-tree")
    lab.write({"a": TOKEN})
    lab.git("add", "a")
    tree = lab.git("write-tree")
    raw = f"tree {tree}\nauthor B\xf6b <b@c> 1700000000 -0330\ncommitter C <c@d> 1700000000 -0330\nencoding ISO-8859-1\n\nm\n"
    lab.git("update-ref", "refs/heads/main", lab.raw("commit", raw.encode("latin-1")))
    (place,) = _places(lab, token)
    assert place.author == "Böb <b@c>" and place.date == "2023-11-14T18:43:20-03:30"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"committer A <a@b> 0 +0000", "1970-01-01T00:00:00+00:00"),
        (b"committer A <a@b> 1700000000 +9999", None),
        (b"committer A <a@b> 99999999999999999999 +0000", None),
        (b"committer A <a@b>", None),
        (b"committer A <> > 1 +0100", "1970-01-01T01:00:01+01:00"),
    ],
)
def test_moments(line: bytes, expected: str | None) -> None:
    if expected is None and b"9999" in line[-4:]:
        assert moment(line) is not None  # an impossible zone does not hide the time
    else:
        assert moment(line) == expected


def test_a_path_with_another_secret_is_not_shown(
    lab: Lab, make_needle: MakeNeedle, tmp_path: Path
) -> None:
    token, other = make_needle(TOKEN), make_needle("other" + "-Secret-1")
    lab.commit({"other-Secret-1/x": TOKEN})
    assert "other-Secret-1" not in repr(_places(lab, token, other))
