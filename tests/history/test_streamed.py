"""Whether a host's own rewrite would change what it has no reason to touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from remediate.history.repo import open_repo
from remediate.history.streamed import would_move


def asked(lab: Any, folder: Path, old: tuple[str, ...] = ()) -> list[str]:
    rows = lab.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    refs = dict(row.split() for row in rows)
    return would_move(open_repo(lab.path), refs, old, folder)


def test_a_plain_history_comes_through_as_it_is(lab: Any, tmp_path: Path) -> None:
    lab.commit({"a": "1", "sub/b": "2"})
    lab.git("tag", "-a", "-m", "first", "v1")
    lab.git("tag", "light")
    lab.git("switch", "-q", "-c", "topic")
    lab.commit({"c": "3"}, "no newline at the end")
    lab.git("switch", "-q", "main")
    lab.commit({"a": "4"}, "two\n\nparagraphs\n\n\n")
    lab.git("merge", "-q", "--no-ff", "-m", "merged", "topic")
    assert asked(lab, tmp_path / "q") == []


@pytest.mark.parametrize("header", ["gpgsig -----BEGIN\n x\n -----END", "encoding ISO-8859-1"])
def test_what_fast_export_drops_would_move_all_that_follows(
    lab: Any, tmp_path: Path, header: str
) -> None:
    first = lab.commit({"a": "1"})
    lab.git("branch", "before")
    lab.git("tag", "-a", "-m", "m", "v0")
    head, _, message = lab.cat(first).partition(b"\n\n")
    head = head.replace(b"\nauthor", f"\nparent {first}\nauthor".encode(), 1)
    odd = head + b"\n" + header.encode() + b"\n\n" + message
    made = lab.raw("commit", odd)
    lab.git("update-ref", "refs/heads/main", made)
    assert asked(lab, tmp_path / "q") == ["refs/heads/main"]


def test_a_message_that_names_what_is_replaced_would_change(lab: Any, tmp_path: Path) -> None:
    old = lab.commit({"a": "1"})
    lab.commit({"a": "2"}, f"mend {old[:10]}")
    assert asked(lab, tmp_path / "q") == []
    assert asked(lab, tmp_path / "r", (old,)) == ["refs/heads/main"]


def test_what_can_not_be_streamed_is_taken_to_move(lab: Any, tmp_path: Path) -> None:
    lab.commit({"a": "1"})
    lab.git("tag", "tree", "HEAD^{tree}")
    assert "refs/tags/tree" in asked(lab, tmp_path / "q")
