"""Refresh tokens (``xoxe-…``) of apps with token rotation, and of app configuration tokens: traded for the next pair.

An app's is traded with its client id and secret (``oauth.v2.access``), a configuration token's by itself
(``tooling.tokens.rotate``). The old one is revoked with that. Not asked for twice: an answer that was lost took the next
pair with it. https://docs.slack.dev/authentication/using-token-rotation,
https://docs.slack.dev/reference/methods/tooling.tokens.rotate
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from remediate.model import Json
from remediate.plugins.context import REISSUED, VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers.ending import Asked
from remediate_providers.rest import NO_VALUE, NOT_USED, TroubleError, mapping, text_of
from remediate_providers.slack import steps
from remediate_providers.slack.server import Api
from remediate_providers.slack.tokens import PART, token_of

ACCESS = "access_token"
"""The part of a successor that opens anything; ``value`` is the next refresh token."""
TRADED = "traded_at"
"""Among what reissuing told: when the old one was used up."""
UNASKABLE = "a refresh token opens no call, and the one that takes it would use it up"
NONE_SUCH = "invalid_refresh_token"
CLIENT = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")
HOW = "for an app's own, set SLACK_CLIENT_ID and SLACK_CLIENT_SECRET"


@dataclass(frozen=True)
class Pair:
    """What Slack gives for a refresh token."""

    access: Secret
    refresh: Secret


def is_refresh(held: Held) -> bool:
    """Whether what leaked is a refresh token."""
    value = token_of(held)
    return value is not None and value.reveal().startswith(b"xoxe-")


def traded(vendor: VendorContext) -> Check:
    """Dead where its successor came of it in this incident."""
    made = vendor.known.get(REISSUED)
    at = made.get(TRADED) if isinstance(made, Mapping) else None
    if not isinstance(at, str):
        return Check(None, reason=UNASKABLE)
    return Check(False, (Evidence("the rotation that made its successor", "used up", at),))


def trade(api: Api, token: Secret) -> tuple[Pair | None, Evidence]:
    """The next pair; None where Slack knows no such refresh token. Raises `TroubleError`."""
    id_, secret = (api.vendor.environment.get(name, "").strip() for name in CLIENT)
    refresh = {"refresh_token": token.reveal_text()}
    ways: list[tuple[str, dict[str, str]]] = [("/tooling.tokens.rotate", refresh)]
    if id_ and secret:
        grant = {"client_id": id_, "client_secret": secret, "grant_type": "refresh_token"}
        ways.insert(0, ("/oauth.v2.access", {**refresh, **grant}))
    seen = api.seen("rotation", "not asked")
    for path, form in ways:
        answer = api.effect("POST", path, None, good=(200,), repeat=False, form=form)
        data = mapping(answer)
        code = text_of(data, "error") or ""
        seen = api.seen(f"POST {path[1:]}", code or ("ok" if data.get("ok") is True else "?"))
        access = text_of(data, "access_token") or text_of(data, "token")
        new = text_of(data, "refresh_token")
        if data.get("ok") is True and access and new and Secret(new) != token:
            return Pair(Secret(access), Secret(new)), seen
        if not code:
            raise api.trouble(answer)
        if code == "ratelimited":
            limited = f"{api.site.host} limits how often it may be asked"
            raise TroubleError(limited, Status.UNREACHABLE)
        if code != NONE_SUCH:
            raise TroubleError(f"{api.site.host} says {code}", Status.REFUSED)
    return None, seen


def use_up(api: Api, held: Held) -> tuple[Asked, Check | None]:
    """End it by trading it, and the pair that comes of it at once."""
    token = token_of(held)
    if token is None or not api.vendor.use_leaked:
        return Asked(status=Status.MANUAL, reason=NO_VALUE if token is None else NOT_USED), None
    try:
        pair, seen = trade(api, token)
    except TroubleError as error:
        return Asked(error.lost, error.status, str(error)), None
    if pair is None:
        reason = f"Slack knows no such refresh token any more, or it is of another app: {HOW}"
        return Asked(status=Status.MANUAL, reason=reason, evidence=(seen,)), None
    try:
        answer = api.effect("POST", "/auth.revoke", pair.access, good=(200,), repeat=True)
        ended = mapping(answer).get("revoked") is True
    except TroubleError:
        ended = False
    said = "was ended at once" if ended else "is nobody's, and could not be ended"
    data: dict[str, Json] = {"came_of_it": f"the access token that came of it {said}"}
    return Asked(accepted=True, evidence=(seen,), data=data), Check(False, (seen,))


def reissue(api: Api, held: Held) -> Reissued:
    """Trade it for the next pair, once; by hand where that is refused."""

    def by_hand(
        reason: str, seen: tuple[Evidence, ...] = (), status: Status = Status.MANUAL
    ) -> Reissued:
        step = steps.replace(api.page, held)
        text = f"{held.id} needs a successor"
        return Reissued(Outcome(status, text, reason, seen, manual=step))

    token = token_of(held)
    if token is None or not api.vendor.use_leaked:
        return by_hand(NO_VALUE if token is None else NOT_USED)
    try:
        pair, seen = trade(api, token)
    except TroubleError as error:
        if error.lost:
            return by_hand(
                f"{error}. If it was traded, nobody has what came of it: reinstalling the app ends that",
                status=Status.UNKNOWN,
            )
        if error.status is Status.UNREACHABLE:
            text = f"No successor of {held.id} was made"
            return Reissued(Outcome(error.status, text, str(error)))
        return by_hand(str(error))
    if pair is None:
        why = (
            "Slack knows no such refresh token: it was used up, by the app, by us before an interruption, or by "
            f"whoever found it; or it is of another app ({HOW})"
        )
        return by_hand(why, (seen,))
    text = f"Traded {held.id} for the next pair; the old one was revoked with that"
    made = Outcome(Status.DONE, text, evidence=(seen,), data={TRADED: seen.at})
    return Reissued(made, {PART: pair.refresh, ACCESS: pair.access})
