"""A local Stripe, a responder's surroundings, and keys held for an effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import found, surroundings
from remediate_providers.stripe.local import LocalStripe, RunningStripe
from remediate_providers.stripe.provider import StripeProvider

Start = Callable[..., RunningStripe]
Around = Callable[..., VendorContext]
Hold = Callable[..., Held]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts local Stripes, and stops them."""
    running: list[RunningStripe] = []

    def make(**more: object) -> RunningStripe:
        running.append(LocalStripe(**{"lag": 0.05, **more}).start())  # type: ignore[arg-type]
        return running[-1]

    yield make
    for one in running:
        one.close()


@pytest.fixture
def stripe(start: Start) -> RunningStripe:
    """A local Stripe of live mode whose account has managed keys."""
    return start()


@pytest.fixture
def around() -> Around:
    """Surroundings in which nobody sleeps for real longer than 20 ms at a time."""

    def make(
        environment: Mapping[str, str], *, told: list[str] | None = None, **more: Any
    ) -> VendorContext:
        context = surroundings(environment, longest=0.02, **more)
        return context if told is None else replace(context, progress=told.append)

    return make


@pytest.fixture
def hold() -> Hold:
    """A value as the pipeline would hold it: identified by the provider."""

    def make(value: Secret) -> Held:
        (one,) = StripeProvider().identify([found(value)])
        return Held(one.credential, {"value": value})

    return make
