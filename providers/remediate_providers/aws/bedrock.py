"""The provider of Amazon Bedrock's API keys: one more way into an account, with a switch of its own.

A long-term key is ended by ``iam:UpdateServiceSpecificCredential``, a short-term one with the session that
signed it. The list is the witness; a key is never tried, for what it opens costs money.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.secret import Secret
from remediate_providers.accepting import not_seen, not_taken
from remediate_providers.aws import bedrock_keys, keys, steps
from remediate_providers.aws.bedrock_keys import KINDS, LONG, PART, SHORT
from remediate_providers.ending import end_all

if TYPE_CHECKING:
    from remediate_providers.aws.service_credentials import ServiceCredential
    from remediate_providers.aws.service_ending import Ending
    from remediate_providers.aws.service_making import Making

# Everything that calls AWS is imported when it is asked for: to identify, nothing of it is needed.

ENDED_BY_ITSELF = "a short-term key ends with the session that signed it, after 12 hours at most"


class BedrockProvider:
    """Bedrock's API keys, from identification to deletion. docs/providers/aws-bedrock.md says how."""

    name = bedrock_keys.PROVIDER
    kinds: Sequence[Kind] = KINDS
    beside: Sequence[str] = ()

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Each value that decodes to one."""
        return bedrock_keys.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """User, id, status, when it was made, when it ends."""
        return _ending(held, vendor).facts({"last_used": "IAM keeps no last use of these keys"})

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """Its status in the account's list; nothing can be told of a short-term one."""
        return _ending(held, vendor).look()

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """The user's keys, credentials, policies, groups and password, as they are now."""
        from remediate_providers.aws import service_evidence

        return service_evidence.preserve(_ending(held, vendor), vendor)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """What came up at the user since the leak; for a short-term key, what its signer made."""
        from remediate_providers.aws import abuse, service_evidence

        if held.credential.kind == SHORT.name:
            return abuse.triage(held, since, vendor)
        return service_evidence.triage(_ending(held, vendor), since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """What was called with it, from CloudTrail; for a short-term key, what its signer called."""
        from remediate_providers.aws import abuse, service_evidence

        if held.credential.kind == SHORT.name:
            return abuse.investigate(held, since, vendor)
        return service_evidence.investigate(_ending(held, vendor), since, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Inactive; for a short-term one, the sessions of its signer denied."""
        ends = end_all(
            [held for held in batch if not _left_alone(held) and held.credential.kind == LONG.name],
            vendor,
            lambda held: _ending(held, vendor),
        )
        return {held.id: ends.get(held.id) or _otherwise(held, vendor) for held in batch}

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """The ids of the user's keys."""
        return {} if _has_no_successor(held) else _making(held, vendor).before()

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """A new key of the same user, for as many days; the page where a person makes one, else."""
        if held.credential.kind == SHORT.name:
            return Reissued(
                Outcome(
                    Status.UNCHANGED,
                    f"{held.id} needs no successor",
                    reason="who still may makes short-term keys by themselves",
                )
            )
        if _left_alone(held):
            from remediate_providers.aws.check import CANARY

            return Reissued(Outcome(Status.SKIPPED, f"Made no successor of {held.id}", CANARY))
        return _making(held, vendor).make()

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """Delete the key that a crash has lost."""
        if _has_no_successor(held):
            return Outcome(Status.UNCHANGED, f"No successor of {held.id} was made by us")
        return _making(held, vendor).reconcile(before)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A long-term key of the same account that its list shows active."""
        value = Secret(value.reveal().strip())
        owner = bedrock_keys.owner_of(value.reveal_text())
        if value in held.values.values():
            return not_taken("it is the leaked one itself")
        if owner is None or owner.kind is not LONG:
            return not_taken("it does not look like a long-term Bedrock API key (ABSK…)")
        if owner.account != held.credential.account:
            return not_taken(
                f"it is of account {owner.account}, the leaked one of {held.credential.account}"
            )
        check = _ending(_held(held, value), vendor).look()
        if check.alive is None:
            return not_seen(check, "value")
        if not check.alive:
            return not_taken("the account's list does not show it as active", check.evidence)
        taken = Outcome(Status.DONE, f"Took in a new value for {held.id}", evidence=check.evidence)
        return Reissued(taken, {PART: value})

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether the account's list shows the new one as active."""
        value = new.values.get(PART)
        return _ending(new if value is None else _held(new, value), vendor).look()

    def holders(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Facts]:
        """Functions, containers, jobs, builds and machines that hold one."""
        from remediate_providers.aws import holders

        return holders.holders(batch, vendor)

    def delete(self, held: Held, vendor: VendorContext) -> Outcome:
        """Gone from the list. An active one is not touched: that is for `revoke` first."""
        if _left_alone(held) or held.credential.kind == SHORT.name:
            return Outcome(Status.UNCHANGED, f"{held.id}: there is nothing to delete")
        return _ending(held, vendor).delete()

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """The long-lived values that the responder's own credentials come from."""
        from remediate_providers.aws.session import responder_values

        return responder_values(vendor.environment)


def _ending(held: Held, vendor: VendorContext) -> Ending:
    """The way to look at a key, and to end it."""
    from remediate_providers.aws import service_credentials
    from remediate_providers.aws.check import CANARY
    from remediate_providers.aws.service_ending import Ending

    untold = ENDED_BY_ITSELF if held.credential.kind == SHORT.name else ""
    untold = CANARY if _left_alone(held) else untold
    by_hand = functools.partial(_deactivate, held)
    return Ending(held, vendor, service_credentials.BEDROCK, by_hand, untold)


def _making(held: Held, vendor: VendorContext) -> Making:
    """The way to a successor."""
    from remediate_providers.aws.service_making import Making

    return Making(_ending(held, vendor), vendor, _parts, _replace(held))


def _parts(made: ServiceCredential, given: Mapping[str, Secret]) -> Mapping[str, Secret] | None:
    """The key as AWS told it, where it is of the form that is known."""
    value = given.get("ServiceCredentialSecret")
    owner = bedrock_keys.owner_of(value.reveal_text()) if value is not None else None
    if value is None or owner is None or owner.public_id != made.alias:
        return None
    return {PART: value}


def _has_no_successor(held: Held) -> bool:
    return _left_alone(held) or held.credential.kind == SHORT.name


def _left_alone(held: Held) -> bool:
    return bool(held.credential.labels.get("canary"))


def _otherwise(held: Held, vendor: VendorContext) -> Outcome:
    """What is no long-term key of somebody's: canaries, and short-term keys."""
    from remediate_providers.aws.check import CANARY
    from remediate_providers.aws.failures import AwsError
    from remediate_providers.aws.session import Aws
    from remediate_providers.aws.sessions import end_sessions

    signer = held.credential.public_id or ""
    if _left_alone(held):
        return Outcome(Status.SKIPPED, f"Left {held.id} alone", reason=CANARY)
    if keys.kind_of_id(signer) is not keys.TEMPORARY:
        why = f"It lives as long as access key {signer}, which signed it, and 12 hours at most."
        step = steps.deactivate(held.credential, None, why)
        return Outcome(Status.MANUAL, f"{held.id} has no switch of its own", why, manual=step)
    try:
        return end_sessions(held, Aws.responder(vendor), vendor)
    except AwsError as error:
        step = steps.session_key(held.credential)
        return Outcome(
            error.status, f"Could not end the session of {held.id}", error.reason, manual=step
        )


def _held(old: Held, value: Secret) -> Held:
    """*value* as a credential like *old*: with its own alias and user."""
    owner = bedrock_keys.owner_of(value.reveal_text())
    if owner is None:
        return old
    named = {**old.credential.labels, "user": owner.user or ""}
    return Held(
        replace(old.credential, public_id=owner.public_id, account=owner.account, labels=named),
        {PART: value},
    )


def _deactivate(held: Held, why: str) -> ManualStep:
    return steps.deactivate_service_credential(
        held.credential,
        step=f"deactivate-bedrock-{_short(held)}",
        title=f"Deactivate Bedrock API key {held.credential.public_id}",
        section="API keys for Amazon Bedrock",
        why=why,
    )


def _replace(held: Held) -> ManualStep:
    step = f"replace-bedrock-{_short(held)}"
    return ManualStep(
        id=step,
        title=f"Give what used Bedrock API key {held.credential.public_id} another way in",
        why="A role or a short-term key needs no secret that can leak; AWS advises against long-term keys.",
        url=bedrock_keys.CONSOLE,
        instructions=(
            "Better: let the application use a role, and skip this step.",
            "Or: API keys > Long-term API keys > Generate, with an end.",
            f"Hand it in on standard input: remediate resume --value {step}",
        ),
        check="remediate looks that it is of the same account, active, and not the old one",
        takes_value=True,
    )


def _short(held: Held) -> str:
    return held.credential.parts.get(PART, held.id)[:8]
