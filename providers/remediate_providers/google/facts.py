"""What Google tells of a key: its dates, the last day it was used, what was done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.clock import parse
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.google import reach
from remediate_providers.google.keys import Account, account_in
from remediate_providers.google.lifecycle import UNNAMED, key_id_of, keys_of
from remediate_providers.google.server import ANALYZER, LOGGING, Api, account_path
from remediate_providers.rest import TroubleError, mapping, objects, segment, text_of

ENTRIES = "/v2/entries:list"
ACTIVITY = "serviceAccountKeyLastAuthentication"
PAGE = 200
_SURVIVES = (
    "tokens that were made with it live on for up to an hour; disabling the account itself ends them: "
    "gcloud iam service-accounts disable"
)

SUSPICIOUS = ("Create", "Insert", "SetIamPolicy", "Upload", "Enable", "Disable", "Delete", "Update")
"""Parts of a method's name that a thief's work shows in."""


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


def triage(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Triages.triage`: keys of the account that are younger than the leak."""
    account = account_in(held.credential)
    if account is None or since is None:
        why = UNNAMED if account is None else "since when it was out is not known"
        return Facts({"footholds": []}, {"footholds": why})
    api = Api(vendor)
    try:
        keys = keys_of(api, account)
    except TroubleError as error:
        return Facts({"footholds": []}, {"footholds": str(error)})
    footholds: list[dict[str, Json]] = [
        {
            "what": "service account key",
            "id": key_id_of(one),
            "at": text_of(one, "validAfterTime"),
            "why": "it was made after the leak",
        }
        for one in keys
        if key_id_of(one) != account.key_id and _after(text_of(one, "validAfterTime"), since)
    ]
    return Facts({"footholds": footholds}, {}, (api.seen("GET …/keys", f"{len(keys)} found"),))


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
    name = (
        f"//iam.googleapis.com/projects/{account.project}/serviceAccounts/{account.email}"
        f"/keys/{account.key_id}"
    )
    wanted = f'protoPayload.authenticationInfo.serviceAccountKeyName="{name}"'
    if since:
        wanted += f' AND timestamp>="{since}"'
    body = {
        "resourceNames": [f"projects/{account.project}"],
        "filter": wanted,
        "orderBy": "timestamp desc",
        "pageSize": PAGE,
    }
    try:
        answer = api.ask("POST", ENTRIES, api.own(), base=api.base(LOGGING), repeat=True, json=body)
    except (HttpError, TroubleError) as error:
        reason = str(error) if isinstance(error, TroubleError) else api.refusal(error)
        return Facts(unknown={**unknown, "events": f"no evidence to be had: {reason}"})
    if answer.status != 200 or answer.json() is None:
        reason = api.refusal(answer, "the role Private Logs Viewer on the project")
        return Facts(unknown={**unknown, "events": f"no evidence to be had: {reason}"})
    entries = objects(mapping(answer).get("entries", []))
    if text_of(mapping(answer), "nextPageToken"):
        unknown["events_before"] = f"only the newest {PAGE} were read"
    unknown["elsewhere"] = (
        "other projects, where the account may have roles too, were not looked at"
    )
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
    full = (
        f"//iam.googleapis.com/projects/{account.project}/serviceAccounts/{account.email}"
        f"/keys/{account.key_id}"
    )
    query = {"filter": f'activities.fullResourceName="{full}"'}
    for one in objects(api.get(path, query, ANALYZER).get("activities", [])):
        inner = one.get("activity")
        day = text_of(inner, "lastAuthenticatedTime") if isinstance(inner, dict) else None
        if day and (text_of(one, "fullResourceName") or full).endswith(account.key_id):
            return day
    return None


def _event(entry: Mapping[str, Any]) -> dict[str, Json]:
    payload = entry.get("protoPayload")
    payload = payload if isinstance(payload, dict) else {}
    about = payload.get("requestMetadata")
    about = about if isinstance(about, dict) else {}
    method = text_of(payload, "methodName") or "?"
    bad = any(part in method or part.lower() in method.rpartition(".")[2] for part in SUSPICIOUS)
    who = payload.get("authenticationInfo")
    told: dict[str, Json] = {
        "at": text_of(entry, "timestamp"),
        "what": " ".join(p for p in (method, text_of(payload, "resourceName")) if p)[:200],
        "who": text_of(who, "principalEmail") if isinstance(who, dict) else None,
        "from": text_of(about, "callerIp"),
        "suspicious": bad,
        "id": text_of(entry, "insertId"),
    }
    return told | ({"why": "it changes something"} if bad else {})


def _after(moment: str | None, since: str) -> bool:
    """Whether it is not before *since*; what can't be told counts."""
    try:
        return moment is None or parse(moment) >= parse(since)
    except (ValueError, TypeError):
        return True
