"""What an incident waits for, in days when nobody works on it: from its state alone."""

from __future__ import annotations

from dataclasses import dataclass

from remediate.incident.rows import Action
from remediate.incident.state import State
from remediate.incident.word import accepted, command
from remediate.plugins.outcome import Status

_OPEN = (Status.REFUSED, Status.UNREACHABLE, Status.UNKNOWN)


@dataclass(frozen=True)
class Wait:
    """One thing that has to happen before the incident can be closed."""

    on: str
    """``you``, ``second-person``, ``vendor``, ``repository``, ``remnants``, ``time``, ``flags`` (the
    caller's own left something out) or ``resume`` (it was cut off, or never went so far)."""
    what: str
    since: str | None = None
    """When it began, UTC, RFC 3339; None where that is not known."""
    next: str = ""
    """The next thing to type or to do."""
    on_word: bool = False
    """Whether `next` is to be typed once it is done, for nobody else can see that it is."""


def waits(state: State) -> list[Wait]:
    """Everything that *state* waits for, what a person can do first; nothing for a closed one."""
    if state.closed:
        return []
    go_on = f"remediate resume {state.id}"
    found: list[Wait] = []
    vendors: list[Wait] = []
    for effect in state.effects.values():
        outcome = effect.outcome
        if outcome is None or outcome.status.settled or effect.action == Action.NOTIFY:
            continue
        if outcome.manual is not None:
            on = "second-person" if effect.action == Action.APPROVE else "you"
            value = f"{go_on} --value {outcome.manual.id}" if outcome.manual.takes_value else go_on
            value = command(state.id, outcome.manual) or value
            signed = f"{go_on} --approval REQUEST.sig"
            next_ = signed if on == "second-person" else value
            word = outcome.manual.on_word
            found.append(Wait(on, outcome.manual.title, effect.ended_at, next_, word))
        elif outcome.status in _OPEN:
            reason = f" ({outcome.reason})" if outcome.reason else ""
            vendors.append(Wait("vendor", f"{outcome.summary}{reason}", effect.ended_at, go_on))
    found += vendors
    if state.concluded is None:
        found.append(Wait("resume", "its last run was cut off", state.last_at, go_on))
    for when, verdict in state.verified.items():
        if not accepted(state, verdict):
            found.append(Wait("remnants", f"the search {when} was not clean", None, go_on))
    for name, data in state.stages.items():
        summary = str(data.get("summary") or data.get("reason") or "")
        if data.get("status") == "failed":
            hint = str(data.get("hint") or go_on)
            found.append(Wait("repository", f"{name}: {summary}", None, hint))
        elif later := data.get("later"):
            # Older journals only say that there is something.
            what = later if isinstance(later, str) else summary
            found.append(Wait("time", f"{name}: {what}", None, go_on))
    left = [name for name, data in state.stages.items() if data.get("status") == "skipped"]
    if left and not found:
        found.append(Wait("flags", f"left out: {', '.join(left)}", None, go_on))
    return found or [Wait("resume", "work on it can go on", state.last_at, go_on)]
