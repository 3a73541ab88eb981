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
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.lists import Inventory, Lists
from remediate.plugins.outcome import Check, Facts, Outcome, Status
from remediate.plugins.provider import (
    Accepts,
    Checks,
    ConfirmsNew,
    Deletes,
    Describes,
    FindsHolders,
    Held,
    Installs,
    Investigates,
    NamesResponder,
    Preserves,
    Provider,
    Reissued,
    Reissues,
    Revokes,
    Triages,
)
from remediate.plugins.standing import TellsStanding
from remediate.secret import Secret
from remediate.testing.providers import well_told
from remediate.testing.proxy import Call, FaultyLine, Trouble
from remediate.testing.store_faults import StoreFaults
from remediate.testing.surroundings import found, surroundings
from remediate.testing.walking import (
    LONGEST_PAUSE,
    Running,
    address_in,
    every_trouble,
    hold_that,
    no_value,
)

__all__ = ["ProviderFaults", "Scene", "StoreFaults", "address_in", "every_trouble", "hold"]

SINCE = "2026-01-02T03:04:05Z"


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
    before: Mapping[str, Json] = field(default_factory=dict)
    """What there was before a successor was made, where one was."""
    made: Reissued | None = None
    """The successor, where one was made."""

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
            hold_that(
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
    watch: Callable[[], object] | None = None
    """Called at each call while it is under way: see `remediate.testing.every_call`."""
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

    def places(self, line: FaultyLine) -> Sequence[str]:  # noqa: ARG002
        """Repositories whose credentials are listed, for one that `Lists`; *line* leads to their host."""
        return ()

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
                line.watch = self.watch
                yield Scene(type(self).make(), running, line, held, self.context)
        finally:
            running.close()

    # -- the flows -----------------------------------------------------------------------------

    @every_trouble
    def test_looking_is_honest_whatever_goes_wrong(self, trouble: Trouble) -> None:
        for scene, _call in self._cases(trouble, self.look):
            self.look(scene)
            scene.line.heal()

    @every_trouble
    def test_a_dead_one_is_never_called_alive(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _check, _killed):
            if self.dead(scene.running, scene.held):
                hold_that(_check(scene) is not True, f"{call}: what is dead is not alive")

    @every_trouble
    def test_what_is_said_to_be_revoked_is(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _revoke):
            outcome = _revoke(scene)
            scene.line.heal()
            if not outcome.status.settled:
                outcome = _revoke(scene)  # as a resumed run does
            if outcome.status.settled:
                hold_that(self.dead(scene.running, scene.held), f"{call}: said to be dead, and is")
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
            hold_that(self.dead(scene.running, scene.held), f"{call}: it is dead all the same")

    @every_trouble
    def test_a_successor_is_not_called_dead(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _confirm, self.replaced):
            if (check := _confirm(scene)) is not None:
                hold_that(check.alive is not False, f"{call}: what works is not called dead")

    @every_trouble
    def test_what_a_person_brings_is_taken_or_refused(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _accept, self.replaced):
            taken = _accept(scene)
            if taken is not None:
                hold_that(
                    bool(taken.values) or bool(taken.outcome.reason), f"{call}: it says why not"
                )

    @every_trouble
    def test_one_that_was_lost_is_found_and_ended(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _reconcile, self.replaced):
            for _ in range(2):
                outcome = _reconcile(scene)
                hold_that(
                    bool(outcome.reason or outcome.status.settled), f"{call}: it says why not"
                )
                if outcome.status.settled and not self.one_at_a_time:
                    hold_that(self.living(scene.running) == 0, f"{call}: said to be ended, and is")
                scene.line.heal()

    @every_trouble
    def test_what_is_said_to_be_in_force_is(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, _install, self.replaced):
            outcome = _install(scene)
            scene.line.heal()
            if outcome is not None and not outcome.status.settled:
                outcome = _install(scene)
            if outcome is not None:
                hold_that(outcome.status.settled, f"{call}: in force in the end: {outcome.reason}")
                check = _confirm(scene) if isinstance(scene.provider, ConfirmsNew) else None
                hold_that(check is None or check.alive is not False, f"{call}: and it works")

    def look(self, scene: Scene) -> None:
        """Everything that is read-only: what it is, what dies with it, what was done with it, what there is."""
        _look(scene)
        provider = scene.provider
        if isinstance(provider, TellsStanding):
            standing = provider.standing(scene.vendor())
            scene.fit("standing", standing)
            if standing is not None:
                hold_that(standing.works is not None or bool(standing.reason or standing.rights),
                      "standing: it says why it can't tell")  # fmt: skip
        if isinstance(provider, Lists):
            inventory: Inventory = provider.listed(self.places(scene.line), scene.vendor())
            scene.fit("listed", inventory)
            hold_that(all(inventory.unknown.values()), "listed: what is not known has a reason")

    def replaced(self, scene: Scene) -> None:
        """As the pipeline leaves it: a successor was made."""
        self.before_reissue(scene)
        scene.before, scene.made = _replace(scene)

    def flows(self) -> Sequence[tuple[Callable[[Scene], object], Callable[[Scene], None]]]:
        """Everything that is walked, each with what comes before it."""
        return (
            (self.look, _nothing),
            (_check, _killed),
            (_revoke, _nothing),
            (_replace, self.before_reissue),
            (_delete, _killed),
            (_confirm, self.replaced),
            (_accept, self.replaced),
            (_install, self.replaced),
            (_reconcile, self.replaced),
        )

    def walk(self) -> None:
        """Every flow once, with nothing going wrong."""
        for flow, prepare in self.flows():
            if isinstance(type(self).make(), _NEEDS.get(flow, object)):
                with self.scene() as scene:
                    prepare(scene)
                    flow(scene)

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
                hold_that(bool(found_again.reason), f"{call}: it says why it can't tell")
                return
            told = 0
            lost = 0 if self.one_at_a_time else self.living(scene.running)
            hold_that(lost == 0, f"{call}: one that was lost is deleted")
            made = _reissue(scene)
        elif not made.values and made.outcome.status is not Status.MANUAL:
            made = _reissue(scene)
        living = self.living(scene.running)
        if not made.values:
            _step(made.outcome, f"{call}: {made.outcome.summary}: {made.outcome.reason}")
            hold_that(living <= told, f"{call}: {living} made and nobody told")
            return
        hold_that(made.outcome.status is Status.DONE, f"{call}: a new value is done")
        hold_that(1 <= living <= 1 + told, f"{call}: one new one, {living} found")
        if isinstance(scene.provider, ConfirmsNew):
            new = Held(scene.held.credential, made.values)
            check = scene.provider.confirm(new, scene.vendor())
            hold_that(check.alive is not False, f"{call}: the new one works")

    def _cases(
        self,
        trouble: Trouble,
        flow: Callable[[Scene], object],
        prepare: Callable[[Scene], None] | None = None,
    ) -> Iterator[tuple[Scene, Call]]:
        """A scene for each call of *flow*, armed so that the call goes wrong; none where it has no such."""
        if not isinstance(type(self).make(), _NEEDS.get(flow, object)):
            return
        prepare = prepare or _nothing
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


def hold(provider: Provider, values: Mapping[str, Secret]) -> Held:
    """The one credential that *provider* makes out of *values*, with them."""
    reported = [found(value, groups=frozenset([1])) for value in values.values()]
    (one,) = provider.identify(reported)
    by_fingerprint = {report.fingerprint: report.value for report in reported}
    parts = {part: by_fingerprint[name] for part, name in one.credential.parts.items()}
    return Held(one.credential, parts)


# -- one flow, once -------------------------------------------------------------------------------


def _nothing(_scene: Scene) -> None:
    pass


def _confirm(scene: Scene) -> Check | None:
    if scene.made is None or not scene.made.values:
        return None
    new = Held(scene.held.credential, scene.made.values)
    check: Check = scene.provider.confirm(new, scene.vendor())
    scene.fit("confirm", check)
    return check


def _accept(scene: Scene) -> Reissued | None:
    if scene.made is None or not scene.made.values:
        return None
    for value in scene.made.values.values():
        taken: Reissued = scene.provider.accept(scene.held, value, scene.vendor())
        scene.fit("accept", taken.outcome)
        no_value(taken.outcome, {} if value.reveal_text() == taken.public_id else {"": value})
    return taken


def _install(scene: Scene) -> Outcome | None:
    if scene.made is None or not scene.made.values:
        return None
    new = Held(scene.held.credential, scene.made.values)
    outcome: Outcome = scene.provider.install(scene.held, new, scene.vendor())
    scene.fit("install", outcome)
    no_value(outcome, scene.made.values)
    hold_that(outcome.status.settled or bool(outcome.reason), "install: it says why not")
    return outcome


def _reconcile(scene: Scene) -> Outcome:
    outcome: Outcome = scene.provider.reconcile_reissue(scene.held, scene.before, scene.vendor())
    scene.fit("reconcile", outcome)
    return outcome


def _killed(scene: Scene) -> None:
    if isinstance(scene.provider, Revokes):
        scene.provider.revoke([scene.held], scene.vendor())


def _look(scene: Scene) -> None:
    provider, held = scene.provider, scene.held
    looks: list[tuple[str, object]] = []
    if isinstance(provider, Describes):
        looks.append(("describe", described := provider.describe(held, scene.vendor())))
        scene.known |= dict(described.known)
    if isinstance(provider, Preserves):
        looks.append(("preserve", preserved := provider.preserve(held, scene.vendor())))
        scene.known |= dict(preserved.known)
    if isinstance(provider, Triages):
        looks.append(("triage", provider.triage(held, SINCE, scene.vendor())))
    if isinstance(provider, Investigates):
        raw: list[str] = []
        asking = replace(scene.vendor(), keep=lambda name, _answer: raw.append(name))
        looks.append(("investigate", found_out := provider.investigate(held, SINCE, asking)))
        # What was learned before it died needs no answer; what a vendor told now has one.
        hold_that(
            bool(raw) or not found_out.evidence, "investigate: raw answers are kept for forensics"
        )
    if isinstance(provider, FindsHolders):
        looks.append(("holders", provider.holders([held], scene.vendor())[held.id]))
    if isinstance(provider, Checks):
        looks.append(("check", provider.check(held, scene.vendor())))
    for name, result in looks:
        scene.fit(name, result)
        if isinstance(result, Facts):
            hold_that(all(result.unknown.values()), f"{name}: what is not known has a reason")
        if isinstance(result, Check):
            hold_that(result.alive is not False, f"{name}: what lives is not called dead")
            hold_that(
                result.alive is True or bool(result.reason), f"{name}: it says why it can't tell"
            )


def _check(scene: Scene) -> bool | None:
    check: Check = scene.provider.check(scene.held, scene.vendor())
    scene.fit("check", check)
    return check.alive


def _revoke(scene: Scene) -> Outcome:
    outcome: Outcome = scene.provider.revoke([scene.held], scene.vendor())[scene.held.id]
    scene.fit("revoke", outcome)
    hold_that(outcome.status.settled or bool(outcome.reason), "revoke: it says why not")
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
        hold_that(public or text not in repr(made.outcome), "reissue: no value in its outcome")
    hold_that(made.outcome.status.settled or bool(made.outcome.reason), "reissue: it says why not")
    return made


def _delete(scene: Scene) -> Outcome:
    outcome: Outcome = scene.provider.delete(scene.held, scene.vendor())
    scene.fit("delete", outcome)
    hold_that(outcome.status.settled or bool(outcome.reason), "delete: it says why not")
    return outcome


def _told(made: Reissued) -> int:
    """How many that may live unseen a person was told of: one where the outcome says so, with a step."""
    unsure = made.outcome.status is Status.UNKNOWN and made.outcome.manual is not None
    return int(unsure and not made.values)


def _step(outcome: Outcome, what: str) -> None:
    """Hold that what is left is a plain manual step, or was never wanted."""
    hold_that(outcome.status in (Status.MANUAL, Status.SKIPPED), what)
    if outcome.manual is not None:
        well_told(outcome.manual)
    hold_that(outcome.manual is not None or outcome.status is Status.SKIPPED, f"{what}: no step")


_NEEDS: Mapping[Callable[[Scene], object], type] = {
    _check: Checks,
    _revoke: Revokes,
    _replace: Reissues,
    _delete: Deletes,
    _confirm: ConfirmsNew,
    _accept: Accepts,
    _install: Installs,
    _reconcile: Reissues,
}
"""What a provider has to be for a flow."""
