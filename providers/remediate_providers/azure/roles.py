"""What an application may do in Azure subscriptions: its role assignments (RBAC), through the Resource Manager.

Subscriptions that the responder may see, and management groups; at each the assignments to the application's service
principal, or to a group that it is in. https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest,
https://learn.microsoft.com/rest/api/resources/subscriptions/list,
https://learn.microsoft.com/rest/api/managementgroups/management-groups/list. A token for Graph opens none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from remediate.http import HttpError, base_url
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Status
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.azure.server import Api, audience
from remediate_providers.rest import (
    Rest,
    Site,
    TroubleError,
    mapping,
    objects,
    own_token,
    segment,
    text_of,
)

MANAGEMENT = "https://management.azure.com"
SUBSCRIPTIONS = ("/subscriptions", "2022-12-01")
GROUPS = ("/providers/Microsoft.Management/managementGroups", "2020-05-01")
RBAC = "2022-04-01"
"""The version from which an assignment's condition is told."""
HOW = (
    "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or AZURE_MANAGEMENT_TOKEN to what "
    "az account get-access-token --resource https://management.azure.com/ prints"
)
NEEDED = "Microsoft.Authorization/roleAssignments/read (the role Reader)"
_GROUPS_NEEDED = "Microsoft.Management/managementGroups/read (the role Management Group Reader)"
MOST = 200
"""Subscriptions and management groups that are looked at."""
MAX_PAGES = 20
WORKERS = 8
_GUID = re.compile(r"[0-9a-fA-F-]{36}")


class Manager(Rest):
    """A conversation with Azure Resource Manager. Not shared between threads, but its token may be."""

    def __init__(self, vendor: VendorContext, token: Secret | None = None) -> None:
        base = base_url(vendor.environment, "AZURE_MANAGEMENT_URL", MANAGEMENT)
        super().__init__(vendor, Site(base))
        self._token = token or own_token(vendor.environment, "AZURE_MANAGEMENT_TOKEN")

    def own(self, api: Api) -> Secret:
        """The responder's token for the Resource Manager; signed in for as *api* is. Raises `TroubleError`."""
        if self._token is None:
            self._token = api.token_for(audience(self.site.api, MANAGEMENT), HOW)
        return self._token

    def pages(self, path: str, version: str, needed: str, **query: str) -> list[Mapping[str, Any]]:
        """Every object of a list. Raises `TroubleError`: a list that breaks off is none."""
        found, asked = list[Mapping[str, Any]](), dict(query) | {"api-version": version}
        more: Mapping[str, str] | None = asked
        for _page in range(MAX_PAGES):
            data = self.get(path, needed, more)
            if not isinstance(data.get("value"), list):
                raise TroubleError(f"{self.site.host} gave no list", Status.UNREACHABLE)
            found += objects(data["value"])
            following = text_of(data, "nextLink")
            if following is None:
                return found
            path, more = self._here(following), None
        raise TroubleError(f"the list has more than {MAX_PAGES} pages", Status.UNKNOWN)

    def get(self, path: str, needed: str, query: Mapping[str, str] | None) -> Mapping[str, Any]:
        """An object. Raises `TroubleError`."""
        try:
            answer = self.ask("GET", path, self._token, query=query)
        except HttpError as error:
            raise TroubleError(self.refusal(error), Status.UNREACHABLE) from None
        if answer.status != 200 or not isinstance(answer.json(), dict):
            raise self.trouble(answer, needed)
        return mapping(answer)

    def _here(self, url: str) -> str:
        """Path and query of the next page: only on the same server, for the token goes nowhere else."""
        there, here = urlsplit(url), urlsplit(self.site.api)
        # The Resource Manager writes its own port out in some of them.
        same = (there.scheme, there.hostname, there.port or 443) == (
            here.scheme,
            here.hostname,
            here.port or 443,
        )
        if not same:
            raise TroubleError("the list goes on at another address", Status.UNREACHABLE)
        return f"{there.path.removeprefix(here.path)}?{there.query}"


@dataclass
class _Found:
    """What some scopes told."""

    roles: dict[str, str] = field(default_factory=dict)
    """An assignment's id to what it gives, for people."""
    troubles: dict[str, str] = field(default_factory=dict)
    """A scope that told nothing to why."""
    read: int = 0


def of(
    api: Api,
    principal: str,
    known: dict[str, Json],
    unknown: dict[str, str],
    seen: list[Evidence],
) -> None:
    """Add ``azure_roles`` to *known*, or why not to *unknown*; never an empty list that nobody has read.

    *principal*: the object id of the application's service principal.
    """
    manager = Manager(api.vendor)
    try:
        token = manager.own(api)
        scopes = [
            f"/subscriptions/{segment(id_)}"
            for one in manager.pages(*SUBSCRIPTIONS, NEEDED)
            if (id_ := text_of(one, "subscriptionId"))
        ]
    except TroubleError as error:
        unknown["azure_roles"] = f"{error} (needed: {NEEDED} on the subscriptions)"
        return
    beside: list[str] = []
    try:
        scopes += [
            f"{GROUPS[0]}/{segment(name)}"
            for one in manager.pages(*GROUPS, _GROUPS_NEEDED)
            if (name := text_of(one, "name"))
        ]
    except TroubleError as error:
        beside.append(
            f"management groups, but for those above a subscription that was read: {error}"
        )
    if len(scopes) > MOST:
        beside.append(f"{len(scopes) - MOST} more subscriptions and management groups")
    found = _assigned(api.vendor, token, scopes[:MOST], principal)
    beside += [f"{scope}: {why}" for scope, why in sorted(found.troubles.items())]
    if not found.read:
        why = "; ".join(beside) or f"{manager.site.host} shows none of its subscriptions to you"
        unknown["azure_roles"] = f"{why} (needed: {NEEDED} on the subscriptions)"
        return
    known["azure_roles"] = sorted(found.roles.values())
    beside.append("subscriptions that yours may not see")
    unknown["azure_roles_elsewhere"] = f"not looked at: {'; '.join(beside)}"
    looked = f"{count(len(found.roles), 'role')} at {count(found.read, 'scope')}"
    seen.append(manager.seen("GET …/roleAssignments", looked))


def _assigned(
    vendor: VendorContext, token: Secret, scopes: Sequence[str], principal: str
) -> _Found:
    """The assignments at *scopes*, several side by side."""
    workers = max(1, min(WORKERS, len(scopes)))

    def some(mine: Sequence[str]) -> _Found:
        found, names = _Found(), dict[str, str]()
        with Manager(vendor, token) as manager:
            for scope in mine:
                if manager.patience.left <= 0:
                    found.troubles[scope] = "there was no time to ask"
                    continue
                try:
                    found.roles |= _at(manager, scope, principal, names)
                    found.read += 1
                except TroubleError as error:
                    found.troubles[scope] = str(error)
        return found

    whole = _Found()
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(some, [scopes[at::workers] for at in range(workers)]):
            whole.roles |= part.roles
            whole.troubles |= part.troubles
            whole.read += part.read
    return whole


def _at(manager: Manager, scope: str, principal: str, names: dict[str, str]) -> dict[str, str]:
    """The assignments at, above and below *scope*. Raises `TroubleError`."""
    listed = manager.pages(
        f"{scope}/providers/Microsoft.Authorization/roleAssignments",
        RBAC,
        NEEDED,
        # With the groups that it is in, which `principalId eq` leaves out.
        **{"$filter": f"assignedTo('{principal}')"},
    )
    told = {}
    for one in listed:
        about = one.get("properties")
        about = about if isinstance(about, dict) else {}
        definition = (text_of(about, "roleDefinitionId") or "").rpartition("/")[2]
        if definition not in names:
            names[definition] = _name(manager, scope, definition)
        text = f"{names[definition]} on {text_of(about, 'scope') or scope}"
        if text_of(about, "principalId") != principal:
            text += " (through a group)"
        if text_of(about, "condition"):
            text += " (with a condition)"
        told[text_of(one, "id") or text] = text
    return told


def _name(manager: Manager, scope: str, definition: str) -> str:
    """A role's name (``Owner``); its id where the name is not to be had."""
    if not _GUID.fullmatch(definition):
        return definition or "?"
    path = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{definition}"
    try:
        about = manager.get(path, NEEDED, {"api-version": RBAC}).get("properties")
    except TroubleError:
        return definition
    return (text_of(about, "roleName") if isinstance(about, dict) else None) or definition
