"""What Stripe tells of a key while it lives, and what dies with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from remediate.clock import rfc3339
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate.wording import count
from remediate_providers.stripe import managed
from remediate_providers.stripe.kinds import PUBLISHABLE, WEBHOOK, is_live, token_of
from remediate_providers.stripe.managed import AbsentError, TroubleError
from remediate_providers.stripe.probe import ACCOUNT, look
from remediate_providers.stripe.revoke import NO_VALUE, UNMATCHED
from remediate_providers.stripe.server import Api, as_json, text_of, texts_of

WEBHOOKS = "/v1/webhook_endpoints"
OTHER_MODE = "your STRIPE_API_KEY is of the other mode, and sees nothing of this one"


def describe(held: Held, vendor: VendorContext) -> Facts:
    """Whose it is, by itself, and what it may do, by the list of managed keys."""
    why_none = _nothing_to_ask(held)
    if why_none:
        return Facts(unknown={"owner": why_none, "scopes": why_none})
    return _describe(Api(vendor), held)


def preserve(held: Held, vendor: VendorContext) -> Facts:
    """What `describe` tells, and the account's webhook endpoints as they are now."""
    facts = describe(held, vendor)
    if held.credential.kind == PUBLISHABLE:
        return facts
    api = Api(vendor)
    endpoints, unknown, seen = webhook_endpoints(api, is_live(held.credential))
    return Facts(
        {**facts.known, **({} if endpoints is None else {"webhook_endpoints": endpoints})},
        {**facts.unknown, **({"webhook_endpoints": unknown} if unknown else {})},
        (*facts.evidence, *seen),
    )


def webhook_endpoints(
    api: Api, live: bool | None
) -> tuple[list[dict[str, Json]] | None, str, tuple[Evidence, ...]]:
    """The account's webhook endpoints, why they are not all, and what was asked."""
    if other_mode(api, live):
        return None, OTHER_MODE, ()
    listed = api.listed(WEBHOOKS)
    if listed.missing and not listed.items:
        return None, listed.missing, ()
    found = [
        as_json(
            {
                "id": text_of(item, "id"),
                "url": without_query(text_of(item, "url")),
                "status": text_of(item, "status"),
                "created": when(item),
                "application": text_of(item, "application"),
                "enabled_events": list(texts_of(item, "enabled_events"))[:20],
            }
        )
        for item in listed.items
    ]
    seen = Evidence(f"GET {WEBHOOKS}", f"{count(len(found), 'endpoint')}", api.vendor.now())
    return found, listed.missing, (seen,)


def when(item: Mapping[str, Any], name: str = "created") -> str | None:
    """A v1 time stamp (seconds since 1970) in RFC 3339."""
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return rfc3339(datetime.fromtimestamp(value, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def other_mode(api: Api, live: bool | None) -> bool:
    """Whether the responder's key is of test mode where the leaked one is of live mode, or the reverse."""
    return live is not None and api.responder.live is not None and api.responder.live != live


def _describe(api: Api, held: Held) -> Facts:
    token = token_of(held)
    assert token is not None
    known: dict[str, Json] = {}
    unknown: dict[str, str] = {}
    probe = look(api, token, leaked=True, patient=True)
    evidence = list(probe.check.evidence)
    if probe.account:
        known |= _account(probe.account)
    else:
        unknown["owner"] = probe.check.reason or (
            f"Stripe refused the key: GET {ACCOUNT}"
            if probe.dead
            else "the key is restricted and may not read its account"
        )
    try:
        key = managed.match(managed.keys(api, is_live(held.credential)), token)
        if key is None:
            unknown["scopes"] = UNMATCHED
        else:
            known |= key.public()
            evidence.append(Evidence(f"GET {managed.KEYS}", f"matched {key.id}", api.vendor.now()))
    except (AbsentError, TroubleError) as error:
        unknown["scopes"] = str(error)
    return Facts(known, unknown, tuple(evidence))


def _account(account: Mapping[str, Any]) -> dict[str, Json]:
    profile = account.get("business_profile")
    return as_json(
        {
            "owner": text_of(account, "id"),
            "owner_name": text_of(profile, "name") if isinstance(profile, dict) else None,
            "country": text_of(account, "country"),
        }
    )


def _nothing_to_ask(held: Held) -> str:
    if held.credential.kind == WEBHOOK:
        return "Stripe has no call that tells what a webhook secret belongs to"
    if held.credential.kind == PUBLISHABLE:
        return "a publishable key is public by design; nobody asked"
    return "" if token_of(held) is not None else NO_VALUE


def without_query(url: str | None) -> str | None:
    """An endpoint's address as it may be shown: its query and its user may hold a secret."""
    if url is None:
        return None
    head = url.split("?", 1)[0].split("#", 1)[0]
    scheme, _, rest = head.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"
