"""Ctrl-C and SIGTERM: a `KeyboardInterrupt` in the main thread, but never in the middle of an import.

An import that is broken off leaves modules half made; Python makes a `RuntimeError` of an interrupt within
a class that is being made, and a module that is no Python ends the process in a panic. Nor is one lost:
what is raised where Python may raise nothing (an object's end, a weak reference's) is raised once more.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

#: After so many seconds it is seen again whether the import is over.
_AGAIN = 0.02
_IMPORTING = "<frozen importlib"


class Asked:
    """Whether somebody asked this process to stop."""

    to_stop = False


def listen() -> None:
    """Take both from now on. What the process was begun without (``nohup``, ``&``) it goes on without."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGALRM, _stop)
    usual = sys.unraisablehook

    def ignored(what: Any) -> None:
        if Asked.to_stop and issubclass(what.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        else:
            usual(what)

    sys.unraisablehook = ignored


def _stop(_signal: int, frame: FrameType | None) -> None:
    Asked.to_stop = True
    if _imports(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        return
    raise KeyboardInterrupt


def _imports(frame: FrameType | None) -> bool:
    """Whether *frame*, or one that it was called from, is an import's."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORTING):
            return True
        frame = frame.f_back
    return False
