"""Jobs to run again: which failed while the variable's value was dead, which read it, what nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediate.plugins.reruns import FindsReruns, Window
from remediate.plugins.store import Target
from remediate_providers.gitlab.local_api import PROJECT_PATH
from remediate_providers.gitlab.local_jobs import CHILD, job, pipeline
from remediate_providers.gitlab.reruns import blocks
from remediate_providers.gitlab.variables import (
    GroupVariablesStore,
    InstanceVariablesStore,
    VariablesStore,
)
from remediate_providers.loopback import Fault

STORE = VariablesStore()
DIED = datetime(2026, 1, 10, 12, tzinfo=UTC)
REPLACED = DIED + timedelta(hours=3)
WINDOW = Window(DIED.isoformat(), REPLACED.isoformat())
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NAMES_IT = "deploy:\n  script:\n  - ./mirror $TOKEN\ntest:\n  script: make\n"


def target(place: str = PROJECT_PATH, scheme: str = "gitlab") -> Target:
    return Target(scheme, place, (("TOKEN", None),), f"{scheme}:{place}#TOKEN")


def plant(gitlab, number: int = 7, *jobs: dict[str, Any], **more: Any) -> None:
    """A pipeline that failed an hour after the value died, with one failed job unless others are given."""
    page = f"{gitlab.url}/{PROJECT_PATH}"
    given: dict[str, Any] = {"began": DIED + HOUR, "ended": DIED + HOUR + MINUTE, **more}
    gitlab.state.pipelines.append(pipeline(number, page, **given))
    gitlab.state.jobs[number] = list(jobs) or [failed(gitlab, 10 * number)]


def failed(gitlab, number: int, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"began": DIED + HOUR, "ended": DIED + HOUR + MINUTE, **more}
    return job(number, f"{gitlab.url}/{PROJECT_PATH}", **given)


def look(gitlab, around, where: Target | None = None, store=STORE):
    return store.reruns(where or target(), WINDOW, around(gitlab.environment()))


def ids(facts) -> list[int]:
    return [row["id"] for row in facts.known["reruns"]]


def test_a_job_that_reads_it_and_failed_comes_with_its_command(gitlab, around) -> None:
    assert isinstance(STORE, FindsReruns)
    gitlab.state.configured["c0ffee"] = NAMES_IT
    plant(gitlab, sha="c0ffee")
    facts = look(gitlab, around)
    project = f"{gitlab.url}/{PROJECT_PATH}"
    assert facts.known == {
        "again": False,
        "reruns": [
            {
                "what": "deploy of pipeline 7 on main",
                "id": 70,
                "state": "failed",
                "began": "2026-01-10T13:00:00.000Z",
                "ended": "2026-01-10T13:01:00.000Z",
                "page": f"{project}/-/jobs/70",
                "command": f"glab ci retry 70 -R {project}",
                "sure": True,
                "why": "its configuration names TOKEN",
            }
        ],
    }
    assert facts.unknown == {}


@pytest.mark.parametrize(
    ("began", "ended", "listed"),
    [
        (DIED - 2 * HOUR, DIED - HOUR, False),  # before the value died
        (DIED - DAY, DIED + MINUTE, True),  # in progress at the kill
        (DIED + HOUR, DIED + 2 * HOUR, True),
        (
            REPLACED - MINUTE,
            REPLACED + DAY,
            True,
        ),  # given the old value, failed after the new one came
        (REPLACED + HOUR, REPLACED + 2 * HOUR, False),  # given the new one
    ],
)
def test_which_failed_for_it_tells_when_they_ran(gitlab, around, began, ended, listed) -> None:
    plant(
        gitlab,
        7,
        failed(gitlab, 70, began=began, ended=ended),
        began=DIED - DAY,
        ended=REPLACED + 2 * DAY,
    )
    assert ids(look(gitlab, around)) == ([70] if listed else [])


def test_failed_and_unended_jobs_of_a_pipeline_that_runs_are_told_and_looked_at_again(
    gitlab, around
) -> None:
    done = failed(gitlab, 72, status="success")
    plant(gitlab, 7, failed(gitlab, 70), failed(gitlab, 71, ended=None), done, ended=None)
    facts = look(gitlab, around)
    assert [(row["id"], row["state"]) for row in facts.known["reruns"]] == [
        (70, "failed"),
        (71, "running"),
    ]
    assert facts.known["again"] is True


@pytest.mark.parametrize(
    ("name", "text", "sure"),
    [
        ("deploy", NAMES_IT, True),
        ("deploy 2/3", NAMES_IT, True),
        ("deploy: [eu, blue]", NAMES_IT, True),
        ("test", NAMES_IT, False),
        ("test", f"{NAMES_IT}variables:\n  T: $TOKEN\n", True),
        ("deploy", "deploy:\n  script: ./mirror $TOKEN_2\n", False),
        ("deploy", "---\n:deploy:\n  :script: ./mirror $TOKEN\n", True),
        ("other", NAMES_IT, False),
        ("deploy", "", False),
    ],
)
def test_who_reads_it_tells_the_pipelines_own_configuration(
    gitlab, around, name, text, sure
) -> None:
    """Every job is given it: none is left out, and the ones that name it come first."""
    gitlab.state.configured["c0ffee"] = text
    plant(gitlab, 7, failed(gitlab, 70, name=name), sha="c0ffee")
    assert [row["sure"] for row in look(gitlab, around).known["reruns"]] == [sure]


def test_an_environments_variable_goes_to_jobs_of_an_environment_alone(gitlab, around) -> None:
    gitlab.state.configured["c0ffee"] = (
        "deploy:\n  environment: production\n  script: x\ntest:\n  script: y\n"
    )
    plant(
        gitlab,
        7,
        *(failed(gitlab, n, name=name) for n, name in ((70, "deploy"), (71, "test"), (72, "?"))),
        sha="c0ffee",
    )
    assert ids(look(gitlab, around, target(f"{PROJECT_PATH}@production"))) == [70, 72]


def test_jobs_of_child_pipelines_are_found(gitlab, around) -> None:
    gitlab.state.configured[""] = NAMES_IT
    plant(gitlab, source=CHILD)
    facts = look(gitlab, around)
    assert [(row["id"], row["sure"]) for row in facts.known["reruns"]] == [(70, False)]


def test_every_page_is_read_and_of_too_many_pipelines_each_is_named(gitlab, around) -> None:
    for number in range(1, 131):
        plant(gitlab, number)
    plant(gitlab, 500, *(failed(gitlab, 5000 + n) for n in range(230)))
    facts = look(gitlab, around)
    assert len(facts.known["reruns"]) == 230 + 49 + 81
    whole = [row for row in facts.known["reruns"] if row["why"] == "its jobs were not looked at"]
    assert len(whole) == 81
    assert {row["command"] for row in whole} == {None}
    assert facts.unknown == {}


def test_a_page_of_another_server_is_not_shown_and_nothing_is_sent_there(gitlab, around) -> None:
    plant(gitlab, 7, failed(gitlab, 70, web_url="https://evil.example/acme/app/-/jobs/70"))
    (row,) = look(gitlab, around).known["reruns"]
    assert (row["page"], row["command"]) == (None, None)
    plant(gitlab, 7, failed(gitlab, 70, web_url=f"{gitlab.url}/a;id/-/jobs/70"))
    (row,) = look(gitlab, around).known["reruns"]
    assert row["command"] == f"glab ci retry 70 -R '{gitlab.url}/a;id'"


def test_a_groups_variable_is_looked_for_in_its_projects(gitlab, around) -> None:
    plant(gitlab)
    gitlab.state.projects.append({"id": 8, "path_with_namespace": "acme/secret"})
    facts = look(gitlab, around, target("acme", "gitlab-group"), GroupVariablesStore())
    assert ids(facts) == [70]
    assert set(facts.unknown) == {
        f"{kind} of acme/secret"
        for kind in (
            "failed pipelines",
            "failed child pipelines",
            "running pipelines",
            "running child pipelines",
        )
    }
    facts = look(gitlab, around, target("other", "gitlab-group"), GroupVariablesStore())
    assert set(facts.unknown) == {"projects of other"}


def test_of_a_servers_own_nothing_is_known(gitlab, around) -> None:
    facts = look(gitlab, around, target("all", "gitlab-instance"), InstanceVariablesStore())
    assert facts.known == {"reruns": [], "again": False}
    assert facts.unknown


def test_without_the_permission_it_is_not_known_and_never_none(gitlab, around) -> None:
    plant(gitlab)
    gitlab.state.without_ci.add(gitlab.ada)
    facts = look(gitlab, around)
    assert facts.known == {"reruns": [], "again": True}
    assert len(facts.unknown) == 4
    assert all("read access to CI/CD" in why for why in facts.unknown.values())


@pytest.mark.parametrize("fault", [Fault(404), Fault(None), Fault(500), Fault(200, b"<html>")])
def test_jobs_that_can_not_be_read_leave_their_pipeline(gitlab, around, fault) -> None:
    plant(gitlab)
    gitlab.fail("GET", "*/pipelines/7/jobs", *[fault] * 30)
    facts = look(gitlab, around)
    (row,) = facts.known["reruns"]
    assert (row["id"], row["command"], row["sure"]) == (7, None, False)
    assert row["page"].endswith("/-/pipelines/7")
    assert facts.known["again"] is True
    assert list(facts.unknown) == [f"jobs of pipeline 7 of {PROJECT_PATH}"]


def test_without_a_token_it_says_so(gitlab, around) -> None:
    facts = STORE.reruns(target(), WINDOW, around({"GITLAB_API_URL": gitlab.url}))
    assert "GITLAB_TOKEN" in facts.unknown["jobs"]
    assert facts.known["again"] is True


def test_a_configuration_falls_into_its_keys() -> None:
    found = blocks(
        "---\n# c\nstages:\n- a\n\"a b\":\n  script: x\n'c: d':\n  script: y\n:e:\n  :script: z\n"
    )
    assert list(found) == ["stages", "a b", "c: d", "e"]
    assert found["stages"] == "stages:\n- a\n"
