"""Every call of the table's flows, gone wrong in every way, for each sort of row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.every_call import EveryCall
from remediate.testing.faults import ProviderFaults, Scene, hold
from remediate.testing.surroundings import surroundings
from remediate_providers.table.calls import Calls
from remediate_providers.table.local import LocalTable, RunningTable
from remediate_providers.table.provider import TableProvider
from remediate_providers.table.rows import BY_KIND, CALLS
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


def shape(calls: Calls) -> tuple[object, ...]:
    """What makes one row's way another one than another row's: who asks, what is looked up, what proves it."""
    return (
        calls.check.ask.who,
        calls.revoke and (calls.revoke.who, "{" in calls.revoke.path),
        calls.lookup and (calls.lookup.ask.who, calls.lookup.fits, bool(calls.lookup.shows)),
        calls.renew is not None,
        calls.regions,
        bool(calls.check.dead_says),
    )


WALKED = ("buildkite-token", "heroku-api-key", "sendgrid-api-key")
OTHERS = {
    shape(calls): kind
    for kind, calls in reversed(CALLS.items())
    if calls.revoke is not None and shape(calls) not in {shape(CALLS[walked]) for walked in WALKED}
}
"""One row of each other shape, so that a row which is added in a way of its own is walked as well."""


class AssessedFaults(TableFaults):
    """As the pipeline does it: assessed before it is killed. Where a vendor has several addresses, a refusal after a
    crash is its death only because this one accepted it before."""

    @contextlib.contextmanager
    def scene(self) -> Iterator[Scene]:
        with super().scene() as scene:
            scene.known |= dict(scene.provider.describe(scene.held, scene.vendor()).known)
            yield scene


for _kind in sorted(OTHERS.values()):
    _name = "Test" + "".join(word.capitalize() for word in _kind.split("-"))
    globals()[_name] = type(_name, (AssessedFaults,), {"kind": _kind, "__module__": __name__})


class TestEveryCall(EveryCall):
    package = "remediate_providers.table"
    shared = "remediate_providers"
    walks = (TestOneThatEndsItself, TestOneWhoseIdIsLookedUp, TestOneThatIsMadeAnew)
    walked_elsewhere = {  # noqa: RUF012
        "renew.py: make: reconcile(calls, renew)": "the walk of reconcile_reissue itself",
    }


def test_one_of_a_list_that_goes_on_is_not_ended_by_its_look() -> None:
    """Four letters at the end are all that is shown: the next page may have a double."""
    kind = "contentful-token"
    with contextlib.closing(LocalTable(lag=0.0).start()) as running:
        value = sample(BY_KIND[kind])
        held = hold(TableProvider(), {"value": value})
        running.issue(kind, value)
        for number in range(99):
            running.issue(kind, Secret(f"CFPAT-{number:043}"))
        vendor = surroundings(running.environment(), longest=0.01)
        known = TableProvider().describe(held, vendor).known
        vendor = surroundings(running.environment(), longest=0.01, known=known)
        outcome = TableProvider().revoke([held], vendor)[held.id]
        assert outcome.status is Status.MANUAL and "there may be more" in outcome.reason
        assert not any(one.dead for one in running.issued)
