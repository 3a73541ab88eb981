"""Reading a project's audit log. https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list

Its entries are `AuditLog` objects (https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.http import HttpError
from remediate.plugins.outcome import Status
from remediate_providers.google.keys import Account
from remediate_providers.google.server import LOGGING, Api
from remediate_providers.rest import TroubleError, mapping, objects, text_of

ENTRIES = "/v2/entries:list"
PAGE = 200
NEEDED = (
    "logging.logEntries.list on the project (Logs Viewer; Private Logs Viewer for Data Access logs)"
)
ELSEWHERE = "other projects, where the account may have roles too, were not looked at"


def read(api: Api, project: str, wanted: str) -> tuple[list[Mapping[str, Any]], bool]:
    """The newest entries that fit the filter *wanted*, and whether there are older ones. Raises `TroubleError`."""
    body = {
        "resourceNames": [f"projects/{project}"],
        "filter": wanted,
        "orderBy": "timestamp desc",
        "pageSize": PAGE,
    }
    try:
        answer = api.ask("POST", ENTRIES, api.own(), base=api.base(LOGGING), repeat=True, json=body)
    except HttpError as error:
        raise TroubleError(api.refusal(error), Status.UNREACHABLE) from None
    # Nothing fits: the answer is an empty object.
    if answer.status != 200 or not isinstance(answer.json(), dict):
        raise api.trouble(answer, NEEDED)
    api.vendor.keep(f"POST {ENTRIES}", answer.body)
    data = mapping(answer)
    return objects(data.get("entries", [])), text_of(data, "nextPageToken") is not None


def full_name(account: Account) -> str:
    """The key's name as the audit log and Activity Analyzer have it."""
    return (
        f"//iam.googleapis.com/projects/{account.project}/serviceAccounts/{account.email}"
        f"/keys/{account.key_id}"
    )


def part(entry: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """An object within an entry; empty where there is none."""
    found: Mapping[str, Any] = entry
    for name in names:
        inner = found.get(name)
        found = inner if isinstance(inner, dict) else {}
    return found
