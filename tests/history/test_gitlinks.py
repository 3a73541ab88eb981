"""Gitlinks to commits of the very same repository: they follow the commit, however deep that goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.history.apply import apply
from remediate.history.model import Needle
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.verify import verify

SECRET = "tok_" + "Gl5Kd8Ws2Qz6"


def _link(lab: Any, commit: str, path: str) -> str:
    lab.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    lab._clock += 60
    lab.git("commit", "-q", "-m", f"link {path}")
    return str(lab.git("rev-parse", "HEAD"))


@pytest.mark.parametrize("options", [(), ("--object-format=sha256",)])
def test_they_follow_their_commit(
    options: tuple[str, ...],
    make_lab: Callable[..., Any],
    make_needle: Callable[..., Needle],
    tmp_path: Path,
) -> None:
    lab = make_lab("lab", *options)
    lab.commit({"a": "1\n"})
    clean = lab.git("rev-parse", "HEAD")
    lab.git("switch", "-q", "-c", "side")
    leak = lab.commit({"a": SECRET})
    lab.git("switch", "-q", "main")
    before = _link(lab, clean, "to/clean")
    first = _link(lab, leak, "deep/in/one")
    lab.git("switch", "-q", "--orphan", "other")
    # Of no common descent: only the link leads there.
    second = _link(lab, first, "two")
    third = _link(lab, second, "x/three")
    lab.git("tag", "-a", "-m", "a folder", "folder", f"{third}:x")
    repo, needles = open_repo(lab.path), [make_needle(SECRET)]
    done = rehearse(repo, needles, tmp_path / "q")
    assert set(done.commits) == {leak, first, second, third}
    assert before not in done.commits
    apply(repo, done, needles)
    purge(repo, done)
    new = done.commits
    assert lab.git("rev-parse", "main:deep/in/one") == new[leak]
    assert lab.git("rev-parse", "main:to/clean") == clean
    assert lab.git("rev-parse", "other:two") == new[first]
    assert lab.git("rev-parse", "other:x/three") == new[second]
    assert lab.git("rev-parse", "folder^{tree}:three") == new[second]
    assert lab.git("rev-parse", ":x/three") == new[second], "in the index as well"
    assert verify(repo, needles).clean
    lab.git("fsck", "--full", "--strict")
    assert lab.git("diff", "--cached", "--name-only") == ""
