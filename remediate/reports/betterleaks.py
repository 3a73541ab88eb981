"""betterleaks 2's JSON and JSON Lines. Version 1 writes gitleaks' names (`remediate.reports.gitleaks`).

Fields as betterleaks 2.0.0-rc.4 writes them. What they don't tell at first sight: of an AWS pair the
finding is the key id alone, its secret stands in ``component_sets``; a secret in a commit's or a
tag's message has no path; ``match.fingerprint`` is the value's SHA-256 (with ``--hmac-key`` it begins with
``hmac-sha256:`` and proves nothing to us), and ``--redact`` leaves it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediate.errors import ReportError
from remediate.model import Finding, Location
from remediate.plugins.report import Document
from remediate.reports.digests import digest
from remediate.reports.entries import Entry, entries
from remediate.reports.places import below, is_commit, location
from remediate.reports.redacted import around, left_of
from remediate.reports.shape import shape_of
from remediate.reports.text import label
from remediate.secret import Secret

_CUT = "The report is cut off: let the scanner write it again, to its end."


class Betterleaks:
    """betterleaks 2, by its ``schema_version`` beside findings."""

    name = "betterleaks"
    title = "betterleaks 2 JSON or JSON Lines"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        names = shape_of(document).names
        return "schema_version" in names and bool({"findings", "finding", "scan"} & names)

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        found: list[Entry] = []
        scan = last = None
        for entry in entries(document):
            last = entry
            if "findings" in entry.fields:
                found += entry.inner("findings")
                scan = entry.entry("scan")
            elif "scan" in entry.fields:
                scan = entry.entry("scan")
            else:
                found.append(entry.entry("finding"))
        if last is not None:
            _whole(last, scan, len(found))
        roots = _roots(scan) if scan else ()
        return [
            finding
            for number, entry in enumerate(found, 1)
            for finding in _findings(entry, number, roots)
        ]


def _whole(last: Entry, scan: Entry | None, count: int) -> None:
    """Raises `ReportError` where the scan's own summary, which comes last, is missing or tells of more."""
    if scan is None:
        raise last.wrong("scan", "the scan's summary as the last line", hint=_CUT)
    told = scan.number("num_findings")
    if told > count:
        raise ReportError(
            last.file, f"{told} findings", line=last.line, found=f"{count} of them", hint=_CUT
        )


def _roots(scan: Entry) -> tuple[str, ...]:
    source = scan.optional_entry("source")
    targets = source.fields.get("targets") if source else None
    return tuple(t for t in targets if isinstance(t, str)) if isinstance(targets, list) else ()


def _findings(entry: Entry, number: int, roots: Sequence[str]) -> Iterator[Finding]:
    """The finding, and the parts that were seen beside it."""
    parts: list[Entry] = []
    for group in entry.optional_entries("component_sets"):
        for part in group.inner("components"):
            # The sets are all combinations of the parts: each is told once.
            if all(part.fields != other.fields for other in parts):
                parts.append(part)
    part_of = number if parts else None
    for part in (entry, *parts):
        yield _finding(entry, part, part_of, roots)


def _finding(entry: Entry, part: Entry, part_of: int | None, roots: Sequence[str]) -> Finding:
    match, place = part.entry("match"), part.entry("location")
    value = match.text("value")
    if not value:
        raise match.wrong("value", "a value", found="empty text")
    shown = left_of(value) is None
    start, end = place.number("start_line"), place.number("end_line")
    first, last = place.optional_number("start_column"), place.optional_number("end_column")
    within = (first, last) if first and last and start == end else None
    print_ = match.optional_text("fingerprint")
    return Finding(
        value=Secret(value) if shown else None,
        location=_place(entry, place, start, end, roots),
        rule=label(part.text("rule_id")),
        source=label(f"{entry.text('rule_id')}:{print_[:24]}", 200),
        part_of=part_of,
        hints=None
        if shown
        else around(match.optional_text("full"), value, within, digest=digest("sha256", print_)),
    )


def _place(entry: Entry, place: Entry, start: int, end: int, roots: Sequence[str]) -> Location:
    attributes = entry.optional_texts("attributes")
    commit = attributes.get("git.sha", "")
    if commit and not is_commit(commit):
        raise entry.wrong("attributes", 'a commit\'s id as "git.sha"', found="other text")
    path = place.optional_text("path")
    if not path and not commit:
        raise place.wrong("path", "a path")
    if "git.tag_name" in attributes:
        # git.sha is the tag's own id: there is no commit of that name.
        return Location()
    return location(
        commit=commit,
        path=below(path, *roots),
        start=start,
        end=end,
        date=attributes.get("git.date", ""),
    )
