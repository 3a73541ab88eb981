"""What a thief would have left behind: keys, roles on the account, and what was made in its name since the leak.

Keys are dated by their list. Roles are not: the audit log dates them, and what was not there when the incident began is new. The
methods are those of https://cloud.google.com/iam/docs/audit-logging and of Cloud Storage's, API Keys' and IAM's own pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from remediate.clock import parse
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts, Status
from remediate.plugins.provider import Held
from remediate_providers.google.keys import Account, account_in
from remediate_providers.google.lifecycle import UNNAMED, key_id_of, keys_of
from remediate_providers.google.logs import ELSEWHERE, ENTRIES, PAGE, full_name, part, read
from remediate_providers.google.server import Api, account_path
from remediate_providers.rest import TroubleError, mapping, objects, text_of, texts_of

ON_IT = "roles_on_it"
"""Among what describing told: who had which role on the account when the incident began."""
POLICY_NEEDED = "iam.serviceAccounts.getIamPolicy on the account (Security Reviewer)"
KEY = "service account key"
ROLE = "role"
MADE = {
    "CreateServiceAccount": "service account",
    "CreateServiceAccountKey": KEY,
    "UploadServiceAccountKey": KEY,
    "EnableServiceAccount": "enabled service account",
    "EnableServiceAccountKey": "enabled key",
    "SetIAMPolicy": ROLE,
    "SetIamPolicy": ROLE,
    "setIamPermissions": ROLE,
    "CreateRole": "custom role",
    "UpdateRole": "custom role",
    "CreateWorkloadIdentityPoolProvider": "workload identity provider",
    "CreateHmacKey": "HMAC key",
    "CreateKey": "API key",
}
"""The last part of a method's name to what lets somebody in because of it."""


def triage(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Triages.triage`."""
    account = account_in(held.credential)
    if account is None or since is None:
        why = UNNAMED if account is None else "since when it was out is not known"
        return Facts({"footholds": []}, {"footholds": why})
    api = Api(vendor)
    unknown = {"elsewhere": ELSEWHERE}
    seen: list[Evidence] = []
    footholds: list[dict[str, Json]] = []
    try:
        keys = keys_of(api, account)
        seen.append(api.seen("GET …/keys", f"{len(keys)} found"))
        footholds += _younger(keys, account, since)
    except TroubleError as error:
        unknown["footholds"] = str(error)
    footholds += _logged(api, account, since, unknown, seen)
    footholds += _appeared(api, account, vendor.known, unknown, seen)
    return Facts({"footholds": [*footholds]}, unknown, tuple(seen))


def roles_on(api: Api, account: Account) -> list[str]:
    """Who has which role on the account itself: they can act as it without a key. Raises `TroubleError`."""
    path = f"{account_path(account)}:getIamPolicy"
    query = {"options.requestedPolicyVersion": "3"}
    try:
        answer = api.ask("POST", path, api.own(), repeat=True, query=query)
    except HttpError as error:
        raise TroubleError(api.refusal(error), Status.UNREACHABLE) from None
    if answer.status != 200 or not isinstance(answer.json(), dict):
        raise api.trouble(answer, POLICY_NEEDED)
    return sorted(
        f"{text_of(one, 'role') or '?'} to {member}"
        for one in objects(mapping(answer).get("bindings", []))
        for member in texts_of(one, "members")
    )


def _younger(
    keys: list[Mapping[str, Any]], account: Account, since: str
) -> Iterator[dict[str, Json]]:
    for one in keys:
        at = text_of(one, "validAfterTime")
        if key_id_of(one) != account.key_id and _after(at, since):
            why = "it was made after the leak"
            yield {"what": KEY, "id": key_id_of(one), "at": at, "why": why}


def _logged(
    api: Api, account: Account, since: str, unknown: dict[str, str], seen: list[Evidence]
) -> Iterator[dict[str, Json]]:
    """What the account made since the leak, and roles on it, whoever gave them."""
    methods = "|".join(sorted(MADE))
    wanted = (
        f'timestamp>="{since}" AND protoPayload.methodName=~"({methods})$" AND '
        f'(protoPayload.authenticationInfo.principalEmail="{account.email}" OR '
        f'resource.labels.email_id="{account.email}")'
    )
    try:
        entries, more = read(api, account.project, wanted)
    except TroubleError as error:
        unknown["made_since"] = f"what was made in its name is not known: {error}"
        return
    seen.append(api.seen(f"POST {ENTRIES}", f"{len(entries)} that let somebody in"))
    if more:
        unknown["made_before"] = f"only the newest {PAGE} were read"
    for one in entries:
        payload = part(one, "protoPayload")
        what = MADE.get(re.split(r"[./]", text_of(payload, "methodName") or "")[-1])
        if what and _counts(one, what, account):
            by = text_of(part(payload, "authenticationInfo"), "principalEmail") or "somebody"
            address = text_of(part(payload, "requestMetadata"), "callerIp")
            yield {
                "what": what,
                "id": _which(payload),
                "at": text_of(one, "timestamp"),
                "why": f"{by} made it after the leak" + (f", from {address}" if address else ""),
            }


def _counts(entry: Mapping[str, Any], what: str, account: Account) -> bool:
    """Whether it worked, was new, and may have been the thief's."""
    payload = part(entry, "protoPayload")
    if part(payload, "status").get("code") not in (0, None):
        return False
    deltas = objects(part(payload, "serviceData", "policyDelta").get("bindingDeltas"))
    if what == ROLE and deltas and not any(one.get("action") == "ADD" for one in deltas):
        return False
    who = part(payload, "authenticationInfo")
    on_it = text_of(part(entry, "resource", "labels"), "email_id") == account.email
    if what == KEY and on_it:
        return False  # the list of its keys tells, and tells which of them are gone
    if text_of(who, "principalEmail") != account.email:
        return what == ROLE and on_it
    # With another key of the account: not with what leaked.
    return text_of(who, "serviceAccountKeyName") in (None, full_name(account))


def _which(payload: Mapping[str, Any]) -> str | None:
    """``roles/owner to user:ada@example.com``, of the roles that were given; else what it was done to, by name."""
    deltas = objects(part(payload, "serviceData", "policyDelta").get("bindingDeltas"))
    told = [
        f"{text_of(one, 'role') or '?'} to {text_of(one, 'member') or '?'}"
        for one in deltas
        if one.get("action") == "ADD"
    ]
    # The resource's name has the account's number in it; the new account's address stands in the answer alone.
    return (
        ", ".join(told[:5])
        or text_of(part(payload, "response"), "email")
        or text_of(part(payload, "request"), "resource")
        or text_of(payload, "resourceName")
    )


def _appeared(
    api: Api,
    account: Account,
    known: Mapping[str, Json],
    unknown: dict[str, str],
    seen: list[Evidence],
) -> Iterator[dict[str, Json]]:
    """Roles on the account that were not there when the incident began."""
    try:
        now = roles_on(api, account)
    except TroubleError as error:
        unknown[ON_IT] = str(error)
        return
    seen.append(api.seen("POST …:getIamPolicy", f"{len(now)} found"))
    before = known.get(ON_IT)
    if not isinstance(before, list):
        unknown["roles_before"] = "which roles on it there were at first is not known"
        return
    for one in now:
        if one not in before:
            why = "it was not there when the incident began"
            yield {"what": ROLE, "id": one, "at": None, "why": why}


def _after(moment: str | None, since: str) -> bool:
    """Whether it is not before *since*; what can't be told counts."""
    try:
        return moment is None or parse(moment) >= parse(since)
    except (ValueError, TypeError):
        return True
