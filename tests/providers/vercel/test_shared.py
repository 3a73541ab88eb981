"""Variables that a team shares among projects: written as they are, and deployed in each project."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from remediate.incident.policy import CredentialPolicy, table_settings
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import StoreFaults
from remediate.testing.providers import well_told
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import nowhere, surroundings
from remediate_providers.vercel.local import PROJECT, TEAM, LocalVercel, RunningVercel
from remediate_providers.vercel.shared import SharedEnvironmentStore

STORE = SharedEnvironmentStore()
NEW = {"value": Secret("brand-new-" + "k3Y9" * 5)}


def target(where: str = "", team: str = TEAM, name: str = "TOKEN") -> Target:
    place = f"{team}@{where}" if where else team
    return Target("vercel-shared", place, ((name, None),), f"vercel-shared:{place}#{name}")


def share(vercel: RunningVercel, kind: str = "encrypted", **more: object) -> dict[str, object]:
    one = {
        "id": f"env_{len(vercel.state.shared)}",
        "key": "TOKEN",
        "value": "old",
        "type": kind,
        "target": ["production", "preview"],
        "projectId": [PROJECT],
        "updatedAt": 1,
        **more,
    }
    vercel.state.shared.append(one)
    return one


@pytest.fixture
def vercel() -> Iterator[RunningVercel]:
    running = LocalVercel(lag=0.02).start()
    yield running
    running.close()


@pytest.fixture
def around(vercel):
    return lambda **more: surroundings(vercel.environment(), longest=0.01, **more)


class TestTheStore(StoreContract):
    make = SharedEnvironmentStore
    kind = "encrypted"
    bad = (
        target(team="acme"),
        target("staging"),
        target(name="A-B"),
        Target("vercel-shared", TEAM, (), f"vercel-shared:{TEAM}"),
    )

    @pytest.fixture(autouse=True)
    def server(self):
        self.running = LocalVercel().start()
        share(self.running, self.kind, key="KEY")
        yield
        self.running.close()

    def target(self) -> Target:
        return target(name="KEY")

    def vendor(self) -> VendorContext:
        return surroundings(self.running.environment())

    def unreachable(self) -> VendorContext:
        environment = {**self.running.environment(), "VERCEL_API_URL": nowhere()}
        return surroundings(environment, longest=0)


class TestASensitiveOne(TestTheStore):
    kind = "sensitive"


class TestTheStoresFaults(StoreFaults):
    make = SharedEnvironmentStore
    kind = "encrypted"

    def start(self) -> RunningVercel:
        running = LocalVercel().start()
        share(running, self.kind)
        return running

    def target(self, running: RunningVercel) -> Target:
        return target("production")

    def stored(self, running: RunningVercel) -> dict[str, Secret]:
        return {"value": Secret(str(running.state.shared[0]["value"]))}


class TestASensitiveOnesFaults(TestTheStoresFaults):
    kind = "sensitive"


def test_what_it_is_stays_and_each_project_is_deployed(vercel, around) -> None:
    one = share(vercel, comment="ask Ada")
    before = len(vercel.state.deployments)
    outcome = STORE.put(target(), NEW, around())
    assert outcome.status is Status.DONE
    assert one["value"] == NEW["value"].reveal_text()
    assert (one["target"], one["comment"]) == (["production", "preview"], "ask Ada")
    assert len(vercel.state.deployments) == before + 1
    assert outcome.data["projects"] == [PROJECT]


def test_one_that_is_not_there_is_not_made(vercel, around) -> None:
    outcome = STORE.put(target(), NEW, around())
    assert outcome.status is Status.REFUSED
    assert "which projects" in outcome.reason
    assert vercel.state.shared == []


def test_two_of_one_name_want_a_target(vercel, around) -> None:
    share(vercel, target=["preview"])
    one = share(vercel, target=["production"])
    assert "name the target" in STORE.put(target(), NEW, around()).reason
    assert STORE.put(target("production"), NEW, around()).status is Status.DONE
    assert one["value"] == NEW["value"].reveal_text()


def test_another_team_and_no_token_are_told(vercel, around) -> None:
    share(vercel)
    assert STORE.put(target(team="team_other1"), NEW, around()).status is Status.REFUSED
    bare = surroundings({"VERCEL_API_URL": vercel.url}, longest=0.01)
    assert "VERCEL_TOKEN" in STORE.put(target(), NEW, bare).reason


def test_where_no_deployment_can_be_started_a_person_redeploys(vercel, around) -> None:
    share(vercel)
    vercel.state.may_deploy = False
    outcome = STORE.put(target(), NEW, around())
    assert outcome.status is Status.MANUAL
    well_told(outcome.manual)
    vercel.person(outcome.manual)
    assert STORE.put(target(), NEW, around()).status is Status.DONE


def test_a_deploy_command_of_the_policys_is_left_to_it(vercel, around) -> None:
    share(vercel)
    before = len(vercel.state.deployments)
    settings = table_settings(CredentialPolicy(deploy=("./deploy.sh",)))
    assert STORE.put(target(), NEW, around(settings=settings)).status is Status.DONE
    assert len(vercel.state.deployments) == before
