"""Standard input, output and error, in whatever state the caller left them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TextIO, cast


def whole_streams() -> None:
    """Three streams that can be used, and that take every text.

    A service manager, cron or a shell's ``<&-`` can start us without one. Then the next file that is opened
    gets its number, and what is meant for the terminal lands there; Python's own stream is None.
    A stream of another encoding than UTF-8 spells what it does not have (``\\xe9``) in place of failing.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is taken: this one.
            opened = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
            os.set_inheritable(opened, True)
    sys.stdin = _whole(sys.stdin, "r")
    sys.stdout = _whole(sys.stdout, "w")
    sys.stderr = _whole(sys.stderr, "w")


def _whole(stream: TextIO | None, mode: str) -> TextIO:
    if stream is None:
        return cast("TextIO", Path(os.devnull).open(mode, encoding="utf-8"))
    if mode == "w" and isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    return stream


def silence(stream: TextIO) -> None:
    """Nothing written to *stream* from now on goes anywhere, nor what it still holds: it can't be written to."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
