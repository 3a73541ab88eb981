"""The local GitLab's pipelines and jobs: made as the API shows them, and listed with its filters.

Child pipelines are listed only where their source is asked for; a job that was retried is not listed any more; a list
has 20 entries where nothing else is asked for, 100 at most.
https://docs.gitlab.com/api/pipelines/, https://docs.gitlab.com/api/jobs/
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from remediate.clock import parse, rfc3339
from remediate_providers.loopback import Request

CHILD = "parent_pipeline"


def pipeline(
    number: int, page: str, *, began: datetime, ended: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """One pipeline, in the API's shape; without *ended* it runs. *page*: its project's."""
    return {
        "id": number,
        "status": "failed" if ended else "running",
        "ref": "main",
        "sha": "",
        "source": "push",
        "created_at": rfc3339(began),
        "updated_at": rfc3339(ended or began),
        "web_url": f"{page}/-/pipelines/{number}",
        **more,
    }


def job(
    number: int, page: str, *, began: datetime, ended: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """One job, in the API's shape; without *ended* it runs."""
    return {
        "id": number,
        "name": "deploy",
        "status": "failed" if ended else "running",
        "started_at": rfc3339(began),
        "finished_at": rfc3339(ended) if ended else None,
        "web_url": f"{page}/-/jobs/{number}",
        **more,
    }


def pipelines(rows: Sequence[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """The page of *rows* that *request* asks for, the newest first."""
    status, source = request.first("status"), request.first("source")
    after = request.first("updated_after")
    found = [
        one
        for one in sorted(rows, key=lambda row: -int(row["id"]))
        if status in ("", one["status"])
        and (one.get("source") == source if source else one.get("source") != CHILD)
        and (not after or parse(str(one["updated_at"])) > parse(after))
    ]
    return page_of(found, request)


def jobs(rows: Sequence[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """The page of a pipeline's *rows* that *request* asks for."""
    scopes = request.query.get("scope[]", [])
    return page_of([one for one in rows if not scopes or one["status"] in scopes], request)


def page_of(rows: Sequence[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """One page."""
    size = min(int(request.first("per_page") or 20), 100)
    at = (int(request.first("page") or 1) - 1) * size
    return list(rows[at : at + size])
