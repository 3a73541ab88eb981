"""Ending the sessions that a temporary key (ASIA…) belongs to: a policy that denies those begun before now.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html. A temporary key has no
switch of its own. Whose session it is stands in CloudTrail, in the events that it signed. The policy denies every
session of that role or user that began before it; who still may, begins another by itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediate.clock import rfc3339
from remediate.http import Patience
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate.wording import count
from remediate_providers.aws import steps, trail
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.session import REGION, Aws

POLICY = "remediate-revoke-older-sessions"
"""The inline policy of the user or role that denies sessions begun before the key was deactivated."""
_SERVICE_LINKED = ":role/aws-service-role/"
_IDENTITY_CENTER = "AWSReservedSSO_"
_SWEEPING = threading.Lock()
"""One key at a time is looked for in every Region: CloudTrail takes two calls a second in each."""


@dataclass(frozen=True)
class Issuer:
    """Whose sessions they are."""

    kind: str
    """``role``, ``user`` or ``root``."""
    name: str
    arn: str


def denial(before: datetime, key_id: str = "") -> str:
    """The policy's document: a long-term key has no aws:TokenIssueTime, and is not hit.

    *key_id*: the long-term key that was made inactive first, so that it began none after *before*.
    """
    statement = {
        **({"Sid": f"BegunWith{key_id}"} if key_id else {}),
        "Effect": "Deny",
        "Action": ["*"],
        "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": rfc3339(before)}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def denied_for(document: object) -> str:
    """The key id that `denial` was given; empty where *document* is another's, or names none."""
    try:
        found: Any = json.loads(document) if isinstance(document, str) else document
        (statement,) = found["Statement"]
        return str(statement["Sid"]).removeprefix("BegunWith")
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def end_sessions(held: Held, aws: Aws, vendor: VendorContext) -> Outcome:
    """Deny the sessions of whoever *held* was issued to, where that can be told. Raises `AwsError`."""
    credential = held.credential
    key_id = credential.public_id or ""
    mine = aws.me.account
    if credential.account and credential.account != mine:
        step = steps.foreign(credential, mine)
        summary = f"Did not touch temporary key {key_id}"
        return Outcome(Status.MANUAL, summary, step.why, manual=step)
    issuer, why = _issuer(aws, key_id, vendor)
    if issuer is None:
        return _by_hand(held, why)
    if issuer.kind == "root":
        return _by_hand(held, "it is a session of the root user, which no policy limits", issuer)
    if _SERVICE_LINKED in issuer.arn:
        return _by_hand(
            held, "it is a session of a service-linked role, which has no such policy", issuer
        )
    if issuer.name.startswith(_IDENTITY_CENTER):
        return _by_hand(held, "its role belongs to IAM Identity Center and can't be edited", issuer)
    before = aws.time()
    noun = "Role" if issuer.kind == "role" else "User"
    where: dict[str, Any] = {f"{noun}Name": issuer.name, "PolicyName": POLICY}
    try:
        aws.call("iam", f"Put{noun}Policy", PolicyDocument=denial(before), **where)
        aws.call("iam", f"Get{noun}Policy", **where)
    except AwsError as error:
        return _by_hand(held, error.reason, issuer)
    saw = f"{POLICY} of {issuer.kind} {issuer.name}: sessions begun before {rfc3339(before)} are denied"
    return Outcome(
        Status.DONE,
        f"Denied the sessions of {issuer.kind} {issuer.name} that temporary key {key_id} is one of",
        evidence=(Evidence(f"iam:Get{noun}Policy", saw, vendor.now()),),
        data={issuer.kind: issuer.name, "policy": POLICY, "sessions": "denied"},
    )


def _by_hand(held: Held, why: str, issuer: Issuer | None = None) -> Outcome:
    step = steps.session_key(held.credential, issuer.arn if issuer else None)
    key_id = held.credential.public_id
    return Outcome(Status.MANUAL, f"{key_id} is no long-term key", why, manual=step)


def _issuer(aws: Aws, key_id: str, vendor: VendorContext) -> tuple[Issuer | None, str]:
    """Whose session it is, by the newest event that it signed; else why that can't be told.

    The caller's Region and the one of IAM's events first, then every other enabled one: one call each.
    """
    unread: dict[str, str] = {}
    patience = Patience.of(vendor)

    def ask(region: str) -> Issuer | None:
        try:
            return _issuer_in(aws, key_id, region, vendor, patience)
        except AwsError as error:
            unread[region] = error.reason
            return None

    home = list(dict.fromkeys((aws.region, REGION)))
    for region in home:
        if (issuer := ask(region)) is not None:
            return issuer, ""
    regions = trail.enabled(aws, unread)
    others = [region for region in regions if region not in home]
    with _SWEEPING, ThreadPoolExecutor(trail.REGIONS_AT_A_TIME) as pool:
        issuer = next((found for found in pool.map(ask, others) if found is not None), None)
    if issuer is not None:
        return issuer, ""
    why = f"CloudTrail has no event that it signed in {count(len(regions), 'Region')}"
    if unread:
        gaps = "; ".join(f"{where}: {reason}" for where, reason in _grouped(unread).items())
        why = f"CloudTrail shows no event that it signed, and could not be read everywhere ({gaps})"
    return None, f"{why}, so that nobody can tell whose session it is"


def _issuer_in(
    aws: Aws, key_id: str, region: str, vendor: VendorContext, patience: Patience
) -> Issuer | None:
    """The issuer in the newest event of one Region that tells it. Raises `AwsError`."""
    attribute = {"AttributeKey": "AccessKeyId", "AttributeValue": key_id}
    answer = trail.lookup(aws, region, vendor, patience, LookupAttributes=[attribute])
    rows = answer.get("Events")
    if not isinstance(rows, list):
        raise malformed(trail.LOOKUP)
    return next((issuer for row in rows if (issuer := _of(row)) is not None), None)


def _grouped(unread: Mapping[str, str]) -> dict[str, str]:
    """Regions that could not be read for the same reason, together."""
    together: dict[str, list[str]] = {}
    for where, reason in unread.items():
        together.setdefault(reason, []).append(where)
    return {", ".join(sorted(where)): reason for reason, where in together.items()}


def _of(row: Any) -> Issuer | None:
    """The issuer in one event's ``userIdentity``.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    try:
        identity = json.loads(row["CloudTrailEvent"])["userIdentity"]
        kind = identity["type"]
        found: Mapping[str, Any] = identity
        if kind in ("AssumedRole", "FederatedUser"):
            found = identity["sessionContext"]["sessionIssuer"]
            kind = found["type"]
        named = {"Role": "role", "IAMUser": "user", "Root": "root"}[kind]
        return Issuer(named, str(found.get("userName") or ""), str(found["arn"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
