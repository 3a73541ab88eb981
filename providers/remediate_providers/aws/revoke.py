"""Deactivate keys, and deny the sessions that were begun with them. Never deletes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from remediate.clock import rfc3339
from remediate.errors import Error
from remediate.http import Patience
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate_providers.aws import iam, keys, steps
from remediate_providers.aws.check import (
    ATTEMPT,
    CANARY,
    NOT_ALLOWED,
    Listed,
    Trial,
    attempt,
    known_user,
    listed,
)
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.session import Aws
from remediate_providers.aws.sessions import POLICY, denial, denied_for, end_sessions

WORKERS = 8
"""Keys dealt with at a time; IAM takes some twenty calls a second (from memory)."""
_LIST_SETTLES = 15.0
_ATTEMPT_SETTLES = 5.0
_SPREADS = timedelta(minutes=2)


def revoke(batch: Sequence[Held], vendor: VendorContext) -> dict[str, Outcome]:
    """Each key of *batch* inactive, or why not."""
    if not batch:
        return {}
    aws = Aws.responder(vendor)
    with ThreadPoolExecutor(min(WORKERS, len(batch))) as pool:
        outcomes = pool.map(lambda held: _guarded(held, aws, vendor), batch)
        return {held.id: outcome for held, outcome in zip(batch, outcomes, strict=True)}


def _guarded(held: Held, aws: Aws, vendor: VendorContext) -> Outcome:
    """One key's outcome, whatever happens: no other key may stay alive for it."""
    try:
        return _one(held, aws, vendor)
    except Error:
        raise
    except AwsError as error:
        return error.outcome(f"Could not deactivate access key {held.credential.public_id}")
    except Exception as error:
        summary = f"A fault while access key {held.credential.public_id} was deactivated"
        return Outcome(Status.UNKNOWN, summary, reason=type(error).__name__)


def _one(held: Held, aws: Aws, vendor: VendorContext) -> Outcome:
    credential = held.credential
    key_id = credential.public_id or ""
    if credential.labels.get("canary"):
        return Outcome(Status.SKIPPED, f"Left access key {key_id} alone", reason=CANARY)
    if credential.kind == keys.TEMPORARY.name:
        return end_sessions(held, aws, vendor)
    if credential.kind != keys.KEY_ID.name:
        step = steps.session_key(credential)
        return Outcome(Status.MANUAL, f"{key_id} is no long-term key", step.why, manual=step)
    try:
        mine = aws.me
        if credential.account and mine.account != credential.account:
            return _foreign(held, mine.account, aws, vendor)
        return _Work(held, aws, vendor).by_responder()
    except AwsError as error:
        return _Work(held, aws, vendor).by_itself(error)


def _foreign(held: Held, mine: str, aws: Aws, vendor: VendorContext) -> Outcome:
    step = steps.foreign(held.credential, mine)
    if vendor.settings.get("insist") is True:
        return _Work(held, aws, vendor).by_itself(
            AwsError(iam.LIST, step.why, status=Status.REFUSED, code="ForeignAccount")
        )
    summary = f"Did not touch access key {held.credential.public_id}"
    return Outcome(Status.MANUAL, summary, reason=step.why, manual=step)


@dataclass(frozen=True)
class _Work:
    """One key being deactivated."""

    held: Held
    aws: Aws
    vendor: VendorContext

    @property
    def key_id(self) -> str:
        return self.held.credential.public_id or ""

    def by_responder(self) -> Outcome:
        """With the responder's credentials. Raises `AwsError` where they can't."""
        entry = listed(self.aws, self.key_id, known_user(self.vendor, self.key_id))
        if entry.key is None:
            if self._until_refused(0).accepted:
                why = "the key works, and is not in its user's list"
                raise AwsError(iam.LIST, why, status=Status.REFUSED)
            saw = self._evidence(
                iam.LIST, f"{self.key_id} of {entry.user}: not in the list, deleted"
            )
            summary = f"Access key {self.key_id} was deleted before"
            gone: dict[str, Json] = {"user": entry.user, "key": self.key_id, "status": "deleted"}
            # What it began lives on without it, too.
            before = Outcome(Status.UNCHANGED, summary, "", saw, gone)
            return self._deny_sessions(before, entry.user, False, False)
        was_active = entry.key.active
        if was_active:
            iam.deactivate(self.aws, entry.user, self.key_id)
        status = self._until_inactive(entry)
        seen = self._evidence(iam.LIST, f"{self.key_id} of {entry.user}: {status}")
        data: dict[str, Json] = {"user": entry.user, "key": self.key_id, "status": status}
        if status == iam.ACTIVE:
            summary = f"Asked to deactivate access key {self.key_id}"
            reason = "AWS's list shows it as active still"
            return Outcome(Status.UNKNOWN, summary, reason, seen, data)
        trial = self._until_refused(_ATTEMPT_SETTLES)
        if trial.saw:
            lag = "; the change spreads within minutes" if trial.accepted else ""
            seen += self._evidence(ATTEMPT, trial.saw + lag)
        outcome = Outcome(
            Status.DONE if was_active else Status.UNCHANGED,
            f"Deactivated access key {self.key_id} of user {entry.user}"
            if was_active
            else f"Access key {self.key_id} of user {entry.user} was {status.lower()} already",
            evidence=seen,
            data=data,
        )
        return self._deny_sessions(outcome, entry.user, was_active, trial.accepted is True)

    def by_itself(self, refusal: AwsError) -> Outcome:
        """With the leaked key, where the responder's credentials met *refusal*."""
        summary = f"Could not deactivate access key {self.key_id}"
        step = steps.deactivate(self.held.credential, None, refusal.reason)
        failed = replace(refusal.outcome(summary), manual=step)
        gone = Outcome(Status.UNCHANGED, f"Access key {self.key_id} is dead already")
        trial = attempt(self.aws, self.held) if self.vendor.use_leaked else None
        if trial is not None and trial.accepted is False:
            return replace(gone, evidence=self._evidence(ATTEMPT, trial.saw))
        if iam.unknown_to_aws(refusal) and not (trial and trial.accepted):
            return replace(gone, evidence=self._evidence(iam.LAST_USED, "AWS knows no such key"))
        if trial is None:
            return replace(failed, reason=f"{refusal.reason}; {NOT_ALLOWED}")
        if trial.identity is None:
            return replace(failed, reason=f"{refusal.reason}; {trial.reason}")
        if trial.identity.principal == "root":
            step = steps.root_key(self.held.credential)
            summary = f"Access key {self.key_id} is the root user's"
            seen = self._evidence(ATTEMPT, trial.saw)
            return Outcome(Status.MANUAL, summary, step.why, seen, manual=step)
        user = trial.identity.user
        try:
            iam.deactivate(self.aws.as_key(self.held), None, self.key_id)
        except AwsError as error:
            step = steps.deactivate(self.held.credential, user, refusal.reason)
            quarantined = (
                " (where AWS has quarantined its user, a key can't even deactivate itself)"
                if error.denied
                else ""
            )
            reason = f"{refusal.reason}; nor can the key do it itself: {error.reason}{quarantined}"
            return replace(failed, reason=reason, manual=step)
        return self._was_it_refused(user)

    def _was_it_refused(self, user: str | None) -> Outcome:
        trial = self._until_refused(_LIST_SETTLES + _ATTEMPT_SETTLES)
        seen = self._evidence("iam:UpdateAccessKey", "accepted, signed by the key itself")
        seen += self._evidence(ATTEMPT, trial.saw)
        data: dict[str, Json] = {"user": user, "key": self.key_id, "status": iam.INACTIVE}
        if trial.accepted is not False:
            summary = f"Access key {self.key_id} deactivated itself, but is accepted still"
            reason = trial.reason or "the change may take minutes to spread"
            return Outcome(Status.UNKNOWN, summary, reason, seen, data)
        summary = f"Access key {self.key_id} of user {user} deactivated itself"
        step = steps.deny_sessions(self.held.credential, user, "a dead key can do nothing more")
        data["sessions"] = "not denied"
        return Outcome(Status.MANUAL, summary, step.why, seen, data, step)

    def _until_inactive(self, entry: Listed) -> str:
        """The key's status in the list, asked again while it says active."""
        patience = Patience.of(self.vendor)
        pause, spent = 0.0, 0.0
        while True:
            key = iam.key_of(self.aws, entry.user, self.key_id)
            status = key.status if key else "deleted"
            if status != iam.ACTIVE or spent >= _LIST_SETTLES:
                return status
            pause = min(pause * 2 or 0.5, 4.0)
            if not patience.wait(pause):
                return status
            spent += pause

    def _until_refused(self, longest: float) -> Trial:
        """What the key's own use says, asked again while it is accepted."""
        if not self.vendor.use_leaked:
            return Trial(None, "", reason=NOT_ALLOWED)
        patience = Patience.of(self.vendor)
        pause, spent = 0.25, 0.0
        while True:
            trial = attempt(self.aws, self.held)
            if not trial.accepted or spent >= longest or not patience.wait(pause):
                return trial
            spent += pause
            pause = min(pause * 2, 4.0)

    def _deny_sessions(
        self, outcome: Outcome, user: str, was_active: bool, spreading: bool
    ) -> Outcome:
        """Sessions made by sts:GetSessionToken and GetFederationToken outlive the key: deny them.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html. A
        long-term key has no aws:TokenIssueTime, so that the user's new key is not hit.
        """
        try:
            if not was_active and self._denied_before(user):
                return replace(outcome, data={**outcome.data, "sessions": "denied"})
            before = self.aws.time() + (_SPREADS if spreading else timedelta())
            self.aws.call(
                "iam",
                "PutUserPolicy",
                UserName=user,
                PolicyName=POLICY,
                PolicyDocument=denial(before, self.key_id),
            )
        except AwsError as error:
            step = steps.deny_sessions(self.held.credential, user, error.reason)
            return replace(
                outcome,
                status=Status.MANUAL,
                reason=f"the key is dead; sessions begun with it could not be denied: {error.reason}",
                data={**outcome.data, "sessions": "not denied"},
                manual=step,
            )
        saw = f"{POLICY}: sessions begun before {rfc3339(before)} are denied"
        return replace(
            outcome,
            evidence=outcome.evidence + self._evidence("iam:PutUserPolicy", saw),
            data={**outcome.data, "sessions": "denied", "policy": POLICY},
        )

    def _denied_before(self, user: str) -> bool:
        """Whether it was for this key: for another one, it may have come before sessions of this one."""
        try:
            found = self.aws.call("iam", "GetUserPolicy", UserName=user, PolicyName=POLICY)
        except AwsError as error:
            if error.gone:
                return False
            raise
        return denied_for(found.get("PolicyDocument")) == self.key_id

    def _evidence(self, probe: str, saw: str) -> tuple[Evidence, ...]:
        return (Evidence(probe, saw, self.vendor.now()),) if saw else ()
