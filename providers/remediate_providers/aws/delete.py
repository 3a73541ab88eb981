"""Delete a key that was only deactivated, after the investigation."""

from __future__ import annotations

from dataclasses import replace

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate_providers.aws import iam, keys, steps
from remediate_providers.aws.check import CANARY, known_user, listed
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.session import Aws


def delete(held: Held, vendor: VendorContext) -> Outcome:
    """The key gone from its user's list. An active one is not touched: that is for `revoke` first."""
    credential = held.credential
    key_id = credential.public_id or ""
    if credential.labels.get("canary"):
        return Outcome(Status.SKIPPED, f"Left access key {key_id} alone", reason=CANARY)
    if credential.kind != keys.KEY_ID.name:
        return Outcome(Status.UNCHANGED, f"{key_id} ends by itself: there is nothing to delete")
    aws = Aws.responder(vendor)
    gone = Outcome(Status.UNCHANGED, f"Access key {key_id} was deleted before")
    user = None
    try:
        entry = listed(aws, key_id, known_user(vendor, key_id))
        user = entry.user
        if entry.key is None:
            return _seen(gone, f"{key_id} of {user}: not in the list", vendor)
        if entry.key.active:
            return Outcome(
                Status.REFUSED,
                f"Did not delete access key {key_id} of user {user}",
                reason="it is active (again): deactivate it first, and see who needs it",
            )
        iam.delete(aws, user, key_id)
        left = iam.key_of(aws, user, key_id)
    except AwsError as error:
        if iam.unknown_to_aws(error):
            saw = Evidence(error.action, "AWS knows no such key", vendor.now())
            return replace(gone, evidence=(saw,))
        failed = error.outcome(f"Could not delete access key {key_id}")
        return replace(failed, manual=steps.delete(credential, user, error.reason))
    if left is not None:
        summary = f"Asked to delete access key {key_id}"
        return Outcome(Status.UNKNOWN, summary, reason="AWS's list shows it still")
    done = Outcome(Status.DONE, f"Deleted access key {key_id} of user {user}")
    return _seen(done, f"{key_id} of {user}: not in the list", vendor)


def _seen(outcome: Outcome, saw: str, vendor: VendorContext) -> Outcome:
    return replace(outcome, evidence=(Evidence(iam.LIST, saw, vendor.now()),))
