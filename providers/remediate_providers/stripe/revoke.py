"""Ending Stripe keys, and seeing them refused."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.stripe import managed, steps
from remediate_providers.stripe.kinds import PUBLISHABLE, WEBHOOK, is_live, token_of
from remediate_providers.stripe.managed import AbsentError, ManagedKey, TroubleError
from remediate_providers.stripe.probe import look
from remediate_providers.stripe.server import Api

FIRST_PAUSE = 0.25
LONGEST = 3.0
"""Seconds between two looks at a key that is to die. Expiring took some 9 s where it was measured, once,
in a sandbox on 2026-09-17 (Infisical's notes on this API); nobody promises a time."""

NO_VALUE = "its value is not at hand"
NO_API = "no call of its API ends or makes a webhook secret"
UNMATCHED = "the leaked key can't be matched to exactly one of the account's managed keys"


@dataclass
class _Asked:
    """One key on its way to its end."""

    held: Held
    token: Secret
    key: ManagedKey | None = None
    evidence: list[Evidence] = field(default_factory=list)
    status: Status = Status.UNKNOWN
    reason: str = ""


def revoke(batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
    """See `remediate.plugins.provider.Revokes.revoke`."""
    api = Api(vendor)
    outcomes: dict[str, Outcome] = {}
    alive: list[_Asked] = []
    for held in batch:
        token = token_of(held)
        if held.credential.kind == PUBLISHABLE:
            outcomes[held.id] = public_by_design(held)
        elif held.credential.kind == WEBHOOK:
            outcomes[held.id] = _by_hand(api, held, NO_API)
        elif token is None:
            outcomes[held.id] = _by_hand(api, held, NO_VALUE)
        else:
            one = _Asked(held, token)
            # Asked first: a person may have rolled it since, and dead is dead.
            probe = look(api, token, leaked=True, patient=False)
            one.evidence += probe.check.evidence
            if probe.dead:
                outcomes[held.id] = Outcome(
                    Status.UNCHANGED,
                    f"{api.server.host} refuses {held.id} already",
                    evidence=probe.check.evidence,
                )
            else:
                alive.append(one)
    for mode in (True, False, None):
        _expire(api, [one for one in alive if is_live(one.held.credential) is mode], mode)
    for one in alive:
        outcomes[one.held.id] = _outcome(api, one)
    return outcomes


def public_by_design(held: Held) -> Outcome:
    """Nothing is done about a publishable key."""
    return Outcome(
        Status.SKIPPED,
        f"{held.id} is a publishable key",
        reason="it stands in every page that takes payments; it opens nothing by itself",
    )


def _expire(api: Api, asked: Sequence[_Asked], live: bool | None) -> None:
    """Expire what can be matched, watch it die, and note why not for the rest."""
    if not asked:
        return
    try:
        listed = managed.keys(api, live)
    except (AbsentError, TroubleError) as error:
        for one in asked:
            one.reason = str(error)
            one.status = Status.MANUAL if isinstance(error, AbsentError) else error.status
        return
    going: list[_Asked] = []
    for one in asked:
        one.key = managed.match(listed, one.token) or _expired(api, one.token, live)
        if one.key is None:
            one.status, one.reason = Status.MANUAL, UNMATCHED
            continue
        if not one.key.active:
            going.append(one)  # expired seconds ago, by us before a crash or by somebody else
            continue
        try:
            one.evidence = [managed.expire(api, live, one.key.id, str(uuid.uuid4()))]
            going.append(one)
        except (AbsentError, TroubleError) as error:
            one.reason = str(error)
            one.status = Status.REFUSED if isinstance(error, AbsentError) else error.status
            if one.status is Status.UNREACHABLE:
                going.append(one)  # the answer was lost, maybe not the effect
    _watch(api, going, live)


def _expired(api: Api, token: Secret, live: bool | None) -> ManagedKey | None:
    """The one key among those that have ended; None where that list can't be had."""
    try:
        return managed.match(
            (k for k in managed.keys(api, live, expired=True) if not k.active), token
        )
    except (AbsentError, TroubleError):
        return None


def _watch(api: Api, going: Sequence[_Asked], live: bool | None) -> None:
    """Look at each until Stripe refuses it, or the patience is over."""
    pending = list(going)
    pause = FIRST_PAUSE
    while pending:
        for one in pending:
            _look(api, one, live)
        # What was not accepted is looked at once: a lost answer may have had its effect.
        pending = [one for one in pending if one.status is Status.UNKNOWN]
        if pending:
            api.vendor.progress(
                f"Stripe still accepts {count(len(pending), 'expired key')}; this takes some 10 seconds"
            )
            if not api.patience.wait(pause):
                break
            pause = min(2 * pause, LONGEST)


def _look(api: Api, one: _Asked, live: bool | None) -> None:
    requested = [seen for seen in one.evidence if seen.probe.startswith("POST")]
    probe = look(api, one.token, leaked=True, patient=False)
    if probe.dead:
        one.status, one.reason = Status.DONE, ""
        one.evidence = [*requested, *probe.check.evidence]
        return
    one.evidence = [*requested, *probe.check.evidence]
    reason = "it still accepts the key" if probe.check.alive else probe.check.reason
    if not api.vendor.use_leaked and one.key is not None:
        # The key itself may not be used: Stripe's own list is the witness.
        try:
            witness = managed.gone(api, live, one.key.id)
            reason = "its list still has the key as active"
        except (AbsentError, TroubleError) as error:
            witness, reason = None, str(error)
        if witness is not None:
            one.status, one.reason = Status.DONE, ""
            one.evidence = [*requested, witness]
            return
    if one.status is Status.UNKNOWN:
        one.reason = reason


def _outcome(api: Api, one: _Asked) -> Outcome:
    name, host = one.held.id, api.server.host
    evidence = tuple(one.evidence)
    data: dict[str, Json] = dict(one.key.public()) if one.key is not None else {}
    if one.status is Status.DONE:
        # A list that has it no more is some ten seconds ahead of the servers that refuse it.
        by_list = api.vendor.use_leaked is False and one.key is not None
        saw = f"{host} lists it as ended, and refuses it within seconds" if by_list else ""
        summary = f"Expired {name}; {saw or f'{host} refuses it'}"
        return Outcome(Status.DONE, summary, evidence=evidence, data=data)
    if one.status is Status.MANUAL:
        return _by_hand(api, one.held, one.reason, evidence)
    if one.status is Status.UNKNOWN:
        summary = f"Asked {host} to expire {name}; it has not been seen dead"
        return Outcome(one.status, summary, reason=one.reason, evidence=evidence, data=data)
    return Outcome(
        one.status,
        f"{name} was not expired",
        reason=one.reason,
        evidence=evidence,
        data=data,
        manual=steps.revoke(api.server, one.held, one.reason),
    )


def _by_hand(api: Api, held: Held, reason: str, evidence: tuple[Evidence, ...] = ()) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"{held.id} has to be rolled by hand",
        reason=reason,
        evidence=evidence,
        manual=steps.revoke(api.server, held, reason),
    )
