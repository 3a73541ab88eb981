"""What the guide says is still dangerous: only what is so, and of how many."""

from __future__ import annotations

import pytest

from remediate.cli.guide_danger import ONE_KEY, dangers
from remediate.incident.naming import called
from remediate.incident.state import Effect, State
from remediate.model import Credential, LeakedSecret, Location
from remediate.plugins.outcome import Facts, Outcome, Status


def credential(name: str, provider: str = "stripe", **labels: str) -> Credential:
    return Credential(
        id=f"{provider or 'secret'}:{name}",
        provider=provider,
        kind="stripe-secret-key" if provider else "secret",
        parts={"value": name * 12},
        labels=labels,
    )


def state(*leaked: Credential, dead: int = 0, done: tuple[str, ...] = ()) -> State:
    made = State()
    made.opened = {"remote": "https://git.example.com/app.git"}
    made.credentials = {one.id: one for one in leaked}
    for one in leaked[:dead]:
        key = f"revoke/{one.id}"
        made.effects[key] = Effect(key, "revoke", one.id, "contain", {}, "2026-01-01T00:00:00Z")
        made.effects[key].outcome = Outcome(Status.DONE, "dead")
    made.stages = {name: {"status": "done"} for name in done}
    return made


A, B, C = credential("a"), credential("b"), credential("c")
NOBODYS = credential("d", provider="")


def test_before_anything_is_known_it_is_one_key() -> None:
    assert dangers(None) == list(ONE_KEY)
    assert dangers(state(A)) == list(ONE_KEY)


@pytest.mark.parametrize(
    ("leaked", "dead", "said"),
    [
        ((A,), 1, None),
        ((NOBODYS,), 0, "the key may still work"),
        ((A, B, C), 0, "all 3 keys still work"),
        ((A, B, C), 1, "2 of 3 keys still work"),
        ((A, B, C), 2, "1 of 3 keys still works"),
        ((A, B, C), 3, None),
        ((A, NOBODYS), 0, "1 of 2 keys still works"),
        ((A, NOBODYS), 1, "1 of 2 keys may still work, for nobody can be asked"),
    ],
)
def test_how_many_keys_work(leaked: tuple[Credential, ...], dead: int, said: str | None) -> None:
    found = dangers(state(*leaked, dead=dead))
    if said is None:
        assert not [text for text in found if "work" in text]
    else:
        assert found[0] == said


def test_what_is_done_is_dangerous_no_more_and_what_never_was_is_not_named() -> None:
    assert dangers(state(A, dead=1, done=("recover", "clean"))) == [
        "its value may be on the remote"
    ]
    nowhere = state(A, B, dead=2, done=("recover",))
    nowhere.opened = {"remote": None}
    assert dangers(nowhere) == ["their values are in this clone's history"]
    everything = state(A, dead=1, done=("recover", "clean", "publish"))
    assert dangers(everything) == []


def test_a_successor_and_a_canary_are_no_leaked_keys() -> None:
    canary = credential("e", canary="yes")
    assert dangers(state(A, credential("f", replaces=A.id), dead=1))[0] == ONE_KEY[1]
    assert dangers(state(A, canary, dead=1))[0] == "applications lack the new keys"


def test_secrets_of_one_kind_are_told_apart_by_place_and_never_by_value() -> None:
    places = {
        "d" * 12: LeakedSecret("d" * 12, "secret", (Location(path="a/hunter2.ini", start_line=3),)),
        "g" * 12: LeakedSecret("g" * 12, "secret", (Location(url="https://example.com/wiki/1"),)),
    }

    def redact(text: str) -> str:
        return text.replace("hunter2", "***")

    assert called(NOBODYS, places, redact) == "secret d (a/***.ini:3)"
    assert called(credential("g", ""), places, redact) == "secret g (https://example.com/wiki/1)"
    assert called(credential("h", ""), places, redact) == "secret h"


def test_that_it_is_on_the_remote_is_said_where_somebody_has_seen_it_there() -> None:
    """Nobody has looked there before this clone's own push is found, or the push is planned."""
    one, several = state(A), state(A, B)
    assert dangers(one)[-1] == "its value may be on the remote"
    assert dangers(several)[-1] == "their values may be on the remote"
    for each in (one, several):
        each.facts[(None, "exposure")] = Facts({}, {"first_out": "this clone did not push it"})
        assert "may be on the remote" in dangers(each)[-1]
        each.facts[(None, "exposure")] = Facts({"first_out": "2026-01-01T00:00:00Z"})
    assert dangers(one)[-1] == "its value is on the remote"
    assert dangers(several)[-1] == "their values are on the remote"
    planned = state(A)
    key = "push/refs/heads/main/1"
    planned.effects[key] = Effect(key, "push", "refs/heads/main", "publish", {}, "2026-01-01")
    assert dangers(planned)[-1] == "its value is on the remote"


def test_once_nothing_is_found_what_could_not_be_read_is_told_instead() -> None:
    after = state(A, dead=1, done=("recover",))
    after.opened = {"remote": None}
    after.verified["after-purge"] = {"clean": False, "remnants": [], "unreadable": [{}, {}]}
    assert dangers(after) == ["2 things in this clone could not be read"]
    after.verified["after-purge"] = {"clean": False, "remnants": [{}], "unreadable": [{}]}
    assert dangers(after) == ["its value is in this clone's history"]
