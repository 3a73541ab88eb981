"""What a provider or a store does when one call of its work goes wrong, whichever it is.

Subclass `ProviderFaults` or `StoreFaults` in a test module and say how a fresh local vendor is started. Each
flow (looking, revoking, reissuing, deleting, putting) is done once as it should be, to count its calls; then
once for each call and each `Trouble`, behind a `FaultyLine`, and gone on with as `remediate resume` would::

    class TestAcmeFaults(ProviderFaults):
        make = AcmeProvider

        def start(self):
            return LocalAcme(lag=0.01).start()

        def living(self, running):
            return running.state.made_since_the_leak()

Whatever goes wrong, nothing is said to be done that is not, nothing is made twice, and what a person has
to do is a step that can be followed.
"""

# ruff: noqa: D102
# The tests' names say what they hold.

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

import pytest

from remediate.clock import rfc3339
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome, Status
from remediate.plugins.provider import (
    Checks,
    ConfirmsNew,
    Deletes,
    Describes,
    FindsHolders,
    Held,
    Investigates,
    NamesResponder,
    Preserves,
    Provider,
    Reissued,
    Reissues,
    Revokes,
    Triages,
)
from remediate.plugins.reruns import FindsReruns, Window
from remediate.plugins.store import FindsUses, Rotates, Store, Target
from remediate.secret import Secret
from remediate.testing.providers import well_told
from remediate.testing.proxy import LOOPBACK, Call, FaultyLine, Trouble
from remediate.testing.surroundings import found, surroundings

SINCE = "2026-01-02T03:04:05Z"
LONGEST_PAUSE = 0.005
"""Seconds that anybody really sleeps at a time."""

every_trouble = pytest.mark.parametrize("trouble", list(Trouble), ids=lambda t: t.name.lower())


class Running(Protocol):
    """A vendor that is up: as much of `remediate.plugins.local.RunningVendor` as is needed here."""

    def environment(self) -> Mapping[str, str]:
        """The base address and the responder's own credential."""
        ...

    def close(self) -> None:
        """Stop."""
        ...


@dataclass
class Scene:
    """A fresh vendor, the line to it, and what leaked there."""

    provider: Any
    running: Any
    line: FaultyLine
    held: Held
    make_vendor: Callable[[Mapping[str, str], Mapping[str, Json]], VendorContext]
    known: dict[str, Json] = field(default_factory=dict)
    """What describing and preserving told, as the pipeline hands it on."""

    def vendor(self) -> VendorContext:
        """Surroundings with patience of their own, as each effect of a run has them."""
        return self.make_vendor(self.line.through(self.running.environment()), self.known)

    def fit(self, what: str, result: object) -> None:
        """Hold that *result* shows neither a leaked value nor one of the responder's own."""
        own: Sequence[Secret] = ()
        if isinstance(self.provider, NamesResponder):
            own = self.provider.responder_values(self.vendor())
        for value in (*own, *self.held.values.values()):
            text = value.reveal_text()
            _hold(
                text == self.held.credential.public_id or text not in repr(result),
                f"{what}: no value in it",
            )


class ProviderFaults:
    """Every call of a provider's flows, gone wrong in every way. Not collected itself."""

    make: ClassVar[Callable[[], Provider]]
    """Makes the provider: its class."""
    use_leaked: ClassVar[bool] = True
    one_at_a_time: ClassVar[bool] = False
    """Whether making the next one ends the one before, as a password's change does: then one that was lost
    needs no deleting."""
    each_once: ClassVar[bool] = False
    """Whether of several calls alike the first alone goes wrong: for a vendor whose flows are long."""
    _counted: ClassVar[dict[str, Sequence[tuple[int, Call]]]]
    """The calls of each flow when all goes well."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._counted = {}

    def start(self) -> Running:
        """A fresh vendor. Called for each case: quick, and with little lag."""
        raise NotImplementedError

    def living(self, running: Any) -> int:
        """How many credentials live that were made in place of the leaked one: the vendor's truth."""
        raise NotImplementedError

    def leaked(self, running: Any) -> Held:
        """What leaked: by default what the local vendor plants."""
        return hold(type(self).make(), running.plant().values)

    def dead(self, running: Any, held: Held) -> bool:
        """Whether the leaked one is refused now: the vendor's truth."""
        return bool(running.is_dead(held.values))

    def address(self, running: Any) -> str:
        """Where the line leads: by default the one loopback address in the vendor's environment."""
        return address_in(running.environment())

    def context(self, environment: Mapping[str, str], known: Mapping[str, Json]) -> VendorContext:
        """The surroundings of one effect."""
        return surroundings(
            environment, known=known, use_leaked=self.use_leaked, longest=LONGEST_PAUSE
        )

    def before_reissue(self, scene: Scene) -> None:
        """What the pipeline does before it reissues: learn while it lives, then kill it."""
        if isinstance(scene.provider, Describes):
            scene.known |= dict(scene.provider.describe(scene.held, scene.vendor()).known)
        if isinstance(scene.provider, Preserves):
            scene.known |= dict(scene.provider.preserve(scene.held, scene.vendor()).known)
        _killed(scene)

    @contextlib.contextmanager
    def scene(self) -> Iterator[Scene]:
        """A fresh vendor with something leaked, and a line to it."""
        running = self.start()
        try:
            with FaultyLine(self.address(running)) as line:
                held = self.leaked(running)
                yield Scene(type(self).make(), running, line, held, self.context)
        finally:
            running.close()

    # -- the flows -----------------------------------------------------------------------------

    @every_trouble
    def test_looking_is_honest_whatever_goes_wrong(self, trouble: Trouble) -> None:
        for scene, _call in self._cases(trouble, _look):
            _look(scene)
            scene.line.heal()

    @every_trouble
    def test_a_dead_one_is_never_called_alive(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _check, _killed):
            if self.dead(scene.running, scene.held):
                _hold(_check(scene) is not True, f"{call}: what is dead is not alive")

    @every_trouble
    def test_what_is_said_to_be_revoked_is(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _revoke):
            outcome = _revoke(scene)
            scene.line.heal()
            if not outcome.status.settled:
                outcome = _revoke(scene)  # as a resumed run does
            if outcome.status.settled:
                _hold(self.dead(scene.running, scene.held), f"{call}: said to be dead, and is")
            else:
                _step(outcome, f"{call}: the vendor is well again: {outcome.reason}")

    @every_trouble
    def test_there_is_one_successor_or_a_step(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _replace, self.before_reissue):
            self._one_successor(scene, trouble, call)

    @every_trouble
    def test_what_is_said_to_be_deleted_is(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _delete, _killed):
            outcome = _delete(scene)
            scene.line.heal()
            if not outcome.status.settled:
                outcome = _delete(scene)
            if not outcome.status.settled:
                _step(outcome, f"{call}: {outcome.reason}")
            _hold(self.dead(scene.running, scene.held), f"{call}: it is dead all the same")

    # -- how they are gone through -------------------------------------------------------------

    def _one_successor(self, scene: Scene, trouble: Trouble, call: Call) -> None:
        before, made = _replace(scene)
        told = _told(made)
        scene.line.heal()
        if trouble is Trouble.CRASH:
            # The process is gone, and with it whatever had been answered.
            found_again = scene.provider.reconcile_reissue(scene.held, before, scene.vendor())
            scene.fit(f"{call}: reconcile", found_again)
            if not found_again.status.settled:
                _hold(bool(found_again.reason), f"{call}: it says why it can't tell")
                return
            told = 0
            lost = 0 if self.one_at_a_time else self.living(scene.running)
            _hold(lost == 0, f"{call}: one that was lost is deleted")
            made = _reissue(scene)
        elif not made.values and made.outcome.status is not Status.MANUAL:
            made = _reissue(scene)
        living = self.living(scene.running)
        if not made.values:
            _step(made.outcome, f"{call}: {made.outcome.summary}: {made.outcome.reason}")
            _hold(living <= told, f"{call}: {living} made and nobody told")
            return
        _hold(made.outcome.status is Status.DONE, f"{call}: a new value is done")
        _hold(1 <= living <= 1 + told, f"{call}: one new one, {living} found")
        if isinstance(scene.provider, ConfirmsNew):
            new = Held(scene.held.credential, made.values)
            check = scene.provider.confirm(new, scene.vendor())
            _hold(check.alive is not False, f"{call}: the new one works")

    def _cases(
        self,
        trouble: Trouble,
        flow: Callable[[Scene], object],
        prepare: Callable[[Scene], None] = lambda _scene: None,
    ) -> Iterator[tuple[Scene, Call]]:
        """A scene for each call of *flow*, armed so that the call goes wrong; none where it has no such."""
        if not isinstance(type(self).make(), _NEEDS.get(flow, object)):
            return
        for at, call in self._calls(flow, prepare):
            with self.scene() as scene:
                prepare(scene)
                scene.line.arm(trouble, at)
                yield scene, call

    def _calls(
        self, flow: Callable[[Scene], object], prepare: Callable[[Scene], None]
    ) -> Sequence[tuple[int, Call]]:
        """The calls of *flow* when all goes well, with their numbers; of a row of the same, the first."""
        name = f"{flow.__name__} {prepare.__name__}"
        if name not in self._counted:
            with self.scene() as scene:
                prepare(scene)
                scene.line.arm(None)
                flow(scene)
                calls = list(scene.line.calls)
            self._counted[name] = [
                (at, call)
                for at, call in enumerate(calls)
                if call not in (calls[:at] if self.each_once else calls[max(at - 1, 0) : at])
            ]
        return self._counted[name]


class StoreFaults:
    """Every call of a store's `put`, gone wrong in every way. Not collected itself."""

    make: ClassVar[Callable[[], Store]]
    """Makes the store: its class."""

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

    @every_trouble
    def test_it_is_rotated_once_and_what_came_of_it_is_known(self, trouble: Trouble) -> None:
        if not isinstance(type(self).make(), Rotates):
            return
        for at in range(len(self._rotated(None, 0))):
            self._rotated(trouble, at)

    def _rotated(self, trouble: Trouble | None, at: int) -> list[Call]:
        store, running = type(self).make(), self.start()
        assert isinstance(store, Rotates)
        try:
            with FaultyLine(self.address(running)) as line:
                target, old = self.rotating(running)
                environment = line.through(running.environment())

                def vendor() -> VendorContext:
                    return surroundings(environment, longest=LONGEST_PAUSE)

                before = store.before_rotation(target, vendor())
                _hold(bool(before), "it says that something there makes its values")
                line.arm(trouble, at)
                made = store.rotate(target, old, before, vendor())
                calls = list(line.calls)
                where = str(calls[at]) if at < len(calls) else f"call {at}"
                _no_value(made.outcome, {**old.values, **made.values})
                line.heal()
                if not made.values:
                    _hold(bool(made.outcome.reason), f"{where}: it says why not")
                    made = store.rotate(target, old, before, vendor())
                _hold(made.outcome.status is Status.DONE, f"{where}: {made.outcome.reason}")
                _hold(made.values == self.stored(running), f"{where}: the value that is there")
                _hold(self.rotations(running) == 1, f"{where}: one rotation")
                return calls
        finally:
            running.close()

    @every_trouble
    def test_what_is_said_to_be_stored_is(self, trouble: Trouble) -> None:
        count = len(self._once(None, 0))
        for at in range(count):
            self._once(trouble, at)

    @every_trouble
    def test_who_uses_it_is_told_or_why_not(self, trouble: Trouble) -> None:
        if isinstance(type(self).make(), FindsUses):
            for at in range(len(self._uses(None, 0))):
                self._uses(trouble, at)

    def _uses(self, trouble: Trouble | None, at: int) -> list[Call]:
        """Who uses it, asked once; nothing is changed by it."""
        store, leaked, running = type(self).make(), self.parts(), self.start()
        assert isinstance(store, FindsUses)
        try:
            with FaultyLine(self.address(running)) as line:
                target, before = self.target(running), self.stored(running)
                environment = line.through(running.environment())
                line.arm(trouble, at)
                facts = store.uses(target, leaked, surroundings(environment, longest=LONGEST_PAUSE))
                where = str(line.calls[at]) if at < len(line.calls) else f"call {at}"
                _hold(isinstance(facts.known.get("uses"), list), f"{where}: a list")
                _hold(all(facts.unknown.values()), f"{where}: what is not known has a reason")
                for value in leaked.values():
                    _hold(value.reveal_text() not in repr(facts), f"{where}: no value in it")
                _hold(self.stored(running) == before, f"{where}: nothing is written")
                return list(line.calls)
        finally:
            running.close()

    def failed_job(self, running: Any, target: Target, window: Window) -> None:
        """Let a job that reads *target* have failed within *window*: for `FindsReruns` alone."""

    @every_trouble
    def test_jobs_to_run_again_are_told_or_why_not(self, trouble: Trouble) -> None:
        if isinstance(type(self).make(), FindsReruns):
            for at in range(len(self._reruns(None, 0))):
                self._reruns(trouble, at)

    def _reruns(self, trouble: Trouble | None, at: int) -> list[Call]:
        """The jobs to run again, asked for once; nothing is changed by it."""
        store, running = type(self).make(), self.start()
        assert isinstance(store, FindsReruns)
        try:
            with FaultyLine(self.address(running)) as line:
                target, before = self.target(running), self.stored(running)
                now = datetime.now(UTC)
                window = Window(rfc3339(now - timedelta(hours=1)), rfc3339(now))
                self.failed_job(running, target, window)
                environment = line.through(running.environment())
                line.arm(trouble, at)
                facts = store.reruns(
                    target, window, surroundings(environment, longest=LONGEST_PAUSE)
                )
                where = str(line.calls[at]) if at < len(line.calls) else f"call {at}"
                found = facts.known.get("reruns")
                _hold(isinstance(found, list), f"{where}: a list")
                _hold(all(facts.unknown.values()), f"{where}: what is not known has a reason")
                _hold(bool(found or facts.unknown), f"{where}: never 'none' where one failed")
                unread = trouble is None or bool(found) or facts.known.get("again") is True
                _hold(unread or not line.calls, f"{where}: what could not be read is asked anew")
                _hold(self.stored(running) == before, f"{where}: nothing is written")
                return list(line.calls)
        finally:
            running.close()

    def _once(self, trouble: Trouble | None, at: int) -> list[Call]:
        store, new, running = type(self).make(), self.parts(), self.start()
        try:
            with FaultyLine(self.address(running)) as line:
                target = self.target(running)
                environment = line.through(running.environment())

                def vendor() -> VendorContext:
                    return surroundings(environment, longest=LONGEST_PAUSE)

                line.arm(trouble, at)
                outcome = store.put(target, new, vendor())
                calls = list(line.calls)
                where = str(calls[at]) if at < len(calls) else f"call {at}"
                _no_value(outcome, new)
                if outcome.status.settled:
                    _hold(self.stored(running) == new, f"{where}: said to be there, and is")
                else:
                    _hold(bool(outcome.reason), f"{where}: it says why not")
                line.heal()
                if not outcome.status.settled:
                    outcome = store.put(target, new, vendor())
                _hold(outcome.status.settled, f"{where}: in the end: {outcome.reason}")
                _hold(self.stored(running) == new, f"{where}: it is there in the end")
                _hold(store.holds(target, new, vendor()) is not False, f"{where}: and is held")
                return calls
        finally:
            running.close()


def hold(provider: Provider, values: Mapping[str, Secret]) -> Held:
    """The one credential that *provider* makes out of *values*, with them."""
    reported = [found(value, groups=frozenset([1])) for value in values.values()]
    (one,) = provider.identify(reported)
    by_fingerprint = {report.fingerprint: report.value for report in reported}
    parts = {part: by_fingerprint[name] for part, name in one.credential.parts.items()}
    return Held(one.credential, parts)


def address_in(environment: Mapping[str, str]) -> str:
    """The loopback address that *environment* names. Raises AssertionError unless it is one."""
    found_there = {v for v in environment.values() if v.startswith(f"http://{LOOPBACK}:")}
    bases = {f"http://{urlsplit(url).netloc}" for url in found_there}
    _hold(len(bases) == 1, "override address(): the environment names no one address")
    return bases.pop()


# -- one flow, once -------------------------------------------------------------------------------


def _killed(scene: Scene) -> None:
    if isinstance(scene.provider, Revokes):
        scene.provider.revoke([scene.held], scene.vendor())


def _look(scene: Scene) -> None:
    provider, held = scene.provider, scene.held
    looks: list[tuple[str, object]] = []
    if isinstance(provider, Describes):
        looks.append(("describe", provider.describe(held, scene.vendor())))
    if isinstance(provider, Preserves):
        looks.append(("preserve", provider.preserve(held, scene.vendor())))
    if isinstance(provider, Triages):
        looks.append(("triage", provider.triage(held, SINCE, scene.vendor())))
    if isinstance(provider, Investigates):
        looks.append(("investigate", provider.investigate(held, SINCE, scene.vendor())))
    if isinstance(provider, FindsHolders):
        looks.append(("holders", provider.holders([held], scene.vendor())[held.id]))
    if isinstance(provider, Checks):
        looks.append(("check", provider.check(held, scene.vendor())))
    for name, result in looks:
        scene.fit(name, result)
        if isinstance(result, Facts):
            _hold(all(result.unknown.values()), f"{name}: what is not known has a reason")
        if isinstance(result, Check):
            _hold(result.alive is not False, f"{name}: what lives is not called dead")
            _hold(result.alive is True or bool(result.reason), f"{name}: it says why it can't tell")


def _check(scene: Scene) -> bool | None:
    check: Check = scene.provider.check(scene.held, scene.vendor())
    scene.fit("check", check)
    return check.alive


def _revoke(scene: Scene) -> Outcome:
    outcome: Outcome = scene.provider.revoke([scene.held], scene.vendor())[scene.held.id]
    scene.fit("revoke", outcome)
    _hold(outcome.status.settled or bool(outcome.reason), "revoke: it says why not")
    return outcome


def _replace(scene: Scene) -> tuple[Mapping[str, Json], Reissued]:
    """As the pipeline does: what there is first, then the new one. Trouble may come in either."""
    before: Mapping[str, Json] = scene.provider.before_reissue(scene.held, scene.vendor())
    scene.fit("before_reissue", before)
    return before, _reissue(scene)


def _reissue(scene: Scene) -> Reissued:
    made: Reissued = scene.provider.reissue(scene.held, scene.vendor())
    scene.fit("reissue", made)
    for value in made.values.values():
        text = value.reveal_text()
        public = text == made.public_id
        _hold(public or text not in repr(made.outcome), "reissue: no value in its outcome")
    _hold(made.outcome.status.settled or bool(made.outcome.reason), "reissue: it says why not")
    return made


def _delete(scene: Scene) -> Outcome:
    outcome: Outcome = scene.provider.delete(scene.held, scene.vendor())
    scene.fit("delete", outcome)
    _hold(outcome.status.settled or bool(outcome.reason), "delete: it says why not")
    return outcome


def _told(made: Reissued) -> int:
    """How many that may live unseen a person was told of: one where the outcome says so, with a step."""
    unsure = made.outcome.status is Status.UNKNOWN and made.outcome.manual is not None
    return int(unsure and not made.values)


def _step(outcome: Outcome, what: str) -> None:
    """Hold that what is left is a plain manual step, or was never wanted."""
    _hold(outcome.status in (Status.MANUAL, Status.SKIPPED), what)
    if outcome.manual is not None:
        well_told(outcome.manual)
    _hold(outcome.manual is not None or outcome.status is Status.SKIPPED, f"{what}: no step")


def _no_value(outcome: Outcome, values: Mapping[str, Secret]) -> None:
    for value in values.values():
        _hold(value.reveal_text() not in repr(outcome), "no value in an outcome")


def _hold(condition: bool, what: str) -> None:
    """An assertion that python -O does not drop."""
    if not condition:
        raise AssertionError(what)


_NEEDS: Mapping[Callable[[Scene], object], type] = {
    _check: Checks,
    _revoke: Revokes,
    _replace: Reissues,
    _delete: Deletes,
}
"""What a provider has to be for a flow."""
