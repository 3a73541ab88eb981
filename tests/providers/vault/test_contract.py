"""Vault's provider and its store keep what every one promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Found
from remediate.plugins.store import Target
from remediate.testing.providers import ProviderContract
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.vault.kv import VaultKvStore
from remediate_providers.vault.provider import VaultProvider

LONG = "aB3" * 32


class TestVault(ProviderContract):
    make = VaultProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        forms = (
            "hvs." + LONG,
            "s." + LONG[:24],
            "s." + LONG[:24] + ".nsA1b",
            "hvb." + LONG,
            "b.AAAA" + LONG,
            "hvr." + LONG[:24],
        )
        return [[found(form)] for form in forms]

    def foreign(self) -> Sequence[Found]:
        names = (
            "s.getElementsByTagNameNSxy",
            "r.isUndefinedOrNullOrEmpty",
            "hvs.short",
            "s." + LONG,
        )
        return [found(name) for name in names]

    def environment(self, base: str) -> Mapping[str, str]:
        return {"VAULT_ADDR": base, "VAULT_TOKEN": "hvs." + LONG[::-1]}


class TestVaultKv(StoreContract):
    make = VaultKvStore
    bad = (
        Target("vault", "secret", (("A", None),), "vault:secret#A"),
        Target("vault", "secret/app", (), "vault:secret/app"),
        Target("vault", "secret//app", (("A", None),), "vault:secret//app#A"),
        Target("vault", "secret/../sys", (("A", None),), "vault:secret/../sys#A"),
    )

    @pytest.fixture(autouse=True)
    def server(self, bao: object) -> None:
        self.bao = bao
        self.path = f"secret/contract/{next(bao.number)}"  # type: ignore[attr-defined]

    def target(self) -> Target:
        return Target("vault", self.path, (("KEY", None),), f"vault:{self.path}#KEY")

    def vendor(self) -> VendorContext:
        return self.bao.around()  # type: ignore[attr-defined, no-any-return]

    def unreachable(self) -> VendorContext:
        return surroundings({"VAULT_ADDR": nowhere(), "VAULT_TOKEN": "x"}, seconds=5, longest=0)
