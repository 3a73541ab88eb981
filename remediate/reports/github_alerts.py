"""GitHub's secret scanning alerts, as its REST API lists them (or one of them).

https://docs.github.com/en/rest/secret-scanning/secret-scanning. ``gh api --paginate`` writes one
list, older versions a list a page, ``--slurp`` a list of lists; all are read. With
``hide_secret=true`` there is no ``secret``. An alert carries the first place alone
(``first_location_detected``, without a type); its ``locations``, fetched apart, may be put into it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from remediate.model import Finding, Hints, Location
from remediate.plugins.report import Document
from remediate.reports.entries import Entry, entries
from remediate.reports.places import location, moment, web_address
from remediate.reports.shape import shape_of
from remediate.reports.text import label
from remediate.secret import Secret

#: Names that no other list of GitHub's has.
_OWN = frozenset(
    [
        "secret_type",
        "secret_type_display_name",
        "locations_url",
        "push_protection_bypassed",
        "is_base64_encoded",
        "publicly_leaked",
        "first_location_detected",
        "has_more_locations",
    ]
)
_NAMES = _OWN | frozenset(
    [
        "number",
        "created_at",
        "updated_at",
        "url",
        "html_url",
        "state",
        "resolution",
        "resolved_at",
        "resolved_by",
        "secret",
        "resolution_comment",
        "validity",
        "multi_repo",
    ]
)
_ENOUGH = 6
_REPOSITORY = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)


class GitHubAlerts:
    """GitHub secret scanning alerts, by their field names."""

    name = "github-alerts"
    title = "GitHub secret scanning alerts"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        names = shape_of(document).names
        return {"number", "secret_type"} <= names or (
            bool(names & _OWN) and len(names & _NAMES) >= _ENOUGH
        )

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [finding for entry in entries(document) for finding in _findings(entry)]


def _findings(alert: Entry) -> Iterator[Finding]:
    """One finding a place; one without a place where the alert tells none."""
    value = _value(alert)
    rule, source = label(alert.text("secret_type")), _source(alert)
    detected_at = moment(alert.optional_text("created_at"))
    page = web_address(alert.optional_text("html_url") or alert.optional_text("url"))
    for place, hints in _places(alert) or [(Location(), None)]:
        yield Finding(
            value=value,
            location=replace(place, alert=page),
            rule=rule,
            detected_at=detected_at,
            source=source,
            hints=hints if value is None else None,
        )


def _value(alert: Entry) -> Secret | None:
    """The value; None where the list was fetched with ``hide_secret``."""
    if "secret" not in alert.fields:
        return None
    secret = alert.text("secret")
    if not secret:
        raise alert.wrong("secret", "a value", found="empty text")
    if alert.optional_flag("is_base64_encoded"):
        secret = _decoded(secret) or secret
    return Secret(secret)


def _decoded(text: str) -> str | None:
    """What *text* is Base64 of, where that is plain text.

    GitHub does not say whether a flagged alert shows the secret or what stands in the file. Both
    come out right: a token is no Base64 of printable text.
    """
    try:
        plain = base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return plain if plain.isprintable() and len(plain) >= 8 else None


def _source(alert: Entry) -> str:
    """``alert #7``, with its repository where the list is an organization's, and what GitHub knows."""
    parts = [f"alert #{alert.number('number')}"]
    repository = alert.optional_entry("repository")
    name = repository.optional_text("full_name") if repository else ""
    if _REPOSITORY.fullmatch(name):
        parts[0] += f" of {name}"
    if alert.optional_text("state") == "resolved":
        resolution = label(alert.optional_text("resolution"), 40).replace("_", " ")
        parts.append(f"resolved: {resolution}" if resolution else "resolved")
    if alert.optional_flag("has_more_locations") and not alert.has("locations"):
        parts.append("seen in more places than the report tells")
    return ", ".join(parts)


def _places(alert: Entry) -> list[tuple[Location, Hints | None]]:
    """Where it was seen, each place once, those in git first as GitHub orders them."""
    first = alert.optional_entry("first_location_detected")
    found = [_place(first, _type_of(first))] if first else []
    for item in alert.optional_entries("locations"):
        details = item.optional_entry("details")
        if details is None:
            raise item.wrong("details", "an object")
        found.append(_place(details, item.text("type")))
    return list({place: (place, hints) for place, hints in found}.values())


def _type_of(details: Entry) -> str:
    """The type of a place that comes without one: only a commit's has a blob, only a wiki's a page."""
    if "page_url" in details.fields:
        return "wiki_commit"
    return "commit" if "commit_sha" in details.fields or "path" in details.fields else "other"


def _place(details: Entry, kind: str) -> tuple[Location, Hints | None]:
    if kind != "commit":
        return Location(url=_address(details)), None
    start, end = details.optional_number("start_column"), details.optional_number("end_column")
    place = location(
        commit=details.text("commit_sha"),
        # The documentation's example has a path with a leading slash.
        path=details.text("path").lstrip("/"),
        start=details.optional_number("start_line"),
        end=details.optional_number("end_line"),
    )
    return place, Hints(columns=(start, end)) if start and end else None


def _address(details: Entry) -> str:
    """The page of an issue, comment, discussion or wiki: for people where there is one, else the API's."""
    named = ["html_url", "page_url", *sorted(n for n in details.fields if n.endswith("_url"))]
    for name in named:
        text = details.fields.get(name)
        address = web_address(text) if isinstance(text, str) else None
        if address:
            return address
    raise details.wrong("html_url", "the address of a place that is not in git")
