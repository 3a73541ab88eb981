"""Every row with calls, against the local vendor: looked at, ended, seen refused; and what can't be."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from remediate.plugins import registry
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held
from remediate.secret import Secret
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.surroundings import found, surroundings
from remediate_providers.loopback import Fault
from remediate_providers.table.local import LocalTable, RunningTable
from remediate_providers.table.provider import TableProvider
from remediate_providers.table.rows import BY_KIND, CALLS
from tests.providers.table.test_table import sample

PROVIDER = TableProvider()
ENDED = sorted(kind for kind, calls in CALLS.items() if calls.revoke is not None)
LOOKED_AT = sorted(set(CALLS) - set(ENDED))
RENEWED = sorted(kind for kind, calls in CALLS.items() if calls.renew is not None)
SELF_TOLD = sorted(kind for kind, calls in CALLS.items() if calls.check.ask.who == "leaked")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningTable]:
    server = LocalTable(lag=0.05).start()
    yield server
    server.close()


@pytest.fixture
def vendor(running: RunningTable) -> VendorContext:
    return surroundings(running.environment(), seconds=20)


def value_of(kind: str) -> Secret:
    """A value of that kind that tells of itself what a real one does."""
    if kind == "mapbox-secret-token":
        claims = base64.urlsafe_b64encode(json.dumps({"u": "ada", "a": "ck1" * 8}).encode())
        return Secret(b"sk." + claims.rstrip(b"=") + b"." + b"s1Gn" * 5 + b"aB")
    return sample(BY_KIND[kind])


def hold(value: Secret) -> Held:
    (one,) = PROVIDER.identify([found(value)])
    return Held(one.credential, {"value": value})


def leak(running: RunningTable, kind: str) -> Held:
    value = value_of(kind)
    running.issued.clear()
    facts = {"scopes": ["a.read", "b.read"], "capabilities": {"devices": {"create": {}}}}
    running.issue(kind, value, **facts)
    return hold(value)


def knowing(vendor: VendorContext, held: Held) -> VendorContext:
    return replace(vendor, known=dict(PROVIDER.preserve(held, vendor).known))


def test_every_call_belongs_to_a_row() -> None:
    assert set(CALLS) <= set(BY_KIND)


def test_enough_can_be_revoked_and_reissued_over_all_providers() -> None:
    kinds = [kind for provider in registry.providers for kind in provider.kinds]
    names = [kind.name for kind in kinds]
    assert len(set(names)) == len(names), "no kind belongs to two providers"
    assert sum(kind.revoke == "api" for kind in kinds) >= 60
    assert sum(kind.reissue == "api" for kind in kinds) >= 8


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_a_living_one_is_accepted(running: RunningTable, vendor: VendorContext, kind: str) -> None:
    held = leak(running, kind)
    looked = PROVIDER.check(held, vendor)
    assert looked.alive is True, looked.reason
    facts = PROVIDER.describe(held, vendor)
    assert facts.known["accepted_by"] == running.environment()[CALLS[kind].address].split("/")[2]
    assert set(CALLS[kind].check.tells) <= set(facts.known)
    shown = repr((looked, facts))
    assert held.values["value"].reveal_text() not in shown or kind == "scaleway-access-key"


@pytest.mark.parametrize("kind", ENDED)
def test_one_is_ended_and_seen_refused(
    running: RunningTable, vendor: VendorContext, kind: str
) -> None:
    held, other = leak(running, kind), None
    if CALLS[kind].lookup is None or CALLS[kind].lookup.shows:
        # Another one of the same account, which must survive.
        other = running.issue(kind, Secret(_other(held.values["value"])))
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    assert outcome.evidence
    assert running.is_dead(held.values)
    assert other is None or not other.dead
    again = PROVIDER.revoke([held], knowing_alive(vendor, running, kind))[held.id]
    assert again.status is Status.DONE, again.reason


def _other(value: Secret) -> str:
    """Another value of the same shape, for whoever compares: ends and ids differ."""
    return re.sub(
        r"[A-Za-z0-9]",
        lambda m: chr(ord(m[0]) ^ 1) if m[0] not in "@`[{/:" else m[0],
        value.reveal_text(),
    )


def knowing_alive(vendor: VendorContext, running: RunningTable, kind: str) -> VendorContext:
    host = running.environment()[CALLS[kind].address].split("/")[2]
    return replace(vendor, known={"accepted_by": host})


@pytest.mark.parametrize("kind", LOOKED_AT)
def test_what_no_call_ends_is_a_step_until_it_is_seen_refused(
    running: RunningTable, vendor: VendorContext, kind: str
) -> None:
    held = leak(running, kind)
    known = knowing(vendor, held)
    outcome = PROVIDER.revoke([held], known)[held.id]
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    well_told(outcome.manual)
    running.issued[-1].dies = 0.0
    assert PROVIDER.revoke([held], known)[held.id].status is Status.DONE


@pytest.mark.parametrize("kind", sorted(k for k in CALLS if CALLS[k].regions))
def test_another_region_s_refusal_proves_nothing(
    running: RunningTable, vendor: VendorContext, kind: str
) -> None:
    """Never seen alive at this address: it may live at another one."""
    held = leak(running, kind)
    running.issued.pop()
    looked = PROVIDER.check(held, vendor)
    assert looked.alive is None
    assert CALLS[kind].address in looked.reason or CALLS[kind].own
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert not outcome.status.settled
    assert outcome.manual is not None


@pytest.mark.parametrize("kind", ["contentful-token", "openshift-token", "twilio-api-key"])
def test_what_is_known_of_one_says_nothing_of_another_in_its_batch(
    running: RunningTable, vendor: VendorContext, kind: str
) -> None:
    text = value_of(kind).reveal_text()
    here, elsewhere = (
        leak(running, kind),
        hold(Secret(text[:-1] + ("b" if text[-1] == "a" else "a"))),
    )
    known = {here.id: knowing_alive(vendor, running, kind).known}
    told = replace(vendor, known=known[here.id], known_of=lambda name: known.get(name, {}))
    for around in (told, knowing_alive(vendor, running, kind)):
        outcomes = PROVIDER.revoke([here, elsewhere], around)
        assert not outcomes[elsewhere.id].status.settled, "it may live at another address"
    assert PROVIDER.revoke([here, elsewhere], told)[here.id].status in (Status.DONE, Status.MANUAL)


@pytest.mark.parametrize("kind", SELF_TOLD)
def test_it_is_not_used_where_policy_says_so(
    running: RunningTable, vendor: VendorContext, kind: str
) -> None:
    held = leak(running, kind)
    before = len(running.requests)
    strict = replace(vendor, use_leaked=False)
    assert PROVIDER.check(held, strict).alive is None
    sent = held.values["value"].reveal_text()
    assert all(sent not in str(one.headers) for one in running.requests[before:])


@pytest.mark.parametrize("kind", [k for k in ENDED if CALLS[k].base is None])
def test_an_address_that_is_not_known_is_asked_for(running: RunningTable, kind: str) -> None:
    held = leak(running, kind)
    bare = {n: v for n, v in running.environment().items() if n != CALLS[kind].address}
    outcome = PROVIDER.revoke([held], surroundings(bare))[held.id]
    assert outcome.status is Status.MANUAL
    assert CALLS[kind].address in outcome.reason


@pytest.mark.parametrize("kind", [k for k in ENDED if CALLS[k].revoke.who == "own"])  # type: ignore[union-attr]
def test_a_credential_of_the_responder_s_is_asked_for(running: RunningTable, kind: str) -> None:
    held = leak(running, kind)
    bare = {n: v for n, v in running.environment().items() if n not in CALLS[kind].own}
    outcome = PROVIDER.revoke([held], surroundings(bare))[held.id]
    assert outcome.status is Status.MANUAL
    assert CALLS[kind].own[0] in outcome.reason
    assert not running.is_dead(held.values)


def test_two_that_fit_are_left_to_a_person(running: RunningTable, vendor: VendorContext) -> None:
    """A list that shows four characters may show them twice: nothing is ended on a guess."""
    held = leak(running, "launchdarkly-token")
    text = held.values["value"].reveal_text()
    running.issue("launchdarkly-token", Secret("api-0" + text[5:]))
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    running.issued.pop()
    assert outcome.status is Status.MANUAL
    assert "2 of the credentials" in outcome.reason
    assert not running.is_dead(held.values)


# -- what goes wrong on the way ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(None), Status.DONE),
        (Fault(None, after=True), Status.DONE),
        (Fault(429, headers={"Retry-After": "1"}), Status.DONE),
        (Fault(429), Status.DONE),
        (Fault(500), Status.DONE),
        (Fault(403, b'{"message": "no"}'), Status.REFUSED),
        (Fault(302, headers={"Location": "https://elsewhere.example/"}), Status.REFUSED),
    ],
    ids=lambda one: str(one),
)
def test_the_call_goes_wrong(
    running: RunningTable, vendor: VendorContext, fault: Fault, expected: Status
) -> None:
    held = leak(running, "buildkite-token")
    running.fail("DELETE", "*/v2/access-token", fault)
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is expected, outcome.reason
    assert running.is_dead(held.values) is (expected is Status.DONE)
    assert (outcome.manual is None) is (expected is Status.DONE)


def test_a_page_in_between_proves_neither(running: RunningTable, vendor: VendorContext) -> None:
    held = leak(running, "buildkite-token")
    running.fail("GET", "*/v2/access-token", Fault(200, b"<html>sign in to the network</html>"))
    assert PROVIDER.check(held, vendor).alive is None


# -- successors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RENEWED)
def test_a_successor_has_the_old_one_s_rights(
    running: RunningTable, vendor: VendorContext, kind: str
) -> None:
    held = leak(running, kind)
    known = knowing(vendor, held)
    made = PROVIDER.reissue(held, known)
    assert made.outcome.status is Status.DONE, made.outcome.reason
    new = running.issued[-1]
    assert made.values == {"value": new.value}
    copied = CALLS[kind].renew.copies[0]  # type: ignore[union-attr]
    assert new.facts[copied] == running.issued[-2].facts[copied]
    (one,) = PROVIDER.identify([found(new.value)])
    assert PROVIDER.confirm(Held(one.credential, made.values), known).alive is True
    assert new.value.reveal_text() not in repr(made.outcome)


@pytest.mark.parametrize("kind", RENEWED)
def test_one_that_was_made_and_lost_is_found_and_ended(
    running: RunningTable, vendor: VendorContext, kind: str
) -> None:
    held = leak(running, kind)
    known = knowing(vendor, held)
    before = PROVIDER.before_reissue(held, known)
    count = len(running.issued)
    path = f"/{CALLS[kind].address.lower()}{CALLS[kind].renew.ask.path}"  # type: ignore[union-attr]
    running.fail("POST", path, Fault(None, after=True))
    made = PROVIDER.reissue(held, known)
    assert made.outcome.status is Status.UNREACHABLE
    assert not made.values
    assert len(running.issued) == count + 1
    assert made.outcome.data["deleted"] == running.issued[-1].id
    assert running.issued[-1].dies is not None
    running.issued[-1].dies = 0.0
    assert PROVIDER.reconcile_reissue(held, before, known).status is Status.UNCHANGED
    # And after a crash: it was made, and whatever was answered is gone.
    assert PROVIDER.reissue(held, known).values
    outcome = PROVIDER.reconcile_reissue(held, before, known)
    assert outcome.status is Status.DONE
    assert outcome.data["deleted"] == running.issued[-1].id
    running.issued[-1].dies = 0.0
    assert PROVIDER.reconcile_reissue(held, before, known).status is Status.UNCHANGED


@pytest.mark.parametrize("kind", RENEWED)
def test_without_what_it_may_do_a_person_makes_it(
    running: RunningTable, vendor: VendorContext, kind: str
) -> None:
    held = leak(running, kind)
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.MANUAL
    assert made.outcome.manual is not None
    assert made.outcome.manual.takes_value


def test_a_new_value_that_is_refused_is_not_taken(
    running: RunningTable, vendor: VendorContext
) -> None:
    held = leak(running, "buildkite-token")
    new = Secret("bkua_" + "0d" * 20)
    assert "refuses" in PROVIDER.accept(held, new, vendor).outcome.reason
    running.issue("buildkite-token", new)
    made = PROVIDER.accept(held, new, vendor)
    assert made.values == {"value": new}
    assert "accepts it" in made.outcome.summary


def test_the_responder_s_own_are_named(running: RunningTable) -> None:
    values = PROVIDER.responder_values(surroundings(running.environment()))
    assert Secret(running.environment()["TWILIO_AUTH_TOKEN"]) in values


class TestTableCalls(ProviderContract):
    make = TableProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        return [
            [found(value_of(kind))]
            for kind in ("buildkite-token", "heroku-api-key", "twilio-api-key", "sendgrid-api-key")
        ]

    def environment(self, base: str) -> dict[str, str]:
        own = {name: "x" * 20 for calls in CALLS.values() for name in (*calls.own, *calls.needs)}
        return {**own, **{calls.address: base for calls in CALLS.values()}}
