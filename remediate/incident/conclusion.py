"""How a run ended: status, exit code and what is left, from the state alone."""

from __future__ import annotations

from dataclasses import dataclass

from remediate.errors import ExitStatus, worst
from remediate.incident.reruns import NONE, Reruns, reruns
from remediate.incident.rows import Action
from remediate.incident.state import State
from remediate.incident.word import accepted, rests_on_word
from remediate.model import ManualStep
from remediate.plugins.outcome import Status

_WORDS = {
    ExitStatus.DONE: "clean",
    ExitStatus.MANUAL: "manual",
    ExitStatus.REMNANTS: "remnants",
    ExitStatus.VENDOR: "refused",
    ExitStatus.REPOSITORY: "refused",
    ExitStatus.DECLINED: "refused",
    ExitStatus.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Conclusion:
    """The end of one run."""

    status: str
    """clean, partial, manual, remnants, refused, interrupted or failed."""
    exit: ExitStatus
    manual: tuple[ManualStep, ...]
    reruns: Reruns = NONE
    """Jobs to run again now that the new value is in place; they change no exit code."""
    on_word: bool = False
    """Whether part of it rests on a person's word."""


def conclude(state: State, limits: list[str], *extra: ExitStatus) -> Conclusion:
    """The conclusion for *state*, with the exit codes of whatever stopped the run in *extra*.

    *limits* are the caller's own flags that left something out: with them, what would be ``clean`` is
    ``partial``. It is that, too, where something rests on a person's word: nobody else saw it.
    """
    codes = {*extra, *map(_stage_exit, state.stages.values())}
    for effect in state.effects.values():
        if effect.action == Action.NOTIFY:
            continue
        if effect.pending:
            # Cut off, and no later stage looked into it: nobody knows what came of it.
            codes.add(ExitStatus.VENDOR)
        match effect.outcome.status if effect.outcome else None:
            case Status.MANUAL:
                codes.add(ExitStatus.MANUAL)
            case Status.REFUSED | Status.UNREACHABLE | Status.UNKNOWN:
                fault = effect.outcome is not None and effect.outcome.data.get("fault")
                codes.add(ExitStatus.BUG if fault else ExitStatus.VENDOR)
            case _:
                pass
    if not all(accepted(state, verdict) for verdict in state.verified.values()):
        codes.add(ExitStatus.REMNANTS)
    exit_status = worst(codes)
    status = _WORDS.get(exit_status, "failed")
    word = rests_on_word(state)
    if status == "clean" and (limits or word):
        status = "partial"
    return Conclusion(status, exit_status, tuple(state.manual_steps()), reruns(state), on_word=word)


def _stage_exit(data: object) -> ExitStatus:
    code = data.get("exit") if isinstance(data, dict) else None
    return ExitStatus(code) if isinstance(code, int) else ExitStatus.DONE
