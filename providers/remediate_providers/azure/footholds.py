"""What was added to an application since the leak that lets a thief back in without the leaked secret.

Secrets and certificates bear their own dates. Owners, federated credentials and permissions bear none: of those the audit log
tells, and what came since the incident began (`remediate_providers.azure.access`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from remediate.clock import parse
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.azure import access, roles
from remediate_providers.azure.facts import AUDITS, NEED_LOGS
from remediate_providers.azure.server import Api, application_path, whose
from remediate_providers.making import MARK
from remediate_providers.rest import TroubleError, objects, text_of

GIVEN = {
    "add owner to application": "owner",
    "add owner to service principal": "owner",
    "add app role assignment to service principal": "permission",
    "add member to role": "directory role",
}
"""Activities of the audit log, as they begin, to what came of them. Entra writes some with a space behind.
https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities"""
FEDERATION = "FederatedIdentityCredentials"
"""The property that an "Update application" changed where it added a federated credential."""
_DATED = (("passwordCredentials", "secret"), ("keyCredentials", "certificate"))
_FIELDS = "id,passwordCredentials,keyCredentials"


def triage(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Triages.triage`."""
    api = Api(vendor)
    try:
        app = whose(api, held, vendor.known)
        data = api.get(application_path(app), {"$select": _FIELDS})
    except TroubleError as error:
        return Facts({"footholds": []}, {"footholds": str(error)})
    if since is None:
        return Facts({"footholds": []}, {"footholds": "since when it was out is not known"})
    unknown: dict[str, str] = {}
    seen = [api.seen("GET /applications/{id}", "200")]
    own = text_of(vendor.known, "key_id")
    footholds = [*_dated(data, since, own, "application")]
    ids = {app.id}
    try:
        principal = api.get(f"/servicePrincipals(appId='{app.app_id}')", {"$select": _FIELDS})
        footholds += _dated(principal, since, own, "service principal")
        ids |= {id_ for id_ in (text_of(principal, "id"),) if id_}
        seen.append(api.seen("GET /servicePrincipals", "200"))
        footholds += _roles_given(api, text_of(principal, "id") or "", since, unknown, seen)
    except TroubleError as error:
        unknown["service_principal"] = (
            f"secrets added to it, and roles by it, are not known: {error}"
        )
    now = access.listed_now(api, app, unknown)
    footholds += _logged(api, since, ids, now, unknown, seen)
    footholds += _appeared(now, vendor.known, unknown)
    return Facts({"footholds": [*footholds]}, unknown, tuple(seen))


def _dated(
    data: Mapping[str, Any], since: str, own: str | None, whose: str
) -> Iterator[dict[str, Json]]:
    """Secrets and certificates that are younger than the leak, but for ours."""
    for field, what in _DATED:
        for one in objects(data.get(field)):
            at, id_ = text_of(one, "startDateTime"), text_of(one, "keyId")
            ours = (text_of(one, "displayName") or "").startswith(MARK)
            if _after(at, since) and id_ != own and not ours:
                why = f"it was added to the {whose} after the leak"
                yield {"what": what, "id": id_, "at": at, "why": why}


def _logged(
    api: Api,
    since: str,
    ids: set[str],
    now: Mapping[str, Mapping[str, str]],
    unknown: dict[str, str],
    seen: list[Evidence],
) -> Iterator[dict[str, Json]]:
    """What the audit log tells was given to any of *ids*, but for what is not there *now* any more."""
    # An owner's entry may name the owner as its target, and the application among what was changed alone.
    asked = [f"targetResources/any(t: t/id eq '{id_}')" for id_ in sorted(ids)]
    asked += [
        "startswith(activityDisplayName, 'Add owner to')",
        "activityDisplayName eq 'Add app role assignment to service principal'",
    ]
    entries: dict[str, Mapping[str, Any]] = {}
    for wanted in asked:
        query = {"$filter": f"activityDateTime ge {since} and {wanted}", "$top": "200"}
        try:
            data = api.get(AUDITS, query, needed="AuditLog.Read.All")
        except TroubleError as error:
            unknown["added_since"] = (
                "when owners, federated credentials and permissions came is not known: "
                f"{error} (needed: {NEED_LOGS})"
            )
            continue
        found = objects(data.get("value"))
        entries |= {text_of(one, "id") or json.dumps(one, sort_keys=True): one for one in found}
        seen.append(api.seen(f"GET {AUDITS}", f"{len(found)} found"))
        if text_of(data, "@odata.nextLink"):
            unknown["added_before"] = f"only the newest {len(found)} changes were read"
    for id_, one in entries.items():
        what = _what(one)
        concerned = json.dumps(one.get("targetResources"))
        if what == "federated credential" and now.get(access.FEDERATED) == {}:
            continue
        if (
            what
            and text_of(one, "result") in ("success", None)
            and any(i in concerned for i in ids)
        ):
            at = text_of(one, "activityDateTime")
            why = f"it was added after the leak, by {_by(one)}"
            yield {"what": what, "id": _who(one, ids) or id_, "at": at, "why": why}


def _appeared(
    now: Mapping[str, Mapping[str, str]], known: Mapping[str, Json], unknown: dict[str, str]
) -> Iterator[dict[str, Json]]:
    """Owners and federated credentials that were not there when the incident began."""
    for name, listed in now.items():
        before = known.get(name)
        if not isinstance(before, list):
            unknown.setdefault(f"{name}_before", "which there were at first is not known")
            continue
        for id_, told in listed.items():
            if not any(f"({id_})" in str(one) for one in before):
                what = "owner" if name == access.OWNERS else "federated credential"
                why = "it was not there when the incident began"
                yield {"what": what, "id": told, "at": None, "why": why}


def _roles_given(
    api: Api, principal: str, since: str, unknown: dict[str, str], seen: list[Evidence]
) -> Iterator[dict[str, Json]]:
    """Role assignments in Azure that the application made, to whomever: their list has who made each, and when."""
    names: dict[str, str] = {}

    def ask(manager: roles.Manager, scope: str) -> list[dict[str, Json]]:
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
        made: list[dict[str, Json]] = []
        for one in manager.pages(path, roles.RBAC, roles.NEEDED):
            about = one.get("properties")
            about = about if isinstance(about, dict) else {}
            at = text_of(about, "createdOn")
            if text_of(about, "createdBy") != principal or not _after(at, since):
                continue
            role = (text_of(about, "roleDefinitionId") or "").rpartition("/")[2]
            if role not in names:
                names[role] = roles.name_of(manager, scope, role)
            to, where = text_of(about, "principalId"), text_of(about, "scope") or scope
            id_ = f"{names[role]} to {to or '?'} on {where}"
            why = "the application gave it after the leak"
            made.append({"what": "role in Azure", "id": id_, "at": at, "why": why})
        return made

    try:
        token, scopes, beside = roles.visible(api)
    except TroubleError as error:
        unknown["azure_roles_given"] = f"{error} (needed: {roles.NEEDED} on the subscriptions)"
        return
    told, troubles = roles.each(api.vendor, token, scopes, ask)
    unknown["azure_roles_given"] = f"not looked at: {'; '.join([*beside, *troubles])}"
    if told:
        seen.append(api.seen("GET …/roleAssignments of Azure Resource Manager", "200"))
    # The same assignment is seen from several scopes.
    found = {str(one["id"]): one for made in told.values() for one in made}
    yield from found.values()


def _what(one: Mapping[str, Any]) -> str | None:
    """What an entry of the audit log gave; None for nothing that lets anybody in."""
    activity = (text_of(one, "activityDisplayName") or "").casefold()
    for beginning, what in GIVEN.items():
        if activity.startswith(beginning):
            return what
    for target in objects(one.get("targetResources")):
        for changed in objects(target.get("modifiedProperties")):
            if text_of(changed, "displayName") == FEDERATION:
                return "federated credential"
    return None


def _by(one: Mapping[str, Any]) -> str:
    by = one.get("initiatedBy")
    by = by if isinstance(by, dict) else {}
    for kind, name in (("user", "userPrincipalName"), ("app", "displayName")):
        about = by.get(kind)
        if isinstance(about, dict) and (told := text_of(about, name)):
            return told
    return "somebody"


def _who(one: Mapping[str, Any], ids: set[str]) -> str | None:
    """Whom it was given to, where that is another object than the application."""
    for target in objects(one.get("targetResources")):
        id_ = text_of(target, "id")
        if id_ and id_ not in ids:
            return text_of(target, "userPrincipalName") or text_of(target, "displayName") or id_
    return None


def _after(moment: str | None, since: str) -> bool:
    """Whether it is not before *since*; what can't be told counts."""
    try:
        return moment is None or parse(moment) >= parse(since)
    except (ValueError, TypeError):
        return True
