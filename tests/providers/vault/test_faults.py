"""A real OpenBao, with every call of every flow gone wrong in every way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from remediate.plugins.provider import Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, StoreFaults, hold
from remediate_providers.vault.kv import VaultKvStore
from remediate_providers.vault.provider import VaultProvider


class Shared:
    """The one server, with something of its own for each case."""

    def __init__(self, bao: Any) -> None:
        self.bao = bao
        self.number = next(bao.number)
        self.leaked = ""

    def environment(self) -> Mapping[str, str]:
        environment: Mapping[str, str] = self.bao.environment()
        return environment

    def close(self) -> None:
        """It goes on for the others; what this case made ends."""
        for one in self.bao.marked():
            self.bao.call("POST", "auth/token/revoke-accessor", {"accessor": one["accessor"]})


class TestVaultFaults(ProviderFaults):
    make = VaultProvider

    @pytest.fixture(autouse=True)
    def server(self, bao: Any) -> None:
        self.bao = bao

    def start(self) -> Shared:
        return Shared(self.bao)

    def leaked(self, running: Shared) -> Held:
        running.leaked = running.bao.token(policies=["default"])["client_token"]
        return hold(VaultProvider(), {"value": Secret(running.leaked)})

    def dead(self, running: Shared, held: Held) -> bool:
        return not running.bao.lives(running.leaked)

    def living(self, running: Shared) -> int:
        return len(running.bao.marked())


class TestVaultKvFaults(StoreFaults):
    make = VaultKvStore

    @pytest.fixture(autouse=True)
    def server(self, bao: Any) -> None:
        self.bao = bao

    def start(self) -> Shared:
        running = Shared(self.bao)
        self.bao.call("POST", f"secret/data/faults/{running.number}", {"data": {"KEY": "leaked"}})
        return running

    def target(self, running: Shared) -> Target:
        path = f"secret/faults/{running.number}"
        return Target("vault", path, (("KEY", None),), f"vault:{path}#KEY")

    def stored(self, running: Shared) -> Mapping[str, Secret]:
        data = self.bao.call("GET", f"secret/data/faults/{running.number}")["data"]["data"]
        return {"value": Secret(data["KEY"])}
