"""IAM's service-specific credentials: the list, and the switch. Read-only, but for `deactivate` and `delete`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.iam import ACTIVE, INACTIVE, moment
from remediate_providers.aws.session import Aws

LIST = "iam:ListServiceSpecificCredentials"
BEDROCK = "bedrock.amazonaws.com"
_FIELD = "ServiceSpecificCredentials"


@dataclass(frozen=True)
class ServiceCredential:
    """A user's credential for one service, as the list has it."""

    id: str
    """``ACCA…``."""
    user: str
    alias: str
    """What the value itself names."""
    status: str
    """``Active``, ``Inactive`` or ``Expired``."""
    created: str
    expires: str
    """RFC 3339; empty where it never does, or AWS did not say."""

    @property
    def active(self) -> bool:
        """Whether AWS takes it."""
        return self.status == ACTIVE


def find(aws: Aws, service: str, alias: str, user: str | None) -> ServiceCredential | None:
    """The credential of that alias, None where the account has none. Raises `AwsError`.

    *user*'s own list first. That it is not there proves nothing (the user's name is read out of the
    alias): then the whole account's.
    """
    if user is not None:
        try:
            found = _among(_rows(aws, ServiceName=service, UserName=user), alias)
        except AwsError as error:
            if not error.gone:
                raise
            found = None
        if found is not None:
            return found
    return _among(_rows(aws, ServiceName=service, AllUsers=True), alias)


def deactivate(aws: Aws, found: ServiceCredential) -> None:
    """Make it inactive. Harmless to repeat. Raises `AwsError`."""
    aws.call(
        "iam",
        "UpdateServiceSpecificCredential",
        UserName=found.user,
        ServiceSpecificCredentialId=found.id,
        Status=INACTIVE,
    )


def delete(aws: Aws, found: ServiceCredential) -> None:
    """Delete it for good. Raises `AwsError`, with `AwsError.gone` where it is no more."""
    aws.call(
        "iam",
        "DeleteServiceSpecificCredential",
        UserName=found.user,
        ServiceSpecificCredentialId=found.id,
    )


def _rows(aws: Aws, **given: Any) -> Iterator[Any]:
    """Every row, to the last page: half a list would call a living one deleted. Raises `AwsError`."""
    marker: str | None = None
    while True:
        answer = aws.call("iam", "ListServiceSpecificCredentials", Marker=marker, **given)
        rows = answer.get(_FIELD)
        if not isinstance(rows, list):
            raise malformed(LIST)
        yield from rows
        before, marker = marker, answer.get("Marker")
        if not answer.get("IsTruncated"):
            return
        if not marker or marker == before:
            raise malformed(LIST)


def _among(rows: Iterator[Any], alias: str) -> ServiceCredential | None:
    for row in rows:
        if alias in (row.get("ServiceCredentialAlias"), row.get("ServiceUserName")):
            if not row.get("ServiceSpecificCredentialId") or not row.get("UserName"):
                raise malformed(LIST)
            return ServiceCredential(
                id=str(row["ServiceSpecificCredentialId"]),
                user=str(row["UserName"]),
                alias=alias,
                status=str(row.get("Status", "")),
                created=moment(row.get("CreateDate")),
                expires=moment(row.get("ExpirationDate")),
            )
    return None
