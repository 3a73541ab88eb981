"""Is a key alive? Two witnesses: its user's own list, and an attempt to use it.

The list (``iam:ListAccessKeys``) is the better one. The attempt lags behind by seconds to minutes, and
local stand-ins for AWS let inactive keys through. Where the list can't be read, the attempt decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from remediate.http import Patience
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence
from remediate.plugins.provider import Held
from remediate_providers.aws import iam, keys
from remediate_providers.aws.failures import REFUSED_KEY, WRONG_SECRET, AwsError
from remediate_providers.aws.session import Aws, Identity

SPREADING = 30.0
"""Seconds within which a new key is usually taken everywhere (from memory; AWS names no figure)."""
ATTEMPT = "sts:GetCallerIdentity"
CANARY = "a canary: it is there to be stolen, and using it raises an alarm"
NO_PAIR = "AWS knows this id, but the secret is not its own: the two are no pair"
UNTRIED = "a temporary key signs with its session's token alone, which is not at hand, and is in no user's list"
NOT_ALLOWED = "use_leaked = false keeps the key from being tried"


@dataclass(frozen=True)
class Trial:
    """What came of using a key."""

    accepted: bool | None
    saw: str
    identity: Identity | None = None
    reason: str = ""
    """Where `accepted` is None."""


@dataclass(frozen=True)
class Listed:
    """A key in its user's list."""

    user: str
    key: iam.Key | None


def attempt(aws: Aws, held: Held) -> Trial:
    """Use the key for the one call that needs no permission and changes nothing."""
    if not {"id", "secret"} <= set(held.values):
        return Trial(None, "", reason="its other part is not in the report")
    if keys.kind_of_id(held.values["id"].reveal_text()) is not keys.KEY_ID:
        # Without its token AWS refuses a living one, too.
        return Trial(None, "", reason=UNTRIED)
    try:
        identity = aws.as_key(held).identity()
    except AwsError as error:
        if error.code in REFUSED_KEY:
            return Trial(False, f"403 {error.code}")
        if error.code in WRONG_SECRET:
            return Trial(None, f"403 {error.code}", reason=NO_PAIR)
        return Trial(None, error.code or "no answer", reason=error.reason)
    return Trial(True, f"accepted as {identity.arn}", identity)


def known_user(vendor: VendorContext, key_id: str) -> str | None:
    """The key's user, where describing or preserving it has told.

    In a batch the context is that of one key: what it knows counts for a key that it names alone.
    """
    user, keys = vendor.known.get("user"), vendor.known.get("keys")
    named = isinstance(keys, list) and any(
        isinstance(key, Mapping) and key.get("id") == key_id for key in keys
    )
    return user if named and isinstance(user, str) else None


def listed(aws: Aws, key_id: str, user: str | None) -> Listed:
    """The key in its user's list; *user* where that is known already. Raises `AwsError`."""
    user = user or iam.last_use(aws, key_id).user
    return Listed(user, iam.key_of(aws, user, key_id))


def check(held: Held, vendor: VendorContext) -> Check:
    """Whether the key is dead, and by which witness."""
    key_id = held.credential.public_id or ""
    if held.credential.labels.get("canary"):
        return Check(None, reason=CANARY)
    if held.credential.kind != keys.KEY_ID.name:
        return Check(None, reason=UNTRIED)
    aws = Aws.responder(vendor)
    trial = attempt(aws, held) if vendor.use_leaked else Trial(None, "", reason=NOT_ALLOWED)
    evidence = [Evidence(ATTEMPT, trial.saw, vendor.now())] if trial.saw else []
    user = trial.identity.user if trial.identity else None
    if trial.identity and user is None:
        return Check(True, tuple(evidence))  # root, or a role: in no user's list
    try:
        entry = listed(aws, key_id, user or known_user(vendor, key_id))
    except AwsError as error:
        if iam.unknown_to_aws(error) and not trial.accepted:
            unknown = Evidence(error.action, "AWS knows no such key", vendor.now())
            return Check(False, (unknown, *evidence))
        reason = "" if trial.accepted is not None else f"{error.reason}; {trial.reason}"
        return Check(trial.accepted, tuple(evidence), reason)
    status = entry.key.status if entry.key else "not in the list: deleted"
    saw = f"{key_id} of {entry.user}: {status}"
    alive = entry.key is not None and entry.key.active
    if trial.accepted and not alive:
        evidence = [Evidence(ATTEMPT, f"{trial.saw}, for now: the change spreads", vendor.now())]
    return Check(alive, (Evidence(iam.LIST, saw, vendor.now()), *evidence))


def confirm(new: Held, vendor: VendorContext) -> Check:
    """Whether AWS takes the new key, asked again while it spreads."""
    aws = Aws.responder(vendor)
    patience = Patience.of(vendor)
    pause, spent = 0.25, 0.0
    while True:
        trial = attempt(aws, new)
        evidence = (Evidence(ATTEMPT, trial.saw, vendor.now()),) if trial.saw else ()
        if trial.accepted or trial.accepted is None:
            return Check(trial.accepted, evidence, trial.reason)
        if spent >= SPREADING or not patience.wait(pause):
            return Check(False, evidence, f"AWS has not taken it within {spent:.0f} s")
        spent += pause
        pause = min(pause * 2, 4.0)
