from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remediate.history.pins import Pin, Pins, pins
from remediate.history.repo import open_repo


def test_files_and_links_that_name_an_old_commit_are_found(make_lab: Callable[..., Any]) -> None:
    lab = make_lab("lab")
    old = lab.commit({"a": "1"})
    other, near = "b" * 40, f"{old}0"
    lab.write(
        {"lock.json": f'{{"rev": "{old}", "other": "{other}"}}\n', "ü/ci.yml": f"uses: x@{old}\n"}
    )
    lab.write({"near": f"{near} 0{old}\n", "data.bin": b"\0" + old.encode()})
    lab.git("add", "-A")
    lab.git("update-index", "--add", "--cacheinfo", f"160000,{old},vendor/self")
    lab.git("commit", "-q", "-m", "pins")
    repo = open_repo(lab.path)
    assert set(pins(repo, {old}).found) == {
        Pin("lock.json", old), Pin("ü/ci.yml", old), Pin("vendor/self", old),
    }  # fmt: skip
    assert pins(repo, set()) == pins(repo, {"c" * 40}) == Pins(())


def test_other_branches_are_looked_at_too_and_what_is_left_out_is_counted(
    make_lab: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab("lab")
    old = lab.commit({"a": "1"})
    lab.commit({"lock.json": old})
    lab.git("switch", "-q", "-c", "release")
    lab.commit({".github/workflows/ci.yml": f"uses: acme/app/.github/workflows/x.yml@{old}\n"})
    lab.git(
        "update-ref", "refs/remotes/origin/theirs", lab.commit({"go.sum": old, "lock.json": ""})
    )
    lab.git("reset", "-q", "--hard", "HEAD~")
    lab.git("branch", "same")
    lab.git("switch", "-q", "main")
    repo = open_repo(lab.path)
    assert set(pins(repo, {old}).found) == {
        Pin("lock.json", old, "HEAD"),
        Pin("go.sum", old, "refs/remotes/origin/theirs"),
        Pin(".github/workflows/ci.yml", old, "refs/remotes/origin/theirs"),
    }
    monkeypatch.setattr("remediate.history.pins._TIPS", 2)
    assert pins(repo, {old}).unseen == 1, "two branches at one commit are one"
