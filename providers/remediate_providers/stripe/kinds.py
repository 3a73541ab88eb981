"""What Stripe's values look like, told from the value alone.

Prefixes: https://docs.stripe.com/keys. The lengths are those that the scanners kingfisher and gitleaks
take (10 to 247 letters and digits); a webhook secret of Stripe's has letters and digits only, where
others that start with ``whsec_`` too (Standard Webhooks) are base64.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from remediate.model import Credential
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret

NAME = "stripe"
PART = "value"
DASHBOARD = "https://dashboard.stripe.com"

FULL = "stripe-secret-key"
RESTRICTED = "stripe-restricted-key"
WEBHOOK = "stripe-webhook-secret"
PUBLISHABLE = "stripe-publishable-key"

KINDS: Sequence[Kind] = (
    Kind(FULL, "Stripe secret key", "api", "api", f"{DASHBOARD}/apikeys", "api"),
    Kind(RESTRICTED, "Stripe restricted key", "api", "api", f"{DASHBOARD}/apikeys", "api"),
    Kind(WEBHOOK, "Stripe webhook signing secret", "manual", "manual", f"{DASHBOARD}/webhooks"),
    Kind(PUBLISHABLE, "Stripe publishable key (public by design)", "none", "none"),
)

_KEY = re.compile(rb"(?P<type>sk|rk|pk)_(?P<org>org_)?(?P<mode>live|test)_[A-Za-z0-9]{10,247}")
_WEBHOOK = re.compile(rb"whsec_[A-Za-z0-9]{20,128}")
_KINDS = {b"sk": FULL, b"rk": RESTRICTED, b"pk": PUBLISHABLE}


@dataclass(frozen=True)
class Shape:
    """What a value's form tells."""

    kind: str
    live: bool | None
    """Live or test mode; None where the form does not tell."""
    organisation: bool = False
    """A key of an organisation: works only together with an account in ``Stripe-Context``."""


def shape_of(value: Secret) -> Shape | None:
    """The form of *value*; None where it is not one of Stripe's."""
    raw = value.reveal()
    if _WEBHOOK.fullmatch(raw):
        return Shape(WEBHOOK, None)
    found = _KEY.fullmatch(raw)
    if found is None:
        return None
    return Shape(_KINDS[found["type"]], found["mode"] == b"live", found["org"] is not None)


def identify(found: Sequence[Found]) -> list[Identified]:
    """The Stripe values among *found*, each a credential by itself."""
    return [_identified(one, shape) for one in found if (shape := shape_of(one.value))]


def _identified(found: Found, shape: Shape) -> Identified:
    labels: dict[str, str] = {}
    if shape.live is not None:
        labels["livemode"] = "true" if shape.live else "false"
    if shape.organisation:
        labels["organisation"] = "true"
    if shape.kind == PUBLISHABLE:
        labels["public"] = "true"
    credential = Credential(
        id=f"{NAME}:{found.fingerprint[:12]}",
        provider=NAME,
        kind=shape.kind,
        parts={PART: found.fingerprint},
        labels=labels,
    )
    return Identified(credential, {found.fingerprint: shape.kind})


def is_live(credential: Credential) -> bool | None:
    """Whether *credential* is of live mode; None where its form does not tell."""
    mode = credential.labels.get("livemode")
    return None if mode is None else mode == "true"


def token_of(held: Held) -> Secret | None:
    """The leaked value, where it is at hand."""
    return held.values.get(PART)
