"""What a git host's plugin does when one call of its work goes wrong, whichever it is.

As `remediate.testing.faults` for providers: each flow is done once as it should be, and then once for each call
and each `Trouble`, behind a `FaultyLine`, and gone on with as `remediate resume` would. What is held: nothing
is left lifted, nothing that was not read is told as none, and whatever is not done says why.
"""

# ruff: noqa: D102
# The tests' names say what they hold.

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from remediate.errors import VendorError
from remediate.plugins.context import VendorContext
from remediate.plugins.host import (
    Change,
    ClosesAlerts,
    Guards,
    Host,
    KeepsCopies,
    Lifts,
    ReadsAlerts,
    ServesById,
    Sweeps,
)
from remediate.plugins.outcome import Outcome
from remediate.testing.proxy import Call, FaultyLine, Trouble
from remediate.testing.surroundings import surroundings
from remediate.testing.walking import LONGEST_PAUSE, Running, address_in, every_trouble, hold_that

CLOSED = "revoked, and refused since"


@dataclass
class Place:
    """A fresh host with a repository, and the line to it."""

    host: Any
    running: Any
    line: FaultyLine
    url: str
    planned: tuple[Sequence[Change], Change | None] | None = None
    """What is in the way, and what is to be switched on: asked before anything goes wrong."""

    def vendor(self) -> VendorContext:
        """Surroundings with patience of their own, as each effect of a run has them."""
        environment = self.line.through(self.running.environment())
        return surroundings(environment, longest=LONGEST_PAUSE)


class HostFaults:
    """Every call of a host's flows, gone wrong in every way. Not collected itself."""

    make: ClassVar[Callable[[], Host]]
    """Makes the host: its class."""
    refs: ClassVar[Sequence[str]] = ("refs/heads/main",)
    """What is pushed, by full names."""
    served: ClassVar[Sequence[str]] = ()
    """Commits that the host still shows, for one that `ServesById`."""
    gone: ClassVar[Sequence[str]] = ("f" * 40,)
    """Commits that it does not."""
    blobs: ClassVar[Sequence[str]] = ()
    """Blobs that it keeps, for one that `Sweeps`."""
    each_once: ClassVar[bool] = False
    """Whether of several calls alike the first alone goes wrong."""
    watch: Callable[[], object] | None = None
    """Called at each call while it is under way: see `remediate.testing.every_call`."""

    def start(self) -> Running:
        """A fresh host with a repository that is protected in each of its ways. Called for each case."""
        raise NotImplementedError

    def url(self, line: FaultyLine) -> str:
        """The address of the repository, as a remote names it; *line* leads to the host."""
        raise NotImplementedError

    def state(self, running: Any) -> object:
        """All that may be lifted and has to be put back: the host's truth, fit to be compared."""
        raise NotImplementedError

    def alert(self, line: FaultyLine) -> str:  # noqa: ARG002
        """The address of an open alert; empty for a host without. *line* leads to the host."""
        return ""

    def address(self, running: Any) -> str:
        """Where the line leads: by default the one loopback address in the host's environment."""
        return address_in(running.environment())

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """A fresh host, and a line to it."""
        running = self.start()
        try:
            with FaultyLine(self.address(running)) as line:
                line.watch = self.watch
                yield Place(type(self).make(), running, line, self.url(line))
        finally:
            running.close()

    # -- the flows -----------------------------------------------------------------------------

    @every_trouble
    def test_what_could_not_be_read_is_not_told_as_none(self, trouble: Trouble) -> None:
        with self.place() as place:
            calm = self.read(place)
        for place, call in self._cases(trouble, self.read):
            for name, told in self.read(place).items():
                whole = calm[name]
                for key, value in told.items():
                    hold_that(
                        value == whole.get(key),
                        f"{call}: {name}: {key} is {value!r}, and is {whole.get(key)!r}",
                    )

    @every_trouble
    def test_whatever_is_lifted_is_put_back(self, trouble: Trouble) -> None:
        for place, call in self._cases(trouble, self.lifted):
            before = self.state(place.running)
            self.lifted(place)
            place.line.heal()
            for outcome in self.put_back(place):
                hold_that(outcome.status.settled, f"{call}: {outcome.summary}: {outcome.reason}")
            hold_that(self.state(place.running) == before, f"{call}: everything is as before")

    @every_trouble
    def test_what_is_said_to_be_put_back_is(self, trouble: Trouble) -> None:
        for place, call in self._cases(trouble, self.put_back, self._all_lifted):
            before = self._before
            done = self.put_back(place)
            if all(outcome.status.settled for outcome in done):
                hold_that(
                    self.state(place.running) == before, f"{call}: said to be put back, and is"
                )
            place.line.heal()
            for outcome in self.put_back(place):
                hold_that(outcome.status.settled, f"{call}: in the end: {outcome.reason}")
            hold_that(self.state(place.running) == before, f"{call}: everything is as before")

    @every_trouble
    def test_what_is_swept_is_asked_for_again(self, trouble: Trouble) -> None:
        if isinstance(type(self).make(), Sweeps):
            for place, call in self._cases(trouble, self.swept):
                self.swept(place)
                place.line.heal()
                for outcome in self.swept(place):
                    hold_that(outcome.status.settled, f"{call}: in the end: {outcome.reason}")

    @every_trouble
    def test_an_alert_is_closed_in_the_end(self, trouble: Trouble) -> None:
        for place, call in self._cases(trouble, self.closed):
            self.closed(place)
            place.line.heal()
            for outcome in self.closed(place):
                hold_that(outcome.status.settled, f"{call}: in the end: {outcome.reason}")

    # -- one flow, once ------------------------------------------------------------------------

    def read(self, place: Place) -> Mapping[str, Mapping[str, object]]:
        """Everything that is read, by what asks for it; what could not be read is left out, with a reason."""
        host, url = place.host, place.url
        facts = host.look(url, self.refs, place.vendor())
        hold_that(all(facts.unknown.values()), "look: what is not known has a reason")
        told: dict[str, Mapping[str, object]] = {"look": dict(facts.known)}
        if isinstance(host, KeepsCopies):
            found = host.copies(url, set(self.served), self.refs, place.vendor())
            hold_that(all(found.unknown.values()), "copies: what is not known has a reason")
            kinds = {one.kind for one in found.found} - set(found.unknown)
            told["copies"] = {
                kind: sorted(one.url for one in found.found if one.kind == kind) for kind in kinds
            }
            if not found.unknown:
                told["every copy"] = {"how many": len(found.found)}
        with contextlib.suppress(VendorError):
            if isinstance(host, ServesById):
                ids = [*self.served, *self.gone]
                shown = host.still_served(url, ids, place.vendor())
                told["still served"] = {oid: one for oid, one in shown.items() if one is not None}
        with contextlib.suppress(VendorError):
            if isinstance(host, Lifts):
                changes = host.changes(url, self.refs, place.vendor())
                told["changes"] = {"all": [one.id for one in changes]}
        with contextlib.suppress(VendorError):
            if isinstance(host, Guards):
                change = host.unguarded(url, place.vendor())
                told["unguarded"] = {"what": None if change is None else change.id}
        with contextlib.suppress(VendorError):
            if isinstance(host, ReadsAlerts) and (alert := self.alert(place.line)):
                report = host.read_alert(alert, place.vendor())
                for address in (place.line.url, place.line.upstream):
                    report = report and report.replace(address.encode(), b"")
                told["alert"] = {"report": report}
        return told

    def lifted(self, place: Place) -> list[Outcome]:
        """All that is in the way, lifted. It was planned without trouble."""
        return [
            self._told(change, act(place.url, change, place.vendor()))
            for change, act in self._plan(place, lift=True)
        ]

    def put_back(self, place: Place) -> list[Outcome]:
        """All that was planned, put back, the last one first."""
        return [
            self._told(change, act(place.url, change, place.vendor()))
            for change, act in reversed(self._plan(place, lift=False))
        ]

    def swept(self, place: Place) -> list[Outcome]:
        """What the host keeps, dropped."""
        host, url = place.host, place.url
        if not isinstance(host, Sweeps):
            return []
        done = [
            host.sweep(url, self.blobs, place.vendor()),
            host.collect(url, place.vendor()),
            host.prune(url, place.vendor()),
        ]
        for outcome in done:
            hold_that(outcome.status.settled or bool(outcome.reason), "sweep: it says why not")
        return done

    def closed(self, place: Place) -> list[Outcome]:
        """The alert, closed."""
        alert = self.alert(place.line)
        if not alert or not isinstance(place.host, ClosesAlerts):
            return []
        outcome = place.host.close_alert(place.url, alert, CLOSED, place.vendor())
        if outcome is None:
            raise AssertionError(f"{alert} is an alert of this host")
        hold_that(outcome.status.settled or bool(outcome.reason), "close_alert: it says why not")
        return [outcome]

    def walk(self) -> None:
        """Every flow once, with nothing going wrong."""
        for flow, prepare in (
            (self.read, _nothing), (self.lifted, _nothing), (self.put_back, self._all_lifted),
            (self.swept, _nothing), (self.closed, _nothing),
        ):  # fmt: skip
            with self.place() as place:
                prepare(place)
                flow(place)

    # -- how they are gone through -------------------------------------------------------------

    def _plan(
        self, place: Place, *, lift: bool
    ) -> list[tuple[Change, Callable[[str, Change, VendorContext], Outcome]]]:
        """What is changed and by what, as it was planned before anything went wrong."""
        host = place.host
        if place.planned is None:
            environment = place.running.environment()
            calm = surroundings(environment, longest=LONGEST_PAUSE)
            url = place.url.replace(place.line.url, place.line.upstream)
            place.planned = (
                list(host.changes(url, self.refs, calm)) if isinstance(host, Lifts) else [],
                host.unguarded(url, calm) if isinstance(host, Guards) else None,
            )
        changes, guard = place.planned
        plan = [(one, host.lift if lift else host.put_back) for one in changes]
        if guard is not None:
            plan.append((guard, host.guard if lift else host.unguard))
        return plan

    def _all_lifted(self, place: Place) -> None:
        self._before = self.state(place.running)
        for outcome in self.lifted(place):
            hold_that(outcome.status.settled, f"lifted: {outcome.reason}")

    @staticmethod
    def _told(change: Change, outcome: Outcome) -> Outcome:
        hold_that(outcome.status.settled or bool(outcome.reason), f"{change.id}: it says why not")
        return outcome

    def _cases(
        self,
        trouble: Trouble,
        flow: Callable[[Place], object],
        prepare: Callable[[Place], object] | None = None,
    ) -> Iterator[tuple[Place, Call]]:
        """A place for each call of *flow*, armed so that the call goes wrong."""
        before = prepare or _nothing
        with self.place() as place:
            before(place)
            place.line.arm(None)
            flow(place)
            calls = list(place.line.calls)
        for at, call in enumerate(calls):
            if call in (calls[:at] if self.each_once else calls[max(at - 1, 0) : at]):
                continue
            with self.place() as place:
                before(place)
                self._plan(place, lift=True)
                place.line.arm(trouble, at)
                yield place, call


def _nothing(_place: Place) -> None:
    pass
