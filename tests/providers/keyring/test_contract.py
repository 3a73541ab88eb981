"""The keyring store keeps what every store promises."""

from __future__ import annotations

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.store import Target
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import surroundings
from remediate_providers.keyring.store import KeyringStore


class TestKeyring(StoreContract):
    make = KeyringStore  # trusting the test's own ring: see below
    bad = (
        Target("keyring", "service", (), "keyring:service"),
        Target("keyring", "", (("user", None),), "keyring:#user"),
    )

    @pytest.fixture(autouse=True)
    def trusted(self, ring, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            type(self),
            "make",
            staticmethod(lambda: KeyringStore(also=(type(ring),))),
            raising=False,
        )

    def target(self) -> Target:
        return Target("keyring", "service", (("user", None),), "keyring:service#user")

    def vendor(self) -> VendorContext:
        return surroundings({})
