"""From findings to secrets: one distinct value each, with every place that a report names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from remediate.clock import parse
from remediate.model import Finding, Location
from remediate.reports.canonical import canonical
from remediate.reports.recover import ReadBlob, agrees, look
from remediate.secret import Secret


@dataclass(frozen=True)
class DistinctSecret:
    """One leaked value as the report has it, before anybody has looked at it."""

    value: Secret
    """Canonical (`remediate.reports.canonical`)."""
    locations: tuple[Location, ...]
    """Each place once, in the report's order; none where the report tells none."""
    detected_at: str | None = None
    """The earliest that the report has, RFC 3339."""
    rules: tuple[str, ...] = ()
    """The scanner's names for it, for people."""
    sources: tuple[str, ...] = ()
    """The entries that show it: alert numbers, the scanner's fingerprints, lines of a list."""
    groups: frozenset[int] = frozenset()
    """Numbers shared with the secrets that the report says belong together with it."""
    placeless: tuple[str, ...] = ()
    """Pages of the host's alerts that show it and name no place."""


@dataclass(frozen=True)
class Unread:
    """A finding whose value could not be had: nothing is known to be done about it."""

    finding: Finding
    reason: str
    """In a few words, without a value."""


@dataclass(frozen=True)
class Resolved:
    """A report's findings as secrets."""

    secrets: tuple[DistinctSecret, ...]
    unread: tuple[Unread, ...] = ()


def resolve(findings: Iterable[Finding], read_blob: ReadBlob) -> Resolved:
    """Recover what was redacted, and merge what is the same value.

    A redacted finding that could not be recovered is in `Resolved.unread`, with the reason; never
    dropped in silence.
    """
    looked = [(finding, look(finding, read_blob)) for finding in findings]
    by_entry = _values_by_entry((f, found.value) for f, found in looked)
    known: list[Finding] = []
    unread: list[Unread] = []
    for finding, found in looked:
        value = found.value
        if value is None:
            value = _seen_elsewhere(finding, by_entry.get(finding.source, ()))
        if value is None:
            unread.append(Unread(finding, found.reason))
        else:
            known.append(replace(finding, value=value, hints=None))
    return Resolved(distinct(known), tuple(unread))


def distinct(findings: Iterable[Finding]) -> tuple[DistinctSecret, ...]:
    """Findings of one canonical value as one secret, in the order they are first seen in.

    Every finding must have its value (`resolve` sees to that): raises ValueError otherwise.
    """
    grouped: dict[bytes, list[Finding]] = {}
    for finding in findings:
        if finding.value is None:
            raise ValueError("a finding without a value: recover it first")
        grouped.setdefault(canonical(finding.value.reveal()), []).append(finding)
    return tuple(_merged(value, same) for value, same in grouped.items())


def _merged(value: bytes, findings: Sequence[Finding]) -> DistinctSecret:
    nowhere = Location()
    return DistinctSecret(
        value=Secret(value),
        locations=tuple(_once(f.location for f in findings if f.location != nowhere)),
        detected_at=min(
            (f.detected_at for f in findings if f.detected_at is not None),
            key=_moment,
            default=None,
        ),
        rules=tuple(dict.fromkeys(f.rule for f in findings if f.rule)),
        sources=tuple(dict.fromkeys(f.source for f in findings if f.source)),
        placeless=tuple(
            dict.fromkeys(
                f.location.alert for f in findings if f.location == nowhere and f.location.alert
            )
        ),
        groups=frozenset(f.part_of for f in findings if f.part_of is not None),
    )


def _once(places: Iterable[Location]) -> Iterable[Location]:
    """Each place once, with the first alert that told of it: another report may have been first."""
    found: dict[Location, Location] = {}
    for place in places:
        if not found.setdefault(place, place).alert and place.alert:
            found[place] = place
    return found.values()


def _moment(text: str) -> datetime:
    """When it was; what is no time comes last, so that a time that can be read wins."""
    try:
        moment = parse(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _seen_elsewhere(finding: Finding, same_entry: Iterable[Secret]) -> Secret | None:
    """The value of a redacted finding, where its entry's other places show it.

    One alert has one value: what its place in git shows is what its issue shows. Where the report holds
    a hash or a mask, that has to agree too: an entry's id is not always one secret's own.
    """
    values = list(same_entry)
    if finding.hints is not None and (finding.hints.digest or finding.hints.mask):
        values = [value for value in values if agrees(finding.hints, value)]
    elif finding.location.url is None:
        return None
    return values[0] if len(values) == 1 else None


def _values_by_entry(found: Iterable[tuple[Finding, Secret | None]]) -> dict[str, set[Secret]]:
    """Every value that each entry shows."""
    values: dict[str, set[Secret]] = {}
    for finding, value in found:
        if value is not None and finding.source:
            values.setdefault(finding.source, set()).add(value)
    return values
