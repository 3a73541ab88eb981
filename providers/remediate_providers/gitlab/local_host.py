"""The local GitLab's git-hosting side: protected branches and tags, webhooks, merge requests, forks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from remediate.secret import Secret
from remediate_providers.gitlab import local_sweep
from remediate_providers.gitlab.local_state import State
from remediate_providers.loopback import Reply, Request


@dataclass
class HostedProject:
    """One project as its host knows it, each list in the API's own shapes."""

    about: dict[str, Any] = field(default_factory=lambda: {"builds_access_level": "enabled"})
    branches: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    hooks: dict[int, dict[str, Any]] = field(default_factory=dict)
    merge_requests: list[dict[str, Any]] = field(default_factory=list)
    forks: list[dict[str, Any]] = field(default_factory=list)
    members: list[dict[str, Any]] = field(default_factory=list)
    commits: set[str] = field(default_factory=set)
    owners: set[int] | None = None
    """Users with the Owner role; None: whoever has a token."""
    repository: Path | None = None
    """Where its git repository lies, bare; then what is asked about objects is answered from it."""
    grace: int = 30 * 60
    """Seconds for which an unreachable object is kept whatever is asked."""
    copies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Path below the project (``/pipelines``) to its list, in the API's own shape."""
    site: str | None = None
    housekept: list[str] = field(default_factory=list)
    """Tasks of housekeeping, as they were started."""
    busy: bool = False
    """Whether housekeeping is under way already."""

    def snapshot(self) -> dict[str, Any]:
        """Everything that a push may have lifted or paused."""
        tags = {
            name: sorted(level["access_level"] for level in one["create_access_levels"])
            for name, one in self.tags.items()
        }
        return {
            "about": dict(self.about),
            "branches": {name: dict(one) for name, one in self.branches.items()},
            "tags": tags,
            "hooks": {number: dict(one) for number, one in self.hooks.items()},
        }


class HostAnswers:
    """Answers about projects that are hosted here; anything else goes on to *others*."""

    def __init__(self, state: State, others: Callable[[Request], Reply]) -> None:
        self.state = state
        self.projects: dict[str, HostedProject] = {}
        self._others = others

    def __call__(self, request: Request) -> Reply:
        """The answer to *request*."""
        if request.path == "/api/graphql":
            return local_sweep.graphql(self, request)
        found = re.fullmatch(r"/projects/([^/]+)(/.*)?", request.path)
        project = self.projects.get(unquote(found[1])) if found else None
        if found is None or project is None:
            return self._others(request)
        if self.who(request) is None:
            return Reply(401, {"message": "401 Unauthorized"})
        path = unquote(found[2] or "")
        body = request.json()
        reply = _serve(project, request, path, body if isinstance(body, dict) else {})
        return reply if reply is not None else self._others(request)

    def who(self, request: Request) -> int | None:
        """The user whose token *request* bears; None for no token that works."""
        bearer = request.headers.get("Authorization", "").partition(" ")[2]
        token = self.state.find(Secret(request.headers.get("PRIVATE-TOKEN") or bearer))
        return token.user if token is not None and token.works else None


_COPIES = ("/pipelines", "/deployments", "/releases", "/packages", "/registry/repositories")


def _serve(
    project: HostedProject, request: Request, path: str, body: Mapping[str, Any]
) -> Reply | None:
    method = request.method
    lists: Mapping[str, list[dict[str, Any]]] = {
        "/protected_branches": list(project.branches.values()),
        "/protected_tags": list(project.tags.values()),
        "/hooks": list(project.hooks.values()),
        "/merge_requests": project.merge_requests,
        "/forks": project.forks,
        "/members/all": project.members,
        **{path: project.copies.get(path, []) for path in _COPIES},
    }
    if method == "GET" and path in lists:
        return Reply(200, lists[path] if request.first("page", "1") == "1" else [])
    if path == "" and method in ("GET", "PUT"):
        project.about |= body if method == "PUT" else {}
        return Reply(200, project.about)
    for prefix, act in (("/protected_branches/", _branch), ("/protected_tags", _tag),
                        ("/hooks/", _hook)):  # fmt: skip
        if path.startswith(prefix):
            return act(project, method, path.removeprefix(prefix).lstrip("/"), body)
    if found := re.fullmatch(r"/merge_requests/(\d+)(/cancel_merge_when_pipeline_succeeds)?", path):
        return _merge_request(project, method, int(found[1]), cancel=found[2] is not None)
    if method == "GET" and path.startswith("/repository/commits/"):
        oid = path.rpartition("/")[2]
        there = oid in project.commits or local_sweep.has(project, oid)
        return Reply(200, {"id": oid}) if there else _gone("404 Commit Not Found")
    if method == "GET" and path.startswith("/repository/blobs/"):
        oid = path.rpartition("/")[2]
        there = local_sweep.has(project, oid)
        return Reply(200, {"sha": oid, "size": 1}) if there else _gone("404 Blob Not Found")
    if method == "GET" and path == "/pages":
        return Reply(200, {"url": project.site}) if project.site else _gone("404 Not Found")
    if method == "POST" and path == "/housekeeping":
        return local_sweep.housekeeping(project, str(body.get("task", "eager")))
    return None


def _gone(message: str = "404 Not found") -> Reply:
    return Reply(404, {"message": message})


def _branch(project: HostedProject, method: str, name: str, body: Mapping[str, Any]) -> Reply:
    one = project.branches.get(name)
    if one is None:
        return _gone()
    if method == "PATCH":
        one |= body
    return Reply(200, one)


def _tag(project: HostedProject, method: str, name: str, body: Mapping[str, Any]) -> Reply:
    if method == "POST":
        new = str(body.get("name"))
        if new in project.tags:
            return Reply(409, {"message": f"Protected tag '{new}' already exists"})
        levels = body.get("allowed_to_create") or [
            {"access_level": body.get("create_access_level", 40)}
        ]
        project.tags[new] = {"name": new, "create_access_levels": levels}
        return Reply(201, project.tags[new])
    if name not in project.tags:
        return _gone()
    if method == "DELETE":
        del project.tags[name]
        return Reply(204)
    return Reply(200, project.tags[name])


def _merge_request(project: HostedProject, method: str, iid: int, *, cancel: bool) -> Reply:
    one = next((row for row in project.merge_requests if row["iid"] == iid), None)
    if one is None:
        return _gone()
    if cancel and method == "POST":
        if one.get("merge_when_pipeline_succeeds") is not True:
            return Reply(406, {"message": "406 Not Acceptable"})
        one["merge_when_pipeline_succeeds"] = False
        return Reply(201, {"status": "success"})
    return Reply(200, {"state": "opened", **one})


def _hook(project: HostedProject, method: str, number: str, body: Mapping[str, Any]) -> Reply:
    one = project.hooks.get(int(number))
    if one is None:
        return _gone()
    if method == "PUT":
        if "url" not in body:
            return Reply(400, {"error": "url is missing"})
        one |= body
    return Reply(200, one)
