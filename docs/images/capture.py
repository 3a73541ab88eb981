"""Draws demo.svg from a real run of ``remediate demo``: run it from the repository's root.

    python docs/images/capture.py

The demo runs on a terminal of its own, 110 columns wide; what it shows is drawn as it came.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 110
_EXAMPLES = ["AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"]
_TITLE = re.compile(r"Incident INC-\S+: (Investigating|Contained|Resolved)")
HERE = Path(__file__).resolve().parent


def recorded(scratch: Path) -> str:
    """What ``remediate demo`` shows on a terminal."""
    environment = {
        **os.environ,
        "COLUMNS": str(COLUMNS),
        "TERM": "xterm-256color",
    }
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "remediate", "demo", "--folder", str(scratch / "demo")],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux: the other side is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(ours)
    if child.wait() != 0:
        sys.exit(f"remediate demo ended with {child.returncode}")
    return b"".join(chunks).decode("utf-8", "replace")


def still(text: str) -> list[str]:
    """The lines as they stood in the end: a line that was drawn over counts once."""
    lines = text.replace("\r\n", "\n").split("\n")
    kept = [line.rsplit("\r", 1)[-1] for line in lines]
    return [re.sub(r"\x1b\[[0-9;?]*[A-HJKSTfhl]", "", line).rstrip() for line in kept]


def without_record(lines: list[str]) -> list[str]:
    """The run and its closing words; the record that a terminal shows between them is long."""
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in lines]
    start = next((n for n, line in enumerate(plain) if _TITLE.search(line)), len(plain))
    while start and not re.search(r"\w", plain[start - 1]):
        start -= 1
    end = next((n for n, line in enumerate(plain) if line.startswith("The record: ")), start)
    return [*lines[:start], "", *lines[end:]]


def with_example_ids(shown: str) -> str:
    """The vendor's own examples in place of key ids, so that no scanner takes a picture for a leak."""
    for made, example in zip(
        dict.fromkeys(re.findall(r"AKIA[A-Z0-9]{16}", shown)), _EXAMPLES, strict=False
    ):
        shown = shown.replace(made, example)
    return shown


def draw(name: str, command: str | None, lines: list[str], columns: int) -> None:
    """Draw *lines*, with colours as a terminal gave them, into the picture *name* beside this file."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, for rich to write to
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        if command is not None:
            console.print(Text(f"$ {command}", style="bold"))
        for line in lines:
            console.print(Text.from_ansi(line))
        drawn = console.export_svg(title=command or "remediate")
    # rich fetches a font from the web; a picture fetches nothing.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    drawn = drawn.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")
    (HERE / name).write_text(drawn, encoding="utf-8")


def screen() -> list[str]:
    """The lines of demo.svg, played now."""
    with tempfile.TemporaryDirectory(prefix="remediate-") as scratch:
        shown = recorded(Path(scratch)).replace(scratch, "/tmp/remediate")  # noqa: S108 - shown, not used
    return without_record(still(with_example_ids(shown)))


def main() -> None:
    """Run the demo and draw it."""
    draw("demo.svg", "remediate demo", screen(), COLUMNS)


if __name__ == "__main__":
    main()
