"""The incident's milestones, and everything that happened in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from remediate.incident.rows import Kind, Row, Topic
from remediate.record.ledger import PENDING, Effect, Ledger, actor
from remediate.record.model import (
    Conclusion,
    CredentialEntry,
    CredentialState,
    IncidentStatus,
    Moment,
    SecretEntry,
    TimelineEntry,
    Times,
)
from remediate.record.reading import (
    earliest,
    flag,
    latest,
    listed,
    mapping,
    mappings,
    maybe,
    moment,
    number,
    text,
    texts,
)
from remediate.wording import count

_FIRST = datetime.min.replace(tzinfo=UTC)
_ENDED = (CredentialState.DEAD, CredentialState.LEFT_ALONE)


def status(book: Ledger, credentials: Sequence[CredentialEntry]) -> IncidentStatus:
    """Where the incident stands. Never better than its worst credential.

    A run that ended clean does not resolve it: a deletion may be due later, or the caller's own
    flags left something out. Closing does.
    """
    if not all(entry.state in _ENDED for entry in credentials):
        return IncidentStatus.INVESTIGATING
    if book.closed is not None:
        return IncidentStatus.RESOLVED
    return IncidentStatus.CONTAINED if credentials else IncidentStatus.INVESTIGATING


def conclusion(book: Ledger) -> Conclusion | None:
    """How the last run ended; None while one is under way, or was cut off."""
    row = book.concluded or book.closed
    if row is None:
        return None
    code = row.data.get("exit")
    exit_code = code if isinstance(code, int) and not isinstance(code, bool) else None
    return Conclusion(text(row.data, "status"), exit_code, row.at)


def times(
    book: Ledger, secrets: Sequence[SecretEntry], credentials: Sequence[CredentialEntry]
) -> Times:
    """The milestones, each with the reason where it is not known."""
    exposure = book.fact(None, Topic.EXPOSURE)
    known, unknown = mapping(exposure, "known"), mapping(exposure, "unknown")
    introduced = earliest(maybe(known, "introduced"), *(s.introduced for s in secrets))
    out = earliest(maybe(known, "first_out"))
    reported = earliest(maybe(book.opening, "detected_at"), *(s.detected_at for s in secrets))
    opened = book.opened.at if book.opened else None
    detected = (
        Moment(reported)
        if reported
        else Moment(
            opened, "no report says when; this is when remediate was given it" if opened else ""
        )
    )
    contained = _contained(credentials)
    resolved = None
    if status(book, credentials) is IncidentStatus.RESOLVED:
        resolved = book.closed.at if book.closed else None
    return Times(
        introduced=Moment(
            introduced, "" if introduced else text(unknown, "introduced", "nobody has looked yet")
        ),
        first_out=Moment(out, "" if out else text(unknown, "first_out", "nobody has looked yet")),
        detected=detected,
        opened=Moment(opened, "" if opened else "the journal is empty"),
        contained=contained,
        resolved=Moment(resolved, "" if resolved else "work is left"),
        detection_to_containment_seconds=_between(detected.at, contained.at),
    )


def _contained(credentials: Sequence[CredentialEntry]) -> Moment:
    if not credentials:
        return Moment(None, "no credential is known")
    if not all(entry.state in _ENDED for entry in credentials):
        return Moment(None, "a leaked credential may still work")
    last = latest(*(entry.dead_since for entry in credentials))
    return Moment(last, "" if last else "every credential was left alone on purpose")


def _between(start: str | None, end: str | None) -> float | None:
    first, last = moment(start), moment(end)
    if first is None or last is None or last < first:
        return None
    return round((last - first).total_seconds(), 3)


def timeline(book: Ledger, milestones: Times) -> tuple[TimelineEntry, ...]:
    """Everything that happened, earliest first; rows of one time in the journal's order."""
    entries = [*_before(book, milestones), *_told(book), *_pending(book)]
    return tuple(sorted(entries, key=lambda entry: moment(entry.at) or _FIRST))


def _before(book: Ledger, milestones: Times) -> Iterator[TimelineEntry]:
    if milestones.introduced.at:
        yield TimelineEntry(
            milestones.introduced.at, "person", None, "A secret was first committed", ""
        )
    if milestones.first_out.at:
        yield TimelineEntry(milestones.first_out.at, "person", None, "A secret was first out", "")
    if milestones.detected.at and not milestones.detected.note:
        format_name = text(mapping(book.opening, "report"), "format")
        what = f"The leak was detected ({format_name})" if format_name else "The leak was detected"
        yield TimelineEntry(milestones.detected.at, "scanner", None, what, "")


def _told(book: Ledger) -> Iterator[TimelineEntry]:
    effects: dict[int, tuple[Effect, int]] = {
        row.seq: (effect, index)
        for effect in book.all_effects()
        for index, row in enumerate(effect.outcomes)
    }
    for row in book.rows:
        if row.kind == Kind.OUTCOME and row.seq in effects:
            effect, index = effects[row.seq]
            what = text(row.data, "summary") or f"{effect.action} {effect.subject}"
            reason = text(row.data, "reason")
            yield TimelineEntry(
                row.at,
                actor(effect, index),
                row.stage,
                f"{what}: {reason}" if reason else what,
                text(row.data, "status"),
            )
        elif (entry := entry_of(row)) is not None:
            yield entry


def entry_of(row: Row) -> TimelineEntry | None:
    """What *row* alone says; None for rows that say nothing to a reader of the timeline."""
    data, stage = row.data, row.stage or ""
    who, state, what = "remediate", "", ""
    match row.kind:
        case Kind.OPENED:
            who = "person"
            report = mapping(data, "report")
            what = f"Incident opened from {text(report, 'name', 'a report')}"
        case Kind.STAGE_STARTED:
            what = f"Stage {stage} began"
        case Kind.STAGE_FINISHED:
            state = text(data, "status")
            said = text(data, "summary") or text(data, "message")
            what = f"Stage {stage} ended" + (f": {said}" if said else "")
        case Kind.STAGE_SKIPPED:
            state, what = "skipped", f"Stage {stage} left out: {text(data, 'reason')}"
        case Kind.REHEARSED:
            what = (
                f"Rewrite rehearsed: {number(data, 'commits_rewritten')} of "
                f"{count(number(data, 'commits_total'), 'commit')} to get a new id"
            )
        case Kind.VERIFIED:
            state = "clean" if flag(data, "clean") else "not clean"
            left, dark = len(mappings(data, "remnants")), len(mappings(data, "unreadable"))
            what = f"Searched ({text(data, 'when')}): {count(left, 'remnant')}, {count(dark, 'thing')} unreadable"
        case Kind.CUSTODY if text(data, "action") == "emptied":
            what = "Custody emptied: no secret value is kept any more"
        case Kind.RESUMED:
            who, what = "person", "Work on the incident went on"
        case Kind.POLICY if listed(data, "changed"):
            who, what = "person", f"What is allowed changed: {'; '.join(texts(data, 'changed'))}"
        case Kind.REFUSAL:
            state, what = "refused", f"Not done: {text(data, 'asked')}: {text(data, 'why')}"
        case Kind.UNDONE:
            who, what = "person", text(data, "summary", "The history was put back as it was")
        case Kind.CONCLUDED:
            state, what = text(data, "status"), "The run ended"
        case Kind.CLOSED:
            state, what = text(data, "status"), "Incident closed"
        case _:
            return None
    return TimelineEntry(row.at, who, row.stage, what, state)


def _pending(book: Ledger) -> Iterator[TimelineEntry]:
    for effect in book.all_effects():
        if not effect.outcomes and effect.meant_at:
            yield TimelineEntry(
                effect.meant_at,
                "remediate",
                effect.stage,
                f"{effect.action} {effect.subject}: about to be done; what came of it is not known",
                PENDING,
            )
