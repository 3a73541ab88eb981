"""Slack's tokens and webhook addresses, told by their shape. Offline.

https://docs.slack.dev/authentication/tokens/ names the prefixes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from remediate.model import Credential
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret

PROVIDER = "slack"
PART = "value"

TOKEN = "slack-token"  # noqa: S105 - a kind's name
APP = "slack-app-token"
WEBHOOK = "slack-webhook-url"

PAGE = "https://api.slack.com/apps"
HOOKS = "https://hooks.slack.com"

KINDS = (
    Kind(TOKEN, "Slack token", revoke="api", reissue="manual", page=PAGE, check="api"),
    Kind(APP, "Slack app-level token", revoke="api", reissue="manual", page=PAGE, check="api"),
    Kind(
        WEBHOOK, "Slack incoming webhook", revoke="manual", reissue="manual", page=PAGE, check="api"
    ),
)

_PATTERNS: Mapping[str, re.Pattern[bytes]] = {
    TOKEN: re.compile(rb"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,250}"),
    APP: re.compile(rb"xapp-\d-[A-Z0-9]+-\d+-[A-Za-z0-9]+"),
    WEBHOOK: re.compile(
        rb"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{20,100}"
    ),
}
_FORMS = {
    "xoxb": "bot token",
    "xoxp": "user token",
    "xoxe": "refresh or expiring token",
    "xoxa": "workspace token",
    "xoxs": "session token",
    "xoxr": "refresh token",
}


def kind_of(value: Secret) -> str | None:
    """Which of Slack's kinds *value* is; None for anything else."""
    raw = value.reveal()
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(raw)), None)


def identify(found: Sequence[Found]) -> list[Identified]:
    """Each of *found* that is Slack's, as a credential of its own."""
    return [
        Identified(
            Credential(
                id=f"{PROVIDER}:{one.fingerprint[:12]}",
                provider=PROVIDER,
                kind=kind,
                parts={PART: one.fingerprint},
                labels=_labels(kind, one.value),
            ),
            {one.fingerprint: kind},
        )
        for one in found
        if (kind := kind_of(one.value)) is not None
    ]


def hook_path(value: Secret) -> str | None:
    """The path of an incoming webhook; None for a workflow's address, which any request would set off."""
    path = value.reveal_text().removeprefix(HOOKS)
    return path if path.startswith("/services/") else None


def token_of(held: Held) -> Secret | None:
    """The leaked value, where it is at hand."""
    return held.values.get(PART)


def title(kind: str) -> str:
    """A kind's name for people."""
    return next(one.title for one in KINDS if one.name == kind)


def _labels(kind: str, value: Secret) -> dict[str, str]:
    form = _FORMS.get(value.reveal_text()[:4]) if kind == TOKEN else None
    return {"form": form} if form else {}
