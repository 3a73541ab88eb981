"""Loaded by every Python child through PYTHONPATH: kills it, shifts its clock, or makes it talk.

Nothing of remediate is replaced: the hooks hang on the interpreter and on the standard library.
"""

import os
import signal
import sys
from pathlib import Path

_KILL = os.environ.get("HOOK_KILL_AT_TICK")
_CLOCK = os.environ.get("HOOK_CLOCK")
_DEBUG = os.environ.get("HOOK_DEBUG")


def _ticks(wanted: int, tell: str) -> None:
    """Die at the nth moment of the journal: before a row is written, or between it and its head.

    With *tell*, a file, the number of moments is kept there, and goes on from one command to the next.
    """
    import sqlite3

    count = int(Path(tell).read_text()) if tell and Path(tell).exists() else 0

    def tick() -> None:
        nonlocal count
        count += 1
        if tell:
            Path(tell).write_text(str(count))
        if count == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(statement: str) -> None:
        if statement.lstrip().upper().startswith("INSERT INTO ROWS"):
            tick()

    def hook(event: str, arguments: tuple) -> None:
        if event == "os.rename" and os.fspath(arguments[1]).endswith("journal.head"):
            tick()

    def connect(*arguments: object, **more: object) -> object:
        database = real(*arguments, **more)
        database.set_trace_callback(traced)
        return database

    real = sqlite3.connect
    sqlite3.connect = connect
    sys.addaudithook(hook)


def _clock(jumps: str) -> None:
    """A clock that jumps: each look at it adds the next of the given seconds, over and over."""
    import datetime
    import itertools
    import time

    steps = itertools.cycle(float(step) for step in jumps.split(","))
    real = time.time
    real_class = datetime.datetime

    class Jumping(real_class):
        @classmethod
        def now(cls, tz=None):
            return real_class.fromtimestamp(real() + next(steps), tz)

    datetime.datetime = Jumping
    time.time = lambda: real() + next(steps)


if _KILL is not None:
    _ticks(int(_KILL), os.environ.get("HOOK_TELL", ""))
if _CLOCK is not None:
    _clock(_CLOCK)
if _DEBUG is not None:
    import logging

    logging.basicConfig(level=logging.DEBUG, filename=_DEBUG)
