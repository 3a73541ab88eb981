"""GitGuardian's incidents and occurrences, as its API lists them: hashes and places, no values.

https://api.gitguardian.com/docs: GET /v1/incidents/secrets/{id} (with ``occurrences``) and GET
/v1/occurrences/secrets. The list of incidents alone has neither values nor places and is refused. A
value is read where an occurrence stands, and proven by the incident's ``hmsl_hash`` (scrypt with a
public pepper) where it is told and the incident has one match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediate.model import Digest, Finding, Hints, Location
from remediate.plugins.report import Document
from remediate.reports.digests import digest
from remediate.reports.entries import Entry, entries
from remediate.reports.places import is_commit, location, moment, web_address
from remediate.reports.shape import shape_of
from remediate.reports.text import label

_HOW = (
    "The list of incidents holds no places. Export each incident with its occurrences (GET "
    "/v1/incidents/secrets/ID, with_occurrences=100), or scan with: ggshield secret scan repo . --json"
)


class GitGuardian:
    """GitGuardian incidents or occurrences, by their field names."""

    name = "gitguardian"
    title = "GitGuardian incidents with their occurrences"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        names = shape_of(document).names
        return {"secret_hash", "gitguardian_url"} <= names or {
            "incident_id",
            "matches",
            "sha",
        } <= names

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [
            finding
            for number, entry in enumerate(entries(document), 1)
            for finding in _findings(entry, number)
        ]


def _findings(entry: Entry, number: int) -> Iterator[Finding]:
    if "incident_id" in entry.fields:
        rule = f"GitGuardian incident {entry.number('incident_id')}"
        yield from _occurrence(entry, rule, moment(entry.text("date")), None, number)
        return
    occurrences = entry.optional_entries("occurrences")
    if not occurrences:
        raise entry.wrong(
            "occurrences",
            "where it was seen",
            found="a list of GitGuardian incidents without it",
            hint=_HOW,
        )
    known = digest("hmsl", entry.optional_text("hmsl_hash"))
    rule = label(entry.entry("detector").text("name"))
    detected_at = moment(entry.text("date"))
    for occurrence in occurrences:
        yield from _occurrence(occurrence, rule, detected_at, known, number)


def _occurrence(
    entry: Entry, rule: str, detected_at: str | None, known: Digest | None, number: int
) -> Iterator[Finding]:
    sha, path = entry.optional_text("sha"), entry.optional_text("filepath")
    if sha and not is_commit(sha):
        raise entry.wrong("sha", "a commit's id (hex digits) or nothing", found="other text")
    source = f"GitGuardian occurrence {entry.number('id')}"
    matches = entry.inner("matches")
    if not matches:
        raise entry.wrong("matches", "at least one match", found="none")
    address = web_address(entry.optional_text("url"))
    paired = len({match.text("name") for match in matches}) > 1
    for match in matches:
        start = match.optional_number("post_line_start") or match.optional_number("pre_line_start")
        end = match.optional_number("post_line_end") or match.optional_number("pre_line_end")
        place = location(commit=sha, path=path, start=start, end=end)
        if place == Location() and address:
            place = Location(url=address)
        yield Finding(
            value=None,
            location=place,
            rule=rule,
            detected_at=detected_at,
            source=f"{source}, {label(match.text('name'), 40)}",
            part_of=number if paired else None,
            hints=Hints(digest=known) if known and not paired else None,
        )
