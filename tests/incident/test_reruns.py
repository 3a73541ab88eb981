"""Jobs to run again, days after the kill: the journal alone tells when the old value died and when the new one came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from remediate.api.answers import Agrees
from remediate.clock import rfc3339
from remediate.history.repo import Repo
from remediate.incident.custody import Custody
from remediate.incident.events import Event
from remediate.incident.journal import Journal
from remediate.incident.options import Options
from remediate.incident.policy import CredentialPolicy, Policy
from remediate.incident.reruns import NotKnown, reruns
from remediate.incident.rows import Kind, Topic
from remediate.incident.run import Run
from remediate.incident.state import State, credential_data
from remediate.model import Credential
from remediate.plugins.outcome import Facts, Outcome, Status
from remediate.record.build import build
from remediate.secret import InstallationKey
from remediate.stages.investigate import STAGE as INVESTIGATE
from remediate.stages.reruns import look_for_reruns, reruns_due
from remediate_providers.github.local import REPOSITORY, LocalGitHub, RunningGitHub
from remediate_providers.github.local_runs import run as workflow_run
from remediate_providers.loopback import Fault
from tests.incident.test_run import repo

__all__ = ["repo"]

KILLED = datetime(2026, 1, 10, 12, tzinfo=UTC)
RECOVERED = KILLED + timedelta(days=4)
HOUR = timedelta(hours=1)
PATH = ".github/workflows/deploy.yml"
STORE = f"github-actions:{REPOSITORY}#TOKEN"
OLD = Credential("github:abc", "github", "github-pat", {})
DONE = Outcome(Status.DONE, "done")


class Told:
    """An incident whose journal keeps the time that it is given."""

    def __init__(
        self, folder: Path, key: InstallationKey, repo: Repo, github: RunningGitHub
    ) -> None:
        self.folder, self.key, self.repo, self.github = folder, key, repo, github
        self.now = KILLED
        self.events: list[Event] = []
        self.stores: tuple[str, ...] = (STORE,)

    @contextmanager
    def open(self) -> Iterator[Run]:
        table = CredentialPolicy(match="github", stores=self.stores)
        with closing(Journal(self.folder, self.key, now=lambda: rfc3339(self.now))) as journal:
            run = Run(
                folder=self.folder,
                journal=journal,
                custody=Custody(self.folder, self.key, None),
                key=self.key,
                repo=self.repo,
                policy=Policy(credentials=(table,)),
                options=Options(Path()),
                asks=Agrees(),
                listener=self.events.append,
                environment=self.github.environment(),
            )
            run.stage = "recover"
            yield run

    def killed(self, outcome: Outcome = DONE) -> None:
        with self.open() as run:
            run.write(Kind.CREDENTIAL, credential_data(OLD))
            run.learn(Topic.AUTHORITY, Facts({"found_in": "repository"}), OLD)
            run.effect("revoke", OLD.id, lambda: outcome, key=f"revoke/{OLD.id}")

    def recovered(self) -> None:
        self.now = RECOVERED
        with self.open() as run:
            for spec in self.stores:
                run.effect("store", spec, lambda: DONE, key=f"store/{spec}/{OLD.id}")
            run.effect("check-new", OLD.id, lambda: DONE, key=f"check-new/{OLD.id}")

    def look(self) -> list[Any]:
        with self.open() as run:
            look_for_reruns(run, OLD)
            return [(job.id, job.state) for job in reruns(run.state).jobs]

    def record(self) -> Any:
        with self.open() as run:
            return build(run.rows)


@pytest.fixture
def told(folder: Path, key: InstallationKey, repo: Repo) -> Iterator[Told]:
    github = LocalGitHub(lag=0.01).start()
    github.state.files[REPOSITORY] = {PATH: "env: {T: '${{ secrets.TOKEN }}'}"}
    yield Told(folder, key, repo, github)
    github.close()


def ran(github: RunningGitHub, number: int, began: datetime, ended: datetime | None) -> None:
    runs = github.state.runs.setdefault(REPOSITORY, [])
    runs[:] = [one for one in runs if one["id"] != number]
    runs.append(workflow_run(number, repository=REPOSITORY, path=PATH, began=began, ended=ended))


def test_what_failed_in_the_days_between_is_listed_and_nothing_else(told: Told) -> None:
    ran(told.github, 1, KILLED - 3 * HOUR, KILLED - 2 * HOUR)
    ran(told.github, 2, KILLED - HOUR, KILLED + HOUR)
    ran(told.github, 3, RECOVERED - 48 * HOUR, RECOVERED - 47 * HOUR)
    ran(told.github, 4, RECOVERED + HOUR, RECOVERED + 2 * HOUR)
    told.killed()
    told.recovered()
    told.now = RECOVERED + timedelta(days=9)
    assert told.look() == [(2, "failed"), (3, "failed")]
    assert [e.data["id"] for e in told.events if e.name == "rerun"] == [2, 3]
    assert [job.command for job in told.record().reruns] == [
        f"gh run rerun {n} --failed --repo {REPOSITORY}" for n in (2, 3)
    ]


def test_a_kill_that_had_to_be_tried_twice_counts_from_the_first_attempt(told: Told) -> None:
    ran(told.github, 2, KILLED + HOUR, KILLED + HOUR)
    told.killed(Outcome(Status.UNKNOWN, "nobody saw it", "no answer"))
    told.now = KILLED + 2 * HOUR
    told.killed(Outcome(Status.UNCHANGED, "it was dead"))
    told.recovered()
    assert told.look() == [(2, "failed")]
    assert told.record().gaps[:-1] == (), "it was our own doing that it was dead"


def test_what_was_dead_before_is_looked_for_since_it_was_out_and_the_rest_is_not_known(
    told: Told,
) -> None:
    ran(told.github, 1, KILLED - 30 * HOUR, KILLED - 30 * HOUR)
    ran(told.github, 2, KILLED - 20 * HOUR, KILLED - 20 * HOUR)
    with told.open() as run:
        run.learn(Topic.EXPOSURE, Facts({"first_out": rfc3339(KILLED - 24 * HOUR)}))
    told.killed(Outcome(Status.UNCHANGED, "it was dead"))
    told.recovered()
    assert told.look() == [(2, "failed")]
    (known,) = [gap for gap in told.record().gaps if gap.topic == "reruns"]
    assert known.what == "jobs that failed before remediate came"


def test_a_job_that_had_not_ended_is_looked_at_again_until_it_has(told: Told) -> None:
    ran(told.github, 2, RECOVERED - HOUR, None)
    told.killed()
    told.recovered()
    assert told.look() == [(2, "running")]
    with told.open() as run:
        assert INVESTIGATE.again(run)
        assert told.look() == [(2, "running")]
    ran(told.github, 2, RECOVERED - HOUR, RECOVERED + HOUR)
    assert told.look() == [(2, "failed")]
    events = [(e.data["id"], e.data["state"]) for e in told.events if e.name == "rerun"]
    assert events == [(2, "running"), (2, "failed")]
    with told.open() as run:
        assert not INVESTIGATE.again(run)
    asked = len(told.github.state.requests)
    assert told.look() == [(2, "failed")]
    assert len(told.github.state.requests) == asked, "nobody is asked again"


def test_a_later_look_that_fails_loses_nothing(told: Told) -> None:
    ran(told.github, 2, RECOVERED - HOUR, RECOVERED - HOUR)
    ran(told.github, 3, RECOVERED - HOUR, None)
    told.killed()
    told.recovered()
    assert told.look() == [(2, "failed"), (3, "running")]
    told.github.fail("GET", "*/actions/runs", *[Fault(403)] * 3)
    assert told.look() == [(2, "failed"), (3, "running")]
    with told.open() as run:
        assert reruns_due(run, OLD)
        assert {one.asked for one in reruns(run.state).not_known} == {True}


def test_stores_that_tell_of_no_jobs_are_not_known_and_not_asked(told: Told) -> None:
    told.stores = ("dotenv:.env.local#TOKEN",)
    told.killed()
    told.recovered()
    assert told.look() == []
    with told.open() as run:
        assert reruns(run.state).not_known == (
            NotKnown(
                OLD.id,
                "dotenv:.env.local#TOKEN",
                "this kind of store tells of no jobs that read it",
                False,
            ),
        )
        assert not INVESTIGATE.again(run)
    assert "dotenv:.env.local#TOKEN" in {gap.what for gap in told.record().gaps}


def test_nothing_fails_for_one_that_lives(told: Told) -> None:
    with told.open() as run:
        run.write(Kind.CREDENTIAL, credential_data(OLD))
    told.recovered()
    assert told.look() == []
    assert told.github.state.requests == []
    assert [gap for gap in told.record().gaps if gap.topic == "reruns"] == []


def test_until_the_new_one_is_in_place_nothing_is_to_be_run_again(told: Told) -> None:
    ran(told.github, 2, KILLED + HOUR, KILLED + HOUR)
    told.killed()
    with told.open() as run:
        run.effect("store", STORE, lambda: DONE, key=f"store/{STORE}/{OLD.id}")
        refused = Outcome(Status.REFUSED, "the new one does not work")
        run.effect("check-new", OLD.id, lambda: refused, key=f"check-new/{OLD.id}")
    assert told.look() == []
    assert told.github.state.requests == []


def test_what_a_stranger_typed_is_shown_harmless(told: Told) -> None:
    ran(told.github, 2, KILLED + HOUR, KILLED + HOUR)
    told.github.state.runs[REPOSITORY][0]["head_branch"] = "a\x1b[2Jb\u202e"
    told.killed()
    told.recovered()
    told.look()
    with told.open() as run:
        (job,) = reruns(run.state).jobs
    assert job.what == "Deploy on a?[2Jb?"


def test_a_journal_of_before_says_that_nobody_has_looked_and_is_made_up_for(told: Told) -> None:
    """What an older remediate left behind: all of recover, and no word of jobs."""
    ran(told.github, 2, KILLED + HOUR, KILLED + HOUR)
    told.killed()
    told.recovered()
    with told.open() as run:
        assert reruns(State.of(run.rows)).jobs == ()
        assert INVESTIGATE.again(run)
    (gap,) = [gap for gap in told.record().gaps if gap.topic == "reruns"]
    assert (gap.about, gap.reason) == (OLD.id, "nobody has looked")
    assert told.look() == [(2, "failed")]
    assert [gap for gap in told.record().gaps if gap.topic == "reruns"] == []


def test_whatever_a_row_holds_is_read(told: Told) -> None:
    rows: list[Any] = [{"id": "x", "sure": 1, "page": 7}, "no row", {}]
    with told.open() as run:
        run.learn(Topic.RERUNS, Facts({"reruns": rows, "mute": 3, "again": "yes"}, {"a": "b"}), OLD)
        found = reruns(run.state)
    assert [(job.id, job.sure, job.page) for job in found.jobs] == [(None, False, None)] * 2
    assert [job.id for job in told.record().reruns] == [None, None]
    json.dumps([vars(job) for job in found.jobs])
