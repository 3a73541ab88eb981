"""What was done in the account while the key was out.

Stripe's events, payouts, transfers and refunds, read with the responder's own key. Events are kept for 30 days
(https://docs.stripe.com/api/events). No event names the key or the address that caused it: only the
request logs on the dashboard do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from remediate.clock import parse, rfc3339
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.stripe.facts import OTHER_MODE, other_mode, when
from remediate_providers.stripe.kinds import PUBLISHABLE, is_live
from remediate_providers.stripe.probe import ACCOUNT
from remediate_providers.stripe.server import Api, as_json, mapping, segment, text_of

EVENTS = "/v1/events"
MOVEMENTS = {
    "/v1/payouts": "money was paid out, and not by the account's own schedule",
    "/v1/transfers": "money was moved to another Stripe account",
    "/v1/refunds": "money was paid back, which is a way to take it out",
}
"""Lists of money that moved, and why a thief would have moved it."""
KEPT = timedelta(days=30)
MOST_OTHERS = 100
"""Events without suspicion that are told one by one; of the rest, how many of which type."""

SUSPICIOUS = {
    "account.application.authorized": "an application was given access to the account",
    "account.external_account.created": "a bank account or card to pay out to was added",
    "account.external_account.updated": "where money is paid out to was changed",
    "account.updated": "the account itself was changed",
    "capability.updated": "what the account may do was changed",
    "charge.refunded": "money was paid back, which is a way to take it out",
    "issuing_card.created": "a card was made that spends the account's money",
    "issuing_cardholder.created": "somebody was made a holder of cards",
    "payout.created": "money was paid out, and not by the account's own schedule",
    "person.created": "a person was added to the account",
    "person.updated": "a person of the account was changed",
    "refund.created": "money was paid back, which is a way to take it out",
    "topup.created": "money was taken from a bank account",
    "transfer.created": "money was moved to another Stripe account",
    "treasury.outbound_transfer.created": "money was moved out of the account",
}
"""Event types that a thief's work shows in, and why. https://docs.stripe.com/api/events/types"""


def investigate(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Investigates.investigate`."""
    api = Api(vendor)
    blind = blind_to(api, held)
    if blind:
        return Facts(unknown={"events": blind})
    window = Window(since, vendor.now())
    found = Found()
    found.unknown["from"] = (
        "Stripe's API names neither the key nor the address behind an event; its request logs do: "
        + api.server.page("logs", is_live(held.credential))
    )
    if window.gap:
        found.unknown["events_before"] = window.gap
    _account(api, held, found)
    _movements(api, window, found, vendor)
    _events(api, window.events, found, vendor)
    return found.facts()


class Window:
    """From when on is looked."""

    def __init__(self, since: str | None, now: str) -> None:
        kept = parse(now) - KEPT
        wanted = moment_of(since)
        self.wanted = wanted or kept
        """From when on things are asked for that Stripe keeps for ever."""
        self.events = max(self.wanted, kept)
        """From when on there are events."""
        self.gap = ""
        if wanted is None:
            self.gap = f"not known since when it was out; looked at from {rfc3339(kept)}"
        elif wanted < kept:
            self.gap = f"no evidence kept: Stripe keeps events for 30 days, from {rfc3339(kept)}"

    def covers(self, moment: Json) -> bool:
        """Whether *moment* (RFC 3339) lies in what is asked about."""
        at = moment_of(moment) if isinstance(moment, str) else None
        return at is not None and at >= self.wanted


class Found:
    """What is being gathered."""

    def __init__(self) -> None:
        self.known: dict[str, Json] = {}
        self.unknown: dict[str, str] = {}
        self.evidence: list[Evidence] = []
        self.late: list[dict[str, Json]] = []
        """Money that moved before there were events to tell of it."""

    def note(self, name: str, missing: str) -> None:
        """Write down why something is not known, where anything is missing."""
        if missing:
            self.unknown[name] = missing

    def saw(self, probe: str, count: int, api: Api) -> None:
        """Write down what was asked, and how much was found."""
        self.evidence.append(Evidence(probe, f"{count} found", api.vendor.now()))

    def facts(self) -> Facts:
        """All of it, for the record."""
        return Facts(self.known, self.unknown, tuple(self.evidence))


def blind_to(api: Api, held: Held) -> str:
    """Why nothing can be seen; empty where something can."""
    if held.credential.kind == PUBLISHABLE:
        return "a publishable key is public by design; nobody looked"
    if api.responder.key is None:
        return "no STRIPE_API_KEY is set to look with"
    return OTHER_MODE if other_mode(api, is_live(held.credential)) else ""


def _account(api: Api, held: Held, found: Found) -> None:
    """Whose events these are, and where its money goes."""
    own = api.responder.context
    if not own and api.responder.key is not None:
        try:
            answer = api.ask("GET", ACCOUNT, api.responder.key)
        except HttpError as error:
            found.unknown["account"] = api.refusal(error)
        else:
            own = text_of(mapping(answer), "id") or ""
    found.known["account"] = own or None
    leaked = held.credential.account or text_of(api.vendor.known, "owner")
    if leaked is None:
        found.unknown["account"] = (
            "whether the leaked key was of the account that was looked at is not known"
        )
    elif own and leaked != own:
        found.unknown["account"] = (
            f"the leaked key was of {leaked}, and what your key sees is {own}: look there"
        )
    if not own:
        return
    path = f"/v1/accounts/{segment(own)}/external_accounts"
    listed = api.listed(path)
    if listed.missing and not listed.items:
        found.unknown["external_accounts"] = listed.missing
        return
    api.vendor.keep("external accounts", list(listed.items))
    found.saw("GET /v1/accounts/{id}/external_accounts", len(listed.items), api)
    found.known["external_accounts"] = [
        as_json(
            {
                "id": text_of(item, "id"),
                "object": text_of(item, "object"),
                "country": text_of(item, "country"),
                "currency": text_of(item, "currency"),
                "status": text_of(item, "status"),
            }
        )
        for item in listed.items
    ]


def _events(api: Api, since: datetime, found: Found, vendor: VendorContext) -> None:
    listed = api.listed(EVENTS, {"created[gte]": stamp(since)})
    vendor.keep("events", list(listed.items))
    found.note("events", listed.missing)
    found.saw(f"GET {EVENTS} from {rfc3339(since)}", len(listed.items), api)
    told: list[dict[str, Json]] = [_event(item) for item in listed.items]
    bad = [event for event in told if event["suspicious"]]
    others = [event for event in told if not event["suspicious"]]
    chosen: list[Json] = [*sorted([*found.late, *bad, *others[:MOST_OTHERS]], key=_by_time)]
    found.known["events"] = chosen
    counts = Counter(text_of(item, "type") or "?" for item in listed.items)
    found.known["event_counts"] = dict(sorted(counts.items()))


def _by_time(event: Mapping[str, Json]) -> str:
    return str(event.get("at") or "")


def _event(item: Mapping[str, Any]) -> dict[str, Json]:
    kind = text_of(item, "type") or "?"
    # Money that goes out on the account's own schedule goes every day.
    scheduled = kind == "payout.created" and object_of(item).get("automatic") is True
    why = None if scheduled else SUSPICIOUS.get(kind)
    request = item.get("request")
    asked = text_of(request, "id") if isinstance(request, dict) else None
    told: dict[str, Json] = {
        "at": when(item),
        "what": kind,
        "who": f"a request ({asked})" if asked else "Stripe itself, or the dashboard",
        "from": None,
        "suspicious": why is not None,
        "id": text_of(item, "id"),
        "about": text_of(object_of(item), "id"),
    }
    return told | ({"why": why} if why is not None else {})


def _movements(api: Api, window: Window, found: Found, vendor: VendorContext) -> None:
    """Money that moved. It is kept for ever, so it tells about the time before the events too."""
    for path, why in MOVEMENTS.items():
        name = path.rpartition("/")[2]
        listed = api.listed(path, {"created[gte]": stamp(window.wanted)})
        vendor.keep(name, list(listed.items))
        found.note(name, listed.missing)
        found.saw(f"GET {path} from {rfc3339(window.wanted)}", len(listed.items), api)
        found.known[name] = [
            as_json(
                {
                    "id": text_of(item, "id"),
                    "at": when(item),
                    "amount": item.get("amount") if isinstance(item.get("amount"), int) else None,
                    "currency": text_of(item, "currency"),
                    "destination": text_of(item, "destination"),
                    "status": text_of(item, "status"),
                    "suspicious": item.get("automatic") is not True,
                }
            )
            for item in listed.items
        ]
        # Of those before the events' time there is no event that could be marked.
        found.late += [
            {
                "at": when(item),
                "what": name.removesuffix("s"),
                "who": None,
                "from": None,
                "suspicious": True,
                "id": text_of(item, "id"),
                "why": why,
            }
            for item in listed.items
            if item.get("automatic") is not True
            and (at := moment_of(when(item))) is not None
            and at < window.events
        ]


def object_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an event is about; empty where it does not say."""
    data = event.get("data")
    inner = data.get("object") if isinstance(data, dict) else None
    return inner if isinstance(inner, dict) else {}


def moment_of(text: str | None) -> datetime | None:
    """*text* as a moment, where it is a full RFC 3339 one."""
    try:
        moment = parse(text) if text else None
    except ValueError:
        return None
    # One without a zone can't be compared with one that has it.
    return moment if moment is None or moment.tzinfo is not None else None


def stamp(moment: datetime) -> int:
    """A moment as v1 wants it: whole seconds since 1970."""
    return int(moment.timestamp())
