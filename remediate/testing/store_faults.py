"""What a store does when one call of its work goes wrong, whichever it is: see `remediate.testing.faults`."""

# ruff: noqa: D102
# The tests' names say what they hold.

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from remediate.clock import rfc3339
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.plugins.reruns import FindsReruns, Window
from remediate.plugins.store import FindsUses, Rotates, Store, Target
from remediate.secret import Secret
from remediate.testing.proxy import Call, FaultyLine, Trouble
from remediate.testing.surroundings import surroundings
from remediate.testing.walking import (
    LONGEST_PAUSE,
    Running,
    address_in,
    every_trouble,
    hold_that,
    no_value,
)


class StoreFaults:
    """Every call of a store's `put`, gone wrong in every way. Not collected itself."""

    make: ClassVar[Callable[[], Store]]
    """Makes the store: its class."""
    watch: Callable[[], object] | None = None
    """Called at each call while it is under way: see `remediate.testing.every_call`."""

    def start(self) -> Running:
        """A fresh vendor."""
        raise NotImplementedError

    def target(self, running: Any) -> Target:
        """A place there that may be written to, as a policy would name it."""
        raise NotImplementedError

    def stored(self, running: Any) -> Mapping[str, Secret]:
        """What lies there now, by part name: the vendor's truth."""
        raise NotImplementedError

    def parts(self) -> Mapping[str, Secret]:
        """The parts of a new credential."""
        return {"value": Secret("fault-" + "a1B2" * 8)}

    def address(self, running: Any) -> str:
        """Where the line leads: by default the one loopback address in the vendor's environment."""
        return address_in(running.environment())

    def rotating(self, running: Any) -> tuple[Target, Held]:
        """A place whose values something of its owner's makes, and what leaked of it: for `Rotates` alone."""
        raise NotImplementedError

    def rotations(self, running: Any) -> int:
        """How often it made one: the vendor's truth."""
        raise NotImplementedError

    @contextmanager
    def _behind_a_line(self) -> Iterator[tuple[Any, FaultyLine, Callable[[], VendorContext]]]:
        """A fresh vendor, the line to it on which a call can go wrong, and what a store is given to call it."""
        running = self.start()
        try:
            with FaultyLine(self.address(running)) as line:
                line.watch = self.watch
                yield (
                    running,
                    line,
                    lambda: surroundings(
                        line.through(running.environment()), longest=LONGEST_PAUSE
                    ),
                )
        finally:
            running.close()

    @every_trouble
    def test_it_is_rotated_once_and_what_came_of_it_is_known(self, trouble: Trouble) -> None:
        if not isinstance(type(self).make(), Rotates):
            return
        for at in range(len(self._rotated(None, 0))):
            self._rotated(trouble, at)

    def _rotated(self, trouble: Trouble | None, at: int) -> list[Call]:
        store = type(self).make()
        assert isinstance(store, Rotates)
        with self._behind_a_line() as (running, line, vendor):
            target, old = self.rotating(running)
            before = store.before_rotation(target, vendor())
            hold_that(bool(before), "it says that something there makes its values")
            line.arm(trouble, at)
            made = store.rotate(target, old, before, vendor())
            calls = list(line.calls)
            where = str(calls[at]) if at < len(calls) else f"call {at}"
            no_value(made.outcome, {**old.values, **made.values})
            line.heal()
            if not made.values:
                hold_that(bool(made.outcome.reason), f"{where}: it says why not")
                made = store.rotate(target, old, before, vendor())
            hold_that(made.outcome.status is Status.DONE, f"{where}: {made.outcome.reason}")
            hold_that(made.values == self.stored(running), f"{where}: the value that is there")
            hold_that(self.rotations(running) == 1, f"{where}: one rotation")
            return calls

    @every_trouble
    def test_what_is_said_to_be_stored_is(self, trouble: Trouble) -> None:
        count = len(self._once(None, 0))
        for at in range(count):
            self._once(trouble, at)

    @every_trouble
    def test_what_is_there_is_not_called_missing(self, trouble: Trouble) -> None:
        for at in range(len(self._held(None, 0))):
            self._held(trouble, at)

    @every_trouble
    def test_who_uses_it_is_told_or_why_not(self, trouble: Trouble) -> None:
        if isinstance(type(self).make(), FindsUses):
            for at in range(len(self._uses(None, 0))):
                self._uses(trouble, at)

    def walk(self) -> None:
        """Every flow once, with nothing going wrong."""
        store = type(self).make()
        self._once(None, 0)
        self._held(None, 0)
        if isinstance(store, Rotates):
            self._rotated(None, 0)
        if isinstance(store, FindsUses):
            self._uses(None, 0)
        if isinstance(store, FindsReruns):
            self._reruns(None, 0)

    def _uses(self, trouble: Trouble | None, at: int) -> list[Call]:
        """Who uses it, asked once; nothing is changed by it."""
        store, leaked = type(self).make(), self.parts()
        assert isinstance(store, FindsUses)
        with self._behind_a_line() as (running, line, vendor):
            target, before = self.target(running), self.stored(running)
            line.arm(trouble, at)
            facts = store.uses(target, leaked, vendor())
            where = str(line.calls[at]) if at < len(line.calls) else f"call {at}"
            hold_that(isinstance(facts.known.get("uses"), list), f"{where}: a list")
            hold_that(all(facts.unknown.values()), f"{where}: what is not known has a reason")
            for value in leaked.values():
                hold_that(value.reveal_text() not in repr(facts), f"{where}: no value in it")
            hold_that(self.stored(running) == before, f"{where}: nothing is written")
            return list(line.calls)

    def failed_job(self, running: Any, target: Target, window: Window) -> None:
        """Let a job that reads *target* have failed within *window*: for `FindsReruns` alone."""

    @every_trouble
    def test_jobs_to_run_again_are_told_or_why_not(self, trouble: Trouble) -> None:
        if isinstance(type(self).make(), FindsReruns):
            for at in range(len(self._reruns(None, 0))):
                self._reruns(trouble, at)

    def _reruns(self, trouble: Trouble | None, at: int) -> list[Call]:
        """The jobs to run again, asked for once; nothing is changed by it."""
        store = type(self).make()
        assert isinstance(store, FindsReruns)
        with self._behind_a_line() as (running, line, vendor):
            target, before = self.target(running), self.stored(running)
            now = datetime.now(UTC)
            window = Window(rfc3339(now - timedelta(hours=1)), rfc3339(now))
            self.failed_job(running, target, window)
            line.arm(trouble, at)
            facts = store.reruns(target, window, vendor())
            where = str(line.calls[at]) if at < len(line.calls) else f"call {at}"
            found = facts.known.get("reruns")
            hold_that(isinstance(found, list), f"{where}: a list")
            hold_that(all(facts.unknown.values()), f"{where}: what is not known has a reason")
            hold_that(bool(found or facts.unknown), f"{where}: never 'none' where one failed")
            unread = trouble is None or bool(found) or facts.known.get("again") is True
            hold_that(unread or not line.calls, f"{where}: what could not be read is asked anew")
            hold_that(self.stored(running) == before, f"{where}: nothing is written")
            return list(line.calls)

    def _held(self, trouble: Trouble | None, at: int) -> list[Call]:
        """Whether it is there, asked once of a place where it is."""
        store, new = type(self).make(), self.parts()
        with self._behind_a_line() as (running, line, vendor):
            target = self.target(running)
            store.put(target, new, vendor())
            line.arm(trouble, at)
            held = store.holds(target, new, vendor())
            where = str(line.calls[at]) if at < len(line.calls) else f"call {at}"
            hold_that(held is not False, f"{where}: what is there is not called missing")
            return list(line.calls)

    def _once(self, trouble: Trouble | None, at: int) -> list[Call]:
        store, new = type(self).make(), self.parts()
        with self._behind_a_line() as (running, line, vendor):
            target = self.target(running)
            line.arm(trouble, at)
            outcome = store.put(target, new, vendor())
            calls = list(line.calls)
            where = str(calls[at]) if at < len(calls) else f"call {at}"
            no_value(outcome, new)
            if outcome.status.settled:
                hold_that(self.stored(running) == new, f"{where}: said to be there, and is")
            else:
                hold_that(bool(outcome.reason), f"{where}: it says why not")
            line.heal()
            if not outcome.status.settled:
                outcome = store.put(target, new, vendor())
            hold_that(outcome.status.settled, f"{where}: in the end: {outcome.reason}")
            hold_that(self.stored(running) == new, f"{where}: it is there in the end")
            hold_that(store.holds(target, new, vendor()) is not False, f"{where}: and is held")
            return calls
