"""GitLab's gl-secret-detection-report.json, schema 15.

https://docs.gitlab.com/user/application_security/secret_detection/ and
https://gitlab.com/gitlab-org/security-products/security-report-schemas. Traps: the value is
``raw_source_code_extract``, of a private key its first line alone; some analysers write a list of lines; a
scan without history gives the commit ``0000000``.
"""

from __future__ import annotations

from collections.abc import Sequence

from remediate.model import Finding, Hints
from remediate.plugins.report import Document
from remediate.reports.canonical import PEM_HEADER
from remediate.reports.entries import Entry, entries
from remediate.reports.places import is_commit, location
from remediate.reports.shape import shape_of
from remediate.reports.text import label
from remediate.secret import Secret

_CATEGORY = "secret_detection"


class GitLabReport:
    """GitLab secret detection, by its list of vulnerabilities and its schema's version."""

    name = "gitlab"
    title = "GitLab secret detection report"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        return {"version", "vulnerabilities"} <= shape_of(document).names

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [
            _finding(one, entry)
            for entry in entries(document)
            for one in entry.inner("vulnerabilities")
        ]


def _finding(one: Entry, report: Entry) -> Finding:
    category = one.optional_text("category") or _CATEGORY
    if category != _CATEGORY:
        raise one.wrong(
            "category",
            "a finding of secret detection",
            found="another kind",
            hint="Give gl-secret-detection-report.json, the artifact of the secret detection job.",
        )
    value = _extract(one)
    place = one.entry("location")
    commit = place.optional_entry("commit")
    sha = commit.optional_text("sha") if commit else ""
    if sha.strip("0") and not is_commit(sha):
        raise place.wrong("commit", 'a commit\'s id as "sha"', found="other text")
    header = PEM_HEADER.match(value.encode())
    whole = header is None or "-----END " in value
    scan = report.optional_entry("scan")
    ended = scan.optional_text("end_time") if scan else ""
    return Finding(
        value=Secret(value) if whole else None,
        location=location(
            commit=sha,
            path=place.text("file"),
            start=place.optional_number("start_line"),
            end=place.optional_number("end_line"),
            date=commit.optional_text("date") if commit else "",
        ),
        rule=label(_rule(one)),
        # GitLab's times are UTC and leave the zone out.
        detected_at=f"{ended}Z"
        if ended and not ended.endswith("Z") and "+" not in ended
        else ended or None,
        source=label(one.text("id"), 200),
        hints=None if whole else Hints(beginning=Secret(value.strip())),
    )


def _extract(one: Entry) -> str:
    lines = one.fields.get("raw_source_code_extract")
    if isinstance(lines, list) and lines and all(isinstance(line, str) for line in lines):
        joined = Entry(one.file, one.line, one.name, {"raw_source_code_extract": "\n".join(lines)})
        return _extract(joined)
    value = one.text("raw_source_code_extract")
    if not value.strip():
        raise one.wrong("raw_source_code_extract", "a value", found="empty text")
    return value


def _rule(one: Entry) -> str:
    identifiers = one.inner("identifiers")
    if not identifiers:
        raise one.wrong("identifiers", "at least one identifier", found="none")
    return identifiers[0].text("value")
