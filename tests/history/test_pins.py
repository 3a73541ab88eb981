from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remediate.history.pins import Pin, pins
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
    assert set(pins(repo, {old})) == {
        Pin("lock.json", old), Pin("ü/ci.yml", old), Pin("vendor/self", old),
    }  # fmt: skip
    assert pins(repo, set()) == pins(repo, {"c" * 40}) == []
