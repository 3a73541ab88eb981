"""The record as one OCSF event for a SIEM: Incident Finding (class 2005), schema 1.5.0.

https://schema.ocsf.io/1.5.0/classes/incident_finding. One finding a credential. Times are milliseconds since 1970.
What has no field there is under ``unmapped``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from remediate.record.model import (
    CredentialEntry,
    IncidentStatus,
    Record,
)
from remediate.record.reading import moment

OCSF_VERSION = "1.5.0"
_CLASS = 2005
_CATEGORY = 2
_SEVERITY = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_ACTIVITY = {1: "Create", 2: "Update", 3: "Close"}
_STATUS = {
    IncidentStatus.INVESTIGATING: (2, "In Progress"),
    IncidentStatus.CONTAINED: (2, "In Progress"),
    IncidentStatus.RESOLVED: (4, "Resolved"),
}
_TRUE_POSITIVE = 2


def to_ocsf(record: Record) -> str:
    """The event as JSON: one object on one line, sorted keys, ASCII, a newline at the end."""
    return json.dumps(event(record), sort_keys=True, allow_nan=False) + "\n"


def event(record: Record) -> dict[str, Any]:
    """The event as a mapping. Fields without a value are left out, as OCSF wants it."""
    activity = _activity(record)
    severity = _SEVERITY.get(record.severity.lower(), 0)
    status_id, status = _STATUS[record.status]
    return _present(
        {
            "activity_id": activity,
            "activity_name": _ACTIVITY[activity],
            "category_uid": _CATEGORY,
            "category_name": "Findings",
            "class_uid": _CLASS,
            "class_name": "Incident Finding",
            "type_uid": _CLASS * 100 + activity,
            "type_name": f"Incident Finding: {_ACTIVITY[activity]}",
            "time": _milliseconds(record.generated_at) or 0,
            "start_time": _milliseconds(record.times.detected.at),
            "end_time": _milliseconds(record.times.resolved.at),
            "severity_id": severity,
            "severity": record.severity.capitalize() if severity else "Unknown",
            "status_id": status_id,
            "status": status,
            "status_detail": str(record.status),
            "verdict_id": _TRUE_POSITIVE,
            "verdict": "True Positive",
            # The schema wants one of the two.
            "assignee": {"name": record.started_by} if record.started_by else None,
            "assignee_group": None if record.started_by else {"name": "not named"},
            "desc": record.communication.summary,
            "message": f"Leaked credentials, {record.status}: {record.communication.impact}",
            "is_suspected_breach": any(_suspicious(entry) for entry in record.credentials),
            "metadata": {
                "version": OCSF_VERSION,
                "uid": f"{record.incident}@{record.generated_at or ''}",
                "correlation_uid": record.incident,
                "profiles": ["incident"],
                "product": {
                    "name": "remediate",
                    "vendor_name": "remediate",
                    **({"version": record.version} if record.version else {}),
                },
            },
            "finding_info_list": [_finding(record, entry) for entry in record.credentials]
            or [{"uid": record.incident or "incident", "title": "No credential is known"}],
            "unmapped": _unmapped(record),
        }
    )


def _activity(record: Record) -> int:
    if record.status is IncidentStatus.RESOLVED:
        return 3
    # Nothing has been done yet: this is its beginning.
    return 2 if record.actions else 1


def _finding(record: Record, entry: CredentialEntry) -> dict[str, Any]:
    return _present(
        {
            "uid": f"{record.incident}/{entry.id}",
            "title": f"Leaked {entry.kind}: {entry.state}",
            "desc": entry.proof.saw if entry.proof else entry.state_reason,
            "types": ["Leaked credential", entry.kind],
            "created_time": _milliseconds(record.times.detected.at),
            "modified_time": _milliseconds(entry.dead_since) or _milliseconds(record.generated_at),
            "first_seen_time": _milliseconds(
                record.times.first_out.at or record.times.introduced.at
            ),
            "data_sources": [str(name)]
            if (name := record.report.get("format")) and isinstance(name, str)
            else None,
        }
    )


def _unmapped(record: Record) -> dict[str, Any]:
    return {
        "record_schema": record.schema,
        "repository": record.remote or record.repository,
        "milestones": {m.name: m.at for m in record.milestones},
        "detection_to_containment_seconds": record.times.detection_to_containment_seconds,
        "credentials": [
            {
                "id": entry.id,
                "provider": entry.provider,
                "state": str(entry.state),
                "replacement": str(entry.replacement),
            }
            for entry in record.credentials
        ],
        "open_steps": [step.id for step in record.manual if step.done_at is None],
        "not_known": len(record.gaps) + len(record.not_searched),
    }


def _suspicious(entry: CredentialEntry) -> bool:
    seen = any(isinstance(e, Mapping) and e.get("suspicious") for e in entry.events)
    return seen or bool(entry.footholds)


def _milliseconds(at: str | None) -> int | None:
    when = moment(at)
    return None if when is None else int(when.timestamp() * 1000)


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
