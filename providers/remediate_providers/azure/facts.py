"""Which application a secret is of and what it may do; who signed in with it, and what that changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.azure import access, activity, roles
from remediate_providers.azure.server import Api, whose
from remediate_providers.rest import TroubleError, objects, segment, text_of

SIGN_INS = "/auditLogs/signIns"
AUDITS = "/auditLogs/directoryAudits"
NO_LICENCE = "premium license"
"""What Graph says where a tenant keeps no log for want of one."""
NEED_LOGS = "AuditLog.Read.All, and a tenant with Entra ID P1 or P2"


def describe(held: Held, vendor: VendorContext) -> Facts:
    """The application, and this secret's own dates."""
    api = Api(vendor)
    try:
        app = whose(api, held, {})
    except TroubleError as error:
        return Facts(unknown=dict.fromkeys(("owner", "scopes", "expires"), str(error)))
    known: dict[str, Json] = {
        "credential": held.id,
        "owner": app.name,
        "application": app.name,
        "app_id": app.app_id,
        "object_id": app.id,
        "tenant": app.tenant,
        "key_id": app.key_id,
        "created": text_of(app.password, "startDateTime"),
        "expires": text_of(app.password, "endDateTime"),
    }
    unknown = {"last_used": "Entra tells of the application's sign-ins, and of no secret's"}
    seen = [api.seen("GET /applications", "one secret fits")]
    _rights(api, app.app_id, known, unknown, seen)
    access.of(api, app, known, unknown, seen)
    return Facts({k: v for k, v in known.items() if v is not None}, unknown, tuple(seen))


def investigate(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Investigates.investigate`: sign-ins as the application, changes by it."""
    unknown = {
        "retention": "no evidence kept beyond 30 days (7 without a licence), unless it is exported",
    }
    api = Api(vendor)
    try:
        app = whose(api, held, vendor.known)
    except TroubleError as error:
        return Facts(unknown={**unknown, "events": f"no evidence to be had: {error}"})
    seen: list[Evidence] = []
    later = f" and createdDateTime ge {since}" if since else ""
    query = {
        "$filter": f"appId eq '{app.app_id}' and signInEventTypes/any(t: t eq 'servicePrincipal'){later}",
        "$top": "200",
    }
    # The logs of v1.0 hold people's sign-ins alone: an application's would be none, and look like peace.
    events = _logged(api, SIGN_INS, query, "sign_ins", unknown, seen, beta=True)
    told = [_sign_in(one, since, app.key_id or text_of(vendor.known, "key_id")) for one in events]
    if not all(one["key_id"] for one in told):
        unknown["credential"] = (
            "not every sign-in tells which of the application's secrets was used"
        )
    after = f" and activityDateTime ge {since}" if since else ""
    query = {"$filter": f"initiatedBy/app/appId eq '{app.app_id}'{after}", "$top": "200"}
    told += [_change(one) for one in _logged(api, AUDITS, query, "changes", unknown, seen)]
    principal = text_of(vendor.known, "principal_id")
    who = frozenset({app.app_id} | ({principal} if principal else set()))
    told += activity.of(api, who, since, unknown, seen)
    if not seen:
        return Facts(unknown={**unknown, "events": "no evidence to be had: no log could be read"})
    known: dict[str, Json] = {"events": [*sorted(told, key=lambda one: str(one.get("at") or ""))]}
    return Facts(known, unknown, tuple(seen))


def _rights(
    api: Api, app_id: str, known: dict[str, Json], unknown: dict[str, str], seen: list[Evidence]
) -> None:
    """What it may do by itself: the roles of its service principal."""
    try:
        principal = api.get(f"/servicePrincipals(appId='{app_id}')", {"$select": "id"})
        id_ = text_of(principal, "id") or ""
        data = api.get(f"/servicePrincipals/{id_}/appRoleAssignments", {"$top": "100"})
        known["scopes"] = sorted(_role(api, one) for one in objects(data.get("value")))
        seen.append(api.seen("GET /servicePrincipals/{id}/appRoleAssignments", "200"))
    except TroubleError as error:
        unknown |= dict.fromkeys(("scopes", "directory_roles", "azure_roles"), str(error))
        return
    if text_of(data, "@odata.nextLink"):
        unknown["scopes_beyond"] = "only the first 100 were read"
    known["principal_id"] = id_
    roles.of(api, id_, known, unknown, seen)
    try:
        groups = api.get(f"/servicePrincipals/{id_}/transitiveMemberOf", {"$top": "100"})
    except TroubleError as error:
        unknown["directory_roles"] = str(error)
        return
    mine = objects(groups.get("value"))
    for name, kind in (("directory_roles", "directoryRole"), ("groups", "group")):
        known[name] = sorted(
            text_of(one, "displayName") or text_of(one, "id") or "?"
            for one in mine
            if one.get("@odata.type") == f"#microsoft.graph.{kind}"
        )
    seen.append(api.seen("GET /servicePrincipals/{id}/transitiveMemberOf", f"{len(mine)} found"))


def _role(api: Api, assigned: Mapping[str, Any]) -> str:
    """``Microsoft Graph: Mail.Read``; the role's id where its name is not to be had."""
    whose, role = text_of(assigned, "resourceDisplayName") or "?", text_of(assigned, "appRoleId")
    resource = text_of(assigned, "resourceId")
    named = None
    if resource and role:
        try:
            data = api.get(f"/servicePrincipals/{segment(resource)}", {"$select": "appRoles"})
            named = next(
                (text_of(r, "value") for r in objects(data.get("appRoles")) if r.get("id") == role),
                None,
            )
        except TroubleError:
            named = None
    return f"{whose}: {named or role or '?'}"


def _logged(
    api: Api,
    path: str,
    query: Mapping[str, str],
    name: str,
    unknown: dict[str, str],
    seen: list[Evidence],
    *,
    beta: bool = False,
) -> list[Mapping[str, Any]]:
    try:
        data = api.get(path, query, needed="AuditLog.Read.All", beta=beta)
    except TroubleError as error:
        kept = "no evidence kept" if NO_LICENCE in str(error) else "no evidence to be had"
        unknown[name] = f"{kept}: {error} (needed: {NEED_LOGS})"
        return []
    api.vendor.keep(f"GET {path}", data)
    found = objects(data.get("value"))
    seen.append(api.seen(f"GET {path}", f"{len(found)} found"))
    if text_of(data, "@odata.nextLink"):
        unknown[f"{name}_before"] = f"only the newest {len(found)} were read"
    return found


def _sign_in(one: Mapping[str, Any], since: str | None, leaked: str | None) -> dict[str, Json]:
    """*leaked*: the keyId of the secret that leaked. A sign-in with another one was not its thief's."""
    status = one.get("status")
    failed = isinstance(status, dict) and status.get("errorCode") not in (0, None)
    key = text_of(one, "servicePrincipalCredentialKeyId")
    other = key is not None and leaked is not None and key != leaked
    told: dict[str, Json] = {
        "at": text_of(one, "createdDateTime"),
        "what": "sign-in refused" if failed else "sign-in",
        "who": text_of(one, "servicePrincipalName") or text_of(one, "appDisplayName"),
        "from": text_of(one, "ipAddress"),
        "suspicious": not failed and not other and since is not None,
        "key_id": key,
    }
    if other:
        return told | {"note": "with another credential of the application"}
    return told | ({"why": "it signed in while it was out"} if told["suspicious"] else {})


def _change(one: Mapping[str, Any]) -> dict[str, Json]:
    return {
        "at": text_of(one, "activityDateTime"),
        "what": text_of(one, "activityDisplayName") or "?",
        "who": "the application",
        "from": None,
        "suspicious": True,
        "why": "the application changed the directory",
        "id": text_of(one, "id"),
    }
