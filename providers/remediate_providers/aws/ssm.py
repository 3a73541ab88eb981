"""The store ``aws-ssm:/NAME``: a parameter of Systems Manager; ``#KEY=part`` for one that is JSON.

What `PutParameter` forgets unless it is told again (the KMS key above all) is read first and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediate.errors import UsageError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.aws import document
from remediate_providers.aws.document import DocumentError
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.session import Aws

GET = "ssm:GetParameter"
KEPT = ("KeyId", "AllowedPattern", "Tier", "DataType", "Description")
"""Properties of a parameter that an overwriting call has to repeat, or they are lost."""


@dataclass(frozen=True)
class _Parameter:
    text: Secret
    type: str
    version: int


class SsmStore:
    """AWS Systems Manager's Parameter Store."""

    scheme = "aws-ssm"

    def validate(self, target: Target) -> None:
        """Raises `UsageError` for a target without a name, or with a version in it."""
        document.validate(target)
        if ":" in target.place:
            raise UsageError(
                f"{target.spec}: it has to be a parameter's plain name, without a version or an ARN.",
                hint=f"Write {target.scheme}:/path/of/the/parameter",
            )

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """A new version of the parameter, its type and encryption kept, read back by its number."""
        aws = Aws.responder(vendor)
        try:
            return _put(target, values, aws, vendor)
        except DocumentError as error:
            return Outcome(Status.REFUSED, f"Did not write {target.spec}", reason=str(error))
        except AwsError as error:
            if error.gone:
                return _missing(target, aws)
            return error.outcome(f"Could not write {target.spec}")

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """Whether the parameter holds *values* now; None where it can't be read."""
        try:
            current = _get(Aws.responder(vendor), target.place)
        except AwsError:
            return None
        return document.holds(target, current.text.reveal_text(), values)


def _put(target: Target, values: Mapping[str, Secret], aws: Aws, vendor: VendorContext) -> Outcome:
    old = _get(aws, target.place)
    data: dict[str, Json] = {"version": old.version, "type": old.type}
    if document.holds(target, old.text.reveal_text(), values):
        saw = Evidence(GET, f"version {old.version} holds the new value", vendor.now())
        summary = f"{target.spec} holds the new value already"
        return Outcome(Status.UNCHANGED, summary, evidence=(saw,), data=data)
    if old.type == "StringList":
        raise DocumentError("it is a list of strings, and which of them to replace is not known")
    text = document.merged(target, old.text.reveal_text(), values)
    kept = _kept(aws, target.place)
    answer = aws.call(
        "ssm",
        "PutParameter",
        Name=target.place,
        Value=text,
        Type=old.type,
        Overwrite=True,
        **kept,
    )
    version = answer.get("Version")
    if not isinstance(version, int):
        raise malformed("ssm:PutParameter")
    new = _get(aws, target.place, version)
    data |= {
        "version": version,
        "previous": old.version,
        "still_there": "the parameter's history holds the old value; only deleting it removes that",
    }
    if not document.holds(target, new.text.reveal_text(), values):
        return Outcome(
            Status.UNKNOWN,
            f"Wrote {target.spec}",
            reason="what was read back is not what was written",
            data=data,
        )
    plain = "" if new.type == "SecureString" else f"; its type is {new.type}, not encrypted"
    return Outcome(
        Status.DONE,
        f"Wrote {target.spec}, version {version}; its history holds the old value{plain}",
        evidence=(
            Evidence(f"{GET} {target.place}:{version}", "holds the new value", vendor.now()),
        ),
        data=data,
    )


def _get(aws: Aws, name: str, version: int | None = None) -> _Parameter:
    named = name if version is None else f"{name}:{version}"
    answer = aws.call("ssm", "GetParameter", Name=named, WithDecryption=True)
    found = answer.get("Parameter") or {}
    if not isinstance(found.get("Value"), str) or not isinstance(found.get("Version"), int):
        raise malformed(GET)
    return _Parameter(Secret(found["Value"]), str(found.get("Type", "")), found["Version"])


def _kept(aws: Aws, name: str) -> dict[str, Any]:
    """The properties that the new version is to have too. Raises `AwsError`: not guessed."""
    rows = aws.call(
        "ssm",
        "DescribeParameters",
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}],
    ).get("Parameters")
    if not isinstance(rows, list) or not rows:
        raise malformed("ssm:DescribeParameters")
    return {field: rows[0][field] for field in KEPT if rows[0].get(field)}


def _missing(target: Target, aws: Aws) -> Outcome:
    return Outcome(
        Status.REFUSED,
        f"Did not write {target.spec}",
        reason=f"there is no parameter {target.place} in {aws.region}, and remediate makes none: mend "
        "the name or AWS_DEFAULT_REGION, or make it (aws ssm put-parameter --type SecureString --name "
        f"{target.place} --value placeholder), then: remediate resume",
    )
