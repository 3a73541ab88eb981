"""A git that somebody kills while it is read from: the object that it was at is not called damaged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.history.objects import read_many
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.verify import verify, verify_rehearsal

from .conftest import needle
from .test_every_place import SECRET

if TYPE_CHECKING:
    from .conftest import Lab


class Killer:
    """A git before the real one on PATH that is killed *times* times after so many bytes of a batch."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self._left = folder / "left"
        self._bytes = folder / "bytes"
        real = shutil.which("git")
        (folder / "git").write_text(
            "#!/bin/sh\n"
            'case " $* " in *" --batch "*)\n'
            f'  left=$(wc -c <"{self._left}")\n'
            '  if [ "$left" -gt 0 ]; then\n'
            f'    head -c $((left - 1)) "{self._left}" >"{self._left}.new"; mv "{self._left}.new" "{self._left}"\n'
            f'    {real} "$@" | head -c $(cat "{self._bytes}"); kill -9 $$\n'
            "  fi;;\n"
            "esac\n"
            f'exec {real} "$@"\n'
        )
        (folder / "git").chmod(0o755)
        self.aim(0, 0)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def aim(self, times: int, after: int) -> None:
        self._left.write_bytes(b"x" * times)
        self._bytes.write_text(str(after))

    @property
    def spent(self) -> bool:
        return not self._left.read_bytes()


@pytest.fixture
def killer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Killer:
    return Killer(tmp_path / "bin", monkeypatch)


@pytest.mark.parametrize("after", [0, 30, 52, 60, 200, 5000])
def test_what_it_was_at_is_asked_for_again(lab: Lab, killer: Killer, after: int) -> None:
    oids = [lab.raw("blob", f"{n} text\n".encode() * 9) for n in range(60)]
    whole = list(read_many(lab.path / ".git", oids))
    assert all(read.content for read in whole)
    killer.aim(1, after)
    assert list(read_many(lab.path / ".git", oids)) == whole
    assert killer.spent


def test_killed_twice_over_one_it_is_named_and_the_rest_is_read(lab: Lab, killer: Killer) -> None:
    oids = [lab.raw("blob", f"{n}\n".encode()) for n in range(5)]
    killer.aim(2, 0)
    reads = list(read_many(lab.path / ".git", oids))
    assert [read.oid for read in reads] == oids
    assert [read.reason for read in reads] == ["git was killed over it", "", "", "", ""]


@pytest.mark.parametrize("after", [0, 45, 100, 450, 3000])
def test_nothing_is_unreadable_for_it(lab: Lab, killer: Killer, after: int, tmp_path: Path) -> None:
    for n in range(20):
        lab.commit({"f": f"a = {SECRET if n % 2 else n}\n" * 5, "g": f"{n}\n" * 40})
    repo, needles = open_repo(lab.path), [needle(SECRET)]
    once = verify(repo, needles)
    killer.aim(1, after)
    # Counts of objects and bytes, too.
    assert verify(repo, needles) == once
    assert killer.spent
    made = rehearse(repo, needles, tmp_path / "one")
    killer.aim(1, after)
    again = rehearse(repo, needles, tmp_path / "two")
    assert again.objects == made.objects and not again.unreadable
    killer.aim(1, after)
    assert verify_rehearsal(tmp_path / "two", needles).clean
    assert killer.spent
