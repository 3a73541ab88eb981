"""Who signed in as the token's owner, as far as Slack tells: ``team.accessLogs``, for paid workspaces.

https://docs.slack.dev/reference/methods/team.accessLogs/ (a user token with the scope ``admin``)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from remediate.clock import parse, rfc3339
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held
from remediate.wording import count
from remediate_providers.rest import mapping, number_of, objects, text_of
from remediate_providers.slack.server import Api
from remediate_providers.slack.tokens import WEBHOOK

LOGS = "/team.accessLogs"
MAX_PAGES = 10
_MESSAGES = (
    "what was read or posted with it, Slack tells in its Audit Logs API to Enterprise owners alone"
)


def investigate(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Investigates.investigate`."""
    known: dict[str, Json] = {"events": []}
    unknown = {"actions": _MESSAGES}
    user = text_of(vendor.known, "user_id")
    if held.credential.kind == WEBHOOK:
        why = "no evidence kept: what was posted through a webhook stands in its channel alone"
        return Facts(known, {**unknown, "events": why})
    api = Api(vendor)
    if api.own is None or user is None:
        missing = (
            "no SLACK_TOKEN is set to look with" if api.own is None else "its owner is not known"
        )
        return Facts(known, {**unknown, "events": f"nobody looked: {missing}"})
    events: list[dict[str, Json]] = []
    for page in range(1, MAX_PAGES + 1):
        form = {"count": "100", "page": str(page)}
        try:
            answer = api.ask("POST", LOGS, api.own, repeat=True, form=form)
        except HttpError as error:
            return Facts(known, {**unknown, "events": api.refusal(error)})
        data = mapping(answer)
        if answer.status != 200 or data.get("ok") is not True:
            code = text_of(data, "error")
            reason = f"{api.site.host} says {code}" if code else api.refusal(answer)
            return Facts(known, {**unknown, "events": f"no evidence to be had: {reason}"})
        vendor.keep(f"POST {LOGS} page {page}", answer.body)
        events += [
            _login(one, since) for one in objects(data.get("logins")) if one.get("user_id") == user
        ]
        paging = data.get("paging")
        if not isinstance(paging, dict) or page >= (number_of(paging, "pages") or 1):
            break
    else:
        unknown["events_before"] = f"there are more than {MAX_PAGES * 100} log-ins"
    unknown["by_app"] = "a bot's requests are no log-ins: these are its owner's, where it has one"
    known["events"] = [*sorted(events, key=lambda one: str(one.get("at") or ""))]
    return Facts(known, unknown, (api.seen("POST team.accessLogs", f"{len(events)} of its owner"),))


def _login(one: Mapping[str, Any], since: str | None) -> dict[str, Json]:
    first = number_of(one, "date_first")
    at = rfc3339(datetime.fromtimestamp(first, UTC)) if first is not None else None
    new = at is not None and since is not None and parse(at) >= parse(since)
    told: dict[str, Json] = {
        "at": at,
        "what": f"{count(number_of(one, 'count') or 0, 'request')}",
        "who": text_of(one, "username"),
        "from": text_of(one, "ip"),
        "suspicious": new,
        "country": text_of(one, "country"),
    }
    return told | ({"why": "from an address and program first seen after the leak"} if new else {})
