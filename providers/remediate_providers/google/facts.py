"""What Google tells of a key: its dates, the last day it was used, what was done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.google import reach
from remediate_providers.google.footholds import ON_IT, roles_on
from remediate_providers.google.keys import Account, account_in
from remediate_providers.google.lifecycle import UNNAMED, key_id_of, keys_of
from remediate_providers.google.logs import ELSEWHERE, ENTRIES, PAGE, full_name, part, read
from remediate_providers.google.server import ANALYZER, Api, account_path
from remediate_providers.rest import TroubleError, objects, segment, text_of

ACTIVITY = "serviceAccountKeyLastAuthentication"
_SURVIVES = (
    "tokens that were made with it live on for up to an hour; disabling the account itself ends them: "
    "gcloud iam service-accounts disable"
)

SUSPICIOUS = (
    "create",
    "insert",
    "setiam",
    "upload",
    "enable",
    "disable",
    "delete",
    "update",
    "patch",
)
"""What a thief's work shows in: parts of a method's last word, whose case differs from API to API."""


def describe(held: Held, vendor: VendorContext) -> Facts:
    """The account, this key's state and dates, and the last day it was used."""
    account = account_in(held.credential)
    if account is None:
        return Facts(unknown=dict.fromkeys(("owner", "scopes", "last_used"), UNNAMED))
    known: dict[str, Json] = {"owner": account.email, "project": account.project}
    unknown: dict[str, str] = {}
    api = Api(vendor)
    seen: list[Evidence] = []
    reach.of(api, account, held, known, unknown, seen)
    try:
        known[ON_IT] = list(roles_on(api, account))
        seen.append(api.seen("POST …:getIamPolicy", "200"))
    except TroubleError as error:
        unknown[ON_IT] = str(error)
    try:
        one = next((k for k in keys_of(api, account) if key_id_of(k) == account.key_id), None)
        seen.append(
            api.seen(f"GET {account_path(account)}/keys", "listed" if one else "not listed")
        )
        if one is not None:
            known |= {
                "created": text_of(one, "validAfterTime"),
                "expires": text_of(one, "validBeforeTime"),
                "disabled": one.get("disabled") is True,
            }
            reason = text_of(one, "disableReason")
            known |= {"disable_reason": reason} if reason else {}
        used = _last_used(api, account)
        known |= {"last_used": used} if used else {}
        if not used:
            unknown["last_used"] = "Google knows of no use in the last 400 days"
    except TroubleError as error:
        unknown.setdefault("last_used", str(error))
        unknown.setdefault("expires", str(error))
    return Facts({k: v for k, v in known.items() if v is not None}, unknown, tuple(seen))


def investigate(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Investigates.investigate`: the project's audit log by the key's name."""
    unknown = {
        "tokens": _SURVIVES,
        "reading": "no evidence kept of reading, unless the project has Data Access logs",
        "retention": "Admin Activity is kept for 400 days, Data Access for 30 by default",
    }
    account = account_in(held.credential)
    if account is None:
        return Facts(unknown={**unknown, "events": f"no evidence: {UNNAMED}"})
    api = Api(vendor)
    wanted = f'protoPayload.authenticationInfo.serviceAccountKeyName="{full_name(account)}"'
    if since:
        wanted += f' AND timestamp>="{since}"'
    try:
        entries, more = read(api, account.project, wanted)
    except TroubleError as error:
        return Facts(unknown={**unknown, "events": f"no evidence to be had: {error}"})
    if more:
        unknown["events_before"] = f"only the newest {PAGE} were read"
    unknown["elsewhere"] = ELSEWHERE
    known: dict[str, Json] = {
        "events": [*sorted(map(_event, entries), key=lambda one: str(one.get("at") or ""))]
    }
    return Facts(known, unknown, (api.seen(f"POST {ENTRIES}", f"{len(entries)} by this key"),))


def _last_used(api: Api, account: Account) -> str | None:
    """The last day on which the key signed in (https://cloud.google.com/policy-intelligence/docs/activity-analyzer-service-account-authentication).

    Raises `TroubleError`.
    """
    path = (
        f"/v1/projects/{segment(account.project)}/locations/global/activityTypes/{ACTIVITY}"
        "/activities:query"
    )
    full = full_name(account)
    query = {"filter": f'activities.fullResourceName="{full}"'}
    for one in objects(api.get(path, query, ANALYZER).get("activities", [])):
        inner = one.get("activity")
        day = text_of(inner, "lastAuthenticatedTime") if isinstance(inner, dict) else None
        if day and (text_of(one, "fullResourceName") or full).endswith(account.key_id):
            return day
    return None


def _event(entry: Mapping[str, Any]) -> dict[str, Json]:
    payload = part(entry, "protoPayload")
    method = text_of(payload, "methodName") or "?"
    bad = any(word in method.rpartition(".")[2].lower() for word in SUSPICIOUS)
    told: dict[str, Json] = {
        "at": text_of(entry, "timestamp"),
        "what": " ".join(p for p in (method, text_of(payload, "resourceName")) if p)[:200],
        "who": text_of(part(payload, "authenticationInfo"), "principalEmail"),
        "from": text_of(part(payload, "requestMetadata"), "callerIp"),
        "suspicious": bad,
        "id": text_of(entry, "insertId"),
    }
    return told | ({"why": "it changes something"} if bad else {})
