"""Vercel: the contracts, every call gone wrong, and what is particular to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, StoreFaults, hold
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.loopback import Fault
from remediate_providers.vercel.environment import EnvironmentStore
from remediate_providers.vercel.local import PROJECT, LocalVercel, RunningVercel, make_value, now
from remediate_providers.vercel.provider import VercelProvider

PROVIDER, STORE = VercelProvider(), EnvironmentStore()
NEW = {"value": Secret("brand-new-" + "k3Y9" * 5)}


def target(where: str = "", project: str = PROJECT) -> Target:
    place = f"{project}@{where}" if where else project
    return Target("vercel", place, (("TOKEN", None),), f"vercel:{place}#TOKEN")


class TestVercel(ProviderContract):
    make = VercelProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        return [[found(make_value())]]

    def foreign(self) -> Sequence[Found]:
        return [found("vck_" + "a1B2" * 14), found("vcp_short")]

    def environment(self, base: str) -> Mapping[str, str]:
        return {"VERCEL_API_URL": base, "VERCEL_TOKEN": make_value().reveal_text()}


class TestTheStore(StoreContract):
    make = EnvironmentStore
    bad = (
        target("staging"),
        target(project="a/b"),
        Target("vercel", PROJECT, (), f"vercel:{PROJECT}"),
        Target("vercel", PROJECT, (("1A", None),), f"vercel:{PROJECT}#1A"),
    )

    @pytest.fixture(autouse=True)
    def server(self):
        self.running = LocalVercel().start()
        yield
        self.running.close()

    def target(self) -> Target:
        return target("production")

    def vendor(self) -> VendorContext:
        return surroundings(self.running.environment())

    def unreachable(self) -> VendorContext:
        environment = {**self.running.environment(), "VERCEL_API_URL": nowhere()}
        return surroundings(environment, longest=0)


class TestTheStoreOfDevelopment(TestTheStore):
    """A variable that can be read back."""

    def target(self) -> Target:
        return target("development")


class TestVercelsFaults(ProviderFaults):
    make = VercelProvider

    def start(self) -> RunningVercel:
        return LocalVercel(lag=0.01).start()

    def leaked(self, running: RunningVercel) -> Held:
        return hold(PROVIDER, {"value": running.leak().value})

    def living(self, running: RunningVercel) -> int:
        return len(running.living())


class TestTheStoresFaults(StoreFaults):
    make = EnvironmentStore

    def start(self) -> RunningVercel:
        return LocalVercel().start()

    def target(self, running: RunningVercel) -> Target:
        return target("production")

    def stored(self, running: RunningVercel) -> dict[str, Secret]:
        value = running.variable("TOKEN")
        return {} if value is None else {"value": value}


class TestOneThatIsThereFaults(TestTheStoresFaults):
    """Changed, not made; and not sensitive, so that it can be read again."""

    def start(self) -> RunningVercel:
        running = LocalVercel().start()
        there(running, ["production"])
        return running


@pytest.fixture
def vercel() -> Iterator[RunningVercel]:
    running = LocalVercel(lag=0.02).start()
    yield running
    running.close()


@pytest.fixture
def around(vercel: RunningVercel) -> Callable[..., VendorContext]:
    def make(**more: Any) -> VendorContext:
        return surroundings(vercel.environment(), longest=0.01, **more)

    return make


def learned(held: Held, around) -> VendorContext:
    return around(known=PROVIDER.describe(held, around()).known)


def test_a_token_ends_itself_and_a_new_one_of_the_same_user_is_made(vercel, around) -> None:
    token = vercel.leak()
    held = hold(PROVIDER, {"value": token.value})
    vendor = learned(held, around)
    assert vendor.known["owner"] == "ada"
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.DONE
    assert outcome.evidence[-1].saw == "403 invalidToken"
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    (new,) = vercel.living()
    assert abs(new.expires - new.created - (token.expires - token.created)) < 5000
    assert PROVIDER.confirm(Held(held.credential, made.values), vendor).alive is True


def test_anothers_token_is_theirs_to_make_anew(vercel, around) -> None:
    held = hold(PROVIDER, {"value": vercel.leak("bob").value})
    vendor = learned(held, around)
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.MANUAL
    assert "bob's" in made.outcome.reason
    assert made.outcome.manual is not None
    well_told(made.outcome.manual)
    assert len(vercel.living()) == 1
    wrong = PROVIDER.accept(held, vercel.state.issue("ada").value, vendor)
    assert wrong.outcome.status is Status.REFUSED
    right = PROVIDER.accept(held, vercel.state.issue("bob").value, vendor)
    assert right.outcome.status is Status.DONE


def test_tokens_made_since_are_footholds_and_events_are_told(vercel, around) -> None:
    held = hold(PROVIDER, {"value": vercel.leak().value})
    vendor = learned(held, around)
    since = "2026-06-01T00:00:00Z"
    vercel.responder.created = now()  # one's own, made today to respond with, is no foothold
    assert PROVIDER.triage(held, since, vendor).known["footholds"] == []
    vercel.state.issue("ada", "mine now")
    assert len(PROVIDER.triage(held, since, vendor).known["footholds"]) == 1
    vercel.state.events.append({"id": "e1", "userId": "u_ada", "type": "env-variable-read"})
    facts = PROVIDER.investigate(held, since, vendor)
    assert [one["suspicious"] for one in facts.known["events"]] == [True]
    assert facts.known["used_while_out"] is True


# -- the store ------------------------------------------------------------------------------------


def there(vercel, where, kind="encrypted", **more):
    one = {"id": f"v{len(vercel.state.variables)}", "key": "TOKEN", "value": "old", "type": kind,
           "target": where, "updatedAt": 5, **more}  # fmt: skip
    vercel.state.variables.append(one)
    return one


def test_what_a_variable_is_stays_and_production_is_deployed(vercel, around) -> None:
    preview = there(vercel, ["preview"])
    one = there(vercel, ["production"], kind="sensitive")
    before = len(vercel.state.deployments)
    outcome = STORE.put(target("production"), NEW, around())
    assert outcome.status is Status.DONE
    assert (one["value"], one["type"]) == (NEW["value"].reveal_text(), "sensitive")
    assert preview["value"] == "old"
    assert len(vercel.state.deployments) == before + 1
    assert "dpl_" in outcome.summary


def test_a_deploy_command_of_the_policys_is_left_to_it(vercel, around) -> None:
    before = len(vercel.state.deployments)
    outcome = STORE.put(target("production"), NEW, around(settings={"deploy": ["./deploy.sh"]}))
    assert outcome.status is Status.DONE
    assert len(vercel.state.deployments) == before


def test_where_no_deployment_can_be_started_a_person_redeploys(vercel, around) -> None:
    vercel.state.may_deploy = False
    there(vercel, ["production"])
    outcome = STORE.put(target("production"), NEW, around())
    assert outcome.status is Status.MANUAL
    step = outcome.manual
    assert step is not None
    well_told(step)
    assert STORE.put(target("production"), NEW, around()).status is Status.MANUAL
    vercel.person(step)
    assert STORE.put(target("production"), NEW, around()).status is Status.DONE


def test_two_of_one_name_want_a_target(vercel, around) -> None:
    there(vercel, ["preview"])
    there(vercel, ["production"])
    outcome = STORE.put(target(), NEW, around())
    assert outcome.status is Status.REFUSED
    assert "@production" in outcome.reason


def test_preview_alone_waits_for_its_next_deployment(vercel, around) -> None:
    before = len(vercel.state.deployments)
    outcome = STORE.put(target("preview"), NEW, around())
    assert outcome.status is Status.DONE
    assert "next deployment" in outcome.summary
    assert len(vercel.state.deployments) == before


def test_a_project_that_is_not_there_is_told(vercel, around) -> None:
    outcome = STORE.put(target(project="other"), NEW, around())
    assert outcome.status is Status.REFUSED
    assert "VERCEL_TEAM_ID" in outcome.reason


def test_a_deployment_that_is_refused_names_the_right_that_is_missing(vercel, around) -> None:
    there(vercel, ["production"])
    vercel.fail("POST", "/v13/deployments", *[Fault(403, b'{"error": {"code": "forbidden"}}')] * 3)
    outcome = STORE.put(target("production"), NEW, around())
    assert outcome.status is Status.MANUAL
    assert "a role that may deploy the project" in outcome.reason
