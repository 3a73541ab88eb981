"""A new value that a person brings, and whether a new one works."""

from __future__ import annotations

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers.stripe.kinds import (
    FULL,
    PART,
    PUBLISHABLE,
    RESTRICTED,
    WEBHOOK,
    is_live,
    shape_of,
    token_of,
)
from remediate_providers.stripe.probe import Probe, look
from remediate_providers.stripe.server import Api, text_of

SPREAD = (1.0, 2.0, 4.0)
"""Seconds between looks at a new key that is refused: a new one may take a moment to be known."""

_TITLES = {
    FULL: "a secret or restricted key (sk_… or rk_…)",
    RESTRICTED: "a secret or restricted key (sk_… or rk_…)",
    WEBHOOK: "a webhook secret (whsec_…)",
}


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Accepts.accept`."""
    value = Secret(value.reveal().strip())
    wrong = _wrong_form(held, value)
    if wrong:
        return _refused(held, wrong)
    form = Evidence("the value's form", f"{shape_of(value).kind}", vendor.now())  # type: ignore[union-attr]
    if held.credential.kind == WEBHOOK:
        return _taken(held, value, (form,))
    probe = look(Api(vendor), value, leaked=False, patient=True)
    if probe.dead:
        return _refused(held, "Stripe refuses it", probe.check.evidence)
    owner, account = text_of(vendor.known, "owner"), text_of(probe.account, "id")
    if owner and account and owner != account:
        return _refused(
            held, f"it is of account {account}, and the leaked one of {owner}", probe.check.evidence
        )
    return _taken(held, value, (form, *probe.check.evidence))


def confirm(new: Held, vendor: VendorContext) -> Check:
    """See `remediate.plugins.provider.ConfirmsNew.confirm`."""
    token = token_of(new)
    if new.credential.kind == WEBHOOK:
        return Check(None, reason="Stripe has no way to ask about a webhook secret")
    if token is None:
        return Check(None, reason="its value is not at hand")
    api = Api(vendor)
    probe: Probe = look(api, token, leaked=False, patient=True)
    for pause in SPREAD:
        if not probe.dead or not api.patience.wait(pause):
            break
        probe = look(api, token, leaked=False, patient=True)
    return probe.check


def _wrong_form(held: Held, value: Secret) -> str:
    """What is wrong with the value's form; empty where nothing is."""
    if value == token_of(held):
        return "it is the leaked value itself"
    shape = shape_of(value)
    wanted = held.credential.kind
    if shape is None:
        return f"it does not look like {_TITLES.get(wanted, 'anything of Stripe')}"
    if shape.kind == PUBLISHABLE:
        return "it is a publishable key (pk_…), which is no secret"
    if (shape.kind == WEBHOOK) != (wanted == WEBHOOK):
        return f"it is no {_TITLES.get(wanted, 'such value')}"
    live = is_live(held.credential)
    if live is not None and shape.live is not None and shape.live != live:
        have, need = ("live", "test") if shape.live else ("test", "live")
        return f"it is a {have} key, and the leaked one a {need} key"
    return ""


def _refused(held: Held, why: str, evidence: tuple[Evidence, ...] = ()) -> Reissued:
    return Reissued(
        Outcome(
            Status.REFUSED,
            f"The value is not taken in place of {held.id}",
            reason=why,
            evidence=evidence,
        )
    )


def _taken(held: Held, value: Secret, evidence: tuple[Evidence, ...]) -> Reissued:
    return Reissued(
        Outcome(Status.DONE, f"Took a new value in place of {held.id}", evidence=evidence),
        {PART: value},
    )
