"""Secrets of an organisation, of Dependabot and of codespaces: written, and read by whom they were before."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from remediate.errors import UsageError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.reruns import Window
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import StoreFaults
from remediate_providers.github.actions_secrets import (
    ActionsSecretsStore,
    AgentsSecretsStore,
    CodespacesSecretsStore,
    DependabotSecretsStore,
)
from remediate_providers.github.local import (
    ORGANISATION,
    REPOSITORY,
    RESPONDER,
    LocalGitHub,
    RunningGitHub,
)
from remediate_providers.github.local_runs import run
from remediate_providers.github.local_state import Place
from remediate_providers.loopback import Fault

Around = Callable[..., VendorContext]
NEW = {"value": Secret("the-new-value")}
STORES = [
    ActionsSecretsStore(),
    AgentsSecretsStore(),
    DependabotSecretsStore(),
    CodespacesSecretsStore(),
]
MANY = tuple(range(1000, 1250))


def target(store: ActionsSecretsStore, place: str = ORGANISATION, name: str = "TOKEN") -> Target:
    return Target(store.scheme, place, ((name, None),), f"{store.scheme}:{place}#{name}")


def at(store: ActionsSecretsStore, place: str) -> str:
    return place if store.app == "actions" else f"{place}:{store.app}"


def ready(github: RunningGitHub, *places: str) -> dict[str, str]:
    """Empty places, and a responder who may write to them; the environment."""
    for place in places:
        github.state.places[place] = Place()
    own = github.state.issue(RESPONDER, scopes=("repo", "admin:org"))
    return {**github.environment(), "GITHUB_TOKEN": own.reveal_text()}


def shared(github: RunningGitHub, place: str, visibility: str, *repositories: int) -> None:
    github.state.store(github.state.places[place], "TOKEN", b"old", visibility, repositories)
    github.state.places[place].secrets["TOKEN"].updated_at = "2020-01-01T00:00:00Z"


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.app)
@pytest.mark.parametrize(
    ("visibility", "repositories"),
    [("all", ()), ("private", ()), ("selected", ()), ("selected", (7, 9)), ("selected", MANY)],
    ids=["all", "private", "none", "two", "many"],
)
def test_who_may_read_it_stays(
    github: RunningGitHub,
    around: Around,
    store: ActionsSecretsStore,
    visibility: str,
    repositories: tuple[int, ...],
) -> None:
    place = at(store, ORGANISATION)
    environment = ready(github, place)
    shared(github, place, visibility, *repositories)
    outcome = store.put(target(store), NEW, around(environment))
    assert outcome.status is Status.DONE, outcome.reason
    assert github.stored(place, "TOKEN") == NEW["value"]
    stored = github.state.places[place].secrets["TOKEN"]
    assert (stored.visibility, stored.repositories) == (visibility, repositories)


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.app)
def test_one_that_is_not_there_is_not_made(
    github: RunningGitHub, around: Around, store: ActionsSecretsStore
) -> None:
    environment = ready(github, at(store, ORGANISATION))
    outcome = store.put(target(store), NEW, around(environment))
    assert outcome.status is Status.REFUSED
    assert "who should read" in outcome.reason
    assert not github.state.places[at(store, ORGANISATION)].secrets


@pytest.mark.parametrize("store", STORES[1:], ids=lambda store: store.app)
def test_one_of_a_repository(
    github: RunningGitHub, around: Around, store: ActionsSecretsStore
) -> None:
    environment = ready(github, at(store, REPOSITORY))
    outcome = store.put(target(store, REPOSITORY), NEW, around(environment))
    assert outcome.status is Status.DONE, outcome.reason
    assert github.stored(at(store, REPOSITORY), "TOKEN") == NEW["value"]
    assert not github.state.places[REPOSITORY].secrets, "the workflows' own are others"


def test_a_token_without_the_right_is_told_which(github: RunningGitHub, around: Around) -> None:
    ready(github, ORGANISATION)
    shared(github, ORGANISATION, "all")
    outcome = STORES[0].put(target(STORES[0]), NEW, around(github.environment()))
    assert outcome.status is Status.REFUSED
    assert "admin:org" in outcome.reason


def test_a_list_that_can_not_be_read_stops_before_anything_is_written(
    github: RunningGitHub, around: Around
) -> None:
    environment = ready(github, ORGANISATION)
    shared(github, ORGANISATION, "selected", 7)
    github.fail("GET", "*/repositories", *[Fault(200, b'{"repositories": 3}')] * 9)
    outcome = STORES[0].put(target(STORES[0]), NEW, around(environment))
    assert outcome.status is Status.UNREACHABLE
    assert github.state.places[ORGANISATION].secrets["TOKEN"].sealed == b"old"


@pytest.mark.parametrize(
    ("store", "place"),
    [
        (STORES[0], "acme@production"),
        (STORES[1], "acme/app@production"),
        (STORES[2], "acme/app@production"),
        (STORES[0], "-acme"),
        (STORES[1], "acme/"),
    ],
)
def test_what_is_no_place(store: ActionsSecretsStore, place: str) -> None:
    with pytest.raises(UsageError):
        store.validate(target(store, place))


class TestOrganisationSecretsFaults(StoreFaults):
    make = ActionsSecretsStore

    def start(self) -> Any:
        seconds = itertools.count(1_800_000_000)
        github = LocalGitHub(
            lag=0.01, now=lambda: datetime.fromtimestamp(next(seconds), UTC)
        ).start()
        environment = ready(github, ORGANISATION)
        shared(github, ORGANISATION, "selected", 7)
        return _Ready(github, environment)

    def target(self, running: Any) -> Target:
        return target(STORES[0])

    def stored(self, running: Any) -> dict[str, Secret]:
        assert running.github.state.places[ORGANISATION].secrets["TOKEN"].repositories == (7,)
        try:
            return {"value": running.github.stored(ORGANISATION, "TOKEN")}
        except Exception:
            return {}  # still the old one, which was sealed with no key of ours

    def failed_job(self, running: Any, target: Target, window: Window) -> None:
        name, path, state = (
            f"{ORGANISATION}/r7",
            ".github/workflows/deploy.yml",
            running.github.state,
        )
        failed = run(7, repository=name, path=path, began=window.start, ended=window.end)
        state.places[name], state.writers[name] = Place(), frozenset({RESPONDER})
        state.runs[name], state.files[name] = [failed], {path: "T: '${{ secrets.TOKEN }}'"}


class _Ready:
    def __init__(self, github: RunningGitHub, environment: dict[str, str]) -> None:
        self.github = github
        self._environment = environment

    def environment(self) -> dict[str, str]:
        return self._environment

    def close(self) -> None:
        self.github.close()
