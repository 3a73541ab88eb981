from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.history import overreach
from remediate.history.model import Needle, Rehearsal
from remediate.history.overreach import plain, rehearse_with_care
from remediate.history.repo import open_repo

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeNeedle = Callable[..., Needle]
TOKEN = "tok_" + "Zq8Rk2Lm5Xw7Vb3Nt9"


@pytest.mark.parametrize(
    "value", [b"pw", b"1234567", b"password", b"Administrator", b"SECRET", b"my-app-secret", b"}"]
)
def test_what_would_take_too_much_with_it(value: bytes) -> None:
    assert plain(value)


@pytest.mark.parametrize(
    "value",
    [TOKEN.encode(), b"12345678", b"hunter2hunter2", b"qmzpwnxkvjhrtlsgdbyc" * 2, b"aB" * 9],
)
def test_what_is_a_secret_by_its_looks(value: bytes) -> None:
    assert plain(value) is None


def _care(lab: Lab, *needles: Needle, insisted: tuple[str, ...] = ()) -> Rehearsal:
    return rehearse_with_care(
        open_repo(lab.path), needles, lab.path.parent / "quarantine" / "git", insisted=insisted
    )


def test_a_word_is_left_and_named(lab: Lab, make_needle: MakeNeedle) -> None:
    word, token = make_needle("password"), make_needle(TOKEN)
    lab.commit({"a.py": f"password = '{TOKEN}'\n", "b.py": "def password(): ...\n"})
    made = _care(lab, word, token)
    assert made.held == (word.id,) and made.replaced([word, token]) == [token]
    assert {(r.needle, r.where) for r in made.remnants} == {
        (word.id, "file"),
        (word.id, "worktree"),
    }
    assert len(made.remnants) == 4, "two objects and the two checked-out files"
    assert "ordinary word" in made.messages[0] and "in 4 places" in made.messages[0]
    assert "insist = true" in made.messages[0] and "password" not in made.messages[0]
    assert made.blobs == 1, "the token goes"
    assert Rehearsal.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_a_word_that_stands_nowhere_is_no_matter(lab: Lab, make_needle: MakeNeedle) -> None:
    lab.commit({"a": TOKEN})
    made = _care(lab, make_needle("letmein"), make_needle(TOKEN))
    assert made.held == () and made.remnants == ()


def test_insisted_on_it_goes(lab: Lab, make_needle: MakeNeedle) -> None:
    word = make_needle("password")
    lab.commit({"a.py": "password = 1\n"})
    made = _care(lab, word, insisted=(word.id,))
    assert made.held == () and made.remnants == () and made.blobs == 1


def test_too_many_places(
    lab: Lab, make_needle: MakeNeedle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overreach, "MOST_PLACES", 5)
    common, token = make_needle("CURL_x9_OPTION"), make_needle(TOKEN)
    lab.commit({f"f{n}": f"CURL_x9_OPTION {n}\n" for n in range(6)})
    lab.commit({"x": TOKEN})
    made = _care(lab, common, token)
    assert made.held == (common.id,) and made.blobs == 1
    assert "at 6 places" in made.messages[0]
    again = _care(lab, common, token, insisted=(common.id,))
    assert again.held == () and again.blobs == 7


def test_one_file_over_many_commits_is_one_place(
    lab: Lab, make_needle: MakeNeedle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(overreach, "MOST_PLACES", 5)
    for number in range(8):
        lab.commit({"f": f"{TOKEN}\nline {number}\n"})
    made = _care(lab, make_needle(TOKEN))
    assert made.held == () and made.blobs == 8
