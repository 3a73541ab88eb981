"""What an incident waits for, days later, from its journal alone."""

from __future__ import annotations

from remediate.incident.rows import Kind, Row
from remediate.incident.state import State, write_outcome
from remediate.incident.waiting import waits
from remediate.model import Json, ManualStep
from remediate.plugins.outcome import Outcome, Status

STEP = ManualStep("s-1", "Make a new token", "because", takes_value=True)
Rows = list[tuple[Kind, dict[str, Json], str | None]]


def state(*rows: tuple[Kind, dict[str, Json], str | None]) -> State:
    opened: Rows = [(Kind.OPENED, {"incident": "INC-1"}, None)]
    return State.of(
        Row(n, f"2026-01-02T03:04:{n:02}.000Z", str(kind), "recover", key, data)
        for n, (kind, data, key) in enumerate([*opened, *rows], 1)
    )


def effect(key: str, action: str, outcome: Outcome) -> Rows:
    return [
        (Kind.INTENT, {"action": action, "subject": "x", "detail": {}}, key),
        (Kind.OUTCOME, write_outcome(outcome), key),
    ]


ENDED: Rows = [(Kind.CONCLUDED, {"status": "manual", "exit": 3}, None)]


def test_a_person_first_then_vendors_each_with_what_to_type() -> None:
    refused = Outcome(Status.REFUSED, "Not killed", reason="403")
    found = waits(
        state(
            *effect("a", "revoke", refused),
            *effect("b", "reissue", Outcome(Status.MANUAL, "m", manual=STEP)),
            *effect("c", "approve", Outcome(Status.MANUAL, "m", manual=STEP)),
            *effect("d", "store", Outcome(Status.DONE, "there")),
            *ENDED,
        )
    )
    assert [wait.on for wait in found] == ["you", "second-person", "vendor"]
    assert found[0].what == "Make a new token"
    assert found[0].next == "remediate resume INC-1 --value s-1"
    assert found[0].since == "2026-01-02T03:04:05.000Z"
    assert found[1].next == "remediate resume INC-1 --approval REQUEST.sig"
    assert found[2].what == "Not killed (403)"


def test_one_that_was_cut_off() -> None:
    (wait,) = waits(state((Kind.STAGE_STARTED, {}, None)))
    assert (wait.on, wait.next) == ("resume", "remediate resume INC-1")
    assert wait.since == "2026-01-02T03:04:02.000Z"


def test_time_a_repository_remnants_and_the_callers_flags() -> None:
    later: dict[str, Json] = {"status": "done", "summary": "1 deletion is due", "later": True}
    (wait,) = waits(state((Kind.STAGE_FINISHED, later, None), *ENDED))
    assert (wait.on, wait.what) == ("time", "recover: 1 deletion is due")
    failed: dict[str, Json] = {"status": "failed", "summary": "a merge is open", "hint": "end it"}
    (wait,) = waits(state((Kind.STAGE_FINISHED, failed, None), *ENDED))
    assert (wait.on, wait.next) == ("repository", "end it")
    (wait,) = waits(state((Kind.VERIFIED, {"when": "after-push", "clean": False}, None), *ENDED))
    assert wait.on == "remnants"
    (wait,) = waits(state((Kind.STAGE_SKIPPED, {"reason": "--offline"}, None), *ENDED))
    assert (wait.on, wait.what) == ("flags", "left out: recover")


def test_a_closed_one_waits_for_nothing_and_an_open_one_always_for_something() -> None:
    closed: Rows = [*ENDED, (Kind.CLOSED, {}, None)]
    assert waits(state(*closed)) == []
    assert waits(state(*ENDED))
