"""IAM's service-specific credentials: the list, the switch, a new one. Read-only, but for the last three."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from remediate.plugins.outcome import Status
from remediate.secret import Secret
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.iam import ACTIVE, INACTIVE, moment
from remediate_providers.aws.session import Aws

LIST = "iam:ListServiceSpecificCredentials"
CREATE = "iam:CreateServiceSpecificCredential"
BEDROCK = "bedrock.amazonaws.com"
QUOTA = 2
"""For each user and service, of whatever status (https://docs.aws.amazon.com/IAM/latest/APIReference/
API_CreateServiceSpecificCredential.html)."""
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
    service: str = ""
    """``codecommit.amazonaws.com``."""

    @property
    def active(self) -> bool:
        """Whether AWS takes it."""
        return self.status == ACTIVE


def find(
    aws: Aws, service: str | None, alias: str, user: str | None, only: str | None = None
) -> ServiceCredential | None:
    """The credential of that alias, None where the account has none. Raises `AwsError`.

    *user*'s own list first. That it is not there proves nothing (the user's name is read out of the
    alias): then the whole account's. *service* None: of whichever, and refused where two services have
    one of that name, as CodeCommit and Keyspaces give a user's first ones.
    """
    found: list[ServiceCredential] = []
    if user is not None:
        try:
            found = _named(_rows(aws, ServiceName=service, UserName=user), alias, only)
        except AwsError as error:
            if not error.gone:
                raise
    found = found or _named(_rows(aws, ServiceName=service, AllUsers=True), alias, only)
    if len(found) > 1:
        several = " and ".join(f"{one.id} of {one.service}" for one in found)
        why = f"{alias} is the name of {several}, and the value does not tell which leaked"
        raise AwsError(LIST, why, status=Status.MANUAL, code="Ambiguous")
    return found[0] if found else None


def of_user(aws: Aws, user: str, service: str | None) -> list[ServiceCredential]:
    """All of *user*'s for *service* (None: for any), of whatever status. Raises `AwsError`."""
    return [_credential(row) for row in _rows(aws, ServiceName=service, UserName=user)]


def create(
    aws: Aws, user: str, service: str, days: int | None
) -> tuple[ServiceCredential, dict[str, Secret]]:
    """A new one, and its values by AWS's names. Raises `AwsError`. Sent once: each sending makes one."""
    answer = aws.call(
        "iam",
        "CreateServiceSpecificCredential",
        once=True,
        UserName=user,
        ServiceName=service,
        CredentialAgeDays=days,
    )
    made = answer.get("ServiceSpecificCredential") or {}
    if not made.get("ServiceSpecificCredentialId") or not made.get("UserName"):
        raise malformed(CREATE)
    names = ("ServiceUserName", "ServicePassword", "ServiceCredentialSecret")
    return _credential(made), {n: Secret(str(made[n])) for n in names if made.get(n)}


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


def _named(rows: Iterator[Any], alias: str, only: str | None) -> list[ServiceCredential]:
    """Those of that alias. A list is read to its end: two services may have one."""
    return [
        _credential(row)
        for row in rows
        if alias in (row.get("ServiceCredentialAlias"), row.get("ServiceUserName"))
        and only in (None, row.get("ServiceSpecificCredentialId"))
    ]


def _credential(row: Any) -> ServiceCredential:
    if not row.get("ServiceSpecificCredentialId") or not row.get("UserName"):
        raise malformed(LIST)
    return ServiceCredential(
        id=str(row["ServiceSpecificCredentialId"]),
        user=str(row["UserName"]),
        alias=str(row.get("ServiceCredentialAlias") or row.get("ServiceUserName") or ""),
        status=str(row.get("Status", "")),
        created=moment(row.get("CreateDate")),
        expires=moment(row.get("ExpirationDate")),
        service=str(row.get("ServiceName", "")),
    )
