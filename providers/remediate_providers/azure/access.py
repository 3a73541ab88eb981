"""Who else can act as an application: its owners, who may add secrets, and issuers whose tokens stand for one.

https://learn.microsoft.com/graph/api/application-list-owners,
https://learn.microsoft.com/graph/api/application-list-federatedidentitycredentials. Neither has a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.model import Json
from remediate.plugins.outcome import Evidence
from remediate_providers.azure.server import Api, Application, application_path
from remediate_providers.rest import TroubleError, objects, text_of

OWNERS = "owners"
FEDERATED = "federated_credentials"
_NEEDED = "Application.Read.All"


def of(
    api: Api,
    app: Application,
    known: dict[str, Json],
    unknown: dict[str, str],
    seen: list[Evidence],
) -> None:
    """Add both lists to *known*, or why not to *unknown*: what comes later is seen against them."""
    for name, listed in listed_now(api, app, unknown).items():
        known[name] = sorted(listed.values())
        seen.append(api.seen(f"GET /applications/{{id}}/{_PATHS[name]}", f"{len(listed)} found"))


def listed_now(api: Api, app: Application, unknown: dict[str, str]) -> dict[str, dict[str, str]]:
    """Each list that can be had: id to how a person reads it."""
    lists: dict[str, dict[str, str]] = {}
    for name, path in _PATHS.items():
        try:
            data = api.get(f"{application_path(app)}/{path}", {"$top": "100"}, needed=_NEEDED)
        except TroubleError as error:
            unknown[name] = str(error)
            continue
        if not isinstance(data.get("value"), list):
            unknown[name] = f"{api.site.host} gave no list"
            continue
        told = _owner if name == OWNERS else _federated
        lists[name] = {
            id_: f"{told(one)} ({id_})"
            for one in objects(data["value"])
            if (id_ := text_of(one, "id"))
        }
        if text_of(data, "@odata.nextLink"):
            unknown[f"{name}_beyond"] = "only the first 100 were read"
    return lists


_PATHS = {OWNERS: "owners", FEDERATED: "federatedIdentityCredentials"}


def _owner(one: Mapping[str, Any]) -> str:
    return text_of(one, "userPrincipalName") or text_of(one, "displayName") or "?"


def _federated(one: Mapping[str, Any]) -> str:
    return f"{text_of(one, 'subject') or '?'} of {text_of(one, 'issuer') or '?'}"
