"""A new Stripe key with the rights of the old one, made in one call, or a person's to make."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remediate.clock import parse
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate.wording import bent, count
from remediate_providers.stripe import managed, steps
from remediate_providers.stripe.jwe import Envelope, EnvelopeError
from remediate_providers.stripe.kinds import PART, PUBLISHABLE, WEBHOOK, is_live, token_of
from remediate_providers.stripe.managed import MARK, AbsentError, ManagedKey, TroubleError
from remediate_providers.stripe.revoke import NO_API, NO_VALUE, UNMATCHED, public_by_design
from remediate_providers.stripe.server import Api, text_of, texts_of

TRIES = 2
"""Keys asked for in one call at most: a second where the first came without its secret."""


@dataclass(frozen=True)
class _Rights:
    """What the new key is made after."""

    old_id: str
    permissions: tuple[str, ...]
    connect_permissions: tuple[str, ...]
    expires_at: str | None = None
    not_copied: Mapping[str, Json] = field(default_factory=dict)

    def body(self, name: str, public_pem: str) -> dict[str, object]:
        wanted: dict[str, object] = {
            "type": "secret_key",
            "name": name,
            "note": f"Made by remediate in place of {self.old_id}",
            "permissions": list(self.permissions),
            "public_key": {"pem_key": {"algorithm": "RSA", "data": public_pem}},
        }
        if self.connect_permissions:
            wanted["connect_permissions"] = list(self.connect_permissions)
        if self.expires_at is not None:
            wanted["expires_at"] = self.expires_at
        return wanted


def before_reissue(held: Held, vendor: VendorContext) -> dict[str, Json]:
    """The ids that exist. Without them (``managed`` false) nothing is made by call."""
    if held.credential.kind in (WEBHOOK, PUBLISHABLE):
        return {"managed": False}
    api = Api(vendor)
    try:
        listed = managed.keys(api, is_live(held.credential))
    except (AbsentError, TroubleError) as error:
        return {"managed": False, "because": str(error)}
    return {"managed": True, "ids": sorted(key.id for key in listed)}


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Reissues.reissue`.

    A key that is made and whose secret does not arrive is expired again: what can't be handed on must
    not live.
    """
    if held.credential.kind == PUBLISHABLE:
        return Reissued(public_by_design(held))
    api = Api(vendor)
    if held.credential.kind == WEBHOOK:
        return _by_hand(api, held, NO_API)
    try:
        rights = _rights(api, held)
    except AbsentError as error:
        return _by_hand(api, held, str(error))
    except TroubleError as error:
        return _failed(held, error.status, str(error))
    return _make(api, held, rights)


def reconcile_reissue(held: Held, before: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Reissues.reconcile_reissue`.

    Ours is what was not there before and bears this credential's mark in its name.
    """
    ids = before.get("ids")
    if before.get("managed") is not True or not isinstance(ids, Sequence):
        return Outcome(Status.UNCHANGED, f"No new key had been asked for in place of {held.id}")
    api = Api(vendor)
    live = is_live(held.credential)
    try:
        lost = [
            key
            for key in managed.keys(api, live)
            if key.id not in ids and key.name.startswith(_mark(held))
        ]
        seen = [managed.expire(api, live, key.id, str(uuid.uuid4())) for key in lost]
    except (AbsentError, TroubleError) as error:
        status = Status.UNREACHABLE if isinstance(error, AbsentError) else error.status
        return Outcome(
            status, f"Whether a new key was made for {held.id} is not known", reason=str(error)
        )
    if not lost:
        return Outcome(
            Status.UNCHANGED,
            f"No new key had been made in place of {held.id}",
            evidence=(Evidence(f"GET {managed.KEYS}", "no new id", vendor.now()),),
        )
    return Outcome(
        Status.DONE,
        f"Expired {count(len(lost), 'key')} that {bent(len(lost), 'was', 'were')} made in place of {held.id} and lost",
        evidence=tuple(seen),
        data={"deleted": [key.id for key in lost]},
    )


# -- what the old one could do --------------------------------------------------------------------


def _rights(api: Api, held: Held) -> _Rights:
    """The rights to copy: as they were preserved, else as Stripe still lists them.

    Raises `AbsentError` where there is nothing to copy, `TroubleError`.
    """
    live = is_live(held.credential)
    managed.usable(api, live)
    known = api.vendor.known
    if text_of(known, "key_id") and texts_of(known, "scopes"):
        return _from_facts(known, api.vendor.now())
    token = token_of(held)
    if token is None:
        raise AbsentError(NO_VALUE)
    for expired in (False, True):
        key = managed.match(managed.keys(api, live, expired=expired), token)
        if key is not None:
            return _from_facts(key.public(), api.vendor.now(), ended=not key.active)
    raise AbsentError(UNMATCHED)


def _from_facts(known: Mapping[str, Any], now: str, *, ended: bool = False) -> _Rights:
    old = text_of(known, "key_id") or ""
    permissions = texts_of(known, "scopes")
    if not permissions:
        # Stripe takes an empty list without a word and gives other rights than the old key had.
        raise AbsentError(f"Stripe does not tell what {old} was allowed to do")
    addresses = texts_of(known, "ip_allowlist")
    # The end of a key that has ended is when it was expired, not when it was meant to.
    until = None if ended else _later(text_of(known, "expires_at"), now)
    return _Rights(
        old_id=old,
        permissions=permissions,
        connect_permissions=texts_of(known, "connect_scopes"),
        expires_at=until,
        # Creating takes no address list.
        not_copied={"ip_allowlist": list(addresses)} if addresses else {},
    )


def _later(moment: str | None, now: str) -> str | None:
    try:
        return moment if moment and parse(moment) > parse(now) else None
    except (ValueError, TypeError):
        return None


# -- making it ------------------------------------------------------------------------------------


def _make(api: Api, held: Held, rights: _Rights) -> Reissued:
    live = is_live(held.credential)
    deleted: list[str] = []
    trouble: AbsentError | TroubleError | EnvelopeError = TroubleError("no key was made")
    for _try in range(TRIES):
        name = f"{_mark(held)}{uuid.uuid4().hex[:8]}"
        envelope = Envelope()
        try:
            key, answer, seen = managed.create(
                api, live, rights.body(name, envelope.public_pem), str(uuid.uuid4())
            )
        except AbsentError as error:
            return _by_hand(api, held, str(error), deleted)
        except TroubleError as error:
            return _lost(api, held, name, error, deleted)
        try:
            secret = _opened(answer, envelope)
        except EnvelopeError as error:
            trouble = error
            unread, unclear = _expire_all(api, live, name, also=key.id)
            deleted += unread
            if unclear is not None:
                return _stray(api, held, name, unclear, deleted)
            continue
        # A call that was repeated after a lost answer should have made one key. This sees to it.
        deleted += _expire_all(api, live, name, but=key.id)[0]
        return _made(rights, key, secret, seen, deleted)
    return _failed(held, Status.REFUSED, f"the new key can't be read: {trouble}", deleted)


def _opened(answer: Mapping[str, Any], envelope: Envelope) -> Secret:
    """The new key: in plain text in test mode, sealed in live mode. Raises `EnvelopeError`."""
    token = text_of(answer, "token")
    if token is not None:
        return Secret(token)
    sealed = answer.get("encrypted_secret")
    compact = text_of(sealed, "ciphertext") if isinstance(sealed, dict) else None
    if compact is None:
        raise EnvelopeError("the answer holds none")
    secret = envelope.open(compact)
    if not secret:
        raise EnvelopeError("it is empty")
    return secret


def _expire_all(
    api: Api, live: bool | None, name: str, *, also: str = "", but: str = ""
) -> tuple[list[str], AbsentError | TroubleError | None]:
    """Expire each key of exactly that *name*, and *also*; their ids, and why it may not be all."""
    done: list[str] = []
    try:
        listed = [key.id for key in managed.keys(api, live) if key.active and key.name == name]
        for key_id in dict.fromkeys([*([also] if also else []), *listed]):
            if key_id != but:
                managed.expire(api, live, key_id, str(uuid.uuid4()))
                done.append(key_id)
    except (AbsentError, TroubleError) as error:
        return done, error
    return done, None


def _made(
    rights: _Rights,
    key: ManagedKey,
    secret: Secret,
    seen: Evidence,
    deleted: Sequence[str],
) -> Reissued:
    data: dict[str, Json] = {
        "key_id": key.id,
        "key_name": key.name,
        "in_place_of": rights.old_id,
        "scopes": list(rights.permissions),
    }
    if rights.not_copied:
        data["not_copied"] = dict(rights.not_copied)
    if deleted:
        data["deleted"] = list(deleted)
    text = f"Made the restricted key {key.id} with the permissions of {rights.old_id}"
    if rights.not_copied:
        text += "; its list of allowed addresses can't be copied: set it on the dashboard"
    return Reissued(
        Outcome(Status.DONE, text, evidence=(seen,), data=data), {PART: secret}, public_id=key.id
    )


def _lost(api: Api, held: Held, name: str, error: TroubleError, deleted: list[str]) -> Reissued:
    """The answer to a create never came: look whether one was made, and end it."""
    if error.status is not Status.UNKNOWN:
        return _failed(held, error.status, str(error), deleted)
    others, unclear = _expire_all(api, is_live(held.credential), name)
    deleted += others
    if unclear is not None:
        return _stray(api, held, name, error, deleted)
    reason = f"{error}; the key that it had made was expired again" if others else str(error)
    return _failed(held, Status.UNREACHABLE, reason, deleted)


def _stray(api: Api, held: Held, name: str, error: Exception, deleted: Sequence[str]) -> Reissued:
    return Reissued(
        Outcome(
            Status.UNKNOWN,
            f"Asked for a new key in place of {held.id}; whether one was made is not known",
            reason=str(error),
            data={"key_name": name, "deleted": list(deleted)},
            manual=steps.stray(api.server, held, name),
        )
    )


def _failed(held: Held, status: Status, reason: str, deleted: Sequence[str] = ()) -> Reissued:
    data: dict[str, Json] = {"deleted": list(deleted)} if deleted else {}
    return Reissued(Outcome(status, f"No new key in place of {held.id}", reason=reason, data=data))


def _by_hand(api: Api, held: Held, reason: str, deleted: Sequence[str] = ()) -> Reissued:
    return Reissued(
        Outcome(
            Status.MANUAL,
            f"The successor of {held.id} has to be made by hand",
            reason=reason,
            data={"deleted": list(deleted)} if deleted else {},
            manual=steps.replace(api.server, held, reason),
        )
    )


def _mark(held: Held) -> str:
    """What the names of our new keys begin with: tells whose successor one is, and no secret."""
    return f"{MARK}{held.credential.parts.get(PART, held.id)[:12]}-"
