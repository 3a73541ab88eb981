from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from remediate.history.model import Needle
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo

SECRET = "tok_" + "Mm4Kd8Ws2Qz6"


def test_old_ids_that_stay_are_told(
    lab: Any, make_needle: Callable[..., Needle], tmp_path: Path
) -> None:
    lab.commit({"a": "1\n"})
    lab.git("branch", "side")
    leak = lab.commit({"a": SECRET})
    lab.commit({"docs/é.md": f"see {leak}, not {leak[:39]}\n"}, f"on {leak[:10]}")
    lab.git("switch", "-q", "side")
    beside = lab.commit({"b": "1\n"}, f"as in {leak[:12]}, of this commit")
    lab.commit({"b": "2\n"}, "names none, but deadbeefdeadbeef")
    done = rehearse(open_repo(lab.path), [make_needle(SECRET)], tmp_path / "q")
    new = done.commits[leak]
    assert done.messages == (
        f"Commit {beside} keeps its id, and names {leak} in its message, which becomes {new}.",
        f"docs/é.md names {leak}, which becomes {new}.",
    )
    assert beside not in done.commits


def test_many_are_counted(lab: Any, make_needle: Callable[..., Needle], tmp_path: Path) -> None:
    leak = lab.commit({"a": SECRET})
    lab.commit({f"f{number}": leak for number in range(30)})
    done = rehearse(open_repo(lab.path), [make_needle(SECRET)], tmp_path / "q")
    assert len(done.messages) == 21
    assert done.messages[-1] == "… and 10 more places name old ids."
