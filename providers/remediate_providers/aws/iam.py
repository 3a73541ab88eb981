"""Questions to IAM about one access key and its user. Read-only, but for `deactivate` and `delete`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediate.clock import rfc3339
from remediate.model import Json
from remediate.plugins.outcome import Status
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.session import Aws

LAST_USED = "iam:GetAccessKeyLastUsed"
LIST = "iam:ListAccessKeys"
ACTIVE = "Active"
INACTIVE = "Inactive"
QUOTA = 2
"""Access keys a user may have, of whatever status (AccessKeysPerUser; it can't be raised)."""
QUARANTINE = "AWSCompromisedKeyQuarantine"
"""What AWS attaches by itself to the user of a key that it finds in public; V2, V3 begin so too."""
MOST_PAGES = 50
"""Pages of a list that are read: 5,000 users, the most that an account has, at IAM's hundred a page
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


@dataclass(frozen=True)
class Key:
    """A user's access key, as ``iam:ListAccessKeys`` has it."""

    id: str
    status: str
    """``Active``, ``Inactive`` or ``Expired``."""
    created: str
    """RFC 3339; empty where AWS did not say."""

    @property
    def active(self) -> bool:
        """Whether AWS takes it."""
        return self.status == ACTIVE


@dataclass(frozen=True)
class LastUse:
    """``iam:GetAccessKeyLastUsed``. AWS writes it down with a delay of up to some hours."""

    user: str
    at: str | None
    """RFC 3339; None where it has never been used since AWS began to count (April 2015)."""
    service: str
    region: str

    def __str__(self) -> str:
        return f"last used {self.at} ({self.service})" if self.at else "never used"

    def json(self) -> dict[str, Json]:
        """For the record."""
        return {"at": self.at, "service": self.service, "region": self.region}


def last_use(aws: Aws, key_id: str) -> LastUse:
    """Whose key it is and when it was last used. Raises `AwsError` (a foreign key: AccessDenied)."""
    answer = aws.call("iam", "GetAccessKeyLastUsed", AccessKeyId=key_id)
    used = answer.get("AccessKeyLastUsed") or {}
    if not answer.get("UserName"):
        raise AwsError(
            LAST_USED,
            "AWS names no user for this key: it may be the root user's",
            status=Status.REFUSED,
            code="NoUser",
        )
    return LastUse(
        user=str(answer["UserName"]),
        at=moment(used.get("LastUsedDate")) or None,
        service=str(used.get("ServiceName", "N/A")),
        region=str(used.get("Region", "N/A")),
    )


def unknown_to_aws(error: AwsError) -> bool:
    """Whether *error* says that there is no such key (not merely no such user)."""
    return error.gone and error.action in (LAST_USED, "iam:DeleteAccessKey")


def keys_of(aws: Aws, user: str | None) -> tuple[Key, ...]:
    """Every access key of *user*, None for the caller's own. Raises `AwsError`."""
    rows = pages(aws, "ListAccessKeys", "AccessKeyMetadata", UserName=user)
    return tuple(
        Key(str(row["AccessKeyId"]), str(row.get("Status", "")), moment(row.get("CreateDate")))
        for row in rows
        if row.get("AccessKeyId")
    )


def key_of(aws: Aws, user: str | None, key_id: str) -> Key | None:
    """One key in its user's list, None where it is not there. Raises `AwsError`."""
    return next((key for key in keys_of(aws, user) if key.id == key_id), None)


def deactivate(aws: Aws, user: str | None, key_id: str) -> None:
    """Make a key inactive. Harmless to repeat. Raises `AwsError`."""
    aws.call("iam", "UpdateAccessKey", UserName=user, AccessKeyId=key_id, Status=INACTIVE)


def delete(aws: Aws, user: str | None, key_id: str) -> None:
    """Delete a key for good. Raises `AwsError`, with `AwsError.gone` where it is no more."""
    aws.call("iam", "DeleteAccessKey", UserName=user, AccessKeyId=key_id)


def policies_of(aws: Aws, user: str) -> tuple[dict[str, list[str]], list[str]]:
    """What gives *user* rights (by where: ``attached``, ``inline``, ``group …``), and its groups."""
    found = {
        "attached": _names(aws, "ListAttachedUserPolicies", "AttachedPolicies", UserName=user),
        "inline": _names(aws, "ListUserPolicies", "PolicyNames", UserName=user),
    }
    groups = _names(aws, "ListGroupsForUser", "Groups", UserName=user)
    for group in groups:
        found[f"group {group}"] = [
            *_names(aws, "ListAttachedGroupPolicies", "AttachedPolicies", GroupName=group),
            *_names(aws, "ListGroupPolicies", "PolicyNames", GroupName=group),
        ]
    return found, groups


def quarantine_of(policies: dict[str, list[str]]) -> str | None:
    """The quarantine policy that AWS has attached to the user, None where there is none."""
    return next((name for name in policies["attached"] if name.startswith(QUARANTINE)), None)


def _names(aws: Aws, operation: str, field: str, **given: Any) -> list[str]:
    names = []
    for row in pages(aws, operation, field, **given):
        named = row if isinstance(row, str) else row.get("PolicyName") or row.get("GroupName")
        names.append(str(named))
    return sorted(names)


def pages(aws: Aws, operation: str, field: str, **given: Any) -> Iterator[Any]:
    """Every row of one of IAM's lists. Raises `AwsError`, also where it is longer than `MOST_PAGES` pages."""
    marker: str | None = None
    for _ in range(MOST_PAGES):
        answer = aws.call("iam", operation, Marker=marker, **given)
        rows = answer.get(field)
        if not isinstance(rows, list):
            raise malformed(f"iam:{operation}")
        yield from rows
        marker = answer.get("Marker")
        if not answer.get("IsTruncated") or not marker:
            return
    why = f"iam:{operation} was not read to its end: more than {MOST_PAGES} pages"
    raise AwsError(f"iam:{operation}", why, status=Status.UNREACHABLE)


def moment(value: object) -> str:
    """A date of botocore's as RFC 3339; empty where it is none."""
    return rfc3339(value) if isinstance(value, datetime) else ""
