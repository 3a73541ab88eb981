"""The contract that every provider passes, ours and anyone's.

Subclass `ProviderContract` in a test module, say what its credentials look like and where its vendor is
looked for, and pytest runs the rest::

    class TestAcme(ProviderContract):
        make = AcmeProvider

        def ours(self):
            return [[found("acme_" + "k3" * 16)]]

        def environment(self, base):
            return {"ACME_API_URL": base, "ACME_TOKEN": "x" * 20}

Values are built when they are needed, so that no file holds one that looks live. No vendor is called: the
suite looks at what a provider says offline, and at what it does when nobody answers.
"""

# ruff: noqa: D102
# The tests' names say what they hold.

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from remediate.clock import parse
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Facts, Outcome, Status
from remediate.plugins.provider import (
    Checks,
    ConfirmsNew,
    Deletes,
    Describes,
    FindsHolders,
    Found,
    Held,
    Investigates,
    NamesResponder,
    Preserves,
    Provider,
    Reissues,
    Revokes,
    TakesAny,
    Triages,
)
from remediate.secret import Secret
from remediate.testing.surroundings import Answers, found, nowhere, surroundings

_WAYS = frozenset(["api", "manual", "none"])
#: What no provider may take for its own: a hash, a word, a sentence, a value of nobody's shape, bytes.
_FOREIGN = ("da39a3ee5e6b4b0d3255bfef95601890afd80709", "password", "correct horse", "x" * 200)


class ProviderContract:
    """What `Provider` and its smaller protocols promise, as tests. Not collected itself."""

    make: ClassVar[Callable[[], Provider]]
    """Makes the provider: its class."""

    def ours(self) -> Sequence[Sequence[Found]]:
        """Credentials of this vendor's, each as the values that make it up. At least one."""
        raise NotImplementedError

    settings: ClassVar[Mapping[str, Json]] = {}
    """What a policy would say of its credentials: ``{"with": {…}}``."""

    def handed(self) -> Sequence[Held]:
        """Credentials of others that a policy hands to it, for one that acts for any and identifies none."""
        return ()

    def foreign(self) -> Sequence[Found]:
        """Other vendors' values, beside those that the suite tries anyway."""
        return ()

    def environment(self, base: str) -> Mapping[str, str]:
        """A responder's environment in which the vendor's address is *base*."""
        raise NotImplementedError

    def test_its_name_and_kinds_can_be_printed(self) -> None:
        provider = type(self).make()
        _hold(provider.name == provider.name.lower().strip() != "", "a name in lower case")
        _hold(bool(provider.kinds), "it knows a kind")
        names = [kind.name for kind in provider.kinds]
        _hold(len(set(names)) == len(names), "no kind twice")
        for kind in provider.kinds:
            _hold(kind.name.replace("-", "").isalnum(), f"{kind.name} is letters, digits and -")
            _hold(bool(kind.title.strip()), f"{kind.name} has a title")
            _hold(
                {kind.revoke, kind.reissue, kind.check} <= _WAYS, f"{kind.name}: api, manual, none"
            )
            # None where no one page does it: a private key is trusted in many places.
            _hold(kind.page is None or _is_page(kind.page), f"{kind.name}: its page is a page")

    def test_what_its_kinds_promise_is_there(self) -> None:
        provider = type(self).make()
        for kind in provider.kinds:
            _hold(kind.revoke != "api" or isinstance(provider, Revokes), "revoke by api")
            _hold(kind.check != "api" or isinstance(provider, Checks), "check by api")
            _hold(kind.reissue != "api" or isinstance(provider, Reissues), "reissue by api")

    def test_it_has_credentials_to_act_for(self) -> None:
        provider = type(self).make()
        taken = isinstance(provider, TakesAny)
        _hold(bool(self.ours()) or taken, "one that identifies nothing is handed its credentials")
        given = self.settings.get("with", {})
        _hold(isinstance(given, Mapping), "`with` is a table")
        if isinstance(provider, TakesAny) and isinstance(given, Mapping) and given:
            provider.check_options(given)

    def test_it_takes_its_own(self) -> None:
        provider = type(self).make()
        for values in self.ours():
            made = provider.identify(values)
            _hold(len(made) == 1, "the values of one credential make one credential")
            credential = made[0].credential
            _hold(credential.provider == provider.name, "it is this provider's")
            named = {value.fingerprint for value in values}
            _hold(set(credential.parts.values()) == named, "each value is a part of it")
            _hold(set(made[0].kinds) == named, "each part has a kind")
            known = {kind.name for kind in provider.kinds}
            _hold({credential.kind, *made[0].kinds.values()} <= known, "of the kinds it names")

    def test_it_tells_its_credentials_apart_in_any_order(self) -> None:
        provider = type(self).make()
        values = [value for one in self.ours() for value in one if not _alone(one)]
        first = {one.credential.id: one.credential for one in provider.identify(values)}
        again = {one.credential.id: one.credential for one in provider.identify(values[::-1])}
        _hold(first == again, "the order of a report decides nothing")
        used = [part for one in first.values() for part in one.parts.values()]
        _hold(len(used) == len(set(used)), "a value is used once")

    def test_it_leaves_others_alone(self) -> None:
        provider = type(self).make()
        values = [*self.foreign(), *map(found, _FOREIGN), found(b"\xff\x00\xfe"), found(b"")]
        _hold(not provider.identify([]), "nothing out of nothing")
        for value in values:
            _hold(not provider.identify([value]), "a foreign value is nobody's of this vendor")

    def test_it_shows_no_value(self) -> None:
        provider = type(self).make()
        for values in self.ours():
            for one in provider.identify(values):
                shown = json.dumps(dict(one.credential.labels)) + one.credential.id
                public = one.credential.public_id
                for value in values:
                    text = value.value.reveal_text()
                    _hold(text == public or text not in shown, "no value in a credential")

    def test_nobody_answers_and_nothing_breaks(self) -> None:
        provider = type(self).make()
        vendor = surroundings(
            self.environment(nowhere()), settings=self.settings, seconds=20, longest=0
        )
        for held in self.handed():
            _nothing_breaks(provider, held, vendor)
        for values in self.ours():
            one = provider.identify(values)[0]
            by_fingerprint = {value.fingerprint: value.value for value in values}
            parts = {part: by_fingerprint[f] for part, f in one.credential.parts.items()}
            _nothing_breaks(provider, Held(one.credential, parts), vendor)

    def test_without_any_credential_of_its_own_nothing_breaks(self) -> None:
        provider = type(self).make()
        base = nowhere()
        bare = {name: value for name, value in self.environment(base).items() if value == base}
        vendor = surroundings(
            bare,
            asks=Answers(),
            use_leaked=False,
            settings=self.settings,
            seconds=20,
            longest=0,
        )
        for held in self.handed():
            _nothing_breaks(provider, Held(held.credential, {}), vendor)
        for values in self.ours():
            credential = provider.identify(values)[0].credential
            _nothing_breaks(provider, Held(credential, {}), vendor)


def _nothing_breaks(provider: Provider, held: Held, vendor: VendorContext) -> None:
    """Every effect ends in data that is honest, fit for the journal, and holds no value."""
    for name, result in _effects(provider, held, vendor):
        for value in held.values.values():
            text = value.reveal_text()
            _hold(
                text == held.credential.public_id or text not in repr(result), f"{name}: no value"
            )
        if isinstance(result, Outcome):
            _honest(name, result)
        if isinstance(result, Check):
            _hold(result.alive is None, f"{name}: silence proves nothing")
            _hold(bool(result.reason), f"{name}: it says why it can't tell")
            _dated(name, result.evidence)
        if isinstance(result, Facts):
            json.dumps([dict(result.known), dict(result.unknown)])
            _hold(all(result.unknown.values()), f"{name}: what is not known has a reason")
            _dated(name, result.evidence)


def _effects(provider: Any, held: Held, vendor: VendorContext) -> Iterator[tuple[str, object]]:
    since = "2026-01-02T03:04:05Z"
    if isinstance(provider, Describes):
        yield "describe", provider.describe(held, vendor)
    if isinstance(provider, Checks):
        yield "check", provider.check(held, vendor)
    if isinstance(provider, Preserves):
        yield "preserve", provider.preserve(held, vendor)
    if isinstance(provider, Revokes):
        _hold(not provider.revoke([], vendor), "revoke: nothing for an empty batch")
        outcomes = provider.revoke([held], vendor)
        _hold(set(outcomes) == {held.id}, "revoke: an outcome for each, and for no other")
        yield "revoke", outcomes[held.id]
    if isinstance(provider, Triages):
        yield "triage", provider.triage(held, since, vendor)
    if isinstance(provider, Reissues):
        before = provider.before_reissue(held, vendor)
        json.dumps(dict(before))
        made = provider.reissue(held, vendor)
        _hold(not made.values, "reissue: no new value out of nowhere")
        yield "reissue", made.outcome
        found_again = provider.reconcile_reissue(held, before, vendor)
        _hold(found_again.status is not Status.DONE, "reconcile: nothing was deleted")
    if isinstance(provider, Investigates):
        facts = provider.investigate(held, since, vendor)
        _hold(bool(facts.unknown), "investigate: no evidence is not 'no abuse'")
        yield "investigate", facts
    if isinstance(provider, FindsHolders):
        _hold(not provider.holders([], vendor), "holders: nothing for an empty batch")
        answers = provider.holders([held], vendor)
        _hold(set(answers) == {held.id}, "holders: an answer for each, and for no other")
        _hold(bool(answers[held.id].unknown), "holders: what was not read is no 'nobody uses it'")
        yield "holders", answers[held.id]
    if isinstance(provider, Deletes):
        yield "delete", provider.delete(held, vendor)
    if isinstance(provider, NamesResponder):
        values = provider.responder_values(vendor)
        _hold(all(isinstance(value, Secret) for value in values), "responder: wrapped values")
    if isinstance(provider, ConfirmsNew):
        yield "confirm", provider.confirm(held, vendor)


def _honest(name: str, outcome: Outcome) -> None:
    _hold(outcome.status is not Status.DONE, f"{name}: not done, for nobody answered")
    _hold(bool(outcome.summary), f"{name}: one sentence")
    _hold(bool(outcome.reason) or outcome.status.settled, f"{name}: and why not")
    json.dumps(dict(outcome.data))
    _dated(name, outcome.evidence)
    if outcome.status is Status.MANUAL:
        _hold(outcome.manual is not None, f"{name}: a manual step says what to do")
    if outcome.manual is not None:
        well_told(outcome.manual)


def well_told(step: ManualStep) -> None:
    """A manual step that a person can follow. Raises AssertionError."""
    _hold(bool(step.id and step.title and step.why), "a step has an id, an order and a reason")
    _hold(" " not in step.id, "a step's id can be typed")
    _hold(step.url is None or _is_page(step.url), "a step's page is an https address")
    _hold(bool(step.url or step.instructions), "a step says where, or how")


def _dated(name: str, evidence: Sequence[Evidence]) -> None:
    for one in evidence:
        _hold(bool(one.probe and one.saw), f"{name}: evidence names its probe and what it saw")
        _hold(parse(one.at).tzinfo is not None, f"{name}: evidence has a time")


def _alone(values: Sequence[Found]) -> bool:
    """Whether values belong together only because the report holds nothing else."""
    return len(values) > 1 and not any(value.groups or value.locations for value in values)


def _is_page(url: str) -> bool:
    # A local vendor's pages are on loopback, as its API is.
    return url.startswith(("https://", "http://127.0.0.1:", "http://localhost:"))


def _hold(condition: bool, what: str) -> None:
    """An assertion that python -O does not drop."""
    if not condition:
        raise AssertionError(what)
