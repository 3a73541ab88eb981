"""Time, in one place: UTC, RFC 3339, milliseconds, ``Z``."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """Now, as the journal and the record write it: ``2026-11-24T02:40:16.123Z``."""
    return rfc3339(datetime.now(UTC))


def rfc3339(moment: datetime) -> str:
    """*moment* (with a time zone) in UTC with milliseconds and ``Z`` (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> datetime:
    """The moment that an RFC 3339 text names. Raises ValueError."""
    return datetime.fromisoformat(text)
