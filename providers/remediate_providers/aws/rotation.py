"""A secret's rotation by a Lambda of its owner's, or by the service that owns it: is one set, is one under way.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html: while ``AWSPENDING``
stands at another version than ``AWSCURRENT``, a rotation counts as being under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediate.http import Patience
from remediate_providers.aws.failures import malformed
from remediate_providers.aws.session import Aws

DESCRIBE = "secretsmanager:DescribeSecret"
PACE = 2.0
"""Seconds between two looks: a Lambda takes some seconds, its four steps a minute at most."""


@dataclass(frozen=True)
class Versions:
    """A secret's versions and who rotates it, as ``DescribeSecret`` has it. No value."""

    arn: str
    rotated_by: str
    """``the Lambda NAME``, ``the service rds``; empty where nothing rotates it."""
    current: str
    """The id of the version that is ``AWSCURRENT``; empty where none is."""
    pending: str
    """The id of one that is ``AWSPENDING`` and not ``AWSCURRENT``; empty where there is none."""

    @property
    def under_way(self) -> bool:
        """Whether a rotation is: where none is set, a label that one left behind means nothing."""
        return bool(self.rotated_by and self.pending)


def look(aws: Aws, secret_id: str, region: str) -> Versions:
    """Who rotates the secret, and where its stages are. Raises `AwsError`."""
    answer = aws.call("secretsmanager", "DescribeSecret", region=region, SecretId=secret_id)
    versions = answer.get("VersionIdsToStages") or {}
    if not answer.get("ARN") or not isinstance(versions, Mapping):
        raise malformed(DESCRIBE)
    current = _at(versions, "AWSCURRENT")
    pending = _at(versions, "AWSPENDING")
    return Versions(
        str(answer["ARN"]), _by_whom(answer), current, pending if pending != current else ""
    )


def wait(aws: Aws, secret_id: str, region: str, patience: Patience) -> Versions:
    """The versions once no rotation is under way, or when the time is over. Raises `AwsError`."""
    while True:
        seen = look(aws, secret_id, region)
        if not seen.under_way or not patience.wait(PACE):
            return seen


def mending(secret_id: str, seen: Versions) -> str:
    """What a person does about a rotation that does not end."""
    return (
        f"look at the log of {seen.rotated_by}; to give that rotation up: aws secretsmanager "
        f"update-secret-version-stage --secret-id {secret_id} --version-stage AWSPENDING "
        f"--remove-from-version-id {seen.pending}"
    )


def _at(versions: Mapping[str, Any], stage: str) -> str:
    return next((str(name) for name, stages in versions.items() if stage in (stages or ())), "")


def _by_whom(answer: Mapping[str, Any]) -> str:
    if answer.get("RotationEnabled") is not True:
        return ""
    if answer.get("RotationLambdaARN"):
        return f"the Lambda {str(answer['RotationLambdaARN']).rsplit(':', 1)[-1]}"
    return f"the service {answer['OwningService']}" if answer.get("OwningService") else "AWS"
