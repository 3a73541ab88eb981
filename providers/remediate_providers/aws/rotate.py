"""Let a secret's own Lambda make the new value: ask it to rotate, wait for ``AWSCURRENT`` to move, read it.

The request's token names the version that is rotated away from. So it is one rotation however often it is
asked for, and its value is never lost: it stands in the secret.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from remediate.http import Patience
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.aws import document, rotation
from remediate_providers.aws.document import DocumentError
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.secrets_manager import current, region_of
from remediate_providers.aws.session import Aws

ROTATE = "secretsmanager:RotateSecret"
_TOKENS = uuid.UUID("0f4f0d5c-6f0e-5f5e-9d0b-6a1f3c2b7e11")
"""Names our request tokens' kind; any constant would do."""


def before(target: Target, vendor: VendorContext) -> dict[str, Json]:
    """The current version and who rotates it; empty where nobody does, or that can't be seen."""
    try:
        seen = rotation.look(Aws.responder(vendor), target.place, region_of(target.place))
    except AwsError:
        return {}
    if not seen.rotated_by or not seen.current:
        return {}
    return {"version": seen.current, "rotated_by": seen.rotated_by}


def rotate(target: Target, old: Held, known: Mapping[str, Json], vendor: VendorContext) -> Reissued:
    """One rotation away from the version in *known*, and the value that it made."""
    aws, region = Aws.responder(vendor), region_of(target.place)
    version, by = str(known.get("version", "")), str(known.get("rotated_by", "its Lambda"))
    try:
        seen = _rotated(target, version, aws, region, vendor)
        if seen.current == version or seen.under_way:
            return Reissued(_not_yet(target, by, seen))
        made = current(aws, target.place, region)
        values = document.taken(target, made.text.reveal_text(), list(old.values))
    except DocumentError as error:
        return Reissued(_refused(target, f"{by} rotated it, but {error}"))
    except AwsError as error:
        return Reissued(error.outcome(f"Could not let {by} rotate {target.spec}"))
    still = [part for part, value in values.items() if value == old.values[part]]
    if len(still) == len(values):
        why = f"{by} rotated it, and it holds the leaked value still: it makes no new one"
        return Reissued(_refused(target, why))
    saw = f"AWSCURRENT moved from version {version} to {made.id}"
    outcome = Outcome(
        Status.DONE,
        f"{by} made a new value in {target.spec}",
        evidence=(Evidence(rotation.DESCRIBE, saw, vendor.now()),),
        data={
            "version": made.id,
            "previous": version,
            "rotated_by": by,
            "still_there": "AWSPREVIOUS holds the old value; where the Lambda alternates between two "
            "users, it opens what it opened until the next rotation",
        },
    )
    return Reissued(outcome, values, _public_id(old, values))


def _rotated(
    target: Target, version: str, aws: Aws, region: str, vendor: VendorContext
) -> rotation.Versions:
    """The versions after a rotation away from *version*, or when the time is over. Raises `AwsError`."""
    patience = Patience.of(vendor)
    seen = rotation.wait(aws, target.place, region, patience)
    if seen.current != version or seen.under_way:
        return (
            seen  # by its schedule, or by what a crash of ours had asked for: a new value is there
        )
    vendor.progress(f"waiting until {seen.rotated_by or 'AWS'} has rotated {target.place}")
    token = str(uuid.uuid5(_TOKENS, f"{seen.arn} {version}"))
    aws.call(
        "secretsmanager",
        "RotateSecret",
        region=region,
        SecretId=target.place,
        ClientRequestToken=token,
    )
    while True:
        seen = rotation.look(aws, target.place, region)
        if seen.current == token or not patience.wait(rotation.PACE):
            return seen


def _not_yet(target: Target, by: str, seen: rotation.Versions) -> Outcome:
    """Somebody's rotation has not ended, and nobody can tell whether it will."""
    stuck = (
        f"; where it does not end, {rotation.mending(target.place, seen)}" if seen.pending else ""
    )
    return Outcome(
        Status.UNKNOWN,
        f"{by} was asked to rotate {target.spec}",
        reason=f"AWSCURRENT has not moved yet; remediate resume looks again{stuck}",
        data={"pending": seen.pending},
    )


def _refused(target: Target, why: str) -> Outcome:
    return Outcome(Status.REFUSED, f"No new value came of rotating {target.spec}", reason=why)


def _public_id(old: Held, values: Mapping[str, Secret]) -> str | None:
    """The new public id, where one part of the old credential is its public id."""
    named = old.credential.public_id
    return next(
        (values[p].reveal_text() for p, v in old.values.items() if v.reveal_text() == named), None
    )
