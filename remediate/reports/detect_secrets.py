"""detect-secrets' baseline: the SHA-1 of each value, and where it stands.

Fields as detect-secrets 1.5.0 writes them (``detect-secrets scan``). No value, no commit: what is hashed is
looked for on the line that is named, in the newest commit. A private key's hash is that of its first
line without the dashes. One value is often there under several types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediate.model import Finding, Hints
from remediate.plugins.report import Document
from remediate.reports.digests import digest
from remediate.reports.entries import Entry, entries
from remediate.reports.places import location
from remediate.reports.shape import shape_of
from remediate.reports.text import label


class DetectSecrets:
    """A baseline, by the plugins that it names beside its results."""

    name = "detect-secrets"
    title = "detect-secrets baseline"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        names = shape_of(document).names
        return {"plugins_used", "results"} <= names

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [finding for entry in entries(document) for finding in _findings(entry)]


def _findings(baseline: Entry) -> Iterator[Finding]:
    detected_at = baseline.optional_text("generated_at")
    results = baseline.entry("results")
    for number, path in enumerate(results.fields, 1):
        # A path is not told in an error: it may hold a secret itself.
        numbered = Entry(
            results.file,
            results.line,
            f"file {number} of {results.name}",
            {"found": results.fields[path]},
        )
        for entry in numbered.inner("found"):
            # What a person has audited and called no secret is none.
            if (
                "is_secret" in entry.fields
                and entry.has("is_secret")
                and not entry.optional_flag("is_secret")
            ):
                continue
            known = digest("sha1", entry.text("hashed_secret"))
            if known is None:
                raise entry.wrong("hashed_secret", "a SHA-1 (40 hex digits)", found="other text")
            line = entry.number("line_number")
            yield Finding(
                value=None,
                location=location(path=entry.text("filename"), start=line),
                rule=label(entry.text("type")),
                detected_at=detected_at or None,
                hints=Hints(digest=known),
            )
