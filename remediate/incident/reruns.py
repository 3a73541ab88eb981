"""Jobs to run again once the new value is in place: read out of what the stores told, for whoever ends a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remediate.incident.rows import Topic
from remediate.model import Json

if TYPE_CHECKING:
    from remediate.incident.state import State


@dataclass(frozen=True)
class Rerun:
    """One job to run again."""

    credential: str
    store: str
    """Where it read the old value: as the policy has it."""
    what: str
    """What it is called, for people."""
    id: int | None
    state: str
    """``failed``, or ``running`` where it began with the old value and had not ended."""
    sure: bool
    """Whether it was seen to ask for that secret; else it may have been given it."""
    why: str
    began: str | None
    ended: str | None
    page: str | None
    command: str | None
    """What runs it again; None where only the page does."""


@dataclass(frozen=True)
class NotKnown:
    """Jobs that nobody can tell of."""

    credential: str
    what: str
    why: str
    asked: bool
    """Whether there was somebody to ask; false for a store that tells of no jobs at all."""


@dataclass(frozen=True)
class Reruns:
    """What is to be run again, as far as it is known."""

    jobs: tuple[Rerun, ...] = ()
    not_known: tuple[NotKnown, ...] = ()


NONE = Reruns()


def reruns(state: State) -> Reruns:
    """As the newest look had it. An older journal, in which nobody looked, gives neither jobs nor what is not known."""
    jobs: list[Rerun] = []
    unknown: list[NotKnown] = []
    for (credential, topic), facts in state.facts.items():
        if topic != Topic.RERUNS or credential is None:
            continue
        found = facts.known.get("reruns")
        jobs += [
            _rerun(credential, row)
            for row in (found if isinstance(found, list | tuple) else ())
            if isinstance(row, Mapping)
        ]
        mute = facts.known.get("mute")
        silent = [str(one) for one in mute] if isinstance(mute, list | tuple) else []
        unknown += [
            NotKnown(credential, what, why, what not in silent)
            for what, why in facts.unknown.items()
        ]
    return Reruns(tuple(jobs), tuple(unknown))


def _rerun(credential: str, row: Mapping[str, Json]) -> Rerun:
    number = row.get("id")
    return Rerun(
        credential=credential,
        store=str(row.get("store") or ""),
        what=str(row.get("what") or ""),
        id=number if isinstance(number, int) and not isinstance(number, bool) else None,
        state=str(row.get("state") or ""),
        sure=row.get("sure") is True,
        why=str(row.get("why") or ""),
        began=_text(row, "began"),
        ended=_text(row, "ended"),
        page=_text(row, "page"),
        command=_text(row, "command"),
    )


def _text(row: Mapping[str, Json], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None
