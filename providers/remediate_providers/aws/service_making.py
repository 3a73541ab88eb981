"""A new service-specific credential for the same user and service: never two, never a lost one.

A second one beside the leaked, not its password reset: a reset leaves one credential that nobody can tell from
the leaked one again, and whoever would end or delete that later ends the new one with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from remediate.clock import parse
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Reissued
from remediate.secret import Secret
from remediate_providers.aws import service_credentials
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.service_credentials import QUOTA, ServiceCredential
from remediate_providers.aws.service_ending import Ending
from remediate_providers.aws.session import Aws

Values = Callable[[ServiceCredential, Mapping[str, Secret]], Mapping[str, Secret] | None]
"""Parts of the new credential out of AWS's own names; None for a form that is not known."""


class Making:
    """One user's next credential for a service."""

    def __init__(
        self, ending: Ending, vendor: VendorContext, values: Values, by_hand: ManualStep
    ) -> None:
        self._ending = ending
        self._vendor = vendor
        self._values = values
        self._by_hand = by_hand
        self._aws: Aws = ending.aws
        self._name = ending.held.id

    def before(self) -> dict[str, Json]:
        """The user's credentials for the service as they are now."""
        try:
            return self._snapshot(self._leaked())
        except AwsError as error:
            return {"problem": error.reason}

    def make(self) -> Reissued:
        """Make one, as long-lived as the leaked one was; a step where there is no room, or no right."""
        try:
            leaked = self._leaked()
            before = self._snapshot(leaked)
            refusal = self._room(leaked)
            if refusal is not None:
                return Reissued(refusal)
            try:
                made, given = service_credentials.create(
                    self._aws, leaked.user, leaked.service, _days(leaked)
                )
            except AwsError as error:
                if not error.doubtful:
                    raise
                asked = f"Asked for a successor of {self._name}"
                return Reissued(error.lost(asked, self.reconcile(before)))
        except AwsError as error:
            failed = error.outcome(f"Made no successor of {self._name}")
            return Reissued(replace(failed, status=self._status(error), manual=self._by_hand))
        return self._told(made, given)

    def reconcile(self, before: Mapping[str, Json]) -> Outcome:
        """Find one that was made and lost, and delete it: nobody knows its secret."""
        user, service, known = (before.get(n) for n in ("user", "service", "credentials"))
        try:
            sure = isinstance(user, str) and isinstance(service, str)
            if not isinstance(user, str) or not isinstance(service, str):
                leaked = self._leaked()
                user, service, known = leaked.user, leaked.service, [leaked.id]
            names = known if isinstance(known, Sequence) else []
            now = service_credentials.of_user(self._aws, user, service)
            new = [one for one in now if one.id not in names]
            saw = ", ".join(f"{one.id} {one.status}" for one in now) or "none"
            seen = (Evidence(service_credentials.LIST, saw, self._vendor.now()),)
            if not new:
                return Outcome(
                    Status.UNCHANGED, f"No successor of {self._name} had been made", "", seen
                )
            if len(new) > 1 or not sure:
                ids = ", ".join(one.id for one in new)
                why = f"{ids} of user {user} may have been made in the crash, or by somebody else"
                return Outcome(Status.MANUAL, f"Left {ids} alone", why, seen, manual=self._by_hand)
            service_credentials.delete(self._aws, new[0])
        except AwsError as error:
            return error.outcome(f"Could not find out whether a successor of {self._name} was made")
        return Outcome(
            Status.DONE,
            f"Deleted {new[0].id} of user {user}, made and lost",
            evidence=seen,
            data={"deleted": new[0].id, "user": user},
        )

    def _leaked(self) -> ServiceCredential:
        check = self._ending.look()
        if self._ending.found is None:
            why = check.reason or "the leaked one is not in the account's list, nor whose it was"
            code = "" if check.reason else "Gone"
            raise AwsError(service_credentials.LIST, why, status=self._ending.failed, code=code)
        return self._ending.found

    def _snapshot(self, leaked: ServiceCredential) -> dict[str, Json]:
        now = service_credentials.of_user(self._aws, leaked.user, leaked.service)
        return {
            "user": leaked.user,
            "service": leaked.service,
            "credentials": [one.id for one in now],
        }

    def _room(self, leaked: ServiceCredential) -> Outcome | None:
        """None where there is room for one more, maybe made by deleting what a person agreed to."""
        now = service_credentials.of_user(self._aws, leaked.user, leaked.service)
        if len(now) < QUOTA:
            return None
        shown = " and ".join(
            f"{one.id} ({'leaked, ' if one.id == leaked.id else ''}{one.status})" for one in now
        )
        why = f"User {leaked.user} has {len(now)} of them for {leaked.service}, as many as IAM allows: {shown}."
        gone = next((one for one in now if one.id == leaked.id and not one.active), None)
        if gone is None or not self._vendor.asks.confirm(
            f"{why} Delete {gone.id}, which is inactive, to make room for the new one?",
            option="--yes",
            default=False,
            why="Under --yes it is kept.\n"
            "Yes: it is deleted, and the new one is made.\n"
            "No: it stays, no new one is made, and how to make room is a step of yours.\n"
            "To take it back: not possible; a deleted one can't be switched on again.",
        ):
            summary = f"Made no successor of {self._name}: there is no room for it"
            return Outcome(Status.MANUAL, summary, why, manual=replace(self._by_hand, why=why))
        self._vendor.progress(f"deleting {gone.id} of user {leaked.user}")
        service_credentials.delete(self._aws, gone)
        return None

    def _told(self, made: ServiceCredential, given: Mapping[str, Secret]) -> Reissued:
        values = self._values(made, given)
        if values is None:
            reason = "AWS told its value in a form that is not known here, and it was deleted again"
            try:
                service_credentials.delete(self._aws, made)
            except AwsError as error:
                reason = f"AWS told its value in a form that is not known here; delete {made.id}: {error.reason}"
            return Reissued(
                Outcome(
                    Status.MANUAL, f"{self._name} needs a successor", reason, manual=self._by_hand
                )
            )
        seen = Evidence(
            service_credentials.CREATE,
            f"{made.id} of {made.user}: {made.status}",
            self._vendor.now(),
        )
        outcome = Outcome(
            Status.DONE,
            f"Created {made.id} for user {made.user} in place of {self._name}",
            evidence=(seen,),
            data={"user": made.user, "credential": made.id, "expires": made.expires},
        )
        return Reissued(outcome, values, made.alias)

    def _status(self, error: AwsError) -> Status:
        """A right that is missing, or no room, is a person's; what does not answer is asked again."""
        return Status.MANUAL if error.code in ("LimitExceeded", "Gone") else error.status


def _days(leaked: ServiceCredential) -> int | None:
    """How many days the leaked one was made for; None where it never ends."""
    if not leaked.expires or not leaked.created:
        return None
    return max(1, (parse(leaked.expires) - parse(leaked.created)).days)
