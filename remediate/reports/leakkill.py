"""leakkill's ``--json``: its values are masked to four characters, its commits to seven digits.

Fields as leakkill 0.8.0 writes them. A value is read again where it stands (``600f521:.env:1`` with ``--history``,
``.env:1`` without), and known again by how it begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from remediate.model import Finding, Hints, Location
from remediate.plugins.report import Document
from remediate.reports.entries import Entry, entries
from remediate.reports.places import location
from remediate.reports.shape import shape_of
from remediate.reports.text import label
from remediate.secret import Secret

_STARS = re.compile(r"\*{4,}")
_PLACE = re.compile(r"(?:([0-9a-f]{7,40}):)?([^\n]+):([0-9]{1,9})")


class Leakkill:
    """leakkill JSON, by its field names."""

    name = "leakkill"
    title = "leakkill JSON"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        return {"id", "type", "value", "identity", "locations"} <= shape_of(document).names

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [finding for entry in entries(document) for finding in _findings(entry)]


def _findings(entry: Entry) -> Iterator[Finding]:
    masked, rule = entry.text("value"), label(entry.text("type"))
    stars = _STARS.search(masked)
    if stars is None or stars.end() != len(masked):
        raise entry.wrong("value", "a masked value", found="other text")
    beginning = masked[: stars.start()]
    source = f"leakkill #{entry.number('id')}"
    for place in _places(entry):
        yield Finding(
            value=None,
            location=place,
            rule=rule,
            source=source,
            hints=Hints(beginning=Secret(beginning) if beginning else None),
        )


def _places(entry: Entry) -> Iterator[Location]:
    places = entry.fields.get("locations")
    if not isinstance(places, list) or not places:
        raise entry.wrong("locations", "a list of places")
    for text in places:
        found = _PLACE.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise entry.wrong("locations", "places like commit:path:line", found="something else")
        yield location(commit=found[1], path=found[2], start=int(found[3]))
