"""The runner's promise: intent before, outcome after, never twice, and a crash is looked into first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from remediate.api.answers import Agrees
from remediate.errors import StateError, VendorError
from remediate.history.repo import Repo, open_repo
from remediate.incident.custody import Custody
from remediate.incident.events import Event
from remediate.incident.journal import Journal
from remediate.incident.options import Options
from remediate.incident.policy import Policy
from remediate.incident.rows import Kind
from remediate.incident.run import Run
from remediate.incident.state import Effect
from remediate.model import Credential, ManualStep
from remediate.plugins.outcome import Facts, Outcome, Status
from remediate.secret import InstallationKey, Secret

DONE = Outcome(Status.DONE, "it happened")


@pytest.fixture
def repo(tmp_path: Path, bash: Callable[..., str]) -> Repo:
    bash("git init -q r")
    return open_repo(tmp_path / "r")


@contextmanager
def opened(folder: Path, key: InstallationKey, repo: Repo, told: list[Event]) -> Iterator[Run]:
    with closing(Journal(folder, key)) as journal:
        run = Run(
            folder=folder,
            journal=journal,
            custody=Custody(folder, key, None),
            key=key,
            repo=repo,
            policy=Policy(),
            options=Options(Path()),
            asks=Agrees(),
            listener=told.append,
            environment={},
        )
        run.stage = "contain"
        yield run


class Vendor:
    """Something outside that counts what is done to it."""

    def __init__(self) -> None:
        self.done = 0

    def do(self) -> Outcome:
        self.done += 1
        return DONE


def crash() -> Outcome:
    raise KeyboardInterrupt


def test_intent_is_on_disk_before_and_outcome_after(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    seen: list[str] = []
    with opened(folder, key, repo, []) as run:

        def do() -> Outcome:
            with closing(Journal(folder, key)) as other:
                seen.extend(row.kind for row in other.rows)
            return DONE

        run.effect("revoke", "aws:X", do, detail={"n": 1})
        assert seen == [Kind.INTENT]
        assert [row.kind for row in run.rows] == [Kind.INTENT, Kind.OUTCOME]
        assert run.rows[0].key == run.rows[1].key == "contain/revoke/aws:X"
        assert run.rows[0].data["detail"] == {"n": 1}


@pytest.mark.parametrize("status", list(Status))
def test_only_what_is_settled_is_not_done_again(
    folder: Path, key: InstallationKey, repo: Repo, status: Status
) -> None:
    count = 0

    def do() -> Outcome:
        nonlocal count
        count += 1
        return Outcome(status, "s")

    for _ in range(2):
        with opened(folder, key, repo, []) as run:
            assert run.effect("a", "s", do).status is status
    assert count == (1 if status.settled else 2)


def test_a_crash_is_reconciled_before_anything_is_done_again(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    vendor = Vendor()
    with opened(folder, key, repo, []) as run, pytest.raises(KeyboardInterrupt):
        run.effect("reissue", "s", crash, detail={"before": ["k1"]})
    with opened(folder, key, repo, []) as run:

        def found(effect: Effect) -> Outcome | None:
            assert effect.detail == {"before": ["k1"]}
            return Outcome(Status.DONE, "had happened")

        outcome = run.effect("reissue", "s", vendor.do, reconcile=found)
        assert outcome.summary == "had happened"
    assert vendor.done == 0


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.UNREACHABLE])
def test_a_lost_answer_is_reconciled_too(
    folder: Path, key: InstallationKey, repo: Repo, status: Status
) -> None:
    vendor = Vendor()
    with opened(folder, key, repo, []) as run:
        run.effect("reissue", "s", lambda: Outcome(status, "no answer came"))
    with opened(folder, key, repo, []) as run:
        found = Outcome(Status.DONE, "had happened")
        assert run.effect("reissue", "s", vendor.do, reconcile=lambda _: found) == found
    assert vendor.done == 0


def test_where_nothing_had_happened_it_is_done(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    vendor = Vendor()
    with opened(folder, key, repo, []) as run, pytest.raises(KeyboardInterrupt):
        run.effect("reissue", "s", crash)
    with opened(folder, key, repo, []) as run:
        assert run.effect("reissue", "s", vendor.do, reconcile=lambda _: None) == DONE
        assert run.attempts("contain/reissue/s") == 2
    assert vendor.done == 1


def test_what_is_doubted_is_reconciled_and_done_again(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    vendor, told = Vendor(), list[Event]()
    with opened(folder, key, repo, told) as run:
        name = "contain/reissue/s"
        run.doubt(name, "never meant")
        assert name not in run.state.effects
        run.effect("reissue", "s", vendor.do)
        run.doubt(name, "the value is gone")
    with opened(folder, key, repo, told) as run:
        known = run.state.outcome(name)
        assert known is not None
        assert (known.status, known.reason) == (Status.UNKNOWN, "the value is gone")
        assert run.effect("reissue", "s", vendor.do, reconcile=lambda _: None) == DONE
    assert vendor.done == 2


def test_the_newest_successor_counts(folder: Path, key: InstallationKey, repo: Repo) -> None:
    old = Credential("x:old", "x", "x-key", {"key": "f0"})
    with opened(folder, key, repo, []) as run:
        assert run.successor(old) is None
        for name in ("x:lost", "x:new"):
            run.succeed(old, Credential(name, "x", "x-key", {"key": name}))
        new = run.successor(old)
        assert new is not None
        assert new.id == "x:new"


def test_a_batch_does_only_what_is_left(folder: Path, key: InstallationKey, repo: Repo) -> None:
    asked: list[list[str]] = []

    def revoke(ids: Sequence[str]) -> Mapping[str, Outcome]:
        asked.append(list(ids))
        return {name: DONE if name != "c" else Outcome(Status.REFUSED, "no") for name in ids}

    keys = {name: f"revoke/{name}" for name in "abc"}
    with opened(folder, key, repo, []) as run:
        run.effect("revoke", "a", lambda: DONE, key="revoke/a")
        run.effects(keys, "revoke", revoke)
        assert run.effects(keys, "revoke", revoke)["a"] == DONE
    assert asked == [["b", "c"], ["c"]]


def test_a_fault_in_a_plugin_does_not_stop_the_others_and_shows_no_value(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    def broken() -> Outcome:
        raise ValueError("the token is " + "tok-" + "9876543210")

    told: list[Event] = []
    with opened(folder, key, repo, told) as run:
        outcome = run.effect("revoke", "s", broken)
        assert outcome.status is Status.UNKNOWN
        assert outcome.data["fault"] is True
        assert "9876543210" not in repr(run.rows) + repr(told)
        assert "ValueError" in outcome.reason


def test_an_error_that_stops_leaves_the_intent_open(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    def stop() -> Outcome:
        raise VendorError("gone")

    with opened(folder, key, repo, []) as run:
        with pytest.raises(VendorError):
            run.effect("revoke", "s", stop)
        assert run.state.effects["contain/revoke/s"].pending


def test_a_vendor_that_forgets_one_of_a_batch_leaves_it_unknown(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    with opened(folder, key, repo, []) as run:
        results = run.effects({"a": "a", "b": "b"}, "revoke", lambda ids: {"a": DONE})
        assert results["b"].status is Status.UNKNOWN


def test_manual_steps_are_told_and_kept(folder: Path, key: InstallationKey, repo: Repo) -> None:
    step = ManualStep(
        "s-1", "Do it", "because", "https://example.com", ("one", "two"), "seen", True
    )
    told: list[Event] = []
    with opened(folder, key, repo, told) as run:
        run.effect("reissue", "s", lambda: Outcome(Status.MANUAL, "m", manual=step))
    with opened(folder, key, repo, []) as run:
        assert run.state.manual_steps() == [step]
    assert [e.name for e in told] == ["effect", "manual"]
    assert told[1].data["id"] == "s-1"


def test_taking_a_value_is_journalled_once_a_purpose(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    with opened(folder, key, repo, []) as run:
        (name,) = run.keep([Secret(b"value-of-it")], "the report")
        credential = Credential("x:1", "x", "k", {"value": name, "other": "ff" * 32})
        for _ in range(2):
            held = run.held(credential, "revoke")
        assert held.values == {"value": Secret(b"value-of-it")}
        takes = [r.data for r in run.rows if r.kind == Kind.CUSTODY and r.data["action"] == "take"]
        assert takes == [{"fingerprint": name, "purpose": "revoke", "action": "take"}]


def test_facts_are_written_when_they_change(folder: Path, key: InstallationKey, repo: Repo) -> None:
    with opened(folder, key, repo, []) as run:
        for value in (1, 1, 2):
            run.learn("topic", Facts({"n": value}, {"m": "because"}))
        assert sum(r.kind == Kind.FACT for r in run.rows) == 2
        assert run.knows("topic") == Facts({"n": 2}, {"m": "because"})


def test_a_journal_that_cannot_be_written_stops_before_the_effect(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    vendor = Vendor()
    with opened(folder, key, repo, []) as run:
        (folder / "journal.head").unlink(missing_ok=True)
        folder.chmod(0o500)
        try:
            import os

            if os.geteuid() == 0:
                run._journal._db.close()
            with pytest.raises(Exception) as error:
                run.effect("revoke", "s", vendor.do)
        finally:
            folder.chmod(0o700)
    assert vendor.done == 0
    assert isinstance(error.value, StateError)


@pytest.mark.filterwarnings("ignore")
def test_whatever_crashes_each_thing_happens_once(
    tmp_path_factory: pytest.TempPathFactory, key: InstallationKey, repo: Repo
) -> None:
    """Random effects, crashes before and after the outside deed, and resumes: each deed just once."""

    class Machine(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.folder = tmp_path_factory.mktemp("m", numbered=True)
            self.outside: dict[str, int] = {}

        @rule(name=st.sampled_from("abc"), when=st.sampled_from(["never", "before", "after"]))
        def act(self, name: str, when: str) -> None:
            def do() -> Outcome:
                if when == "before":
                    raise KeyboardInterrupt
                self.outside[name] = self.outside.get(name, 0) + 1
                if when == "after":
                    raise KeyboardInterrupt
                return DONE

            def reconcile(_: Effect) -> Outcome | None:
                return DONE if self.outside.get(name) else None

            with opened(self.folder, key, repo, []) as run:
                try:
                    outcome = run.effect("make", name, do, reconcile=reconcile)
                except KeyboardInterrupt:
                    return
                assert outcome == DONE
                assert self.outside[name] == 1

        @invariant()
        def once(self) -> None:
            assert all(count == 1 for count in getattr(self, "outside", {}).values())

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
