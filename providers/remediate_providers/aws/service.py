"""The provider of passwords that IAM makes for one service: CodeCommit's for Git, Keyspaces'.

Ended by ``iam:UpdateServiceSpecificCredential``, replaced by a second one. The account's list is the witness;
the password itself is never tried.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.secret import Secret
from remediate_providers.accepting import not_seen, not_taken
from remediate_providers.aws import service_keys, steps
from remediate_providers.aws.service_keys import CODECOMMIT, KINDS, URL
from remediate_providers.ending import end_all

if TYPE_CHECKING:
    from remediate_providers.aws.service_credentials import ServiceCredential
    from remediate_providers.aws.service_ending import Ending
    from remediate_providers.aws.service_making import Making

# Everything that calls AWS is imported when it is asked for: to identify, nothing of it is needed.


_SECTIONS = "HTTPS Git credentials for AWS CodeCommit, or Credentials for Amazon Keyspaces"


class AwsServiceProvider:
    """Service-specific passwords, from identification to deletion. docs/providers/aws-service.md says how."""

    name = service_keys.PROVIDER
    kinds: Sequence[Kind] = KINDS
    beside: Sequence[str] = ()

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Names with their passwords, and clones' URLs."""
        return service_keys.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """User, service, id, status, when it was made."""
        unknown = {"last_used": "IAM keeps no last use of these passwords"}
        return _ending(held, vendor).facts(unknown)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """Its status in the account's list."""
        return _ending(held, vendor).look()

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """The user's keys, credentials, policies, groups and password, as they are now."""
        from remediate_providers.aws import service_evidence

        return service_evidence.preserve(_ending(held, vendor), vendor)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """What the user made since the leak."""
        from remediate_providers.aws import service_evidence

        return service_evidence.triage(_ending(held, vendor), since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """The user's calls to that service, from CloudTrail."""
        from remediate_providers.aws import service_evidence

        return service_evidence.investigate(_ending(held, vendor), since, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Inactive. It can be switched on again."""
        from remediate_providers.aws.check import CANARY

        ours = [held for held in batch if not _left_alone(held)]
        ends = end_all(ours, vendor, lambda held: _ending(held, vendor))
        return {
            held.id: ends.get(held.id)
            or Outcome(Status.SKIPPED, f"Left {held.id} alone", reason=CANARY)
            for held in batch
        }

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """The ids of the user's credentials for that service."""
        return {} if _left_alone(held) else _making(held, vendor).before()

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """A second one for the same user and service, with a name of its own."""
        from remediate_providers.aws.check import CANARY

        if _left_alone(held):
            return Reissued(Outcome(Status.SKIPPED, f"Made no successor of {held.id}", CANARY))
        return _making(held, vendor).make()

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """Delete the one that a crash has lost."""
        if _left_alone(held):
            return Outcome(Status.UNCHANGED, f"No successor of {held.id} was made by us")
        return _making(held, vendor).reconcile(before)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A name and its password in one line, of the same account and active in its list."""
        words = re.findall(r"[^\s:;]+", value.reveal_text().strip())
        new = service_keys.login(words[0], Secret(words[1])) if len(words) == 2 else None
        if new is None:
            return not_taken("it has to be NAME-at-ACCOUNT and its password, in one line")
        old = service_keys.of_held(held)
        if old is not None and old.password == new.password:
            return not_taken("it is the leaked one itself")
        if new.account != held.credential.account:
            return not_taken(
                f"it is of account {new.account}, the leaked one of {held.credential.account}"
            )
        parts = service_keys.as_parts(held, Secret(new.name), new.password)
        if parts is None:
            return not_taken("the leaked URL is not at hand, which the new one is written like")
        check = self.confirm(Held(held.credential, parts), vendor)
        if check.alive is None:
            return not_seen(check, "value")
        if not check.alive:
            return not_taken("the account's list does not show it as active", check.evidence)
        taken = Outcome(Status.DONE, f"Took in a new value for {held.id}", evidence=check.evidence)
        return Reissued(taken, parts, new.name)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether the account's list shows the new one as active."""
        value = service_keys.of_held(new)
        if value is None:
            return Check(None, reason="its name and its password are not both at hand")
        named = {**new.credential.labels, "user": value.user}
        credential = replace(
            new.credential, public_id=value.name, account=value.account, labels=named
        )
        return _ending(Held(credential, new.values), replace(vendor, known={})).look()

    def holders(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Facts]:
        """Functions, containers, jobs, builds and machines that hold one."""
        from remediate_providers.aws import holders

        return holders.holders(batch, vendor)

    def delete(self, held: Held, vendor: VendorContext) -> Outcome:
        """Gone from the list. An active one is not touched: that is for `revoke` first."""
        if _left_alone(held):
            return Outcome(Status.UNCHANGED, f"{held.id}: there is nothing to delete")
        return _ending(held, vendor).delete()

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """The long-lived values that the responder's own credentials come from."""
        from remediate_providers.aws.session import responder_values

        return responder_values(vendor.environment)


def _ending(held: Held, vendor: VendorContext) -> Ending:
    from remediate_providers.aws.check import CANARY
    from remediate_providers.aws.service_ending import Ending

    service = CODECOMMIT if URL in held.credential.parts else None
    untold = CANARY if _left_alone(held) else ""
    return Ending(held, vendor, service, functools.partial(_deactivate, held), untold)


def _making(held: Held, vendor: VendorContext) -> Making:
    from remediate_providers.aws.service_making import Making

    parts = functools.partial(_parts, held)
    return Making(_ending(held, vendor), vendor, parts, _replace(held))


def _parts(
    held: Held, made: ServiceCredential, given: Mapping[str, Secret]
) -> Mapping[str, Secret] | None:
    """The new one in the leaked one's parts, where AWS told both of its own."""
    name, password = given.get("ServiceUserName"), given.get("ServicePassword")
    if name is None or password is None or name.reveal_text() != made.alias:
        return None
    return service_keys.as_parts(held, name, password)


def _left_alone(held: Held) -> bool:
    return bool(held.credential.labels.get("canary"))


def _deactivate(held: Held, why: str) -> ManualStep:
    return steps.deactivate_service_credential(
        held.credential,
        step=f"deactivate-{held.id.replace(':', '-')}",
        title=f"Deactivate the service-specific credential {held.credential.public_id}",
        section=_SECTIONS,
        why=why,
    )


def _replace(held: Held) -> ManualStep:
    step = f"replace-{held.id.replace(':', '-')}"
    user = held.credential.labels.get("user", "")
    return ManualStep(
        id=step,
        title=f"Generate new credentials in place of {held.credential.public_id}",
        why="remediate could not make them.",
        url=steps.user_page(user or None),
        instructions=(
            f"Security credentials > {_SECTIONS} > Generate credentials.",
            f"Hand in user name and password, in one line: remediate resume --value {step}",
        ),
        check="remediate looks that they are of the same account, active, and not the old ones",
        takes_value=True,
    )
