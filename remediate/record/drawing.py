"""The exposure time line, drawn: where each station and each span between them stands. Numbers, no markup.

Times run from seconds to years, so stations stand evenly and the spans between them are written out: to scale,
an hour of response would be no wider than a hair.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from remediate.record.model import Milestone
from remediate.record.reading import moment
from remediate.record.spans import duration

TITLES = {
    "introduced": "Introduced",
    "pushed": "Pushed",
    "public": "Public",
    "detected": "Detected",
    "revoked": "Revoked",
    "replaced": "Replaced",
    "rewritten": "Rewritten",
    "published": "Published",
    "verified": "Verified",
}
_ENDED = "revoked"
_BEFORE = ("introduced", "pushed", "public", "detected")


@dataclass(frozen=True)
class Station:
    """One station: where it stands, what is written at it."""

    name: str
    title: str
    offset: int
    """Pixels along the line."""
    reached: bool
    exposed: bool
    """Whether the secret was out and alive from here to the next station."""
    day: str
    clock: str
    who: str
    what: str
    note: str


@dataclass(frozen=True)
class Span:
    """What lies between two stations that were reached."""

    start: int
    end: int
    exposed: bool
    text: str


@dataclass(frozen=True)
class Drawing:
    """A line with stations on it, of one size."""

    stations: tuple[Station, ...]
    spans: tuple[Span, ...]
    length: int
    still: int | None
    """Where the last station stands, where the secret may still be out and alive since then."""


def draw(milestones: Sequence[Milestone], *, step: int, margin: int) -> Drawing:
    """The stations *step* pixels apart, *margin* before the first and after the last."""
    stations = _stations(milestones, step, margin)
    last = next((s for s in reversed(stations) if s.reached), None)
    return Drawing(
        stations,
        _spans(milestones, stations),
        2 * margin + step * max(len(stations) - 1, 0),
        last.offset if last and last.exposed else None,
    )


def never(name: str) -> str:
    """What is said of a station without a time: the first ones happened, whether it is known or not."""
    return "not known" if name in _BEFORE else "not yet"


def _stations(milestones: Sequence[Milestone], step: int, margin: int) -> tuple[Station, ...]:
    alive = False
    made = []
    for number, milestone in enumerate(milestones):
        reached = milestone.at is not None
        alive = (
            alive or (reached and milestone.name in ("introduced", "pushed", "public"))
        ) and not (milestone.name == _ENDED and reached)
        day, clock = _day_and_clock(milestone)
        made.append(
            Station(
                milestone.name,
                TITLES.get(milestone.name, milestone.name),
                margin + step * number,
                reached,
                alive,
                day,
                clock,
                milestone.who,
                milestone.what,
                milestone.note,
            )
        )
    return tuple(made)


def _spans(milestones: Sequence[Milestone], stations: Sequence[Station]) -> tuple[Span, ...]:
    """Between each two reached stations that follow each other, those not reached passed over."""
    there = [(m, s) for m, s in zip(milestones, stations, strict=True) if s.reached]
    return tuple(
        Span(before.offset, after.offset, before.exposed, _apart(one.at, other.at))
        for (one, before), (other, after) in itertools.pairwise(there)
    )


def _apart(start: str | None, end: str | None) -> str:
    first, last = moment(start), moment(end)
    if first is None or last is None:
        return ""
    seconds = (last - first).total_seconds()
    return duration(seconds) if seconds >= 0 else f"{duration(-seconds)} earlier"


def _day_and_clock(milestone: Milestone) -> tuple[str, str]:
    when = moment(milestone.at)
    if when is None:
        return (milestone.at or never(milestone.name), "")
    return when.strftime("%Y-%m-%d"), when.strftime("%H:%M:%S UTC")
