"""What an application may do in Azure subscriptions: its role assignments (RBAC), through the Resource Manager.

Subscriptions that the responder may see, and management groups; at each the assignments to the application's service
principal, or to a group that it is in. https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest,
https://learn.microsoft.com/rest/api/resources/subscriptions/list,
https://learn.microsoft.com/rest/api/managementgroups/management-groups/list. A token for Graph opens none of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
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
NO_TIME = "there was no time to ask"
T = TypeVar("T")
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
    names: dict[str, str] = {}
    try:
        token, scopes, beside = visible(api)
    except TroubleError as error:
        unknown["azure_roles"] = f"{error} (needed: {NEEDED} on the subscriptions)"
        return
    told, troubles = each(
        api.vendor, token, scopes, lambda manager, scope: _at(manager, scope, principal, names)
    )
    beside += troubles
    if not told:
        unknown["azure_roles"] = f"{'; '.join(beside)} (needed: {NEEDED} on the subscriptions)"
        return
    # The same assignment is seen from several scopes.
    roles = {id_: text for one in told.values() for id_, text in one.items()}
    known["azure_roles"] = sorted(roles.values())
    unknown["azure_roles_elsewhere"] = f"not looked at: {'; '.join(beside)}"
    looked = f"{count(len(roles), 'role')} at {count(len(told), 'scope')}"
    seen.append(api.seen("GET …/roleAssignments of Azure Resource Manager", looked))


def visible(api: Api, *, groups: bool = True) -> tuple[Secret, list[str], list[str]]:
    """The responder's token, the scopes that it may see, and what was left out, for people. Raises `TroubleError`."""
    manager = Manager(api.vendor)
    token = manager.own(api)
    scopes = [
        f"/subscriptions/{segment(id_)}"
        for one in manager.pages(*SUBSCRIPTIONS, NEEDED)
        if (id_ := text_of(one, "subscriptionId"))
    ]
    beside = ["subscriptions that yours may not see"]
    try:
        scopes += [
            f"{GROUPS[0]}/{segment(name)}"
            for one in (manager.pages(*GROUPS, _GROUPS_NEEDED) if groups else ())
            if (name := text_of(one, "name"))
        ]
    except TroubleError as error:
        beside.append(
            f"management groups, but for those above a subscription that was read: {error}"
        )
    if len(scopes) > MOST:
        beside.append(f"{count(len(scopes) - MOST, 'scope')} more")
    return token, scopes[:MOST], beside


def each(
    vendor: VendorContext, token: Secret, scopes: Sequence[str], ask: Callable[[Manager, str], T]
) -> tuple[dict[str, T], list[str]]:
    """What *ask* tells of each of *scopes*, several side by side; and of which it told nothing, with the reason."""
    workers = max(1, min(WORKERS, len(scopes)))

    def some(mine: Sequence[str]) -> list[tuple[str, T | TroubleError]]:
        told: list[tuple[str, T | TroubleError]] = []
        with Manager(vendor, token) as manager:
            for scope in mine:
                if manager.patience.left <= 0:
                    told.append((scope, TroubleError(NO_TIME, Status.UNREACHABLE)))
                    continue
                try:
                    told.append((scope, ask(manager, scope)))
                except TroubleError as error:
                    told.append((scope, error))
        return told

    with ThreadPoolExecutor(workers) as pool:
        slices = [scopes[at::workers] for at in range(workers)]
        every = [one for part in pool.map(some, slices) for one in part]
    good = {scope: what for scope, what in every if not isinstance(what, TroubleError)}
    return good, sorted(f"{s}: {why}" for s, why in every if isinstance(why, TroubleError))


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
            names[definition] = name_of(manager, scope, definition)
        text = f"{names[definition]} on {text_of(about, 'scope') or scope}"
        if text_of(about, "principalId") != principal:
            text += " (through a group)"
        if text_of(about, "condition"):
            text += " (with a condition)"
        told[text_of(one, "id") or text] = text
    return told


def name_of(manager: Manager, scope: str, definition: str) -> str:
    """A role's name (``Owner``); its id where the name is not to be had."""
    if not _GUID.fullmatch(definition):
        return definition or "?"
    path = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{definition}"
    try:
        about = manager.get(path, NEEDED, {"api-version": RBAC}).get("properties")
    except TroubleError:
        return definition
    return (text_of(about, "roleName") if isinstance(about, dict) else None) or definition
