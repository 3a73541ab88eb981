"""The tutorial's every command block, run in one shell as a reader would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "tutorial.md"


@pytest.mark.skipif(
    not (Path(__file__).resolve().parent.parent / "docs").is_dir(), reason="needs the source tree"
)
def test_every_command_block_of_the_tutorial_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 10
    script = "set -eu\n" + "".join(f"echo '== {n}'\n{block}" for n, block in enumerate(blocks))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (tmp_path / "leak" / "preview.html").is_file()
    assert "Clean: nothing was found." in done.stdout
    password = (tmp_path / "leak" / "leak.txt").read_text().strip()
    # Shown by git itself, before and after; by remediate never.
    assert password not in (tmp_path / "leak" / "record.html").read_text("utf-8")
    assert password not in (tmp_path / "leak" / "preview.html").read_text("utf-8")
