"""Stripe keeps what every provider promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.plugins.provider import Found
from remediate.testing.providers import ProviderContract
from remediate.testing.surroundings import found
from remediate_providers.stripe.provider import StripeProvider

BODY = "51" + "Ab3" * 30


class TestStripe(ProviderContract):
    make = StripeProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        forms = (
            "sk_live_",
            "rk_live_",
            "sk_test_",
            "rk_test_",
            "sk_org_live_",
            "whsec_",
            "pk_live_",
        )
        return [[found(form + BODY)] for form in forms]

    def foreign(self) -> Sequence[Found]:
        return [found("ghp_" + "a1B2" * 9), found("sk-proj-" + BODY), found("whsec_" + "a+/=" * 8)]

    def environment(self, base: str) -> Mapping[str, str]:
        return {
            "STRIPE_API_BASE": base,
            "STRIPE_API_KEY": "sk_live_" + BODY[::-1],
            "STRIPE_CONTEXT": "acct_1aB3",
        }
