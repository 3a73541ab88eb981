"""A person's word: that a step is done which nobody but a person can see done, and what rests on it.

A word is given by ``resume --done`` alone, never by ``--yes``. It is journalled with the name of whoever gave it, and
settles the step. What could not be read in a search is vouched for in the same way, thing by thing: an object by
its id, a file by its path and what is in it. A word for one of them says nothing of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remediate.clock import utc_now
from remediate.errors import NoSuchIncidentError, UsageError
from remediate.incident.rows import WORD, Action, Kind, Thing, things
from remediate.incident.state import Effect, State
from remediate.incident.who import user
from remediate.model import Json, ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status

if TYPE_CHECKING:
    from remediate.incident.run import Run

STEP = re.compile(r"[a-z]+(-[a-z0-9]+)+")
"""What the id of a step looks like; a secret seldom does."""
_ASKED = "take a person's word for a step"


@dataclass(frozen=True)
class Word:
    """Who said something, and when (UTC, RFC 3339)."""

    by: str
    at: str


def command(incident: str, step: ManualStep) -> str:
    """What a person types when they have done *step*; nothing for a step that takes no word."""
    return f"remediate resume {incident} --done {step.id}" if step.on_word else ""


def take(run: Run, names: Sequence[str]) -> None:
    """Settle each step of *names* on the word of whoever runs this; all of them or none.

    One that was settled so before stays as it is: whoever was cut off types the same again.
    Raises `NoSuchIncidentError` for one that is not waited for, `UsageError` for one that takes no word.
    """
    taken: list[tuple[Effect, Outcome, ManualStep]] = []
    for name in dict.fromkeys(names):
        found = list(_waiting(run.state, name))
        if not found and not _given(run.state, name):
            _refuse(run, "no step of the name that was given waits")
            # Not by its name: some give the value itself there.
            named = f"step named {name!r}" if STEP.fullmatch(name) else "such step"
            steps = [step.id for step in run.state.manual_steps() if step.on_word]
            raise NoSuchIncidentError(
                f"{run.state.id} waits for no {named}, so nobody's word was taken for it.",
                hint=f"It takes your word for: {', '.join(steps) or 'none'}. All that it waits for: "
                f"remediate show {run.state.id}",
            )
        for effect, outcome, step in found:
            if not step.on_word:
                _refuse(run, f"{step.id} takes no word: {_why_not(step)}")
                raise UsageError(
                    f"Nobody's word was taken for {step.id}: {_why_not(step)}.",
                    hint=_instead(run.state.id, effect, step),
                )
            taken.append((effect, outcome, step))
    for effect, outcome, step in taken:
        run.settle(effect, _settled(outcome, step))


def _waiting(state: State, name: str) -> Iterator[tuple[Effect, Outcome, ManualStep]]:
    for effect in list(state.effects.values()):
        outcome = effect.outcome
        if outcome is None or outcome.manual is None or outcome.status.settled:
            continue
        if outcome.manual.id == name and outcome.status is not Status.SKIPPED:
            yield effect, outcome, outcome.manual


def _given(state: State, name: str) -> bool:
    """Whether *name* was settled on somebody's word before."""
    return any(
        word_of(effect) is not None and effect.outcome.manual.id == name
        for effect in state.effects.values()
        if effect.outcome is not None and effect.outcome.manual is not None
    )


def _refuse(run: Run, why: str) -> None:
    run.write(Kind.REFUSAL, {"asked": _ASKED, "why": why, "by": user()})


def _why_not(step: ManualStep) -> str:
    if step.takes_value:
        return "it is over when its new value is handed in"
    return f"remediate sees by itself whether it is done{f' ({step.check})' if step.check else ''}"


def _instead(incident: str, effect: Effect, step: ManualStep) -> str:
    go_on = f"remediate resume {incident}"
    if step.takes_value:
        return f"{go_on} --value {step.id} < FILE"
    if effect.action == Action.APPROVE:
        return f"{go_on} --approval REQUEST.sig"
    return f"When you have done it: {go_on}"


def _settled(outcome: Outcome, step: ManualStep) -> Outcome:
    by, at = user(), utc_now()
    return Outcome(
        Status.DONE,
        f"{step.title}: done, on {by}'s word",
        evidence=(Evidence(f"remediate resume --done {step.id}", f"{by} says so", at),),
        data={**outcome.data, WORD: {"by": by, "at": at}},
        manual=step,
    )


# What rests on it -------------------------------------------------------------------------------


def word_of(effect: Effect) -> Word | None:
    """On whose word *effect* is settled; None where it is not, or was seen to be."""
    outcome = effect.outcome
    if outcome is None or not outcome.status.settled:
        return None
    return _word(outcome.data)


def _word(data: Mapping[str, Json]) -> Word | None:
    found = data.get(WORD)
    if not isinstance(found, Mapping):
        return None
    return Word(str(found.get("by")), str(found.get("at")))


def rests_on_word(state: State) -> bool:
    """Whether anything of *state* is taken for done, or for searched, on a person's word alone."""
    return any(word_of(effect) is not None for effect in state.effects.values())


def vouched_for(state: State) -> dict[Thing, Word]:
    """Everything that a person has vouched for, with their word."""
    return {
        thing: word
        for effect in state.effects.values()
        if effect.action == Action.VOUCH and (word := word_of(effect)) is not None
        for thing in things(effect.outcome.data if effect.outcome else {}, "things")
    }


def accepted(state: State, verdict: Mapping[str, Any]) -> bool:
    """Whether nobody has to do anything more about *verdict*: it is clean, or nothing was found and a person has
    vouched for each thing that could not be read. That does not make it clean."""
    if verdict.get("clean") is True:
        return True
    dark = things(verdict, "unreadable")
    if verdict.get("remnants") or not dark:
        return False
    known = vouched_for(state)
    return all(thing in known for thing in dark)
