"""Ending tokens, and seeing them refused.

By accessor where the responder may: so that the token itself does not travel once more. Else by value, else by
itself. What it had made (child tokens, leases) ends with it: https://openbao.org/docs/concepts/tokens/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.vault import steps
from remediate_providers.vault.facts import NO_VALUE, by_accessor, leases_now
from remediate_providers.vault.kinds import SERVICE, token_of
from remediate_providers.vault.look import NOT_USED, Look, look
from remediate_providers.vault.server import HOW, Api, NoServerError, down

PAUSE = 1.0
"""Seconds between two looks at a token whose revocation was taken."""


@dataclass
class _Work:
    api: Api
    held: Held
    token: Secret
    evidence: list[Evidence] = field(default_factory=list)
    taken: bool = False
    """Whether the server took a revocation, or may have."""
    status: Status = Status.REFUSED
    reason: str = ""


def revoke(batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
    """See `remediate.plugins.provider.Revokes.revoke`. Revoking what is dead is harmless."""
    outcomes: dict[str, Outcome] = {}
    for held in batch:
        try:
            with Api(vendor.about(held.id, batch)) as api:
                outcomes[held.id] = _one(api, held)
        except NoServerError as error:
            outcomes[held.id] = _by_hand(held, str(error))
    return outcomes


def _one(api: Api, held: Held) -> Outcome:
    token = token_of(held)
    if token is None:
        return _by_hand(held, NO_VALUE)
    if held.credential.kind not in (SERVICE, "vault-batch-token"):
        return _by_hand(held, "a server has no call that ends one")
    before = look(api, token, leaked=True)
    if before.check.alive is False:
        return _dead(held, api, before.check.evidence, {})
    if held.credential.kind != SERVICE or before.text("type") == "batch":
        until = before.text("expire_time")
        ends = f"; it ends by itself at {until}" if until else ""
        return _by_hand(held, f"a batch token can't be revoked{ends}", before.check.evidence)
    work = _Work(api, held, token)
    _ask(work, before)
    if work.taken:
        _watch(work)
    if work.status is Status.DONE:
        return _dead(held, api, work.evidence, _died_with(api))
    if work.taken:
        summary = f"Asked {api.host} to revoke {held.id}; it has not been seen dead"
        return Outcome(work.status, summary, work.reason, tuple(work.evidence))
    if work.status is Status.UNREACHABLE:
        step = steps.revoke(held, work.reason)
        summary = f"{held.id} was not revoked"
        return Outcome(work.status, summary, work.reason, tuple(work.evidence), manual=step)
    return _by_hand(held, work.reason, work.evidence)


def _ask(work: _Work, before: Look) -> None:
    """Ask in each way that there is, until the server takes one."""
    api, own = work.api, work.api.responder.token
    accessor = before.text("accessor")
    if own is not None and own != work.token:
        if accessor:
            _post(work, "auth/token/revoke-accessor", own, {"accessor": accessor})
        if not work.taken:
            _post(work, "auth/token/revoke", own, {"token": work.token.reveal_text()})
    if work.taken:
        return
    if api.vendor.use_leaked:
        _post(work, "auth/token/revoke-self", work.token, None)
    elif not work.reason:
        work.reason = NOT_USED


def _post(work: _Work, path: str, token: Secret, json: object | None) -> None:
    try:
        answer = work.api.ask("POST", path, token, json=json, repeat=True)
    except HttpError as error:
        # Lost on the way back: it may have worked, and looking will tell.
        work.status, work.reason = Status.UNREACHABLE, work.api.refusal(error)
        work.taken = error.sent
        return
    probe = f"POST {path} at {work.api.host}"
    work.evidence.append(Evidence(probe, str(answer.status), work.api.vendor.now()))
    if answer.status in (200, 204):
        work.status, work.reason, work.taken = Status.UNKNOWN, "", True
    else:
        work.status = Status.UNREACHABLE if down(answer) else Status.REFUSED
        work.reason = work.api.refusal(answer)
        # A gateway's 5xx may hide that it was done.
        work.taken = answer.status >= 500


def _watch(work: _Work) -> None:
    while True:
        seen = look(work.api, work.token, leaked=True)
        if seen.check.alive is False:
            work.evidence += seen.check.evidence
            work.status, work.reason = Status.DONE, ""
            return
        if seen.check.alive is None:
            work.reason = seen.check.reason
            return
        work.reason = "the server still accepts it"
        if not work.api.patience.wait(PAUSE):
            return


def _died_with(api: Api) -> dict[str, Json]:
    """What could be a child or a lease of it, was there before the kill, and is gone now."""
    own, known = api.responder.token, api.vendor.known
    if own is None:
        return {}
    gone: dict[str, Json] = {}
    children = known.get("possible_children")
    try:
        if isinstance(children, list | tuple) and children:
            gone["children_gone"] = [
                dict(child)
                for child in children
                if isinstance(child, Mapping)
                and by_accessor(api, own, str(child.get("accessor"))) is None
            ]
        before = known.get("leases_before")
        if isinstance(before, list | tuple) and before:
            gone["leases_gone"] = sorted({str(lease) for lease in before} - leases_now(api, own))
    except LookupError as error:
        gone["not_looked_at"] = str(error)
    return gone


def _dead(held: Held, api: Api, evidence: Sequence[Evidence], gone: dict[str, Json]) -> Outcome:
    more = []
    for name, what in (("children_gone", "tokens"), ("leases_gone", "leases")):
        found = gone.get(name)
        if isinstance(found, list) and found:
            more.append(f"{len(found)} {what}")
    with_it = f"; gone with it: {' and '.join(more)}" if more else ""
    return Outcome(
        Status.DONE,
        f"{api.host} refuses {held.id}{with_it}",
        evidence=tuple(evidence),
        data=gone,
    )


def _by_hand(held: Held, reason: str, evidence: Sequence[Evidence] = ()) -> Outcome:
    if reason == NOT_USED:
        reason = f"only the leaked token is at hand, and it is not to be used; {HOW}"
    return Outcome(
        Status.MANUAL,
        f"{held.id} has to be ended by hand",
        reason=reason,
        evidence=tuple(evidence),
        manual=steps.revoke(held, reason),
    )
