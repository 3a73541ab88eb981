"""Whose a key is, what it may do, and what can't be asked any more once it is gone. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.aws import iam, keys
from remediate_providers.aws.check import (
    ATTEMPT,
    CANARY,
    NOT_ALLOWED,
    UNTRIED,
    attempt,
    known_user,
)
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.session import Aws

T = TypeVar("T")

REACH = (
    "iam:CreateUser",
    "iam:CreateAccessKey",
    "iam:AttachUserPolicy",
    "iam:PassRole",
    "sts:AssumeRole",
    "s3:GetObject",
    "s3:DeleteObject",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "kms:Decrypt",
    "dynamodb:Scan",
    "rds:CreateDBSnapshot",
    "ec2:RunInstances",
    "lambda:CreateFunction",
    "bedrock:InvokeModel",
    "ses:SendEmail",
    "organizations:LeaveOrganization",
    "cloudtrail:StopLogging",
)
"""Actions whose decision tells what a thief could do: take over, read data, spend money, hide."""


class Notes:
    """Facts as they come in: what could not be learned is kept with the reason."""

    def __init__(self, vendor: VendorContext) -> None:
        self.known: dict[str, Json] = {}
        self.unknown: dict[str, str] = {}
        self._evidence: list[Evidence] = []
        self._vendor = vendor

    def ask(self, name: str, question: Callable[[], T]) -> T | None:
        """The answer; None, and *name* noted as not known, where AWS gives none."""
        try:
            return question()
        except AwsError as error:
            self.unknown[name] = error.reason
            return None

    def saw(self, probe: str, what: str) -> None:
        """Note what a probe saw."""
        self._evidence.append(Evidence(probe, what, self._vendor.now()))

    def facts(self) -> Facts:
        """All of it."""
        return Facts(self.known, self.unknown, tuple(self._evidence))


def describe(held: Held, vendor: VendorContext) -> Facts:
    """Owner, rights, last use, reach."""
    notes = Notes(vendor)
    credential = held.credential
    if credential.account:
        notes.known["account"] = credential.account
    if credential.labels.get("canary"):
        notes.known["canary"] = True
        notes.unknown["owner"] = CANARY
        return notes.facts()
    aws = Aws.responder(vendor)
    key_id = credential.public_id or ""
    me = notes.ask("responder", lambda: aws.me)
    if me is not None:
        notes.known["responder"] = me.arn
        notes.known["ours"] = credential.account in (None, me.account)
    if held.credential.kind != keys.KEY_ID.name:
        notes.unknown.update(dict.fromkeys(("identity", "last_used", "user", "reach"), UNTRIED))
        return notes.facts()
    # Before the key is tried: the attempt counts as its last use.
    user = _used(key_id, aws, notes) if notes.known.get("ours") else None
    user = _by_the_key(held, aws, vendor, notes) or user
    if me is not None and notes.known.get("account", me.account) != me.account:
        notes.known["ours"] = False
        why = (
            f"the key is of account {notes.known['account']}, your credentials are of {me.account}"
        )
        notes.unknown.update(dict.fromkeys(("user", "policies", "reach"), why))
        return notes.facts()
    if notes.known.get("principal") not in (None, "user"):
        notes.unknown["reach"] = f"a key of {notes.known['principal']} has no user to look at"
        return notes.facts()
    if user is None:
        notes.unknown["user"] = notes.unknown.get("last_used", "AWS did not say")
        return notes.facts()
    inventory(user, aws, notes)
    if me is not None:
        _reach(user, aws, notes)
    return notes.facts()


def preserve(held: Held, vendor: VendorContext) -> Facts:
    """The user's keys, policies, groups, and the key's last use, as they are before anything is done."""
    notes = Notes(vendor)
    if held.credential.labels.get("canary"):
        notes.unknown["all"] = CANARY
        return notes.facts()
    if held.credential.kind != keys.KEY_ID.name:
        notes.unknown["user"] = UNTRIED
        return notes.facts()
    aws = Aws.responder(vendor)
    key_id = held.credential.public_id or ""
    # Where it was described before, its last use is known; now that would be our own attempt.
    user = known_user(vendor, key_id) or _used(key_id, aws, notes)
    if user is None:
        notes.unknown["user"] = notes.unknown.get("last_used", "AWS did not say")
        return notes.facts()
    inventory(user, aws, notes)
    password(user, aws, notes)
    return notes.facts()


def _by_the_key(held: Held, aws: Aws, vendor: VendorContext, notes: Notes) -> str | None:
    """What the leaked key says of itself; its user's name."""
    if not vendor.use_leaked:
        notes.unknown["identity"] = NOT_ALLOWED
        return None
    trial = attempt(aws, held)
    if trial.saw:
        notes.saw(ATTEMPT, trial.saw)
    if trial.accepted is not None:
        notes.known["accepted"] = trial.accepted
    if trial.identity is None:
        notes.unknown["identity"] = trial.reason or "AWS does not accept the key (any more)"
        return None
    notes.known |= {
        "arn": trial.identity.arn,
        "account": trial.identity.account,
        "principal": trial.identity.principal,
    }
    return trial.identity.user


def _used(key_id: str, aws: Aws, notes: Notes) -> str | None:
    """When the key was last used; its user's name."""
    used = notes.ask("last_used", lambda: iam.last_use(aws, key_id))
    if used is None:
        return None
    notes.known["last_used"] = used.json()
    notes.saw(iam.LAST_USED, f"{key_id} of {used.user}: {used}")
    return used.user


def inventory(user: str, aws: Aws, notes: Notes) -> None:
    """The user's keys, policies and groups."""
    notes.known |= {"user": user, "owner": user}
    mine = notes.ask("keys", lambda: iam.keys_of(aws, user))
    if mine is not None:
        notes.known["keys"] = [
            {"id": key.id, "status": key.status, "created": key.created} for key in mine
        ]
        notes.saw(iam.LIST, ", ".join(f"{k.id} {k.status}" for k in mine) or "none")
    found = notes.ask("policies", lambda: iam.policies_of(aws, user))
    if found is not None:
        policies, groups = found
        notes.known |= {"policies": _plain(policies), "groups": list(groups)}
        quarantine = iam.quarantine_of(policies)
        notes.known["quarantined"] = quarantine is not None
        if quarantine is not None:
            notes.saw("iam:ListAttachedUserPolicies", f"AWS has attached {quarantine}")


def password(user: str, aws: Aws, notes: Notes) -> None:
    """Whether the user may also sign in to the console, and with what second factor."""
    try:
        profile = aws.call("iam", "GetLoginProfile", UserName=user).get("LoginProfile") or {}
        notes.known["console_password_since"] = iam.moment(profile.get("CreateDate")) or None
    except AwsError as error:
        if error.gone:
            notes.known["console_password_since"] = None
        else:
            notes.unknown["console_password_since"] = error.reason
    devices = notes.ask(
        "mfa", lambda: list(iam.pages(aws, "ListMFADevices", "MFADevices", UserName=user))
    )
    if devices is not None:
        notes.known["mfa"] = [str(device.get("SerialNumber", "")) for device in devices]


def _reach(user: str, aws: Aws, notes: Notes) -> None:
    """Which of `REACH` IAM would allow the user (``iam:SimulatePrincipalPolicy``)."""

    def simulate() -> list[dict[str, str]]:
        found = aws.call("iam", "GetUser", UserName=user).get("User") or {}
        given = {"PolicySourceArn": str(found.get("Arn")), "ActionNames": list(REACH)}
        return list(iam.pages(aws, "SimulatePrincipalPolicy", "EvaluationResults", **given))

    rows = notes.ask("reach", simulate)
    if rows is None:
        return
    allowed = [str(r.get("EvalActionName")) for r in rows if r.get("EvalDecision") == "allowed"]
    notes.known["reach"] = sorted(allowed)
    notes.saw(
        "iam:SimulatePrincipalPolicy",
        f"{len(allowed)} of {len(REACH)} telling actions are allowed on every resource; a right to "
        "single resources, or a limit set by the organisation, does not show here",
    )


def _plain(policies: Mapping[str, list[str]]) -> Json:
    return {where: list(names) for where, names in policies.items()}
