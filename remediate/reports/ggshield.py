"""ggshield's ``--json``, with values shown (``--show-secrets``) or censored.

Fields: https://github.com/GitGuardian/ggshield/blob/main/ggshield/verticals/secret/output/schemas.py, tried with
1.56.1. A censored value keeps its length, its punctuation and both ends. ``ignore_sha`` is the SHA-256 of every
match and its type, so of an incident with one match it proves the value. An incident with several (an AWS
pair) is one credential. The commit is the id of the scan around it; a folder scan writes whole
paths; what a commit takes out (mode DELETE, or lines before the change alone) stands in its parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediate.model import Finding, Hints, Location
from remediate.plugins.report import Document
from remediate.reports.digests import digest
from remediate.reports.entries import Entry, entries
from remediate.reports.places import below, is_commit, location
from remediate.reports.shape import shape_of
from remediate.reports.text import label
from remediate.secret import Secret

_DEEPEST = 8


class GgShield:
    """ggshield, by its entities with incidents."""

    name = "ggshield"
    title = "ggshield JSON"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        shape = shape_of(document)
        if "entities_with_incidents" in shape.names:
            return True
        return "scans" in shape.names and (
            "entities_with_incidents" in shape.inner or "secrets_engine_version" in shape.names
        )

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        numbers = _Numbers()
        return [finding for entry in entries(document) for finding in _scan(entry, numbers, "", 0)]


class _Numbers:
    """Counts incidents, so that each has its own number."""

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> int:
        self.last += 1
        return self.last


def _scan(scan: Entry, numbers: _Numbers, commit: str, depth: int) -> Iterator[Finding]:
    if depth > _DEEPEST:
        raise scan.wrong("scans", "scans that are not in each other without end", found="more")
    name = scan.optional_text("id")
    if scan.optional_text("type") == "commit":
        if not is_commit(name):
            raise scan.wrong("id", "a commit's id", found="other text")
        commit = name
    elif not (scan.has("scans") or scan.has("entities_with_incidents")) and not commit:
        raise scan.wrong("entities_with_incidents", "a list of objects")
    if scan.optional_number("total_incidents") and not (
        scan.has("scans") or scan.has("entities_with_incidents")
    ):
        # It says itself that there are some.
        raise scan.wrong("entities_with_incidents", "a list of objects")
    for entity in scan.optional_entries("entities_with_incidents"):
        path = below(entity.text("filename"), name)
        for incident in entity.inner("incidents"):
            yield from _incident(incident, commit, path, numbers.next())
    for inner in scan.optional_entries("scans"):
        yield from _scan(inner, numbers, commit, depth + 1)


def _incident(incident: Entry, commit: str, path: str, number: int) -> Iterator[Finding]:
    rule, sha = label(incident.text("type")), incident.text("ignore_sha")
    matches = incident.inner("occurrences")
    if not matches:
        raise incident.wrong("occurrences", "at least one occurrence", found="none")
    kinds = [match.text("type") for match in matches]
    # The same value seen twice in a file makes two occurrences of one type: a pair has two types.
    paired = len(set(kinds)) > 1
    for match, kind in zip(matches, kinds, strict=True):
        value = match.text("match")
        if not value:
            raise match.wrong("match", "a value", found="empty text")
        masked = "*" in value
        start = match.number("line_start")
        yield Finding(
            value=None if masked else Secret(value),
            location=_place(match, commit, path, start),
            rule=rule,
            # Of a pair each half is known by its own name.
            source=label(f"{sha}, {kind}" if paired else sha, 200),
            part_of=number if paired else None,
            hints=Hints(
                mask=Secret(value),
                digest=None if paired or len(matches) > 1 else digest("sha256", sha, f",{kind}"),
            )
            if masked
            else None,
        )


def _place(match: Entry, commit: str, path: str, start: int) -> Location:
    after, before = (
        match.optional_number("post_line_start"),
        match.optional_number("pre_line_start"),
    )
    end = match.number("line_end")
    if commit and after is None and before is not None:
        # It stands in the parent, whose id is not told: the file is known, this commit's is not it.
        return Location(commit=commit.lower())
    line = after or start
    return location(commit=commit, path=path, start=line, end=line + end - start)
