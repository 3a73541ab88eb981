"""Stripe, with every call of its flows gone wrong in every way."""

from __future__ import annotations

from remediate.testing.faults import ProviderFaults
from remediate_providers.stripe.local import LocalStripe, RunningStripe
from remediate_providers.stripe.managed import MARK
from remediate_providers.stripe.provider import StripeProvider


class TestStripeFaults(ProviderFaults):
    make = StripeProvider

    def start(self) -> RunningStripe:
        return LocalStripe(lag=0.01).start()

    def living(self, running: RunningStripe) -> int:
        keys = running.state.keys.values()
        return sum(key.works and not key.ended and key.name.startswith(MARK) for key in keys)
