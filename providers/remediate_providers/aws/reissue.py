"""A new key for the same user: never two, never a lost one, never at the cost of a key in use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from remediate.clock import parse
from remediate.model import Credential, Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.aws import iam, keys, steps
from remediate_providers.aws.check import CANARY, NO_PAIR, attempt, known_user
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.session import Aws

CREATE = "iam:CreateAccessKey"
_SKEW = timedelta(minutes=10)
"""How far this machine's clock may be from AWS's, when it is asked which key is new."""


def before_reissue(held: Held, vendor: VendorContext) -> dict[str, Json]:
    """The user's keys as they are now, so that one made and lost can be told from them."""
    aws = Aws.responder(vendor)
    try:
        return _snapshot(_user(held, aws, vendor), aws, vendor)
    except AwsError as error:
        return {"at": vendor.now(), "problem": error.reason}


def _snapshot(user: str, aws: Aws, vendor: VendorContext) -> dict[str, Json]:
    return {"at": vendor.now(), "user": user, "keys": [key.id for key in iam.keys_of(aws, user)]}


def _user(held: Held, aws: Aws, vendor: VendorContext) -> str:
    """The leaked key's user, also where the key was deleted to make room. Raises `AwsError`."""
    key_id = held.credential.public_id or ""
    return known_user(vendor, key_id) or iam.last_use(aws, key_id).user


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """Make one access key for the leaked key's user."""
    credential = held.credential
    if credential.labels.get("canary"):
        summary = f"Made no successor of {credential.public_id}"
        return Reissued(Outcome(Status.SKIPPED, summary, reason=CANARY))
    if credential.kind != keys.KEY_ID.name:
        return Reissued(_temporary(credential))
    aws = Aws.responder(vendor)
    user = None
    try:
        user = _user(held, aws, vendor)
        refusal = _make_room(held, user, aws, vendor)
        if refusal is not None:
            return Reissued(refusal)
        before = _snapshot(user, aws, vendor)
        try:
            return _create(user, aws, vendor)
        except AwsError as error:
            if not error.doubtful:
                raise
            asked = f"Asked for a new access key for user {before.get('user')}"
            return Reissued(error.lost(asked, reconcile_reissue(held, before, vendor)))
    except AwsError as error:
        return Reissued(_failed(credential, user, error))


def reconcile_reissue(held: Held, before: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """Find the key that `reissue` made before a crash, and delete it: nobody knows its secret."""
    user, known, at = before.get("user"), before.get("keys"), before.get("at")
    aws = Aws.responder(vendor)
    try:
        if not isinstance(user, str):
            user = _user(held, aws, vendor)
        now = iam.keys_of(aws, user)
        seen = _evidence(iam.LIST, ", ".join(k.id for k in now) or "no keys", vendor)
        snapshot = known if isinstance(known, Sequence) else [held.credential.public_id]
        new = [key for key in now if key.id not in snapshot]
        if not new:
            return Outcome(
                Status.UNCHANGED, f"No new access key had been made for {user}", "", seen
            )
        if len(new) > 1 or snapshot is not known or not _is_ours(new[0], at, aws):
            names = ", ".join(key.id for key in new)
            why = f"{names} of user {user} may have been made in the crash, or by somebody else"
            step = steps.make_room(held.credential, user, why, None)
            summary = f"Left access keys of user {user} alone"
            return Outcome(Status.MANUAL, summary, why, seen, manual=step)
        iam.delete(aws, user, new[0].id)
        left = iam.key_of(aws, user, new[0].id)
    except AwsError as error:
        return error.outcome("Could not find out whether a new access key had been made")
    if left is not None:
        return Outcome(Status.UNKNOWN, f"Asked to delete the lost access key {new[0].id}", "", seen)
    return Outcome(
        Status.DONE,
        f"Deleted access key {new[0].id} of user {user}, made and lost in the crash",
        evidence=(*seen, *_evidence("iam:DeleteAccessKey", f"{new[0].id} is gone", vendor)),
        data={"deleted": new[0].id, "user": user},
    )


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """The key that a person made at the console: its id and its secret, with anything between them."""
    words = re.findall(r"[A-Za-z0-9/+]+", value.reveal_text())
    ids = [word for word in words if keys.kind_of_id(word) is keys.KEY_ID]
    secrets = [word for word in words if keys.looks_secret(word)]
    if len(ids) != 1 or len(secrets) != 1:
        return _declined(
            "it has to be one access key id (AKIA…) and one secret key of 40 characters"
        )
    if ids[0] == held.credential.public_id or Secret(secrets[0]) in held.values.values():
        return _declined("it is the leaked key itself, or part of it")
    account = keys.account_of(ids[0])
    if held.credential.account and account and account != held.credential.account:
        return _declined(f"it is of account {account}, not of {held.credential.account}")
    values = {"id": Secret(ids[0]), "secret": Secret(secrets[0])}
    new = Credential(f"aws:{ids[0]}", "aws", keys.KEY_ID.name, {}, public_id=ids[0])
    trial = attempt(Aws.responder(vendor), Held(new, values))
    if trial.reason == NO_PAIR:
        return _declined("the secret does not belong to the id")
    summary = f"Took access key {ids[0]}, made by hand"
    seen = _evidence("sts:GetCallerIdentity", trial.saw, vendor) if trial.saw else ()
    return Reissued(Outcome(Status.DONE, summary, evidence=seen), values, ids[0])


def _declined(why: str) -> Reissued:
    return Reissued(Outcome(Status.REFUSED, "Did not take the value", reason=why))


def _create(user: str, aws: Aws, vendor: VendorContext) -> Reissued:
    # Sent once: a second sending of a request whose answer was lost would make a second key.
    made = aws.call("iam", "CreateAccessKey", once=True, UserName=user).get("AccessKey") or {}
    new_id, secret = made.get("AccessKeyId"), made.get("SecretAccessKey")
    if not new_id or not secret:
        raise AwsError(CREATE, "AWS's answer holds no key", status=Status.UNREACHABLE)
    values = {"id": Secret(str(new_id)), "secret": Secret(str(secret))}
    summary = f"Created access key {new_id} for user {user}"
    data: dict[str, Json] = {"user": user, "new_key": str(new_id)}
    try:
        quarantine = iam.quarantine_of(iam.policies_of(aws, user)[0])
    except AwsError:
        quarantine = None
    if quarantine is not None:
        data["quarantined"] = quarantine
        summary += f"; AWS's {quarantine} is on the user still, and limits the new key too"
    seen = _evidence(CREATE, f"{new_id} of {user}: {made.get('Status', '')}", vendor)
    return Reissued(Outcome(Status.DONE, summary, evidence=seen, data=data), values, str(new_id))


def _make_room(held: Held, user: str, aws: Aws, vendor: VendorContext) -> Outcome | None:
    """None where the user has room for a key, maybe made by deleting one that a person agreed to.

    An active key that did not leak is never proposed: something uses it.
    """
    found = iam.keys_of(aws, user)
    if len(found) < iam.QUOTA:
        return None
    uses = {key.id: iam.last_use(aws, key.id) for key in found}
    leaked = held.credential.public_id
    shown = " and ".join(
        f"{key.id} ({'leaked, ' if key.id == leaked else ''}{key.status}, {uses[key.id]})"
        for key in found
    )
    why = f"User {user} has {count(len(found), 'access key')}, as many as IAM allows: {shown}."
    candidate = _candidate(found, uses, leaked, vendor)
    summary = f"Made no new access key for user {user}: there is no room for it"
    step = steps.make_room(held.credential, user, why, candidate.id if candidate else None)
    manual = Outcome(Status.MANUAL, summary, reason=why, manual=step)
    if candidate is None:
        return manual
    used = uses[candidate.id]
    unused = candidate.id != leaked and used.at is None
    if not vendor.asks.confirm(
        f"{why} Delete {candidate.id}, which is inactive, to make room for the new one?",
        option="--yes",
        default=unused,
        why=(
            "It was never used, so that nothing is lost with it.\n"
            if unused
            else "Its last use can't be asked any more once it is gone; what it did stays in CloudTrail for "
            "90 days. Under --yes it is kept.\n"
        )
        + "Yes: it is deleted, and the new key is made.\n"
        "No: it stays, no new key is made, and how to make room is a step of yours.\n"
        "To take it back: not possible; a deleted key can't be switched on again.",
    ):
        return manual
    current = iam.key_of(aws, user, candidate.id)
    if current is not None and current.active:
        return replace(manual, reason=f"{candidate.id} was switched on meanwhile. {why}")
    vendor.progress(f"deleting access key {candidate.id} of user {user}")
    iam.delete(aws, user, candidate.id)
    return None


def _candidate(
    found: Sequence[iam.Key],
    uses: Mapping[str, iam.LastUse],
    leaked: str | None,
    vendor: VendorContext,
) -> iam.Key | None:
    """The key that would be missed least: one never used, the leaked one, then one no longer used."""

    def rank(key: iam.Key) -> int:
        if key.id == leaked:
            return 1
        return 0 if uses[key.id].at is None else 2

    inactive = [
        key
        for key in found
        if not key.active and (key.id != leaked or vendor.settings.get("delete") != "never")
    ]
    return min(inactive, key=rank, default=None)


def _is_ours(key: iam.Key, at: Json, aws: Aws) -> bool:
    """Whether *key* can be the one that was lost: made since *at*, and never used by anybody."""
    if not key.created or not isinstance(at, str) or parse(key.created) < parse(at) - _SKEW:
        return False
    return iam.last_use(aws, key.id).at is None


def _failed(credential: Credential, user: str | None, error: AwsError) -> Outcome:
    summary = f"Made no successor of access key {credential.public_id}"
    step = steps.new_key(credential, user, error.reason)
    if error.code in ("NoCredentials", "NoUser", "LimitExceeded"):
        return Outcome(Status.MANUAL, summary, reason=error.reason, manual=step)
    return replace(error.outcome(summary), manual=step)


def _temporary(credential: Credential) -> Outcome:
    return Outcome(
        Status.SKIPPED,
        f"Made no successor of {credential.public_id}",
        reason="a temporary key has none: whoever used it signs in, or assumes the role, again",
    )


def _evidence(probe: str, saw: str, vendor: VendorContext) -> tuple[Evidence, ...]:
    return (Evidence(probe, saw, vendor.now()),)
