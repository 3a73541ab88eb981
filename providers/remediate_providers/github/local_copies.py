"""The local GitHub's copies beside git: runs, artifacts, caches, deployments, the site, packages.

Some lists come in an object with their name, some plain; packages are an owner's, not a repository's, and
are asked for by type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from remediate_providers.loopback import Reply

Rows = list[dict[str, Any]]

#: Path below the repository to (field of `Kept`, the key that the list stands under).
WHERE = {
    "actions/runs": ("runs", "workflow_runs"),
    "actions/artifacts": ("artifacts", "artifacts"),
    "actions/caches": ("caches", "actions_caches"),
    "deployments": ("deployments", None),
}


@dataclass
class Kept:
    """One repository's copies, each list in the API's own shape."""

    runs: Rows = field(default_factory=list)
    artifacts: Rows = field(default_factory=list)
    caches: Rows = field(default_factory=list)
    deployments: Rows = field(default_factory=list)
    packages: Rows = field(default_factory=list)
    named: Rows = field(default_factory=list)
    """Files elsewhere that name it, each with the qualifier by which a search finds it (``among``)."""
    site: str | None = None
    hidden_packages: bool = False
    """Whether the token lacks read:packages."""


def answer(kept: Kept, path: str, page: Callable[[Sequence[Any]], list[Any]]) -> Reply:
    """``GET /repos/{owner}/{repo}/`` *path*; *page* cuts out what is asked for."""
    name, within = WHERE[path]
    rows: Rows = getattr(kept, name)
    shown = page(rows)
    return Reply(200, shown if within is None else {"total_count": len(rows), within: shown})


def packages(kept: Sequence[Kept], kind: str, page: Callable[[Sequence[Any]], list[Any]]) -> Reply:
    """``GET /orgs/{org}/packages?package_type=``, over all repositories of that owner."""
    if not kind:
        return Reply(400, {"message": "Package type must be specified"})
    if any(one.hidden_packages for one in kept):
        return Reply(403, {"message": "You need at least read:packages scope to list packages."})
    rows = [row for one in kept for row in one.packages if row["package_type"] == kind]
    return Reply(200, page(rows))


def code(kept: Sequence[Kept], query: str, page: Callable[[Sequence[Any]], list[Any]]) -> Reply:
    """``GET /search/code?q=``: rows in an object, with their number."""
    rows = [row for one in kept for row in one.named if row["among"] in query]
    return Reply(200, {"total_count": len(rows), "incomplete_results": False, "items": page(rows)})
