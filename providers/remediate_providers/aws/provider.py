"""The AWS provider: which of its parts answers which question of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.lists import Inventory
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Kind, Missing, Reissued
from remediate.plugins.standing import Standing
from remediate.secret import Secret
from remediate_providers.aws.identify import identify, missing
from remediate_providers.aws.keys import KINDS

# Everything that calls AWS is imported when it is asked for: to identify, nothing of it is needed.


class AwsProvider:
    """Access keys of IAM users, from identification to deletion. docs/providers/aws.md says how."""

    name = "aws"
    how = (
        "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in: aws sso login"
    )
    kinds: Sequence[Kind] = KINDS
    beside: Sequence[str] = ("aws-secrets-manager", "aws-ssm")

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Key ids, each with its secret where one belongs to it."""
        return identify(found)

    def missing(self, found: Sequence[Found]) -> Sequence[Missing]:
        """Key ids whose secret the report does not hold."""
        return missing(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """Account, user, rights, last use, reach."""
        from remediate_providers.aws import facts

        return facts.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """Alive or dead: by the user's list of keys, and by trying the key."""
        from remediate_providers.aws import check

        return check.check(held, vendor)

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """Keys, policies, groups, password and last use of the user, as they are now."""
        from remediate_providers.aws import facts

        return facts.preserve(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Inactive, and sessions made from it denied."""
        from remediate_providers.aws import revoke

        return revoke.revoke(batch, vendor)

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """The user and the ids of its keys."""
        from remediate_providers.aws import reissue

        return reissue.before_reissue(held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """A new key for the same user; asks where there is no room for one."""
        from remediate_providers.aws import reissue

        return reissue.reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """Delete the key that a crash has lost."""
        from remediate_providers.aws import reissue

        return reissue.reconcile_reissue(held, before, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A key made at the console: its id and its secret in one line."""
        from remediate_providers.aws import reissue

        return reissue.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether AWS takes the new key."""
        from remediate_providers.aws import check

        return check.confirm(new, vendor)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """What was made with the key that lets a thief back in."""
        from remediate_providers.aws import abuse

        return abuse.triage(held, since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Every call that the key signed, from CloudTrail."""
        from remediate_providers.aws import abuse

        return abuse.investigate(held, since, vendor)

    def holders(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Facts]:
        """Functions, containers, jobs, builds and machines that hold one, or read its store when they start."""
        from remediate_providers.aws import holders

        return holders.holders(batch, vendor)

    def delete(self, held: Held, vendor: VendorContext) -> Outcome:
        """The key gone for good."""
        from remediate_providers.aws import delete

        return delete.delete(held, vendor)

    def standing(self, vendor: VendorContext) -> Standing | None:
        """Who it is, and what IAM would allow it on every resource."""
        from remediate_providers.aws import standing

        return standing.standing(vendor)

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """The long-lived values that the responder's own credentials come from."""
        from remediate_providers.aws.session import responder_values

        return responder_values(vendor.environment)

    def listed(self, places: Sequence[str], vendor: VendorContext) -> Inventory:  # noqa: ARG002
        """Every access key of the account."""
        from remediate_providers.aws import review

        return review.listed(vendor)
