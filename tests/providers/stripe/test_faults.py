"""Stripe, with every call of its flows gone wrong in every way."""

from __future__ import annotations

from remediate.testing.every_call import EveryCall
from remediate.testing.faults import ProviderFaults
from remediate_providers.stripe.local import LocalStripe, RunningStripe
from remediate_providers.stripe.local_state import State
from remediate_providers.stripe.managed import MARK
from remediate_providers.stripe.provider import StripeProvider
from tests.providers.stripe import test_webhooks


class TestStripeFaults(ProviderFaults):
    make = StripeProvider

    def start(self) -> RunningStripe:
        return LocalStripe(lag=0.01).start()

    def living(self, running: RunningStripe) -> int:
        keys = running.state.keys.values()
        return sum(key.works and not key.ended and key.name.startswith(MARK) for key in keys)


class OfAPlatform(RunningStripe):
    """Nobody says which account is meant."""

    def environment(self) -> dict[str, str]:
        environment = dict(super().environment())
        del environment["STRIPE_CONTEXT"]
        return environment


class TestWithoutAnAccount(TestStripeFaults):
    """Whose events are looked at has to be asked."""

    def start(self) -> RunningStripe:
        return OfAPlatform(State(lag=0.01, live=True, managed=True))


class TestOneThatMayNotBeUsed(TestStripeFaults):
    """Then Stripe's own list tells whether it is dead; the servers follow within seconds."""

    use_leaked = False

    def start(self) -> RunningStripe:
        return LocalStripe(lag=0.0).start()


class TestEveryCall(EveryCall):
    package = "remediate_providers.stripe"
    shared = "remediate_providers"
    walks = (
        TestStripeFaults,
        TestWithoutAnAccount,
        TestOneThatMayNotBeUsed,
        test_webhooks.TestWebhookFaults,
        test_webhooks.TestWebhookEndingFaults,
    )
