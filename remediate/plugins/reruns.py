"""What a store can tell of jobs that ran into the old value's death, and are to be run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from remediate.clock import parse
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.store import Target

FAILED = "failed"
RUNNING = "running"
SLACK = timedelta(minutes=2)
"""The vendor's clock may differ from this machine's, whose times a `Window` has: rather one job too many."""


@dataclass(frozen=True)
class Window:
    """From when on the old value was dead until its store had the new one (both RFC 3339, this machine's clock)."""

    died: str
    replaced: str

    @property
    def start(self) -> datetime:
        """The earliest moment at which a job can have failed for it."""
        return parse(self.died) - SLACK

    @property
    def end(self) -> datetime:
        """The last moment at which a job can have been given the old value."""
        return parse(self.replaced) + SLACK

    def touches(self, began: str | None, ended: str | None) -> bool:
        """Whether what ran from *began* to *ended* can have met the dead value. True where that can't be told."""
        first, last = _moment(began), _moment(ended)
        return (first is None or first <= self.end) and (last is None or last >= self.start)


@dataclass(frozen=True)
class Job:
    """One job, or run of several, that is to be run again."""

    what: str
    """What it is called, for people: ``Deploy on main``."""
    id: int
    state: str
    """`FAILED`, or `RUNNING`: begun with the old value, and not ended yet."""
    began: str | None
    ended: str | None
    page: str | None
    command: str | None
    """What runs it again, to be typed as it is; None where only the page does."""
    sure: bool
    """Whether it was seen to ask for exactly that secret or variable; else it may have been given it."""
    why: str
    """How that is known: ``its workflow asks for DEPLOY_TOKEN``."""

    def row(self) -> dict[str, Json]:
        """As `Facts.known` holds it."""
        return dict(vars(self))


@runtime_checkable
class FindsReruns(Protocol):
    """A store whose vendor can tell which jobs read it, and failed. Read-only."""

    def reruns(self, target: Target, window: Window, vendor: VendorContext) -> Facts:
        """The jobs that *window* touches, made by `told`. What can't be read or told goes to `Facts.unknown`."""
        ...


def told(
    jobs: Sequence[Job],
    unknown: dict[str, str],
    evidence: Sequence[Evidence] = (),
    *,
    again: bool = False,
) -> Facts:
    """What a `FindsReruns` gives: ``known["reruns"]``, a row a job, failed ones and sure ones first.

    ``known["again"]``: whether another look may tell more: a call failed (*again*), or a job is still running.
    """
    ordered = sorted(jobs, key=lambda job: (job.state != FAILED, not job.sure, job.id))
    unended = any(job.state == RUNNING for job in jobs)
    rows: list[Json] = [job.row() for job in ordered]
    return Facts({"reruns": rows, "again": again or unended}, unknown, tuple(evidence))


def joined(answers: Sequence[Facts]) -> Facts:
    """Several answers of `told` as one; each job once."""
    rows: list[Json] = []
    for answer in answers:
        found = answer.known.get("reruns")
        rows += [one for one in (found if isinstance(found, list) else []) if one not in rows]
    return Facts(
        {
            "reruns": rows,
            "again": any(answer.known.get("again") is True for answer in answers),
        },
        {name: why for answer in answers for name, why in answer.unknown.items()},
        tuple(one for answer in answers for one in answer.evidence),
    )


def _moment(text: str | None) -> datetime | None:
    """The moment that a vendor names; None where it names none, or none with a zone."""
    try:
        found = parse(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
