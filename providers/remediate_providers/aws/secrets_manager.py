"""The store ``aws-secrets-manager:ID#KEY=part,KEY=part``: keys of a secret that is a JSON object.

``ID`` alone is the whole string. All parts go in one ``PutSecretValue``, so that no reader ever sees a
new id with an old secret. It never makes a secret: a mistyped name would otherwise be a new place that
no application reads.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediate.http import Patience
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.aws import document, rotation
from remediate_providers.aws.document import DocumentError
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.session import Aws

GET = "secretsmanager:GetSecretValue"
PUT = "secretsmanager:PutSecretValue"
_TOKENS = uuid.UUID("6d7b1f4e-9b5e-5c41-8a52-3f1d2f0c9b7a")
"""Names our request tokens' kind; any constant would do."""


@dataclass(frozen=True)
class Version:
    """A version with its text."""

    arn: str
    id: str
    text: Secret
    stages: tuple[str, ...]


class SecretsManagerStore:
    """AWS Secrets Manager."""

    scheme = "aws-secrets-manager"

    def validate(self, target: Target) -> None:
        """Raises `UsageError` for a target without an id, or with a key twice."""
        document.validate(target)

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """One new version with all parts, read back; other keys of the object stay."""
        aws, region = Aws.responder(vendor), region_of(target.place)
        try:
            return _put(target, values, aws, region, vendor)
        except DocumentError as error:
            return Outcome(Status.REFUSED, f"Did not write {target.spec}", reason=str(error))
        except AwsError as error:
            if error.gone:
                return _missing(target, aws, region)
            return error.outcome(f"Could not write {target.spec}")

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """Whether the current version holds *values*; None where it can't be read."""
        try:
            now = current(Aws.responder(vendor), target.place, region_of(target.place))
        except (AwsError, DocumentError):
            return None
        return document.holds(target, now.text.reveal_text(), values)

    def before_rotation(self, target: Target, vendor: VendorContext) -> Mapping[str, Json]:
        """The version that is current, where a Lambda or a service rotates the secret."""
        from remediate_providers.aws import rotate

        return rotate.before(target, vendor)

    def rotate(
        self, target: Target, old: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Reissued:
        """The Lambda asked to rotate, and what it made, once ``AWSCURRENT`` has moved."""
        from remediate_providers.aws import rotate

        return rotate.rotate(target, old, before, vendor)


def _put(
    target: Target, values: Mapping[str, Secret], aws: Aws, region: str, vendor: VendorContext
) -> Outcome:
    old = current(aws, target.place, region)
    where = f"{target.place} ({', '.join(key for key, _ in target.keys) or 'the whole string'})"
    if document.holds(target, old.text.reveal_text(), values):
        saw = f"version {old.id}, {', '.join(old.stages)}: {where} holds the new value"
        return Outcome(
            Status.UNCHANGED,
            f"{target.spec} holds the new value already",
            evidence=(Evidence(GET, saw, vendor.now()),),
            data={"version": old.id},
        )
    seen = _at_rest(target, aws, region, vendor)
    if seen is not None and seen.under_way:
        return Outcome(
            Status.REFUSED,
            f"Did not write {target.spec}",
            reason=f"{seen.rotated_by} is rotating it, and its end would replace what is written now. "
            f"When it has ended: remediate resume. Where it does not end, "
            f"{rotation.mending(target.place, seen)}",
            data={"pending": seen.pending},
        )
    if seen is not None and seen.current != old.id:
        old = current(aws, target.place, region)
    text = document.merged(target, old.text.reveal_text(), values)
    # The token names the version that is being replaced: sent twice, it is one change, and two who
    # change the same version at the same time do not silently undo each other.
    token = str(uuid.uuid5(_TOKENS, f"{old.arn} {old.id}"))
    try:
        new_id = _write(aws, target.place, region, text, token)
    except AwsError as error:
        if error.code != "ResourceExistsException":
            raise
        now = current(aws, target.place, region)
        if now.id != old.id:
            return Outcome(
                Status.UNKNOWN,
                f"Did not write {target.spec}",
                reason="somebody else changed it in the same moment; remediate resume looks again",
            )
        # An earlier version of ours was taken back by somebody: its token is spent.
        new_id = _write(aws, target.place, region, text, str(uuid.uuid4()))
    new = current(aws, target.place, region)
    data: dict[str, Json] = {
        "version": new_id,
        "previous": old.id,
        "still_there": "AWSPREVIOUS holds the old value until the next change",
    }
    if seen is None:
        data["rotation"] = f"nobody could tell whether one is under way: no {rotation.DESCRIBE}"
    elif seen.rotated_by:
        data["rotated_by"] = seen.rotated_by
    if new.id != new_id or not document.holds(target, new.text.reveal_text(), values):
        return Outcome(
            Status.UNKNOWN,
            f"Wrote {target.spec}",
            reason="what was read back is not what was written",
            data=data,
        )
    saw = f"version {new.id}, {', '.join(new.stages)}: {where} holds the new value"
    return Outcome(
        Status.DONE,
        f"Wrote {target.spec}; AWSPREVIOUS holds the old value until the next change",
        evidence=(Evidence(GET, saw, vendor.now()),),
        data=data,
    )


def _at_rest(
    target: Target, aws: Aws, region: str, vendor: VendorContext
) -> rotation.Versions | None:
    """Who rotates it, once no rotation is under way or the time is over; None where we may not look."""
    try:
        seen = rotation.look(aws, target.place, region)
        if seen.under_way:
            vendor.progress(f"waiting until {seen.rotated_by} has rotated {target.place}")
            seen = rotation.wait(aws, target.place, region, Patience.of(vendor))
    except AwsError as error:
        if not error.denied:
            raise
        # An application without its key is worse than a value that a rotation may replace.
        return None
    return seen


def current(aws: Aws, secret_id: str, region: str) -> Version:
    """The current version. Raises `AwsError`; `DocumentError` for one that is not text."""
    answer = aws.call("secretsmanager", "GetSecretValue", region=region, SecretId=secret_id)
    if "SecretBinary" in answer:
        raise DocumentError("it holds bytes, not a string")
    text, version = answer.get("SecretString"), answer.get("VersionId")
    if not isinstance(text, str) or not version:
        raise malformed(GET)
    stages = tuple(sorted(map(str, answer.get("VersionStages") or ())))
    return Version(str(answer.get("ARN", "")), str(version), Secret(text), stages)


def _write(aws: Aws, secret_id: str, region: str, text: str, token: str) -> str:
    given: dict[str, Any] = {"SecretId": secret_id, "SecretString": text}
    answer = aws.call(
        "secretsmanager", "PutSecretValue", region=region, ClientRequestToken=token, **given
    )
    if not answer.get("VersionId"):
        raise malformed(PUT)
    return str(answer["VersionId"])


def _missing(target: Target, aws: Aws, region: str) -> Outcome:
    return Outcome(
        Status.REFUSED,
        f"Did not write {target.spec}",
        reason=f"there is no secret {target.place} in {region or aws.region}, and remediate makes none: "
        "mend the name or AWS_DEFAULT_REGION, or make it (aws secretsmanager create-secret --name "
        f"{target.place} --secret-string '{{}}'), then: remediate resume",
    )


def region_of(place: str) -> str:
    """The Region that an ARN names; empty for a plain name."""
    parts = place.split(":")
    return parts[3] if len(parts) > 6 and parts[0] == "arn" else ""
