"""Journals that were put in each other's place, emptied, or taken away with their folder.

All of an installation's journals are sealed under one key, so each of these holds together by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.errors import TamperedError
from remediate.incident.home import private_folder
from remediate.incident.opening import Installation
from remediate.incident.rows import SCHEMA, Kind

ONE, OTHER = "INC-20260102-aaaaaa", "INC-20260102-bbbbbb"


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    """A state folder with two incidents."""
    installation = Installation(tmp_path / "home")
    assert installation.key, "made before there is anything"
    for name in (ONE, OTHER):
        draft = private_folder(installation.home.incidents / f".{name}")
        with installation.journal(draft) as journal:
            journal.append(Kind.OPENED, {"schema": SCHEMA, "incident": name, "repository": "/none"})
        draft.rename(installation.home.incidents / name)
    assert [known.state.id for known in installation.incidents()] == [OTHER, ONE]
    return installation


def told(here: Installation, *arguments: str) -> tuple[int, str]:
    """What a person sees."""
    done = subprocess.run(
        [sys.executable, "-m", "remediate", *arguments],
        env={**os.environ, "REMEDIATE_HOME": str(here.home.path)},
        capture_output=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def replayed(here: Installation) -> None:
    """One incident's journal, with both of its heads, over the other's."""
    incidents = here.home.incidents
    for path in (incidents / OTHER).glob("journal.*"):
        path.unlink()
    for path in (incidents / ONE).glob("journal.*"):
        shutil.copy2(path, incidents / OTHER)
    shutil.copy2(here.home.heads / ONE, here.home.heads / OTHER)


def exchanged(here: Installation) -> None:
    """Their folders, and the heads kept elsewhere."""
    for folder in (here.home.incidents, here.home.heads):
        (folder / ONE).rename(folder / "x")
        (folder / OTHER).rename(folder / ONE)
        (folder / "x").rename(folder / OTHER)


def emptied(here: Installation) -> None:
    """An empty journal, as one has it that was never written to."""
    for path in (here.home.incidents / OTHER).glob("journal.*"):
        path.unlink()
    (here.home.incidents / OTHER / "journal.db").touch(mode=0o600)
    (here.home.heads / OTHER).unlink()


@pytest.mark.parametrize("how", [replayed, exchanged, emptied])
def test_a_journal_in_another_ones_place_is_told(here: Installation, how: object) -> None:
    assert callable(how)
    how(here)
    with pytest.raises(TamperedError, match=f"{OTHER}'s own was removed"):
        here.find(OTHER, None)
    with pytest.raises(TamperedError), here.journal(here.home.incidents / OTHER):
        pass
    assert told(here, "log", "--check", OTHER)[0] == 9
    code, text = told(here, "list")
    assert code == 9
    assert f"{ONE}  interrupted" in text or how is exchanged, "the others are shown"


@pytest.mark.parametrize("what", ["folder", "journal"])
def test_an_incident_that_was_taken_away_is_told(here: Installation, what: str) -> None:
    folder = here.home.incidents / OTHER
    shutil.rmtree(folder) if what == "folder" else (folder / "journal.db").unlink()
    assert here.gone() == [OTHER]
    with pytest.raises(TamperedError, match="somebody removed it"):
        here.find(OTHER, None)
    assert here.find(ONE, None).state.id == ONE
    for arguments in (("log", "--check", OTHER), ("list",), ("list", "--json")):
        code, text = told(here, *arguments)
        assert code == 9
        assert f"rm '{here.home.heads / OTHER}'" in text
    # Whoever removed it on purpose says so, and has peace.
    (here.home.heads / OTHER).unlink()
    assert told(here, "list")[0] == 0


def test_one_that_is_only_being_made_is_not_gone(here: Installation) -> None:
    draft = private_folder(here.home.incidents / ".INC-20260102-cccccc")
    with here.journal(draft) as journal:
        journal.append(Kind.OPENED, {"schema": SCHEMA, "incident": "INC-20260102-cccccc"})
    assert here.gone() == []
