"""CloudTrail's event history: every management call that a key signed, over all enabled Regions.

``cloudtrail:LookupEvents`` (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html)
answers for one Region, the last 90 days, 50 events a page, newest first, two calls a second.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from remediate.clock import parse
from remediate.http import Patience
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.wording import count
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.iam import moment
from remediate_providers.aws.session import REGION, Aws

LOOKUP = "cloudtrail:LookupEvents"
RETENTION = timedelta(days=90)
PACE = 0.55
"""Seconds between two calls in one Region: two a second are allowed."""
MOST_PAGES = 40
"""Pages read for one Region: 2,000 events, 22 seconds."""
REGIONS_AT_A_TIME = 8
TIME_UP = "TimeUp"
"""The code of an error of ours: not asked, for the time was over."""

# Enabled in every account (https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html):
# where the account's own list can't be read.
# fmt: off
DEFAULT_REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ap-northeast-1", "ap-northeast-2",
    "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
    "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1",
)
# fmt: on


@dataclass(frozen=True)
class Event:
    """One management call."""

    at: str
    """RFC 3339."""
    service: str
    name: str
    region: str
    who: str
    address: str
    agent: str
    error: str
    """AWS's error code, empty where the call succeeded."""
    read_only: bool
    asked: Mapping[str, Any] = field(repr=False)
    answered: Mapping[str, Any] = field(repr=False)
    credential: str = ""
    """The service-specific credential or bearer token that it was made with, where the event names one."""
    key_id: str = ""
    """The access key that signed it, where the event names one."""
    bearer: bool = False
    """Whether it says that it was made with a bearer token (``callWithBearerToken``), as Bedrock's do."""

    @property
    def what(self) -> str:
        """``iam:CreateUser``."""
        return f"{self.service}:{self.name}"

    @property
    def began(self) -> str:
        """The key id (``ASIA…``) of the session that it began; empty where it began none.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html: ``responseElements``.
        """
        made = _mapping(self.answered.get("credentials")).get("accessKeyId")
        return made if isinstance(made, str) and not self.error else ""


@dataclass(frozen=True)
class Trail:
    """What could be read, newest first, and what could not."""

    events: tuple[Event, ...]
    regions: tuple[str, ...]
    unknown: Mapping[str, str]

    @property
    def readable(self) -> bool:
        """Whether any Region answered."""
        return bool(self.regions)


def history(
    aws: Aws,
    whose: str,
    vendor: VendorContext,
    by: str = "AccessKeyId",
    regions: Sequence[str] = (),
) -> Trail:
    """Every event of the last 90 days that the access key *whose* signed; *by*: ``Username``, a user's.

    *regions*: those to read; every enabled one where none is named.
    """
    unknown: dict[str, str] = {}
    regions = regions or enabled(aws, unknown)
    start = parse(vendor.now()) - RETENTION
    vendor.progress(f"reading CloudTrail of {count(len(regions), 'Region')}")
    with ThreadPoolExecutor(min(REGIONS_AT_A_TIME, len(regions))) as pool:
        answers = pool.map(lambda region: _region(aws, (by, whose), region, start, vendor), regions)
    events: list[Event] = []
    read: list[str] = []
    for region, (found, problem) in zip(regions, answers, strict=True):
        events += found
        if problem:
            unknown[f"events in {region}"] = problem
        if found or not problem:
            read.append(region)
    events.sort(key=lambda event: event.at, reverse=True)
    return Trail(tuple(events), tuple(read), unknown)


def enabled(aws: Aws, unknown: dict[str, str]) -> list[str]:
    """The account's enabled Regions; *unknown* gets ``regions``, and why, where they can't be read."""
    found: list[str] = []
    token: str | None = None
    try:
        while True:
            answer = aws.call(
                "account",
                "ListRegions",
                region=REGION,
                RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"],
                NextToken=token,
            )
            rows = answer.get("Regions")
            if not isinstance(rows, list):
                raise malformed("account:ListRegions")
            found += [str(row["RegionName"]) for row in rows if "RegionName" in row]
            token = answer.get("NextToken")
            if not token:
                break
    except AwsError as error:
        if error.status is Status.UNREACHABLE and not error.code:
            unknown["regions"] = (
                f"{error.reason}; looked at no others than {aws.region} and {REGION}"
            )
            return sorted({aws.region, REGION})
        unknown["regions"] = f"{error.reason}; looked at those that every account has"
        return list(DEFAULT_REGIONS)
    # IAM's and the global STS's events are in us-east-1 alone.
    return sorted({*found, REGION})


def _region(
    aws: Aws, of: tuple[str, str], region: str, start: datetime, vendor: VendorContext
) -> tuple[list[Event], str]:
    """One Region's events, and why they are not all."""
    patience = Patience.of(vendor)
    events: list[Event] = []
    token: str | None = None
    for page in range(MOST_PAGES):
        try:
            answer = lookup(
                aws,
                region,
                vendor,
                patience,
                LookupAttributes=[{"AttributeKey": of[0], "AttributeValue": of[1]}],
                StartTime=start,
                NextToken=token,
            )
        except AwsError as error:
            if error.code == TIME_UP:
                return events, f"read up to {events[-1].at if events else 'nothing'}: time was up"
            return events, error.reason
        rows = answer.get("Events")
        session = f"-{of[1]}" if of[1].startswith("ASIA") else ""
        vendor.keep(f"{LOOKUP}{session}-{region}-{page}", {"Events": rows})
        if not isinstance(rows, list):
            return events, "AWS answered with something unreadable"
        events += [_event(row, region) for row in rows if isinstance(row, dict)]
        token = answer.get("NextToken")
        if not token:
            return events, ""
    return events, f"only the newest {len(events)} were read, back to {events[-1].at}"


def lookup(
    aws: Aws, region: str, vendor: VendorContext, patience: Patience, **given: Any
) -> dict[str, Any]:
    """One call of CloudTrail's in *region*, when it is its turn. Raises `AwsError`, with `TIME_UP` as its code."""
    turn = _turn(vendor, region)
    with turn.lock:
        if not patience.wait(turn.due()):
            raise AwsError(
                LOOKUP, "time was up", status=Status.UNREACHABLE, code=TIME_UP, sent=False
            )
        try:
            return aws.call("cloudtrail", "LookupEvents", region=region, **given)
        finally:
            turn.asked = monotonic()


class _Turn:
    """Whose turn it is in one Region, among all who look there: two calls a second are all there is."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked = monotonic() - PACE

    def due(self) -> float:
        """Seconds until the next call may go out."""
        return max(0.0, self.asked + PACE - monotonic())


_TURNS: dict[tuple[str, str], _Turn] = {}


def _turn(vendor: VendorContext, region: str) -> _Turn:
    where = (vendor.environment.get("AWS_ENDPOINT_URL", ""), region)
    return _TURNS.setdefault(where, _Turn())


def _event(row: Mapping[str, Any], region: str) -> Event:
    """An event as LookupEvents gives it: a few fields, and the record itself as JSON in a string."""
    try:
        record = json.loads(row.get("CloudTrailEvent") or "{}")
    except (ValueError, RecursionError):
        record = {}
    if not isinstance(record, dict):
        record = {}
    identity = _mapping(record.get("userIdentity"))
    source = str(row.get("EventSource") or record.get("eventSource") or "")
    return Event(
        at=moment(row.get("EventTime")) or str(record.get("eventTime", "")),
        service=source.split(".", 1)[0],
        name=str(row.get("EventName") or record.get("eventName") or ""),
        region=str(record.get("awsRegion") or region),
        who=str(identity.get("arn") or row.get("Username") or ""),
        address=str(record.get("sourceIPAddress", "")),
        agent=str(record.get("userAgent", "")),
        error=str(record.get("errorCode") or ""),
        read_only=str(row.get("ReadOnly", record.get("readOnly"))).lower() == "true",
        asked=_mapping(record.get("requestParameters")),
        answered=_mapping(record.get("responseElements")),
        credential=str(identity.get("credentialId") or ""),
        key_id=str(identity.get("accessKeyId") or ""),
        bearer=_mapping(record.get("additionalEventData")).get("callWithBearerToken") is True,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def names_in(event: Event) -> str:
    """What an event made or changed: the ids and names in it, never a value."""
    wanted = ("accessKeyId", "userName", "roleName", "groupName", "policyArn", "policyName", "name")
    found: list[str] = []

    def walk(value: object, depth: int) -> None:
        if isinstance(value, Mapping) and depth < 4:
            for key, inner in value.items():
                if key in wanted and isinstance(inner, str) and inner not in found:
                    found.append(inner[:128])
                walk(inner, depth + 1)

    walk(event.answered, 0)
    walk(event.asked, 0)
    return ", ".join(found[:4])


def counted(events: Sequence[Event]) -> dict[str, Json]:
    """How often each call was made, the most frequent first."""
    return dict(Counter(event.what for event in events).most_common())
