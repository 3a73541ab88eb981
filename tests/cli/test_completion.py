"""What a shell is offered after a command that wants an incident."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def offered(words: str, home: Path) -> list[str]:
    """What bash's completion function gets for the last of *words*."""
    asked = {"_REMEDIATE_COMPLETE": "complete_bash", "COMP_WORDS": words}
    asked |= {"COMP_CWORD": str(len(words.split(" ")) - 1), "REMEDIATE_HOME": str(home)}
    run = "import sys; sys.argv[0] = 'remediate'; from remediate.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", run],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("command", ["show", "resume", "record", "log"])
def test_ids_are_offered_newest_first(command: str, tmp_path: Path) -> None:
    for name in ("INC-20260102-aaaaaa", "INC-20260304-bbbbbb", ".INC-draft", "INC-no-journal"):
        folder = tmp_path / "incidents" / name
        folder.mkdir(parents=True)
        if name != "INC-no-journal":
            (folder / "journal.db").touch()
    assert offered(f"remediate {command} ", tmp_path) == [
        "INC-20260304-bbbbbb",
        "INC-20260102-aaaaaa",
    ]
    assert offered(f"remediate {command} INC-202601", tmp_path) == ["INC-20260102-aaaaaa"]


def test_without_a_state_folder_nothing_is_offered_and_none_is_made(tmp_path: Path) -> None:
    assert offered("remediate show ", tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
