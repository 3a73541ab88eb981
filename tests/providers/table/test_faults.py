"""Every call of the table's flows, gone wrong in every way, for each sort of row."""

from __future__ import annotations

from typing import Any

from remediate.plugins.provider import Held
from remediate.testing.faults import ProviderFaults, hold
from remediate_providers.table.local import LocalTable, RunningTable
from remediate_providers.table.provider import TableProvider
from remediate_providers.table.rows import BY_KIND
from tests.providers.table.test_table import sample


class TableFaults(ProviderFaults):
    make = TableProvider
    kind: str

    def start(self) -> RunningTable:
        return LocalTable(lag=0.0).start()

    def leaked(self, running: Any) -> Held:
        value = sample(BY_KIND[self.kind])
        running.issue(self.kind, value, scopes=["a.read"], capabilities={"devices": {}})
        return hold(TableProvider(), {"value": value})

    def living(self, running: Any) -> int:
        return sum(not one.dead for one in running.issued[1:])


class TestOneThatEndsItself(TableFaults):
    kind = "buildkite-token"


class TestOneWhoseIdIsLookedUp(TableFaults):
    kind = "heroku-api-key"


class TestOneThatIsMadeAnew(TableFaults):
    """Ended and replaced with the responder's own credential; a refusal counts only after an acceptance."""

    kind = "sendgrid-api-key"
