"""A long-lived token of an app with token rotation: exchanged for an expiring one and its refresh token.

https://docs.slack.dev/authentication/using-token-rotation: ``oauth.v2.exchange``, once for each token. The old one lives on until
the new pair is refreshed for the first time (``oauth.v2.access``), and is expired by that; ``auth.revoke`` of it would end the whole
installation. So both are done at once, and it is looked at afterwards. Not asked for twice: a pair whose answer was lost is
nobody's, and is ended with the installation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from remediate.plugins.context import REISSUED, VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers.rest import TroubleError, mapping, text_of
from remediate_providers.slack import steps
from remediate_providers.slack.rotation import CLIENT, Pair
from remediate_providers.slack.server import Api
from remediate_providers.slack.tokens import PART, TOKEN, token_of

EXCHANGE = "/oauth.v2.exchange"
REFRESH = "/oauth.v2.access"
REFRESH_PART = "refresh_token"
"""The part of a successor that the next pair comes of; ``value`` is the expiring token."""
EXCHANGED = "exchanged_at"
"""Among what reissuing told: when the old one was exchanged, and its pair refreshed."""
_LONG_LIVED = re.compile(rb"xox[bp]-")
_WANTS = re.compile(rf"={REFRESH_PART}(?:,|$)")
_NO = {
    "token_rotation_not_enabled": "token rotation is not switched on for its app",
    "token_already_exchanged": (
        "it was exchanged already: by the app, by us before an interruption, or by whoever found it"
    ),
    "invalid_token": "Slack does not exchange this kind of token",
    "authorization_not_found": "what it was issued for has been revoked",
}


def wanted(held: Held, vendor: VendorContext) -> bool:
    """Whether *held* is to be exchanged: the app's secret is at hand, and a store takes the refresh token.

    A store that does says that the application knows rotation: with an expiring token alone it would stop in twelve hours.
    """
    value = token_of(held)
    stores = vendor.settings.get("stores")
    return (
        held.credential.kind == TOKEN
        and value is not None
        and _LONG_LIVED.match(value.reveal()) is not None
        and vendor.use_leaked
        and all(vendor.environment.get(name, "").strip() for name in CLIENT)
        and isinstance(stores, list)
        and any(_WANTS.search(str(one)) for one in stores)
    )


def exchanged(vendor: VendorContext) -> bool:
    """Whether its successor came of it in this incident: then it is expired by Slack, and never revoked."""
    made = vendor.known.get(REISSUED)
    return isinstance(made, Mapping) and isinstance(made.get(EXCHANGED), str)


def reissue(api: Api, held: Held) -> Reissued:
    """Exchange it and refresh the pair, once; by hand where Slack refuses."""
    token = token_of(held)
    assert token is not None, "wanted() has looked"
    try:
        first, _seen = _ask(api, EXCHANGE, {"token": token.reveal_text()})
    except TroubleError as error:
        if error.lost:
            return _given_up(api, held, token, f"the exchange came to nothing: {error}")
        if error.status is Status.UNREACHABLE:
            text = f"No successor of {held.id} was made"
            return Reissued(Outcome(error.status, text, str(error)))
        return _by_hand(api, held, str(error), Status.MANUAL)
    grant = {"grant_type": "refresh_token", "refresh_token": first.refresh.reveal_text()}
    try:
        # Not asked again either: what Slack's "short grace period" for a used one leaves alive is not told.
        pair, seen = _ask(api, REFRESH, grant)
    except TroubleError as error:
        why = f"it was exchanged, and the refresh that expires it came to nothing: {error}"
        return _given_up(api, held, token, why)
    text = f"Exchanged {held.id} for an expiring token; the old one is expired by that"
    made = Outcome(Status.DONE, text, evidence=(seen,), data={EXCHANGED: seen.at})
    return Reissued(made, {PART: pair.access, REFRESH_PART: pair.refresh})


def _ask(api: Api, path: str, form: Mapping[str, str]) -> tuple[Pair, Evidence]:
    """The pair that comes of *form*. Raises `TroubleError`; `lost` where one may have come."""
    id_, secret = (api.vendor.environment.get(name, "").strip() for name in CLIENT)
    sent = {"client_id": id_, "client_secret": secret, **form}
    answer = api.effect("POST", path, None, good=(200,), repeat=False, form=sent)
    data = mapping(answer)
    code = text_of(data, "error") or ""
    seen = api.seen(f"POST {path[1:]}", code or ("ok" if data.get("ok") is True else "?"))
    pair = _pair(data)
    if data.get("ok") is True and pair is not None:
        return pair, seen
    if code == "ratelimited":
        limited = f"{api.site.host} limits how often it may be asked"
        raise TroubleError(limited, Status.UNREACHABLE)
    if code in ("internal_error", "fatal_error"):
        # Slack's own words of both: some of it may have worked all the same.
        raise TroubleError(f"{api.site.host} says {code}", Status.UNREACHABLE, lost=True)
    if code:
        reason = f"{_NO[code]} ({code})" if code in _NO else f"{api.site.host} says {code}"
        raise TroubleError(reason, Status.REFUSED)
    raise api.trouble(answer)


def _pair(data: Mapping[str, Any]) -> Pair | None:
    """Both tokens; a user's may stand apart, as ``oauth.v2.access`` has them."""
    user = data.get("authed_user")
    for part in (data, user if isinstance(user, dict) else {}):
        access, refresh = text_of(part, "access_token"), text_of(part, "refresh_token")
        if access and refresh:
            return Pair(Secret(access), Secret(refresh))
    return None


def _given_up(api: Api, held: Held, token: Secret, why: str) -> Reissued:
    """End the installation, for what may have come of the token is nobody's and must not live."""
    try:
        answer = api.effect("POST", "/auth.revoke", token, good=(200,), repeat=True)
        ended = mapping(answer).get("revoked") is True
        then = text_of(mapping(answer), "error") or ""
    except TroubleError as error:
        ended, then = False, str(error)
    if ended:
        reason = f"{why}. The installation was ended, and with it whatever had come of the token"
        return _by_hand(api, held, reason, Status.MANUAL)
    reason = (
        f"{why}; ending what may have come of it failed too ({then or 'no answer that says so'}): "
        "Revoke all OAuth tokens, on the app's page, ends that"
    )
    return _by_hand(api, held, reason, Status.UNKNOWN)


def _by_hand(api: Api, held: Held, reason: str, status: Status) -> Reissued:
    step = steps.replace(api.page, held)
    return Reissued(Outcome(status, f"{held.id} needs a successor", reason, manual=step))
