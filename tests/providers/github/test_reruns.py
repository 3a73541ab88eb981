"""Workflow runs to run again: which failed while the value was dead, which asked for it, what nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediate.plugins.reruns import FindsReruns, Window
from remediate.plugins.store import Target
from remediate_providers.github.actions_secrets import (
    ActionsSecretsStore,
    AgentsSecretsStore,
    CodespacesSecretsStore,
    DependabotSecretsStore,
)
from remediate_providers.github.local import ORGANISATION, REPOSITORY, RESPONDER
from remediate_providers.github.local_runs import run
from remediate_providers.github.local_state import Place
from remediate_providers.loopback import Fault

STORE = ActionsSecretsStore()
PATH = ".github/workflows/deploy.yml"
ASKS = "env: {T: '${{ secrets.DEPLOY_TOKEN }}'}"
DIED = datetime(2026, 1, 10, 12, tzinfo=UTC)
REPLACED = DIED + timedelta(hours=3)
WINDOW = Window(DIED.isoformat(), REPLACED.isoformat())
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def target(place: str = REPOSITORY, scheme: str = "github-actions") -> Target:
    return Target(scheme, place, (("DEPLOY_TOKEN", None),), f"{scheme}:{place}#DEPLOY_TOKEN")


def failed(number: int = 7, **more: Any) -> dict[str, object]:
    given: dict[str, Any] = {"began": DIED + HOUR, "ended": DIED + HOUR + MINUTE, **more}
    return run(number, **{"repository": REPOSITORY, "path": PATH, **given})


def look(github, around, *runs, text: str = ASKS, store=STORE, where: Target | None = None):
    github.state.runs[REPOSITORY] = list(runs)
    if text:
        github.state.files[REPOSITORY] = {PATH: text}
    return store.reruns(where or target(), WINDOW, around(github.environment()))


def ids(facts) -> list[int]:
    return [row["id"] for row in facts.known["reruns"]]


def test_a_run_that_asked_for_it_and_failed_comes_with_its_command(github, around) -> None:
    assert isinstance(STORE, FindsReruns)
    facts = look(github, around, failed())
    assert facts.known == {
        "again": False,
        "reruns": [
            {
                "what": "Deploy on main",
                "id": 7,
                "state": "failed",
                "began": "2026-01-10T13:00:00Z",
                "ended": "2026-01-10T13:01:00Z",
                "page": f"{github.url}/{REPOSITORY}/actions/runs/7",
                "command": f"gh run rerun 7 --failed --repo {REPOSITORY}",
                "sure": True,
                "why": "its workflow asks for DEPLOY_TOKEN",
            }
        ],
    }
    assert facts.unknown == {}
    assert [one.probe.split(" at ")[0][-6:] for one in facts.evidence] == [
        "ailure",
        "ed_out",
        "ogress",
    ]


@pytest.mark.parametrize(
    ("began", "ended", "listed"),
    [
        (DIED - 2 * HOUR, DIED - HOUR, False),  # before the value died
        (DIED - 30 * DAY, DIED + MINUTE, True),  # in progress at the kill
        (DIED - MINUTE, DIED - timedelta(seconds=30), True),  # within what clocks may differ
        (DIED + HOUR, DIED + 2 * HOUR, True),
        (
            REPLACED - MINUTE,
            REPLACED + DAY,
            True,
        ),  # given the old value, failed after the new one came
        (
            REPLACED + HOUR,
            REPLACED + 2 * HOUR,
            False,
        ),  # given the new one: it failed for something else
    ],
)
def test_which_failed_for_it_tells_when_they_ran(github, around, began, ended, listed) -> None:
    assert ids(look(github, around, failed(began=began, ended=ended))) == ([7] if listed else [])


def test_one_that_was_repeated_since_counts_by_its_newest_attempt(github, around) -> None:
    again = failed(created=DIED + HOUR, began=REPLACED + HOUR, ended=REPLACED + 2 * HOUR)
    assert ids(look(github, around, again)) == []


def test_what_has_not_ended_is_told_and_looked_at_again(github, around) -> None:
    facts = look(
        github,
        around,
        failed(8, began=DIED - HOUR, ended=None),
        failed(),
        failed(9, conclusion="success"),
    )
    assert [(row["id"], row["state"]) for row in facts.known["reruns"]] == [
        (7, "failed"),
        (8, "running"),
    ]
    assert facts.known["again"] is True


def test_one_that_took_too_long_failed_too(github, around) -> None:
    assert ids(look(github, around, failed(conclusion="timed_out"))) == [7]


@pytest.mark.parametrize(
    ("text", "sure", "why"),
    [
        (ASKS, True, "its workflow asks for DEPLOY_TOKEN"),
        ("env: {T: '${{ secrets.OTHER }}'}", None, ""),
        ("    secrets: inherit\n", False, "its workflow hands all secrets on"),
        ("run: echo '${{ toJSON(secrets) }}'", False, "its workflow picks a secret while it runs"),
        (
            "t: '${{ secrets[format(''{0}'', x)] }}'",
            False,
            "its workflow picks a secret while it runs",
        ),
        ("", False, "its workflow's file could not be read"),
    ],
)
def test_only_what_uses_the_secret_as_far_as_its_file_tells(
    github, around, text, sure, why
) -> None:
    facts = look(github, around, failed(), text=text)
    found = [(row["sure"], row["why"]) for row in facts.known["reruns"]]
    assert found == ([] if sure is None else [(sure, why)])


def test_its_file_is_read_as_of_its_own_commit(github, around) -> None:
    """The default branch asks for it no more: the run did."""
    github.state.files[f"{REPOSITORY}@c0ffee"] = {PATH: ASKS}
    facts = look(github, around, failed(head_sha="c0ffee"), text="on: push")
    assert [row["sure"] for row in facts.known["reruns"]] == [True]


def test_the_same_file_is_read_once(github, around) -> None:
    look(github, around, *(failed(n) for n in range(1, 31)))
    assert len(github.asked("GET", f"/repos/{REPOSITORY}/contents/{PATH}")) == 1


def test_beyond_so_many_files_nobody_has_read_them_and_none_is_dropped(github, around) -> None:
    runs = [failed(n, head_sha=f"c{n}") for n in range(1, 61)]
    for n in range(1, 61):
        github.state.files[f"{REPOSITORY}@c{n}"] = {PATH: ASKS}
    facts = look(github, around, *runs)
    assert sorted(ids(facts)) == list(range(1, 61))
    assert sum(row["sure"] for row in facts.known["reruns"]) == 50


def test_every_page_is_read_and_beyond_the_last_it_says_so(github, around) -> None:
    facts = look(github, around, *(failed(n) for n in range(1, 251)))
    assert len(ids(facts)) == 250
    assert facts.unknown == {}
    facts = look(github, around, *(failed(n) for n in range(1, 1201)))
    assert len(ids(facts)) == 1000
    assert "1200" in facts.unknown[f"older runs of {REPOSITORY}: failure"]


def test_an_environments_secret_is_surely_asked_for_where_it_is_named(github, around) -> None:
    place = target(f"{REPOSITORY}@production")
    facts = look(github, around, failed(), where=place, text=f"environment: production\n{ASKS}")
    assert [row["sure"] for row in facts.known["reruns"]] == [True]
    facts = look(github, around, failed(), where=place)
    assert [row["sure"] for row in facts.known["reruns"]] == [False]


def test_forks_and_githubs_own_workflows_are_not_known_and_not_none(github, around) -> None:
    fork = failed(1, event="pull_request", head_repository={"full_name": "eve/app"})
    own = failed(2, path="dynamic/github-code-scanning/codeql")
    facts = look(github, around, fork, own)
    assert ids(facts) == []
    assert set(facts.unknown) == {
        "1 failed run of forks",
        "1 failed run of GitHub's own workflows",
    }


def test_dependabots_runs_read_its_secrets_and_no_others_do(github, around) -> None:
    bot = {"login": "dependabot[bot]"}
    runs = (
        failed(1),
        failed(2, actor=bot),
        failed(3, actor=bot, path="dynamic/dependabot/dependabot-updates"),
    )
    assert ids(look(github, around, *runs)) == [1]
    where = target(scheme="github-dependabot")
    facts = look(github, around, *runs, store=DependabotSecretsStore(), where=where)
    assert [(row["id"], row["command"] is None) for row in facts.known["reruns"]] == [
        (2, False),
        (3, True),
    ]


@pytest.mark.parametrize("store", [CodespacesSecretsStore(), AgentsSecretsStore()])
def test_what_no_run_reads_is_said_to_be_not_known(github, around, store) -> None:
    facts = look(github, around, failed(), store=store, where=target(scheme=store.scheme))
    assert ids(facts) == []
    assert all(facts.unknown.values())
    assert len(facts.unknown) == 1


def of_organisation(github, visibility: str, repositories: tuple[int, ...] = ()) -> None:
    """The organisation's secret, with its *repositories* ``acme/r1`` …; the responder owns the organisation."""
    place = github.state.places.setdefault(ORGANISATION, Place())
    github.state.store(place, "DEPLOY_TOKEN", b"sealed", visibility, repositories)
    github.responder = github.state.issue(RESPONDER, scopes=("repo", "admin:org"))


def test_an_organisations_secret_is_looked_for_where_it_is_selected(github, around) -> None:
    for number in range(1, 5):
        name = f"{ORGANISATION}/r{number}"
        github.state.places[name] = Place()
        github.state.writers[name] = frozenset({RESPONDER})
        github.state.runs[name] = [failed(number, repository=name)]
        github.state.files[name] = {PATH: ASKS}
    del github.state.places[f"{ORGANISATION}/r3"]  # not shown to this token
    of_organisation(github, "selected", (1, 2, 3))
    facts = look(github, around, where=target(ORGANISATION), text="")
    assert [(row["id"], row["command"]) for row in facts.known["reruns"]] == [
        (n, f"gh run rerun {n} --failed --repo {ORGANISATION}/r{n}") for n in (1, 2)
    ]
    assert set(facts.unknown) == {
        f"runs of {ORGANISATION}/r3: {status}" for status in ("failure", "timed_out", "in_progress")
    }
    assert facts.known["again"] is True


def test_so_many_repositories_are_looked_into_and_the_rest_is_not_known(github, around) -> None:
    of_organisation(github, "selected", tuple(range(1, 131)))
    facts = look(github, around, where=target(ORGANISATION), text="")
    assert (
        facts.unknown[f"other repositories of {ORGANISATION}"]
        == "there are 130; 50 were looked into"
    )


@pytest.mark.parametrize("visibility", ["all", "private"])
def test_of_one_that_all_may_read_nothing_is_known(github, around, visibility) -> None:
    of_organisation(github, visibility)
    facts = look(github, around, where=target(ORGANISATION), text="")
    assert facts.known == {"reruns": [], "again": False}
    assert facts.unknown == {
        f"who is given DEPLOY_TOKEN of {ORGANISATION}": "all of its repositories may be, and which ask for it, no call tells"
    }


@pytest.mark.parametrize("path", ["", "/repositories"])
@pytest.mark.parametrize("fault", [Fault(404), Fault(403), Fault(None), Fault(200, b"<html>")])
def test_who_is_given_it_is_not_known_and_never_nobody(github, around, path, fault) -> None:
    of_organisation(github, "selected", (1,))
    github.fail("GET", f"/orgs/{ORGANISATION}/actions/secrets/DEPLOY_TOKEN{path}", *[fault] * 30)
    facts = look(github, around, where=target(ORGANISATION), text="")
    assert ids(facts) == []
    assert list(facts.unknown) == [f"who is given DEPLOY_TOKEN of {ORGANISATION}"]
    assert facts.known["again"] is True


def test_without_the_permission_it_is_named_and_asked_for_again(github, around) -> None:
    github.state.without_actions.add(RESPONDER)
    facts = look(github, around, failed())
    assert facts.known == {"reruns": [], "again": True}
    assert len(facts.unknown) == 3
    assert all("needed is permission actions=read" in why for why in facts.unknown.values())


@pytest.mark.parametrize("fault", [Fault(404), Fault(None), Fault(500), Fault(200, b"<html>")])
def test_a_list_that_can_not_be_read_is_not_known_and_never_none(github, around, fault) -> None:
    github.fail("GET", f"/repos/{REPOSITORY}/actions/runs", *[fault] * 60)
    facts = look(github, around, failed())
    assert facts.known == {"reruns": [], "again": True}
    assert len(facts.unknown) == 3
    assert all(facts.unknown.values())


def test_the_other_lists_are_told(github, around) -> None:
    github.fail("GET", f"/repos/{REPOSITORY}/actions/runs", Fault(404))
    facts = look(github, around, failed(conclusion="timed_out"))
    assert ids(facts) == [7]
    assert list(facts.unknown) == [f"runs of {REPOSITORY}: failure"]
    assert facts.known["again"] is True


def test_without_a_token_it_says_so(github, around) -> None:
    facts = STORE.reruns(target(), WINDOW, around({"GITHUB_API_URL": github.url}))
    assert "gh auth login" in facts.unknown["workflow runs"]
    assert facts.known["again"] is True


def test_a_server_of_ones_own_is_named_in_the_command() -> None:
    from remediate_providers.github.reruns import command
    from remediate_providers.github.server import Server

    own = Server.of({"GITHUB_API_URL": "https://git.acme.example/api/v3"})
    assert command(own, "acme/app", 7) == "gh run rerun 7 --failed --repo git.acme.example/acme/app"
    tenant = Server.of({"GITHUB_API_URL": "https://api.acme.ghe.com"})
    assert command(tenant, "a/b", 7) == "gh run rerun 7 --failed --repo acme.ghe.com/a/b"
    assert command(Server.of({}), "a/b", 7) == "gh run rerun 7 --failed --repo a/b"
