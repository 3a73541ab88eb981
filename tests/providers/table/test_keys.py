"""Encryption and signing keys are named, and never killed by themselves: what they protect goes first."""

from __future__ import annotations

import pytest

from remediate.plugins.outcome import Status
from remediate.testing.faults import hold
from remediate.testing.surroundings import nowhere, surroundings
from remediate_providers.table.provider import TableProvider
from remediate_providers.table.rows import BY_KIND, CALLS
from tests.providers.table.test_table import sample

KEYS = {
    "private-key": "encrypt and sign anew",
    "age-secret-key": "Encrypt to a new key",
    "jwt": "signing key",
}


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_a_key_is_a_persons_and_is_told_what_it_protects(kind: str) -> None:
    provider, held = TableProvider(), hold(TableProvider(), {"value": sample(BY_KIND[kind])})
    assert held.credential.kind == kind, "it is named"
    assert kind not in CALLS, "no call of ours ends one"
    everywhere = {calls.address: nowhere() for calls in CALLS.values()}
    outcome = provider.revoke([held], surroundings(everywhere))[held.id]
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    assert KEYS[kind] in " ".join(outcome.manual.instructions)
