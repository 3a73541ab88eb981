"""How long a piece of work may wait for a vendor, and how it waits.

The clock that decides is `time.monotonic`. Time that was asked to be slept counts as gone even where
the sleeper is a test's that returns at once, so that no loop here can turn for ever.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remediate.plugins.context import VendorContext

FIRST = 0.5
"""Seconds before the second attempt, without jitter."""
LONGEST = 20.0
"""Seconds between two attempts at most, where the vendor names no time."""

_random = random.SystemRandom()


class Patience:
    """One piece of work's time. Made once for the work and handed on, never made anew inside it."""

    def __init__(
        self,
        until: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._until = until
        self._sleep = sleep
        self._clock = clock
        self._begun = clock()
        self._slept = 0.0

    @classmethod
    def of(cls, vendor: VendorContext) -> Patience:
        """The context's deadline, asked for once, and its way of sleeping."""
        return cls(vendor.deadline(), vendor.sleep)

    @property
    def left(self) -> float:
        """Seconds that are left; negative when the time is over."""
        return self._until - max(self._clock(), self._begun + self._slept)

    def wait(self, seconds: float) -> bool:
        """Sleep, if the time allows it; False at once where it would end after the deadline."""
        if seconds > self.left:
            return False
        if seconds > 0:
            self._slept = max(self._slept, self._clock() - self._begun) + seconds
            self._sleep(seconds)
        return True


def backoff(attempt: int) -> float:
    """Seconds to wait after failed *attempt* (from 1): doubling, with jitter so that two never march in step."""
    return float(min(LONGEST, FIRST * 2 ** (attempt - 1)) * (0.5 + _random.random() / 2))
