"""Which Vercel is meant, with which token of the responder's, and asking it about a token.

https://vercel.com/docs/rest-api: errors are ``{"error": {"code", "message"}}``; a token that is none or dead gets a 403
whose error has ``invalidToken``, which is what Vercel's own CLI looks at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from remediate.clock import rfc3339
from remediate.http import Answer, HttpError, base_url
from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Status
from remediate.plugins.provider import Found, Identified, Kind
from remediate.secret import Secret
from remediate_providers.rest import (
    NOT_USED,
    Rest,
    Site,
    TroubleError,
    mapping,
    number_of,
    objects,
    own_page,
    own_token,
    text_of,
)

PROVIDER = "vercel"
PART = "value"
TOKEN = "vercel-token"  # noqa: S105 - a kind's name
PUBLIC = "https://api.vercel.com"
WEB = "https://vercel.com"
PAGE = "/account/settings/tokens"
CURRENT = "/v5/user/tokens/current"
HOW = "set VERCEL_TOKEN to a token of yours with full account access"

KINDS = (Kind(TOKEN, "Vercel token", revoke="api", reissue="api", page=WEB + PAGE, check="api"),)
_LOOKS = re.compile(rb"vc[pia]_[A-Za-z0-9_-]{50,70}")


class Api(Rest):
    """A conversation with Vercel."""

    def __init__(self, vendor: VendorContext) -> None:
        super().__init__(vendor, Site(base_url(vendor.environment, "VERCEL_API_URL", PUBLIC)))
        self.own = responder(vendor.environment)
        names = ("VERCEL_TEAM_ID", "VERCEL_ORG_ID")
        found = [vendor.environment.get(name, "").strip() for name in names]
        team = next((text for text in found if text), "")
        self.team: Mapping[str, str] = {"teamId": team} if team.startswith("team_") else {}
        """The query that names the team which the responder acts for."""

    def page(self, path: str) -> str:
        """A page of Vercel's."""
        return own_page(self.site, WEB, path)

    def read(
        self, path: str, own: Secret, needed: str, query: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        """An object, of the team. Raises `TroubleError`; *needed*: the token that it takes."""
        try:
            answer = self.ask("GET", path, own, query={**(query or {}), **self.team})
        except HttpError as error:
            raise TroubleError(self.refusal(error), Status.UNREACHABLE) from None
        if answer.status != 200 or not mapping(answer):
            raise self.trouble(answer, needed)
        return mapping(answer)

    def require_taken(self, told: Mapping[str, Any], what: str) -> None:
        """Raises `TroubleError` where *told*, an answer of 200, lists *what* among what failed."""
        failed = objects(told.get("failed"))
        if failed:
            why = failed[0].get("error")
            said = text_of(why, "message") if isinstance(why, dict) else None
            reason = self.vendor.redact(said or "it does not say why")[:200]
            raise TroubleError(f"Vercel did not take {what}: {reason}", Status.REFUSED)


@dataclass(frozen=True)
class Probe:
    """One look at a token."""

    check: Check
    token: Mapping[str, Any] = field(default_factory=dict)
    """What Vercel tells of it."""


def responder(environment: Mapping[str, str]) -> Secret | None:
    """The responder's own token, from where Vercel's CLI and its CI guides keep it."""
    return own_token(environment, "VERCEL_TOKEN")


def is_token(value: Secret) -> bool:
    """Whether *value* has the shape of a Vercel token (the older ones have none)."""
    return _LOOKS.fullmatch(value.reveal()) is not None


def identify(found: Sequence[Found]) -> list[Identified]:
    """Each of *found* that is a Vercel token. Offline."""
    return [
        Identified(
            Credential(
                id=f"{PROVIDER}:{one.fingerprint[:12]}",
                provider=PROVIDER,
                kind=TOKEN,
                parts={PART: one.fingerprint},
            ),
            {one.fingerprint: TOKEN},
        )
        for one in found
        if is_token(one.value)
    ]


def look(api: Api, token: Secret, *, leaked: bool, patient: bool = True) -> Probe:
    """``GET /v5/user/tokens/current`` with the token."""
    if leaked and not api.vendor.use_leaked:
        return Probe(Check(None, reason=NOT_USED))
    try:
        answer = api.ask("GET", CURRENT, token, patient=patient)
    except HttpError as error:
        return Probe(Check(None, reason=api.refusal(error)))
    told = mapping(answer).get("token")
    if answer.status == 200 and isinstance(told, dict):
        return Probe(Check(True, (api.seen(f"GET {CURRENT}", "200"),)), told)
    wrong = error_object(answer)
    code = text_of(wrong, "code") or ""
    seen = (api.seen(f"GET {CURRENT}", f"{answer.status} {code}".strip()),)
    if answer.status in (401, 403) and wrong.get("invalidToken") is True:
        return Probe(Check(False, (api.seen(f"GET {CURRENT}", f"{answer.status} invalidToken"),)))
    return Probe(Check(None, seen, api.refusal(answer)))


def error_object(answer: Answer) -> Mapping[str, Any]:
    """Vercel's error object; empty where the answer is not Vercel's."""
    error = mapping(answer).get("error")
    return error if isinstance(error, dict) else {}


def moment(data: Mapping[str, Any], name: str) -> str | None:
    """A field of milliseconds since 1970 as RFC 3339; None where it is none."""
    value = number_of(data, name)
    try:
        return None if value is None else rfc3339(datetime.fromtimestamp(value / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return None
