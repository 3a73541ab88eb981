"""trufflehog 3's JSON Lines (``--json``).

Fields: https://github.com/trufflesecurity/trufflehog/blob/main/pkg/output/json.go and
proto/source_metadata.proto; empty ones are left out. Traps: of an AWS key ``Raw`` is the id alone,
the secret is in ``SecretParts`` (newest), else behind the id in ``RawV2``; where ``DecoderName`` is not ``PLAIN``
the repository holds ``Raw`` in another encoding, which the scan of history looks for anyway; log lines
may stand between findings; what is not in git (issues, comments, wikis, chats) has a link and no commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from remediate.model import Finding, Location
from remediate.plugins.report import Document
from remediate.reports.entries import Entry, entries
from remediate.reports.places import below, is_commit, location, web_address
from remediate.reports.shape import shape_of
from remediate.reports.text import head, label
from remediate.secret import Secret

_LOG = frozenset(["level", "ts", "msg", "logger"])
_PLACES = frozenset(["commit", "email", "file", "line", "link", "repository", "timestamp"])
_PAIR = re.compile(r"((?:AKIA|ASIA)[A-Z0-9]{16}):?([A-Za-z0-9/+]{40})")
_SECRET_PART = re.compile(
    r"secret|token|password|passwd|private|credential|(?:^|_)key$", re.IGNORECASE
)
_SHORTEST_PART = 8
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d) ?([+-]\d\d):?(\d\d)(?: [A-Z+0-9-]+)?")


class Trufflehog:
    """trufflehog 3, by the source's metadata beside a detector's name."""

    name = "trufflehog"
    title = "trufflehog 3 JSON Lines"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        shape = shape_of(document)
        if "SourceMetadata" in shape.names:
            return bool({"DetectorName", "Raw", "DetectorType"} & shape.names)
        if not (shape.is_json and shape.lines and "level" in shape.names):
            return False
        text = head(document)
        return '"SourceMetadata"' in text and '"DetectorName"' in text

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [
            finding
            for number, entry in enumerate(entries(document), 1)
            if "SourceMetadata" in entry.fields or not _LOG & set(entry.fields)
            for finding in _findings(entry, number)
        ]


def _findings(entry: Entry, number: int) -> Iterator[Finding]:
    rule = label(entry.text("DetectorName"))
    decoder = entry.optional_text("DecoderName")
    place, source = _place(entry)
    if decoder not in ("", "PLAIN"):
        source += f", seen in {label(decoder, 40)}"
    values = _values(entry)
    part_of = number if len(values) > 1 else None
    for value in values:
        yield Finding(Secret(value), place, rule=rule, source=source, part_of=part_of)


def _values(entry: Entry) -> list[str]:
    """Every secret of the entry: what was found first, then what belongs to it."""
    raw = entry.text("Raw")
    if not raw:
        raise entry.wrong("Raw", "a value", found="empty text")
    values = [raw]
    pair = _PAIR.fullmatch(entry.optional_text("RawV2")) or _PAIR.fullmatch(raw)
    if pair:
        values = [pair[1], pair[2]]
    for name, part in entry.optional_texts("SecretParts").items():
        # A user's name or an address is a part too, and no secret.
        if _SECRET_PART.search(name) and len(part) >= _SHORTEST_PART:
            values.append(part)
    return list(dict.fromkeys(values))


def _place(entry: Entry) -> tuple[Location, str]:
    """Where it was seen, and what to call the entry."""
    data = entry.entry("SourceMetadata").entry("Data")
    kind, fields = next(iter(data.fields.items()), ("", None))
    # New sources come with new versions; what each tells goes by the same few names.
    if not isinstance(fields, dict) or (fields and not _PLACES & set(fields)):
        raise data.wrong("Git", "a source's own metadata", found="something else")
    where = Entry(data.file, data.line, data.name, fields)
    source = f"trufflehog, {label(kind, 40)}"
    commit, path = where.optional_text("commit"), where.optional_text("file")
    if commit and not is_commit(commit):
        raise where.wrong("commit", "a commit's id (hex digits) or nothing", found="other text")
    link = web_address(where.optional_text("link"))
    repository = where.optional_text("repository")
    wiki = repository.removesuffix("/").removesuffix(".git").endswith(".wiki")
    if link and (wiki or not commit) and kind != "Filesystem":
        return Location(url=link), source
    root = where.optional_text("repository_local_path")
    return (
        location(
            commit=commit,
            path=below(path, root) if root else path,
            start=where.optional_number("line"),
            date=_date(where.optional_text("timestamp")),
        ),
        source,
    )


def _date(text: str) -> str:
    """Go's way of writing a time (``2022-06-16 10:17:40 -0700 PDT``) as RFC 3339."""
    found = _DATE.fullmatch(text)
    return f"{found[1]}T{found[2]}{found[3]}:{found[4]}" if found else ""
