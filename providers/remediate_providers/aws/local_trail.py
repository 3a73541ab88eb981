"""CloudTrail's event history for the local AWS, which moto lacks: events are there at once."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PAGE = 50
_RATE = 2
"""Lookups a second in one Region."""
_GLOBAL = frozenset(["iam"])
_READING = ("Get", "List", "Describe", "Lookup", "Simulate")
#: Attribute of a lookup to the field of an event.
_ATTRIBUTES = {
    "AccessKeyId": "AccessKeyId",
    "Username": "Username",
    "EventName": "EventName",
    "EventSource": "EventSource",
    "EventId": "EventId",
    "ReadOnly": "ReadOnly",
}


class ThrottledError(Exception):
    """More lookups than CloudTrail answers."""


@dataclass
class History:
    """What was called, by Region, newest first on the way out."""

    throttle: bool = True
    _events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _lookups: dict[str, list[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        *,
        service: str,
        operation: str,
        region: str,
        identity: Mapping[str, str],
        address: str,
        agent: str,
        asked: Mapping[str, Any],
        answered: Mapping[str, Any] | None = None,
        error: str = "",
        at: datetime | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down one management call. *identity* is CloudTrail's ``userIdentity``; *more*: further fields."""
        where = "us-east-1" if service in _GLOBAL else region
        moment = (at or datetime.now(UTC)).replace(microsecond=0)
        reading = str(operation.startswith(_READING)).lower()
        record: dict[str, Any] = {
            "eventVersion": "1.11",
            "userIdentity": dict(identity),
            "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": f"{service}.amazonaws.com",
            "eventName": operation,
            "awsRegion": where,
            "sourceIPAddress": address,
            "userAgent": agent,
            "requestParameters": dict(asked),
            "responseElements": dict(answered) if answered else None,
            "eventID": str(uuid.uuid4()),
            "readOnly": reading == "true",
            **(more or {}),
        }
        if error:
            record["errorCode"] = error
        event: dict[str, Any] = {
            "EventId": record["eventID"],
            "EventName": operation,
            "ReadOnly": reading,
            "AccessKeyId": identity.get("accessKeyId", ""),
            "EventTime": int(moment.timestamp()),
            "EventSource": record["eventSource"],
            "Username": identity.get("userName", ""),
            "Resources": [],
            "CloudTrailEvent": json.dumps(record),
        }
        with self._lock:
            self._events.setdefault(where, []).append(event)

    def lookup(self, asked: Mapping[str, Any], region: str) -> dict[str, Any]:
        """``LookupEvents``. Raises `ThrottledError`; ValueError for what CloudTrail refuses."""
        now = time.monotonic()
        with self._lock:
            recent = [at for at in self._lookups.get(region, []) if now - at < 1]
            if self.throttle and len(recent) >= _RATE:
                raise ThrottledError
            self._lookups[region] = [*recent, now]
            events = list(self._events.get(region, []))
        wanted = asked.get("LookupAttributes") or []
        if len(wanted) > 1:
            raise ValueError("one attribute at most")
        for attribute in wanted:
            name = _ATTRIBUTES[attribute["AttributeKey"]]
            events = [e for e in events if e[name] == attribute["AttributeValue"]]
        start, end = asked.get("StartTime", 0), asked.get("EndTime", float("inf"))
        events = [e for e in reversed(events) if start <= e["EventTime"] <= end]
        first = int(asked.get("NextToken") or 0)
        size = min(int(asked.get("MaxResults") or PAGE), PAGE)
        page: dict[str, Any] = {"Events": events[first : first + size]}
        if first + size < len(events):
            page["NextToken"] = str(first + size)
        return page
