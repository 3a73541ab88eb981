"""The contract that every store passes, ours and anyone's.

Subclass `StoreContract` in a test module and say where a value may be written; a fixture with
``autouse=True`` can start what is needed::

    class TestAcmeStore(StoreContract):
        make = AcmeStore
        bad = (Target("acme", "", (), "acme:"),)

        @pytest.fixture(autouse=True)
        def server(self, tmp_path):
            self.base = start_acme(tmp_path)

        def target(self):
            return Target("acme", "app", (("KEY", None),), "acme:app#KEY")

        def vendor(self):
            return surroundings({"ACME_API_URL": self.base})
"""

# ruff: noqa: D102
# The tests' names say what they hold.

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from remediate.clock import parse
from remediate.errors import UsageError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome
from remediate.plugins.store import Store, Target
from remediate.secret import Secret


class StoreContract:
    """What `Store` promises, as tests. Not collected itself: its name is no test's."""

    make: ClassVar[Callable[[], Store]]
    """Makes the store: its class."""
    bad: ClassVar[Sequence[Target]] = ()
    """Targets that can't be right, whatever the place looks like."""

    def target(self) -> Target:
        """A place that may be written to, as a policy would name it."""
        raise NotImplementedError

    def vendor(self) -> VendorContext:
        """The surroundings in which it can be."""
        raise NotImplementedError

    def unreachable(self) -> VendorContext | None:
        """Surroundings in which it can't be reached; None for a store that always can."""
        return None

    def parts(self, which: int) -> Mapping[str, Secret]:
        """The parts of a credential; another one for another *which*."""
        return {"value": Secret(f"contract-{which}-" + "a1B2" * 8)}

    def test_its_scheme_can_be_typed(self) -> None:
        scheme = type(self).make().scheme
        _hold(scheme.replace("-", "").isalnum() and scheme == scheme.lower(), "letters and -")

    def test_it_takes_a_good_target_and_refuses_a_bad_one(self) -> None:
        store = type(self).make()
        store.validate(self.target())
        for target in self.bad:
            try:
                store.validate(target)
            except UsageError as error:
                _hold(bool(error.message and error.hint), "it says what is wrong, and what to type")
            else:
                raise AssertionError(f"{target.spec} is refused before anything is done")

    def test_what_is_put_is_held(self) -> None:
        store, target, vendor = type(self).make(), self.target(), self.vendor()
        new = self.parts(1)
        _hold(store.holds(target, new, vendor) is not True, "it does not hold it before")
        outcome = store.put(target, new, vendor)
        _hold(outcome.status.settled, f"it is written: {outcome.reason}")
        _hold(bool(outcome.evidence), "with evidence that it is")
        _hold(store.holds(target, new, vendor) is not False, "and it holds it")
        _hold(store.holds(target, self.parts(2), vendor) is not True, "and nothing else")
        _fit(outcome, new)

    def test_putting_twice_is_harmless(self) -> None:
        store, target, vendor = type(self).make(), self.target(), self.vendor()
        new = self.parts(3)
        for _ in range(2):
            outcome = store.put(target, new, vendor)
            _hold(outcome.status.settled, f"it is written: {outcome.reason}")
            _fit(outcome, new)
        _hold(store.holds(target, new, vendor) is not False, "it holds it")

    def test_a_later_value_takes_its_place(self) -> None:
        store, target, vendor = type(self).make(), self.target(), self.vendor()
        for which in (4, 5):
            _hold(store.put(target, self.parts(which), vendor).status.settled, "it is written")
        _hold(store.holds(target, self.parts(4), vendor) is not True, "the earlier one is gone")
        _hold(store.holds(target, self.parts(5), vendor) is not False, "the later one is there")

    def test_out_of_reach_it_says_so(self) -> None:
        vendor = self.unreachable()
        if vendor is None:
            return
        store, target = type(self).make(), self.target()
        outcome = store.put(target, self.parts(6), vendor)
        _hold(not outcome.status.settled, "nothing was written")
        _hold(bool(outcome.summary and outcome.reason), "one sentence, and why not")
        _hold(store.holds(target, self.parts(6), vendor) is None, "what can't be read is not known")
        _fit(outcome, self.parts(6))


def _fit(outcome: Outcome, values: Mapping[str, Secret]) -> None:
    """Fit for the journal: plain data, dated evidence, and no value in it."""
    json.dumps(dict(outcome.data))
    for one in outcome.evidence:
        _hold(parse(one.at).tzinfo is not None, "evidence has a time")
    for value in values.values():
        _hold(value.reveal_text() not in repr(outcome), "no value in an outcome")


def _hold(condition: bool, what: str) -> None:
    """An assertion that python -O does not drop."""
    if not condition:
        raise AssertionError(what)
