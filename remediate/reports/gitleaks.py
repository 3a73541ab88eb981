"""gitleaks 8's JSON report; betterleaks 1 writes the same names and a few more.

The fields: https://github.com/gitleaks/gitleaks/blob/master/report/finding.go. What they don't tell:
``gitleaks dir`` leaves Commit and Date empty; a baseline is such a report; ``Message`` is the
commit's, and may hold another secret; ``--redact`` replaces Secret, and where it stands in Match, by
``REDACTED``, ``--redact=20`` by its first 80 per cent and ``...``, while Entropy stays the real
value's; a rule that looks at the path alone has an empty Secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediate.model import Finding, Hints
from remediate.plugins.report import Document
from remediate.reports.entries import Entry, entries
from remediate.reports.places import is_commit, location
from remediate.reports.redacted import around, left_of
from remediate.reports.shape import shape_of
from remediate.reports.text import label
from remediate.secret import Secret

_NAMES = frozenset(
    [
        "RuleID",
        "Description",
        "StartLine",
        "EndLine",
        "StartColumn",
        "EndColumn",
        "Match",
        "Secret",
        "File",
        "SymlinkFile",
        "Commit",
        "Entropy",
        "Author",
        "Email",
        "Date",
        "Message",
        "Tags",
        "Fingerprint",
    ]
)
_ENOUGH = 6


class Gitleaks:
    """gitleaks JSON, by its field names: a list, one finding, or one a line."""

    name = "gitleaks"
    title = "gitleaks JSON"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        return len(shape_of(document).names & _NAMES) >= _ENOUGH

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [
            finding
            for group, entry in enumerate(entries(document), 1)
            for finding in _findings(entry, group)
        ]


def _findings(entry: Entry, group: int) -> Iterator[Finding]:
    """The entry's own finding, and the parts that betterleaks 1 saw beside it."""
    parts = _required(entry)
    part_of = group if parts else None
    yield _finding(entry, entry, part_of)
    for part in parts:
        yield _finding(entry, part, part_of)


def _required(entry: Entry) -> list[Entry]:
    """The components of ``RequiredSets``, each once: the sets are all their combinations."""
    seen: list[Entry] = []
    for group in entry.optional_entries("RequiredSets"):
        for part in group.optional_entries("components"):
            if all(part.fields != other.fields for other in seen):
                seen.append(part)
    return seen


def _finding(entry: Entry, part: Entry, part_of: int | None) -> Finding:
    """A finding out of *part*, which says what; *entry* says in which commit and file."""
    commit = entry.text("Commit")
    if commit and not is_commit(commit):
        raise entry.wrong("Commit", "a commit's id (hex digits) or nothing", found="other text")
    rule = label(part.text("RuleID"))
    place = location(
        commit=commit,
        path=entry.text("File"),
        start=part.number("StartLine"),
        end=part.number("EndLine"),
        date=entry.optional_text("Date"),
    )
    secret = part.text("Secret")
    beginning = left_of(secret)
    return Finding(
        value=Secret(secret) if beginning is None and secret else None,
        location=place,
        rule=rule,
        source=label(entry.optional_text("Fingerprint"), 5000),
        part_of=part_of,
        hints=None if beginning is None else _hints(part, secret),
    )


def _hints(part: Entry, secret: str) -> Hints:
    match = part.optional_text("Match")
    # The columns are the match's; over several lines they say nothing of the value.
    columns = None
    start, end = part.optional_number("StartColumn"), part.optional_number("EndColumn")
    if start and end and part.number("StartLine") == part.number("EndLine"):
        columns = (start, end)
    # Older versions write 0 unless the rule asks for entropy; no secret's is 0.
    return around(match, secret, columns, entropy=part.optional_real("Entropy") or None)
