"""The page "From Python": every block of it, run in its order."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import remediate.api

DOCS = Path(__file__).resolve().parents[2] / "docs"
VALUE = "a-value-of-" + "some-length-" + "8f14e45f"


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs the source tree")
def test_every_block_of_the_page_runs(tmp_path: Path, bash: Callable[..., str]) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (DOCS / "python.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) >= 5
    bash(f"git init -q r; cd r; echo '{VALUE}' > a; git add .; git commit -qm one")
    (tmp_path / "leaks.txt").write_text(VALUE + "\n")
    (tmp_path / "key").write_text("a key of thirty-two characters..\n")
    told = []
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=tmp_path / "r", capture_output=True, text=True
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        told.append(done.stdout)
    assert "finished" in told[0]
    assert "clean" in told[1]
    assert told[2].startswith("partial")
    assert VALUE not in "".join(told)


def test_what_is_public_is_there_and_says_what_it_is() -> None:
    for name in remediate.api.__all__:
        public = getattr(remediate.api, name)
        if name != "Report":
            assert public.__doc__, name
