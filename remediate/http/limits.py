"""What vendors say in headers about being asked too often, each in a way of its own.

| vendor | used up | until when |
| --- | --- | --- |
| GitHub, SendGrid, Vercel | ``x-ratelimit-remaining: 0`` | ``x-ratelimit-reset``, seconds since 1970 |
| GitLab, DigitalOcean | ``ratelimit-remaining: 0`` | ``ratelimit-reset``, seconds since 1970 |
| Buildkite, Datadog | ``ratelimit-remaining: 0``, ``x-ratelimit-remaining: 0`` | seconds from now |
| LaunchDarkly | also ``x-ratelimit-route-remaining: 0`` | ``x-ratelimit-reset``, milliseconds since 1970 |
| Discord | ``x-ratelimit-remaining: 0`` | ``x-ratelimit-reset-after``, seconds with a fraction |
| Atlassian, Netlify | ``x-ratelimit-remaining: 0`` | ``x-ratelimit-reset``, a date in words |
| Okta, Mapbox | ``x-rate-limit-remaining: 0`` | ``x-rate-limit-reset``, seconds since 1970 |

From: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api,
https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers,
https://buildkite.com/docs/apis/rest-api/limits, https://launchdarkly.com/docs/api#rate-limiting,
https://discord.com/developers/docs/topics/rate-limits. The others are from memory. The forms can't be taken
for one another: a number that is too small for a date is seconds from now, one that is too large is milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LEFT = (
    "x-ratelimit-remaining",
    "ratelimit-remaining",
    "x-ratelimit-route-remaining",
    "x-rate-limit-remaining",
)
_AFTER = "x-ratelimit-reset-after"
_RESET = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
_A_DATE = 10**8
"""Seconds since 1970 that are a date: March 1973. Fewer are from now."""
_MILLISECONDS = 10**11
"""As many would be the year 5138."""


def used_up(headers: Mapping[str, str]) -> bool:
    """Whether a limit is."""
    return any(headers.get(name, "").strip() == "0" for name in _LEFT)


def reset(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until a limit that is used up is one no more; None where nobody says. *now*: the vendor's clock."""
    after = number(headers.get(_AFTER, ""))
    if after is not None:
        return after
    text = next((value for name in _RESET if (value := headers.get(name, "").strip())), "")
    at = number(text)
    if at is None:
        at = date(text)
    elif at >= _MILLISECONDS:
        at /= 1000
    elif at < _A_DATE:
        return at
    return None if at is None else max(0.0, at - now)


def number(text: str) -> float | None:
    """A number that is not negative, with a fraction or without; None for anything else."""
    text = text.strip()
    whole, _, part = text.partition(".")
    if not text.isascii() or not whole.isdigit() or not (part.isdigit() or "." not in text):
        return None
    return float(text)


def date(text: str) -> float | None:
    """Seconds since 1970 of a date as HTTP writes it (RFC 9110, 5.6.7) or as RFC 3339 does; None for none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text.strip().removesuffix("UTC").strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
