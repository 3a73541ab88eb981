"""A vendor's answer, and what it says about being asked too often."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediate.http import limits


@dataclass(frozen=True)
class Answer:
    """A vendor's answer. Its body may hold secrets and is not shown."""

    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"

    def json(self) -> Any:
        """The body as JSON; None where it is empty or is not JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except (ValueError, RecursionError):
            return None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the vendor asks to wait: ``Retry-After``, a number or a date (RFC 9110, 10.2.3).

        A number may have a fraction, as Discord's has.
        """
        value = self.headers.get("Retry-After", "").strip()
        seconds = limits.number(value)
        if seconds is not None:
            return seconds
        moment = limits.date(value)
        return None if moment is None else max(0.0, moment - self._vendors_clock())

    @property
    def limited(self) -> bool:
        """Whether this is a refusal for asking too often.

        A 403 is one where the headers say so: GitHub's rate limits come as 403 or 429
        (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api).
        """
        return self.status == 429 or (
            self.status == 403 and (self.retry_after is not None or limits.used_up(self.headers))
        )

    @property
    def wait(self) -> float | None:
        """Seconds until the vendor listens again, as far as it says so.

        ``Retry-After``, else the reset time of a limit that is used up, as `remediate.http.limits` reads it,
        on the vendor's own clock.
        """
        if self.retry_after is not None:
            return self.retry_after
        if not limits.used_up(self.headers):
            return None
        seconds = limits.reset(self.headers, self._vendors_clock())
        return None if seconds is None else seconds + 1.0

    def _vendors_clock(self) -> float:
        moment = limits.date(self.headers.get("Date", ""))
        return time.time() if moment is None else moment
