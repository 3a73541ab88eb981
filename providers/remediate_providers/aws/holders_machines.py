"""Who uses a value: EC2 instances by their user data, and launch templates.

User data is base64, at most 16 KB, and cloud-init takes it gzipped as well
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html). It is told an instance at a time alone.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.holders_looking import Looking, Use, chunks, mapping, unread

MOST_INSTANCES = 500
"""Instances of one Region whose user data is read: fifty seconds, for the successor waits for it."""
RATE = 10
"""Calls a second. EC2 gives an account 100 at once and then 20 a second, for each call in each Region:
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html. Half is left to whoever works there."""
AT_A_TIME = 5
PAGE = 1000
_LONGEST = 1 << 20
"""Bytes that gzipped user data is unpacked to, at most."""
_ATTRIBUTE = "ec2:DescribeInstanceAttribute"


def instances(looking: Looking) -> Iterator[Use]:
    """Instances that are not terminated, with one in their user data. Raises `AwsError`."""
    states = ["pending", "running", "stopping", "stopped"]
    rows = looking.pages(
        "ec2",
        "DescribeInstances",
        "Reservations",
        MaxResults=PAGE,
        Filters=[{"Name": "instance-state-name", "Values": states}],
    )
    found = [one for row in rows for one in mapping(row).get("Instances") or ()]
    wanted = _in_order(found)
    known: dict[str, list[str]] = {}
    then = "launch it anew with the new value: user data is read at an instance's first start"
    doubts: list[str] = []
    for answers in _read(looking, wanted[:MOST_INSTANCES]):
        for instance, encoded in answers:
            if encoded not in known:
                text = _text(encoded)
                known[encoded] = looking.held_in(text)
                doubts += [instance] if text is None else []
            for whose in known[encoded]:
                yield looking.use(whose, "EC2 instance", instance, "its user data", then)
    if doubts:
        raise unread(_ATTRIBUTE, f"the user data of {', '.join(doubts)} can't be unpacked")
    if len(wanted) > MOST_INSTANCES:
        raise unread(_ATTRIBUTE, f"{MOST_INSTANCES} of {len(wanted)} instances were looked at")


def templates(looking: Looking) -> Iterator[Use]:
    """Launch templates with one in the user data of their latest or default version. Raises `AwsError`."""
    rows = looking.pages(
        "ec2",
        "DescribeLaunchTemplateVersions",
        "LaunchTemplateVersions",
        Versions=["$Latest", "$Default"],
        MaxResults=200,
    )
    then = "make a version with the new value, let it be the default, and launch anew what it began"
    seen, doubts = set[str](), []
    for row in rows:
        name = f"{row.get('LaunchTemplateName')}:{row.get('VersionNumber')}"
        encoded = mapping(row.get("LaunchTemplateData")).get("UserData")
        if name in seen or not encoded:
            continue
        seen.add(name)
        text = _text(str(encoded))
        doubts += [name] if text is None else []
        for whose in looking.held_in(text):
            yield looking.use(whose, "EC2 launch template", name, "its user data", then)
    if doubts:
        action = "ec2:DescribeLaunchTemplateVersions"
        raise unread(action, f"the user data of {', '.join(doubts)} can't be unpacked")


def _in_order(found: Sequence[Any]) -> list[str]:
    """Ids, one of each launch template or group first: those begun alike mostly have the same user data."""
    first: list[str] = []
    more: list[str] = []
    seen: set[tuple[str, ...]] = set()
    for row in found:
        tags = {tag.get("Key"): str(tag.get("Value")) for tag in mapping(row).get("Tags") or ()}
        alike = tuple(
            tags.get(f"aws:{key}", "")
            for key in (
                "ec2launchtemplate:id",
                "ec2launchtemplate:version",
                "autoscaling:groupName",
            )
        )
        (more if any(alike) and alike in seen else first).append(
            str(mapping(row).get("InstanceId"))
        )
        seen.add(alike)
    return first + more


def _read(looking: Looking, wanted: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """Each instance's user data, a few at a time and no more than `RATE` a second. Raises `AwsError`."""

    def one(instance: str) -> tuple[str, str]:
        try:
            answer = looking.call(
                "ec2", "DescribeInstanceAttribute", InstanceId=instance, Attribute="userData"
            )
        except AwsError as error:
            if error.code == "InvalidInstanceID.NotFound":
                return instance, ""  # it was terminated meanwhile
            raise
        if answer.get("InstanceId") != instance:
            raise malformed(_ATTRIBUTE)
        return instance, str(mapping(answer.get("UserData")).get("Value") or "")

    if not wanted:
        return
    with ThreadPoolExecutor(min(AT_A_TIME, len(wanted))) as pool:
        left = len(wanted)
        for batch in chunks(wanted, AT_A_TIME):
            begun = monotonic()
            yield list(pool.map(one, batch))
            left -= len(batch)
            due = len(batch) / RATE - (monotonic() - begun)
            if left and not looking.patience.wait(max(0.0, due)):
                raise unread(_ATTRIBUTE, f"{left} of {len(wanted)} instances: time was up")


def _text(encoded: str) -> str | None:
    """User data as text; None where it is packed, and can't be unpacked to its end."""
    try:
        raw = base64.b64decode(encoded)
    except (ValueError, binascii.Error):
        return encoded
    if raw.startswith(b"\x1f\x8b"):
        try:
            unpacking = zlib.decompressobj(31)
            raw = unpacking.decompress(raw, _LONGEST)
        except zlib.error:
            return None
        if not unpacking.eof:
            return None
    return raw.decode("utf-8", "replace")
