"""What is still dangerous, from an incident's state alone: only what is so, and of how many."""

from __future__ import annotations

from remediate.incident.rows import Action, Topic
from remediate.incident.state import State
from remediate.model import Credential
from remediate.stages.interface import DONE
from remediate.wording import bent, count

ONE_KEY = (
    "the key still works",
    "applications lack the new key",
    "its value is in this clone's history",
    "its value may be on the remote",
)
"""Of one key of a vendor's that we know, before anything is done: in the order to think of it."""


def dangers(state: State | None) -> list[str]:
    """What is still dangerous; nothing where nothing is that we know of. Without a state: one key's."""
    if state is None:
        return list(ONE_KEY)
    leaked = [c for c in state.credentials.values() if "replaces" not in c.labels]
    number = len(leaked)
    found = _working(state, leaked)
    if not _done(state, "recover"):
        found.append(f"applications lack the new {bent(number, 'key')}")
    values = "its value is" if number == 1 else "their values are"
    if not _done(state, "clean"):
        found.append(_here(state, values))
    if state.opened.get("remote") and not _done(state, "publish"):
        may = values.replace(" is", " may be").replace(" are", " may be")
        found.append(f"{values if _seen_out(state) else may} on the remote")
    return found


def _seen_out(state: State) -> bool:
    """Whether anybody has looked: this clone pushed it there, or there is something there to be replaced."""
    exposure = state.facts.get((None, Topic.EXPOSURE))
    if exposure is not None and exposure.known.get("first_out"):
        return True
    return any(effect.action == Action.PUSH for effect in state.effects.values())


def _working(state: State, leaked: list[Credential]) -> list[str]:
    """Which keys still work. One that no vendor is known for may: nobody can be asked."""
    alive = [c for c in leaked if not _dead(state, c) and not c.labels.get("canary")]
    known = sum(bool(c.provider) for c in alive)
    guessed = len(alive) - known
    if len(leaked) == 1:
        return [f"the key {'still works' if known else 'may still work'}"] if alive else []
    found = []
    if known:
        which = (
            f"all {count(known, 'key')}"
            if known == len(leaked)
            else f"{known} of {count(len(leaked), 'key')}"
        )
        found.append(f"{which} still {bent(known, 'works', 'work')}")
    if guessed:
        found.append(
            f"{guessed} of {count(len(leaked), 'key')} may still work, for nobody can be asked"
        )
    return found


def _dead(state: State, credential: Credential) -> bool:
    outcome = state.outcome(f"revoke/{credential.id}")
    return outcome is not None and outcome.status.settled


def _here(state: State, values: str) -> str:
    """What is known of this clone: that they are in it, until a search after the rewrite says otherwise."""
    searched = state.verified.get("after-purge", {})
    unread = searched.get("unreadable")
    if searched and not searched.get("remnants") and isinstance(unread, list | tuple) and unread:
        return f"{count(len(unread), 'thing')} in this clone could not be read"
    return f"{values} in this clone's history"


def _done(state: State, stage: str) -> bool:
    return state.stages.get(stage, {}).get("status") == DONE
