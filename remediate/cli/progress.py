"""A line that moves while something takes its time: how far it is, how fast, and how long it will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from remediate.wording import count

_QUIET = 1.0
"""Seconds. What is over sooner than this is not worth a line."""
_EVERY = 15.0
"""Seconds between two lines where none can move (a file, a dumb terminal, a screen reader)."""


class ProgressLine:
    """Tells of one step after another. *moving*: over itself, else a line now and then."""

    def __init__(
        self,
        *,
        moving: bool,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        width: Callable[[], int] = lambda: 80,
        lead: Callable[[], str] = str,
    ) -> None:
        self._moving = moving
        self._out = out if out is not None else sys.stderr
        self._clock = clock
        self._width = width
        self._lead = lead
        self._step = ""
        self._begun = 0.0
        self._first = 0
        self._told = 0.0
        self._shown = False

    def tell(self, step: str, done: int, total: int | None) -> None:
        """*done* of *total* of *step*, in whatever unit; nothing is shown in a step's first second."""
        now = self._clock()
        if step != self._step or done < self._first:
            self.clear()
            self._step, self._begun, self._first, self._told = step, now, done, now
        spent = now - self._begun
        if spent < _QUIET:
            return
        if self._moving:
            text = _text(self._lead() + step, done, total, done - self._first, spent)
            text = text[: max(10, self._width() - 1)]
            self._out.write(f"\r\x1b[2K{text}")
            self._out.flush()
            self._shown = True
        elif now - self._told >= _EVERY:
            self._told = now
            text = _text(self._lead() + step, done, total, done - self._first, spent)
            self._out.write(f"  {text}\n")
            self._out.flush()

    def clear(self) -> None:
        """Take the line away, for something else is to be said."""
        if self._shown:
            self._out.write("\r\x1b[2K")
            self._out.flush()
            self._shown = False


def _text(step: str, done: int, total: int | None, gone: int, spent: float) -> str:
    parts = [f"     {step}"]
    if total:
        parts.append(f"{100 * done // total} %, {done:,} of {total:,}")
    elif done:
        parts.append(f"{done:,}")
    if gone > 0:
        rate = gone / spent
        parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        if total and total > done:
            parts.append(f"{duration((total - done) / rate)} left")
    elif not total:
        parts.append(f"for {duration(spent)}")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """``42 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 days``: never two units more than one needs."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return count(hours // 24, "day")
