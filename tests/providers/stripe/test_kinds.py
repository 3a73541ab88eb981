"""What a value is, told from the value alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.secret import Secret
from remediate.testing.surroundings import found
from remediate_providers.stripe.kinds import shape_of
from remediate_providers.stripe.provider import StripeProvider

BODY = "51" + "Ab3" * 30


@pytest.mark.parametrize(
    ("prefix", "kind", "labels"),
    [
        ("sk_live_", "stripe-secret-key", {"livemode": "true"}),
        ("sk_test_", "stripe-secret-key", {"livemode": "false"}),
        ("rk_live_", "stripe-restricted-key", {"livemode": "true"}),
        ("rk_test_", "stripe-restricted-key", {"livemode": "false"}),
        ("sk_org_live_", "stripe-secret-key", {"livemode": "true", "organisation": "true"}),
        ("whsec_", "stripe-webhook-secret", {}),
        ("pk_live_", "stripe-publishable-key", {"livemode": "true", "public": "true"}),
    ],
)
def test_kinds(prefix: str, kind: str, labels: dict[str, str]) -> None:
    one = found(prefix + BODY)
    (identified,) = StripeProvider().identify([one])
    assert identified.credential.kind == kind
    assert identified.credential.id == f"stripe:{one.fingerprint[:12]}"
    assert identified.credential.parts == {"value": one.fingerprint}
    assert identified.credential.labels == labels
    assert identified.kinds == {one.fingerprint: kind}
    assert BODY not in repr(identified)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk_live_",
        "sk_live_short",
        "sk_prod_" + BODY,
        "ek_live_" + BODY,
        "xsk_live_" + BODY,
        "sk_live_" + BODY + "!",
        "sk_live_" + "a" * 248,
        "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" + "+/=",
    ],
)
def test_what_is_not_stripes(text: str) -> None:
    assert StripeProvider().identify([found(text)]) == []


def test_every_kind_is_in_the_table() -> None:
    kinds = {kind.name for kind in StripeProvider().kinds}
    for prefix in ("sk_live_", "rk_test_", "whsec_", "pk_test_"):
        shape = shape_of(Secret(prefix + BODY))
        assert shape is not None
        assert shape.kind in kinds


@given(st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_looked_at_without_a_crash(raw: bytes) -> None:
    shape_of(Secret(b"sk_live_" + raw))
    shape_of(Secret(raw))
