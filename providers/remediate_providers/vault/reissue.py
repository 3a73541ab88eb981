"""A new token with the rights of the old one, or a person's to make.

It gets the same policies, period or time to live, and bounds. An orphan where the responder may make one: else it is
a child of the responder's own token and would end with it, which is said.
https://openbao.org/api-docs/auth/token/#create-token
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate.wording import bent, count
from remediate_providers.vault import steps
from remediate_providers.vault.facts import ACCESSORS, NO_VALUE, by_accessor, listed
from remediate_providers.vault.kinds import PART, SERVICE, kind_of, token_of
from remediate_providers.vault.look import look
from remediate_providers.vault.server import HOW, Api, NoServerError, data_of, down

MARK = "remediate-"
_CREATE = "auth/token/create"
_ORPHAN = "auth/token/create-orphan"


class _StopError(Exception):
    """What ends the making, and how it is told."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class _Rights:
    """What the new token is made after."""

    policies: tuple[str, ...]
    period: int
    ttl: int
    explicit_max_ttl: int
    renewable: bool
    role: str

    def body(self, name: str) -> dict[str, object]:
        wanted: dict[str, object] = {
            "policies": list(self.policies),
            "no_default_policy": "default" not in self.policies,
            "display_name": name,
            "meta": {"remediate": name},
            "renewable": self.renewable,
            "type": "service",
        }
        if self.period:
            wanted["period"] = f"{self.period}s"
        elif self.ttl:
            wanted["ttl"] = f"{self.ttl}s"
        if self.explicit_max_ttl:
            wanted["explicit_max_ttl"] = f"{self.explicit_max_ttl}s"
        return wanted


def before_reissue(held: Held, vendor: VendorContext) -> dict[str, Json]:
    """Which accessors there are. ``listed`` false: they can't be read, and a lost one can't be found."""
    if held.credential.kind != SERVICE:
        return {"listed": False}
    try:
        with Api(vendor) as api:
            own = api.responder.token
            if own is None:
                return {"listed": False, "because": HOW}
            return {"listed": True, "accessors": sorted(listed(api, own, ACCESSORS))}
    except (NoServerError, LookupError) as error:
        return {"listed": False, "because": str(error)}


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Reissues.reissue`."""
    try:
        with Api(vendor) as api:
            return _reissue(held, api)
    except NoServerError as error:
        return _by_hand(held, str(error))


def reconcile_reissue(held: Held, before: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Reissues.reconcile_reissue`. Ours bear this credential's mark."""
    accessors = before.get("accessors")
    if held.credential.kind != SERVICE or before.get("because") == HOW:
        return Outcome(Status.UNCHANGED, f"No new token had been asked for in place of {held.id}")
    name = f"{_mark(held)}…"
    if before.get("listed") is not True or not isinstance(accessors, Sequence):
        return _stray(
            held,
            Status.MANUAL,
            name,
            f"the tokens of the server can't be listed: {before.get('because', 'not allowed')}",
        )
    try:
        with Api(vendor) as api:
            own = api.responder.token
            if own is None:
                raise LookupError(HOW)
            gone = _revoke_marked(api, own, _mark(held), known=set(map(str, accessors)))
    except (NoServerError, LookupError) as error:
        return _stray(held, Status.UNREACHABLE, name, str(error))
    seen = Evidence(f"LIST {ACCESSORS} at {api.host}", f"{len(gone)} of ours", vendor.now())
    if not gone:
        return Outcome(
            Status.UNCHANGED, f"No new token had been made in place of {held.id}", evidence=(seen,)
        )
    return Outcome(
        Status.DONE,
        f"Revoked {count(len(gone), 'token')} that {bent(len(gone), 'was', 'were')} made in place of {held.id} and lost",
        evidence=(seen,),
        data={"deleted": list(gone)},
    )


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Accepts.accept`."""
    value = Secret(value.reveal().strip())
    if value == token_of(held):
        return _refused(held, "it is the leaked token itself")
    if kind_of(value) is None:
        return _refused(held, "it does not look like a token of Vault or OpenBao (hvs.…, s.…)")
    form = Evidence("the value's form", str(kind_of(value)), vendor.now())
    try:
        with Api(vendor) as api:
            found = look(api, value, leaked=False)
    except NoServerError:
        return _taken(held, value, (form,))
    if found.check.alive is False:
        return _refused(held, f"{api.host} refuses it", found.check.evidence)
    if "root" in found.policies:
        return _refused(held, "it is a root token: an application must not have one")
    return _taken(held, value, (form, *found.check.evidence))


def confirm(new: Held, vendor: VendorContext) -> Check:
    """See `remediate.plugins.provider.ConfirmsNew.confirm`."""
    token = token_of(new)
    if token is None:
        return Check(None, reason=NO_VALUE)
    try:
        with Api(vendor) as api:
            return look(api, token, leaked=False).check
    except NoServerError as error:
        return Check(None, reason=str(error))


# -- making it ------------------------------------------------------------------------------------


def _reissue(held: Held, api: Api) -> Reissued:
    own = api.responder.token
    if held.credential.kind != SERVICE:
        return _by_hand(held, "remediate makes service tokens alone")
    if own is None:
        return _by_hand(held, f"making one wants a token of yours: {HOW}")
    if own == token_of(held):
        return _by_hand(held, "your own token is the leaked one: set another as VAULT_TOKEN")
    known = api.vendor.known
    made_by = str(known.get("made_by", ""))
    if made_by and not made_by.startswith("auth/token/"):
        return _by_hand(
            held,
            f"the leaked one came of a login at {made_by}, and its successor does too",
            (
                (
                    f"Let whatever uses it log in again at {made_by}; if what it logs in with may have "
                    "leaked as well, replace that first."
                ),
            ),
        )
    rights = _rights(api)
    if rights is None:
        return _by_hand(held, "what the leaked one was allowed to do is not known any more")
    if "root" in rights.policies:
        return _by_hand(
            held,
            "the leaked one is a root token, and no application should have one",
            ("Write a policy with what is really needed.",),
        )
    name = f"{_mark(held)}{uuid.uuid4().hex[:8]}"
    try:
        return _make(api, own, rights, name)
    except _StopError as stop:
        if stop.status is not Status.UNKNOWN:
            step = steps.replace(held, stop.reason)
            status = Status.MANUAL if stop.status is Status.REFUSED else stop.status
            summary = f"No new token was made in place of {held.id}"
            return Reissued(Outcome(status, summary, reason=stop.reason, manual=step))
        return _lost(held, api, own, name, stop)


def _make(api: Api, own: Secret, rights: _Rights, name: str) -> Reissued:
    body = rights.body(name)
    tried = [f"{_CREATE}/{rights.role}"] if rights.role else [_ORPHAN, _CREATE]
    answer = _post(api, tried[0], own, body)
    if len(tried) > 1 and answer.status in (400, 403) and not answer.limited:
        answer = _post(api, tried[1], own, body)
    auth = data_of(answer, "auth")
    value, accessor = auth.get("client_token"), auth.get("accessor")
    if answer.status != 200 or not isinstance(value, str) or not isinstance(accessor, str):
        if down(answer):
            raise _StopError(Status.UNKNOWN, api.refusal(answer))
        raise _StopError(
            Status.REFUSED,
            f"{api.refusal(answer)}. Needed: update on {_ORPHAN}, or on {_CREATE} with the old "
            f"token's policies ({', '.join(rights.policies)}) among your own",
        )
    orphan = auth.get("orphan") is True
    data: dict[str, Json] = {
        "accessor": accessor,
        "name": name,
        "policies": list(rights.policies),
        "orphan": orphan,
    }
    text = f"Made a token with the policies {', '.join(rights.policies)}"
    if not orphan and not rights.role:
        text += "; it is a child of your own token and ends with it"
    if not rights.period:
        text += "; it has to be renewed or replaced before its time is over"
    seen = Evidence(f"POST {_CREATE} at {api.host}", f"accessor {accessor}", api.vendor.now())
    return Reissued(
        Outcome(Status.DONE, text, evidence=(seen,), data=data),
        {PART: Secret(value)},
        public_id=accessor,
    )


def _post(api: Api, path: str, own: Secret, body: Mapping[str, object]) -> Answer:
    try:
        return api.ask("POST", path, own, json=body)
    except HttpError as error:
        status = Status.UNKNOWN if error.sent else Status.UNREACHABLE
        raise _StopError(status, api.refusal(error)) from None


def _lost(held: Held, api: Api, own: Secret, name: str, stop: _StopError) -> Reissued:
    """The answer to a create never came, or can't be read: look whether one was made, and end it."""
    try:
        gone = _revoke_marked(api, own, name, known=set())
    except LookupError:
        return Reissued(_stray(held, Status.UNKNOWN, name, stop.reason))
    more = "; the token that it had made was revoked again" if gone else ""
    return Reissued(
        Outcome(
            Status.UNREACHABLE,
            f"No new token was made in place of {held.id}",
            reason=f"{stop.reason}{more}",
            data={"deleted": list(gone)} if gone else {},
        )
    )


def _revoke_marked(api: Api, own: Secret, mark: str, *, known: set[str]) -> list[str]:
    """Revoke each token that bears *mark* and is not among *known*; their accessors.

    Raises LookupError where it can't be told whether that is all.
    """
    gone = []
    for accessor in listed(api, own, ACCESSORS):
        if accessor in known:
            continue
        data = by_accessor(api, own, accessor)
        meta = data.get("meta") if data is not None else None
        if not isinstance(meta, Mapping) or not str(meta.get("remediate", "")).startswith(mark):
            continue
        try:
            answer = api.ask(
                "POST",
                "auth/token/revoke-accessor",
                own,
                json={"accessor": accessor},
                repeat=True,
            )
        except HttpError as error:
            raise LookupError(api.refusal(error)) from None
        if answer.status not in (200, 204):
            raise LookupError(api.refusal(answer))
        gone.append(accessor)
    return gone


def _rights(api: Api) -> _Rights | None:
    """What the old one was allowed, as it was written down while it lived."""
    known = api.vendor.known
    policies = known.get("policies")
    if not isinstance(policies, list | tuple) or not policies:
        return None

    def number(name: str) -> int:
        value = known.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    return _Rights(
        policies=tuple(map(str, policies)),
        period=number("period"),
        ttl=number("creation_ttl"),
        explicit_max_ttl=number("explicit_max_ttl"),
        renewable=known.get("renewable") is not False,
        role=str(known.get("role", "") or ""),
    )


def _mark(held: Held) -> str:
    """What the names of our new tokens begin with: tells whose successor one is, and no secret."""
    return f"{MARK}{held.credential.parts.get(PART, held.id)[:12]}-"


def _stray(held: Held, status: Status, name: str, reason: str) -> Outcome:
    return Outcome(
        status,
        f"Asked for a new token in place of {held.id}; whether one was made is not known",
        reason=reason,
        data={"name": name},
        manual=steps.stray(held, name),
    )


def _by_hand(held: Held, reason: str, more: tuple[str, ...] = ()) -> Reissued:
    step = steps.replace(held, reason, more)
    summary = f"The successor of {held.id} has to be made by hand"
    return Reissued(Outcome(Status.MANUAL, summary, reason=reason, manual=step))


def _refused(held: Held, why: str, evidence: tuple[Evidence, ...] = ()) -> Reissued:
    summary = f"The value is not taken in place of {held.id}"
    return Reissued(Outcome(Status.REFUSED, summary, reason=why, evidence=evidence))


def _taken(held: Held, value: Secret, evidence: tuple[Evidence, ...]) -> Reissued:
    summary = f"Took a new token in place of {held.id}"
    return Reissued(Outcome(Status.DONE, summary, evidence=evidence), {PART: value})
