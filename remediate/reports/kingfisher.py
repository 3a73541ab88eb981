"""kingfisher's JSON and JSON Lines.

Fields as kingfisher 2.14.0 writes them. Traps: a pair's other half is in ``dependent_captures``;
``validate_command`` and ``blast_radius_command`` hold the values in a shell command and are not looked at;
columns count from 0; of a key over many lines only the first line is told; ``git_metadata`` is missing
for what stands in the work tree too; ``-r`` writes ``[REDACTED:1a2b3c4d]`` and drops the captures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from remediate.model import Finding, Hints, Location
from remediate.plugins.report import Document
from remediate.reports.entries import Entry, entries
from remediate.reports.places import is_commit, location
from remediate.reports.shape import shape_of
from remediate.reports.text import label
from remediate.secret import Secret

_REDACTED = re.compile(r"\[REDACTED(?::[0-9a-f]{1,64})?\]")
_TWO_DECIMALS = 0.0051
_TRAILER = ("audit", "metadata")
_CUT = "The report is cut off, or of a version that ends otherwise. Write it again: kingfisher scan . -f json"


class Kingfisher:
    """kingfisher, by a rule and a finding side by side."""

    name = "kingfisher"
    title = "kingfisher JSON or JSON Lines"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        shape = shape_of(document)
        if {"rule", "finding"} <= shape.names:
            return True
        return "findings" in shape.names and (
            bool({"audit", "access_map"} & shape.names) or {"rule", "finding"} <= shape.inner
        )

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        found: list[Entry] = []
        ended = True
        for entry in entries(document):
            if "findings" in entry.fields:
                found += entry.inner("findings")
                ended = True
            elif any(name in entry.fields for name in _TRAILER):
                ended = True
            else:
                found.append(entry)
                # An array ends with its bracket; lines end with the audit's.
                ended = shape_of(document).opening == "["
        if not ended:
            raise found[-1].wrong("audit", "the audit as the last line", hint=_CUT)
        return [
            finding for number, entry in enumerate(found, 1) for finding in _findings(entry, number)
        ]


def _findings(entry: Entry, number: int) -> Iterator[Finding]:
    rule, finding = entry.entry("rule"), entry.entry("finding")
    snippet = finding.text("snippet")
    if not snippet:
        raise finding.wrong("snippet", "a value", found="empty text")
    line = finding.number("line")
    place = _place(finding, line)
    others = {
        value
        for value in finding.optional_texts("dependent_captures").values()
        if value != snippet and not _REDACTED.fullmatch(value)
    }
    shown = not _REDACTED.fullmatch(snippet)
    name = label(rule.text("id"))
    source = label(finding.optional_text("fingerprint"), 200)
    part_of = number if others else None
    yield Finding(
        value=Secret(snippet) if shown else None,
        location=place,
        rule=name,
        source=source,
        part_of=part_of,
        hints=None if shown else _hints(finding),
    )
    for value in sorted(others):
        # Where the other half stands is not told: near the first, on no line of its own.
        where = Location(commit=place.commit, path=place.path, date=place.date)
        yield Finding(Secret(value), where, rule=name, source=source, part_of=part_of)


def _place(finding: Entry, line: int) -> Location:
    git = finding.optional_entry("git_metadata")
    commit = git.entry("commit").text("id") if git else ""
    if git and not is_commit(commit):
        raise git.wrong("commit", 'a commit\'s id as "id"', found="other text")
    path = git.entry("file").text("path") if git else finding.text("path")
    return location(commit=commit, path=path, start=line)


def _hints(finding: Entry) -> Hints:
    start = finding.optional_number("column_start")
    end = finding.optional_number("column_end")
    return Hints(
        columns=None if start is None or end is None else (start + 1, end + 1),
        entropy=_real(finding.optional_text("entropy")) or None,
        tolerance=_TWO_DECIMALS,
    )


def _real(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,6}", text) else 0.0
