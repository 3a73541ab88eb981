"""Asking Slack: everything is answered with 200, and ``ok`` says whether it worked.

https://docs.slack.dev/apis/web-api/ (errors), https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediate.http import Answer, HttpError, base_url
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.rest import (
    NO_VALUE,
    NOT_USED,
    Rest,
    Site,
    mapping,
    own_page,
    own_token,
    text_of,
)
from remediate_providers.slack.tokens import HOOKS, PAGE, WEBHOOK, hook_path

PUBLIC = "https://slack.com/api"
TEST = "/auth.test"

DEAD = frozenset({"token_revoked", "token_expired", "account_inactive", "user_removed_from_team"})
"""Errors that mean that a token works no more."""
DOUBTFUL = "invalid_auth"
"""Said of a token that is none, and of a good one from an address that its app does not allow."""
HOOK_DEAD = frozenset(
    {"no_service", "no_service_id", "no_team", "no_active_hooks", "team_disabled", "invalid_token"}
)
HOOK_ALIVE = frozenset({"no_text", "invalid_payload", "missing_text_or_fallback_or_attachments"})
"""What a live webhook says to a message without a text; nothing is posted."""


class Api(Rest):
    """A conversation with Slack."""

    def __init__(self, vendor: VendorContext) -> None:
        super().__init__(
            vendor, Site(base_url(vendor.environment, "SLACK_API_URL", PUBLIC), error_of)
        )
        self.own = responder(vendor.environment)

    @property
    def hooks(self) -> str:
        """Where webhooks are; a stand-in has them beside its API."""
        return own_page(self.site, HOOKS, "")

    @property
    def page(self) -> str:
        """The page that lists apps."""
        return PAGE if self.hooks == HOOKS else f"{self.hooks}/apps"


@dataclass(frozen=True)
class Probe:
    """One look."""

    check: Check
    data: Mapping[str, Any] = field(default_factory=dict)
    scopes: tuple[str, ...] | None = None
    """What ``x-oauth-scopes`` names; None where the header is not there."""
    doubtful: bool = False
    """Whether it is dead, or this address is not allowed: Slack does not say which."""


def responder(environment: Mapping[str, str]) -> Secret | None:
    """The responder's own token, for access logs: ``SLACK_TOKEN``."""
    return own_token(environment, "SLACK_TOKEN")


def error_of(answer: Answer) -> str:
    """Slack's error code; a webhook's is its whole body."""
    code = text_of(mapping(answer), "error")
    if code is not None:
        return code
    plain = answer.body[:60].decode("ascii", "replace").strip()
    return plain if plain.replace("_", "").isalpha() else ""


def look_at(held: Held, api: Api, *, patient: bool = True) -> Probe:
    """One look at what leaked, with itself."""
    value = held.values.get("value")
    if value is None:
        return Probe(Check(None, reason=NO_VALUE))
    if not api.vendor.use_leaked:
        return Probe(Check(None, reason=NOT_USED))
    return look(api, held.credential.kind, value, patient=patient)


def look(api: Api, kind: str, value: Secret, *, patient: bool = True) -> Probe:
    """One look at a token (``auth.test``), or at a webhook (a message without a text)."""
    if kind == WEBHOOK:
        return _hook(api, value, patient=patient)
    try:
        answer = api.ask("POST", TEST, value, repeat=True, patient=patient)
    except HttpError as error:
        return Probe(Check(None, reason=api.refusal(error)))
    data = mapping(answer)
    if answer.status == 200 and data.get("ok") is True:
        header = answer.headers.get("x-oauth-scopes")
        scopes = None if header is None else tuple(s for p in header.split(",") if (s := p.strip()))
        return Probe(Check(True, (api.seen("POST auth.test", "ok"),)), data, scopes)
    code = text_of(data, "error") or ""
    seen = (api.seen("POST auth.test", code or str(answer.status)),)
    if answer.status == 200 and code in DEAD:
        return Probe(Check(False, seen))
    if answer.status == 200 and code == DOUBTFUL:
        reason = f"{api.site.host} says invalid_auth: it is no token (any more), or its app allows "
        return Probe(Check(None, seen, reason + "no requests from here"), doubtful=True)
    if answer.status == 200 and code == "ratelimited":
        return Probe(Check(None, seen, f"{api.site.host} limits how often it may be asked"))
    if answer.status == 200 and code:
        return Probe(Check(None, seen, f"{api.site.host} says {code}"))
    return Probe(Check(None, seen, api.refusal(answer)))


def _hook(api: Api, value: Secret, *, patient: bool) -> Probe:
    path = hook_path(value)
    if path is None:
        reason = "any request to a workflow's address sets it off, so it is not asked"
        return Probe(Check(None, reason=reason))
    try:
        answer = api.ask(
            "POST", path, None, base=api.hooks, repeat=True, patient=patient, json={"text": ""}
        )
    except HttpError as error:
        return Probe(Check(None, reason=api.refusal(error)))
    code = error_of(answer)
    seen = (api.seen("POST the webhook without a text", f"{answer.status} {code}".strip()),)
    if code in HOOK_DEAD and answer.status in (403, 404, 410):
        return Probe(Check(False, seen))
    if code in HOOK_ALIVE and answer.status == 400:
        return Probe(Check(True, seen))
    return Probe(Check(None, seen, api.refusal(answer)))
