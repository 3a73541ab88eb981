"""What somebody may have left in the account: a first look, before anything new is issued."""

from __future__ import annotations

from collections.abc import Mapping

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held
from remediate_providers.stripe import managed
from remediate_providers.stripe.evidence import (
    EVENTS,
    SUSPICIOUS,
    Found,
    Window,
    blind_to,
    object_of,
    stamp,
)
from remediate_providers.stripe.facts import webhook_endpoints, when
from remediate_providers.stripe.kinds import is_live, token_of
from remediate_providers.stripe.managed import MARK, AbsentError, TroubleError
from remediate_providers.stripe.server import Api, text_of

_FOOTHOLDS = (
    "account.application.authorized",
    "account.external_account.created",
    "account.external_account.updated",
    "person.created",
)


def triage(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Triages.triage`.

    Without *since*, whatever appeared in the last 30 days.
    """
    api = Api(vendor)
    blind = blind_to(api, held)
    if blind:
        return Facts({"footholds": []}, {"footholds": blind})
    window = Window(since, vendor.now())
    found = Found()
    footholds: list[dict[str, Json]] = []
    endpoints, missing, seen = webhook_endpoints(api, is_live(held.credential))
    found.evidence += seen
    found.note("webhook_endpoints", missing)
    footholds += (
        _foothold("webhook endpoint", one.get("id"), one.get("created"), _why_endpoint(one))
        for one in endpoints or ()
        if window.covers(one.get("created"))
    )
    footholds += _new_keys(api, held, window, found)
    listed = api.listed(EVENTS, {"types[]": _FOOTHOLDS, "created[gte]": stamp(window.events)})
    found.note("events", listed.missing)
    found.saw(f"GET {EVENTS} (types that leave something)", len(listed.items), api)
    footholds += (
        _foothold(str(text_of(event, "type")), object_of(event).get("id"), when(event), why)
        for event in listed.items
        if (why := SUSPICIOUS.get(text_of(event, "type") or ""))
    )
    if window.gap:
        found.unknown["events_before"] = window.gap
    found.known["footholds"] = footholds
    return found.facts()


def _new_keys(api: Api, held: Held, window: Window, found: Found) -> list[dict[str, Json]]:
    """Managed keys that appeared meanwhile: not the leaked one, and none that remediate made."""
    token = token_of(held)
    try:
        listed = managed.keys(api, is_live(held.credential))
    except (AbsentError, TroubleError) as error:
        found.unknown["api_keys"] = str(error)
        return []
    found.saw(f"GET {managed.KEYS}", len(listed), api)
    leaked = managed.match(listed, token) if token is not None else None
    return [
        _foothold("API key", key.id, key.created, "it was made after the leak")
        for key in listed
        if window.covers(key.created)
        and not key.name.startswith(MARK)
        and (leaked is None or key.id != leaked.id)
    ]


def _why_endpoint(endpoint: Mapping[str, Json]) -> str:
    return f"events are sent to {endpoint.get('url')} since after the leak"


def _foothold(what: str, name: Json, at: Json, why: str) -> dict[str, Json]:
    return {"what": what, "id": name, "at": at, "why": why}
