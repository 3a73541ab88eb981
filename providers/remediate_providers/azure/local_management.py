"""The local Azure Resource Manager: subscriptions, management groups and who has which role there."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from remediate.clock import parse, rfc3339
from remediate_providers.loopback import Reply, Request

PRINCIPAL = "5f0c4a1e-0000-4000-8000-00000000c0de"
"""The shop's service principal."""
TEAM = "5f0c4a1e-0000-4000-8000-00000000dead"
"""A group that it is in."""
PAGE = 1
"""Subscriptions a page, so that a list of two goes on."""
GROUPS = "/providers/Microsoft.Management/managementGroups"
_RBAC = "/providers/Microsoft.Authorization"
_LOG = "/providers/Microsoft.Insights/eventtypes/management/values"


@dataclass
class Management:
    """What it knows. A responder without a role at any subscription is shown none, with 200."""

    subscriptions: list[str] = field(default_factory=list)
    groups: list[str] | None = field(default_factory=list)
    """Management groups; None: not for this responder."""
    hidden: set[str] = field(default_factory=set)
    """Scopes at which this responder may not list assignments."""
    roles: dict[str, str] = field(default_factory=dict)
    """A role's id to its name."""
    assignments: list[dict[str, Any]] = field(default_factory=list)

    def subscription(self) -> str:
        """A new one: its scope."""
        self.subscriptions.append(str(uuid.uuid4()))
        return f"/subscriptions/{self.subscriptions[-1]}"

    def group(self, name: str) -> str:
        """A new management group: its scope."""
        self.groups = [*(self.groups or ()), name]
        return f"{GROUPS}/{name}"

    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """A subscription's scope to its activity log."""

    def happen(self, scope: str, operation: str, by: str = PRINCIPAL, **more: Any) -> None:
        """An event in a subscription's activity log."""
        told = {
            "eventDataId": str(uuid.uuid4()),
            "eventTimestamp": rfc3339(datetime.now(UTC) - timedelta(days=1)),
            "caller": by,
            "operationName": {"value": operation},
            "status": {"value": "Succeeded"},
            "httpRequest": {"clientIpAddress": "203.0.113.77"},
            "resourceId": scope,
        }
        self.events.setdefault(scope, []).append(told | more)

    def assign(
        self,
        scope: str,
        role: str,
        to: str = PRINCIPAL,
        condition: str | None = None,
        by: str = "ada",
    ) -> None:
        """A role at *scope*."""
        known = {name: id_ for id_, name in self.roles.items()}
        id_ = known.get(role) or str(uuid.uuid4())
        self.roles[id_] = role
        about = {
            "roleDefinitionId": f"{scope}{_RBAC}/roleDefinitions/{id_}",
            "principalId": to,
            "scope": scope,
            "condition": condition,
            "createdBy": by,
            "createdOn": "2026-02-03T04:05:06.7890123Z",
        }
        made = f"{scope}{_RBAC}/roleAssignments/{uuid.uuid4()}"
        self.assignments.append({"id": made, "properties": about})

    def answer(self, request: Request) -> Reply:
        """As the Resource Manager does."""
        if not request.first("api-version"):
            return _error(400, "MissingApiVersionParameter", "The api-version is required.")
        path = request.path.removeprefix("/arm")
        if path == "/subscriptions":
            return self._subscriptions(request)
        if path == GROUPS:
            if self.groups is None:
                return _denied("Microsoft.Management/managementGroups/read", "/providers/…")
            return Reply(200, {"value": [{"name": one} for one in self.groups]})
        if path.endswith(_LOG):
            return self._log(path.removesuffix(_LOG), request.first("$filter"))
        found = re.fullmatch(rf"(.+?){_RBAC}/(roleAssignments|roleDefinitions)(?:/([^/]+))?", path)
        if found is None:
            return _error(404, "InvalidResourceType", "The resource type could not be found.")
        scope, kind, id_ = found.groups()
        if scope in self.hidden:
            return _denied(f"Microsoft.Authorization/{kind}/read", scope)
        if kind == "roleDefinitions":
            name = self.roles.get(id_ or "")
            if name is None:
                return _error(
                    404, "RoleDefinitionDoesNotExist", "The role definition is not there."
                )
            return Reply(200, {"name": id_, "properties": {"roleName": name}})
        return self._assigned(scope, request.first("$filter"))

    def _subscriptions(self, request: Request) -> Reply:
        at = int(request.first("$skiptoken") or 0)
        shown = self.subscriptions[at : at + PAGE]
        data: dict[str, Any] = {"value": [{"subscriptionId": one} for one in shown]}
        if at + PAGE < len(self.subscriptions):
            base = f"http://{request.headers['Host']}/arm/subscriptions"
            data["nextLink"] = f"{base}?api-version=2022-12-01&$skiptoken={at + PAGE}"
        return Reply(200, data)

    def _log(self, scope: str, wanted: str) -> Reply:
        """The events of a time, which may not begin earlier than 90 days ago."""
        begin = re.search(r"eventTimestamp ge '([^']+)'", wanted)
        if begin is None:
            return _error(400, "BadRequest", "The filter needs a start time.")
        if parse(begin[1]) < datetime.now(UTC) - timedelta(days=90):
            return _error(400, "BadRequest", "The start time is more than 90 days in the past.")
        if scope in self.hidden:
            return _denied("Microsoft.Insights/eventtypes/values/read", scope)
        return Reply(200, {"value": self.events.get(scope, [])})

    def _assigned(self, scope: str, wanted: str) -> Reply:
        """At, above and below *scope*; with `assignedTo` those of its groups too, without a filter all."""
        if not wanted:
            every = [o for o in self.assignments if self._concerns(o["properties"]["scope"], scope)]
            return Reply(200, {"value": every})
        found = re.fullmatch(r"(assignedTo\('|principalId eq ')([^']+)'\)?", wanted)
        if found is None:
            return _error(400, "UnsupportedQuery", "The filter is not supported.")
        whose = {found[2]} | ({TEAM} if found[1].startswith("assigned") else set())
        told = [
            one
            for one in self.assignments
            if one["properties"]["principalId"] in whose
            and self._concerns(one["properties"]["scope"], scope)
        ]
        return Reply(200, {"value": told})

    def _concerns(self, assigned: str, scope: str) -> bool:
        above = assigned.startswith(GROUPS) and scope.startswith("/subscriptions/")
        return above or assigned.startswith(scope)


def _denied(action: str, scope: str) -> Reply:
    said = (
        f"The client does not have authorization to perform action '{action}' over scope '{scope}'."
    )
    return _error(403, "AuthorizationFailed", said)


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}})
