"""The local GitHub's GraphQL: what there is to auto-merge and the merge queue, and no more.

Refusals come with 200. Auto-merge can't be set on a pull request that waits for nothing ("clean
status"), nor where the repository does not allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from remediate_providers.loopback import Reply, Request

if TYPE_CHECKING:
    from remediate_providers.github.local_host import HostedRepository

_PAGE = 2
"""Few, so that a test with three meets a second page."""


def graphql(repositories: Mapping[str, HostedRepository], login: str, request: Request) -> Reply:
    """``POST /graphql``."""
    body = request.json() or {}
    query, given = str(body.get("query")), body.get("variables") or {}
    mine = {name: one for name, one in repositories.items() if login in one.admins}
    if "repository(owner:" in query:
        found = mine.get(f"{given.get('owner')}/{given.get('name')}")
        return (
            _listed(found, given.get("after"))
            if found
            else _refused("Could not resolve", "NOT_FOUND")
        )
    pull, there = next(
        ((row, one) for one in mine.values() for row in one.pulls if node(row) == given.get("id")),
        (None, None),
    )
    if pull is None or there is None:
        return _refused("Could not resolve to a node with the global id", "NOT_FOUND")
    if "node(id:" in query:
        return _data({"node": shown(pull)})
    if "disablePullRequestAutoMerge" in query:
        pull["auto_merge"] = None
    elif "dequeuePullRequest" in query:
        pull["queued"] = False
    elif "enqueuePullRequest" in query:
        pull["queued"] = True
    elif not there.about.get("allow_auto_merge"):
        return _refused("Auto merge is not allowed for this repository")
    elif pull.get("clean"):
        return _refused('["Pull request Pull request is in clean status"]')
    else:
        pull["auto_merge"] = {
            "merge_method": str(given.get("method")).lower(),
            "commit_title": given.get("headline"),
            "commit_message": given.get("body"),
        }
    return _data({})


def node(pull: Mapping[str, Any]) -> str:
    """A pull request's global id."""
    return f"PR_{pull['number']}"


def shown(pull: Mapping[str, Any]) -> dict[str, Any]:
    """A pull request as GraphQL shows it."""
    auto = pull.get("auto_merge")
    return {
        "id": node(pull),
        "number": pull["number"],
        "state": pull.get("state", "open").upper(),
        "headRefName": pull["head"]["ref"],
        "baseRefName": pull["base"]["ref"],
        "isCrossRepository": pull.get("fork", False),
        "autoMergeRequest": auto
        and {
            "mergeMethod": auto["merge_method"].upper(),
            "commitHeadline": auto.get("commit_title"),
            "commitBody": auto.get("commit_message"),
        },
        "mergeQueueEntry": {"id": f"MQE_{pull['number']}"} if pull.get("queued") else None,
    }


def _listed(there: HostedRepository, after: str | None) -> Reply:
    at = int(after or 0)
    rows = [shown(one) for one in there.pulls if one.get("state", "open") == "open"]
    page = {"hasNextPage": at + _PAGE < len(rows), "endCursor": str(at + _PAGE)}
    some = {"pageInfo": page, "nodes": rows[at : at + _PAGE]}
    return _data({"repository": {"pullRequests": some}})


def _data(data: Mapping[str, Any]) -> Reply:
    return Reply(200, {"data": dict(data)})


def _refused(message: str, kind: str = "UNPROCESSABLE") -> Reply:
    return Reply(200, {"data": None, "errors": [{"type": kind, "message": message}]})
