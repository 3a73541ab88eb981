"""The local GitHub's workflow runs: made as the API shows them, and listed with its filters and limits.

``status`` takes a status or a conclusion; ``created`` is a range in the search's syntax; more than 1,000 are
counted and not listed. https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from remediate.clock import parse
from remediate_providers.loopback import Request

MOST = 1000


def run(
    number: int,
    *,
    repository: str,
    path: str,
    began: datetime,
    ended: datetime | None = None,
    conclusion: str | None = "failure",
    created: datetime | None = None,
    **more: object,
) -> dict[str, object]:
    """One run, in the API's shape; without *ended* it goes on. Times count whole seconds."""
    return {
        "id": number,
        "name": "Deploy",
        "path": path,
        "head_branch": "main",
        "head_sha": "",
        "event": "push",
        "status": "completed" if ended else "in_progress",
        "conclusion": conclusion if ended else None,
        "actor": {"login": "bob-develops"},
        "head_repository": {"full_name": repository},
        "run_attempt": 1,
        "created_at": _stamp(created or began),
        "run_started_at": _stamp(began),
        "updated_at": _stamp(ended or began),
        **more,
    }


def listed(runs: Sequence[Mapping[str, object]], request: Request) -> dict[str, object]:
    """The page of *runs* that *request* asks for."""
    wanted, created = request.first("status"), request.first("created")
    found = [
        one
        for one in runs
        if wanted in ("", one["status"], one.get("conclusion")) and _within(one, created)
    ]
    size = min(int(request.first("per_page") or 30), 100)
    at = (int(request.first("page") or 1) - 1) * size
    return {"total_count": len(found), "workflow_runs": found[:MOST][at : at + size]}


def _within(one: Mapping[str, object], created: str) -> bool:
    if not created:
        return True
    first, _, last = created.partition("..")
    at = parse(str(one["created_at"]))
    return parse(first) <= at <= parse(last)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
