"""A person's word in the journal: written where it is one, read as before where it is none."""

from __future__ import annotations

import pytest

from remediate.errors import ExitStatus
from remediate.incident.conclusion import conclude
from remediate.incident.rows import Kind, Row, Thing
from remediate.incident.state import State, read_outcome, write_outcome
from remediate.incident.waiting import waits
from remediate.incident.word import accepted
from remediate.model import ManualStep
from remediate.plugins.outcome import Outcome, Status

SEALED = {"what": f"object {'1a' * 20}", "reason": "zip: it is encrypted"}
FILE = {"what": "worktree a.zip", "reason": "zip: it is encrypted", "sha256": "5e" * 32}
WORD = {"by": "ada", "at": "2026-11-29T12:00:00.000Z"}


def state(
    *vouched: dict[str, str], unreadable: tuple[dict[str, str], ...], **verdict: object
) -> State:
    """An incident with one verdict, and somebody's word for *vouched*."""
    data = {"when": "after-purge", "clean": False, "remnants": [], **verdict}
    rows = [
        Row(1, "t", Kind.OPENED, None, None, {"incident": "INC-x", "repository": "/r"}),
        Row(2, "t", Kind.VERIFIED, "clean", None, {**data, "unreadable": list(unreadable)}),
    ]
    if vouched:
        meant = {"action": "vouch", "subject": "after-purge", "detail": {}}
        ended = Outcome(Status.DONE, "done", data={"things": list(vouched), "word": WORD})
        rows.append(Row(3, "t", Kind.INTENT, "clean", "vouch/1", meant))
        rows.append(Row(4, "t", Kind.OUTCOME, None, "vouch/1", write_outcome(ended)))
    rows.append(Row(9, "t", Kind.CONCLUDED, None, None, {"status": "x", "exit": 0}))
    return State.of(rows)


def test_it_stands_in_the_journal_only_where_a_step_takes_one() -> None:
    plain = ManualStep("do-it", "Do it", "Because.")
    word = ManualStep("do-it", "Do it", "Because.", on_word=True)
    for step in (plain, word):
        outcome = Outcome(Status.MANUAL, "It waits", manual=step)
        written = write_outcome(outcome)
        assert ("on_word" in str(written)) is step.on_word
        assert read_outcome(written) == outcome


@pytest.mark.parametrize("thing", [SEALED, FILE], ids=["object", "file"])
def test_it_lets_one_thing_pass_and_no_other(thing: dict[str, str]) -> None:
    passes = state(thing, unreadable=(thing,))
    assert accepted(passes, passes.verified["after-purge"])
    assert passes.verified["after-purge"]["clean"] is False
    ended = conclude(passes, [])
    assert (ended.status, ended.exit, ended.on_word) == ("partial", ExitStatus.DONE, True)
    assert not [wait for wait in waits(passes) if wait.on == "remnants"]
    others = [
        {**SEALED, "what": f"object {'2b' * 20}"},
        {**FILE, "sha256": "6f" * 32},
        {**FILE, "what": "worktree b.zip"},
        {k: v for k, v in FILE.items() if k != "sha256"},
        {**SEALED, "reason": "it is missing"},
    ]
    for other in others:
        for unreadable in ((other,), (thing, other)):
            waiting = state(thing, unreadable=unreadable)
            assert not accepted(waiting, waiting.verified["after-purge"]), other
            assert conclude(waiting, []).exit is ExitStatus.REMNANTS
            assert [wait for wait in waits(waiting) if wait.on == "remnants"]


def test_what_was_found_is_nobodys_word() -> None:
    found = state(SEALED, unreadable=(SEALED,), remnants=[{"fingerprint": "f", "where": "file"}])
    assert not accepted(found, found.verified["after-purge"])
    assert conclude(found, []).status == "remnants"
    nothing = state(SEALED, unreadable=())
    assert not accepted(nothing, nothing.verified["after-purge"]), "not clean, and nobody says why"


def test_what_an_undo_takes_back_it_takes_back_the_word_for() -> None:
    known = state(SEALED, unreadable=(SEALED,))
    known.add(Row(10, "t", Kind.UNDONE, None, None, {"summary": "as it was"}))
    known.add(Row(11, "t", Kind.VERIFIED, "clean", None, {"when": "after-purge", "clean": False,
              "remnants": [], "unreadable": [SEALED]}))  # fmt: skip
    assert not accepted(known, known.verified["after-purge"])


def test_without_a_name_of_its_own_nothing_can_be_vouched_for() -> None:
    assert Thing("object " + "1a" * 20, "x").nameable
    assert Thing("modules/a: object " + "1a" * 32, "x").nameable
    assert Thing("worktree a", "x", "5e" * 32).nameable
    for what in (
        "history before the clone's beginning",
        "alternate /srv/x",
        "worktree a",
        "object",
    ):
        assert not Thing(what, "x").nameable, what
