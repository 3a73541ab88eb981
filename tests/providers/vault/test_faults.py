"""A real OpenBao, with every call of every flow gone wrong in every way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from remediate.plugins.provider import Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.every_call import EveryCall
from remediate.testing.faults import ProviderFaults, StoreFaults, hold
from remediate_providers.vault.kv import VaultKvStore
from remediate_providers.vault.provider import VaultProvider


class Shared:
    """The one server, with something of its own for each case."""

    def __init__(self, bao: Any) -> None:
        self.bao = bao
        self.number = next(bao.number)
        self.leaked = ""
        self.own = ""
        """The responder's; the root token where it is empty."""

    def environment(self) -> Mapping[str, str]:
        environment: dict[str, str] = self.bao.environment()
        return environment | ({"VAULT_TOKEN": self.own} if self.own else {})

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


class TestAResponderWhoMayDoNothing(TestVaultFaults):
    """Then the token itself is asked with, and ends itself."""

    def start(self) -> Shared:
        running = super().start()
        running.own = self.bao.token()["client_token"]
        return running

    # Nobody may make its successor.
    test_there_is_one_successor_or_a_step = None
    test_a_successor_is_not_called_dead = None
    test_what_a_person_brings_is_taken_or_refused = None
    test_one_that_was_lost_is_found_and_ended = None


class TestAResponderWhoMayMakeNoOrphans(TestVaultFaults):
    """Then the successor is a child of the responder's own token."""

    def start(self) -> Shared:
        running = super().start()
        update = ("create", "lookup", "lookup-accessor", "revoke-accessor")
        rules = [f'path "auth/token/{one}" {{ capabilities = ["update"] }}' for one in update]
        rules.append('path "auth/token/accessors*" { capabilities = ["list", "sudo"] }')
        self.bao.policy("issuing", "\n".join(rules))
        running.own = self.bao.token(policies=["issuing", "default"])["client_token"]
        return running


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


class TestEveryCall(EveryCall):
    package = "remediate_providers.vault"
    shared = "remediate_providers"
    walks = (
        TestVaultFaults,
        TestAResponderWhoMayDoNothing,
        TestAResponderWhoMayMakeNoOrphans,
        TestVaultKvFaults,
    )

    @pytest.fixture(autouse=True)
    def server(self, bao: Any) -> None:
        self.bao = bao

    def prepare(self, walk: Any) -> None:
        walk.bao = self.bao
