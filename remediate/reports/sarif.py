"""SARIF 2.1.0, as scanners for secrets write it.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Each tool uses it in its own way:

- gitleaks puts the value into ``region.snippet`` and the commit into ``partialFingerprints.commitSha``;
- kingfisher puts the value there too, its columns count from 0, the commit is in ``properties.git_metadata``, and
  a pair's other half is nowhere (but in a shell command, which is not looked at);
- ggshield has no snippet; the commit is in the address ``commit://<id>/<path>``, matches are in
  ``relatedLocations``, each one line too low where a commit was scanned, and ``secret/v1`` is the SHA-256 of every
  match and its type.

Another tool's snippet may be the value or the whole line: it is believed to be the value where it is one
word and the columns say that it is as long; else the value is read where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from remediate.model import Finding, Hints, Location
from remediate.plugins.report import Document
from remediate.reports.canonical import PEM_HEADER
from remediate.reports.digests import digest
from remediate.reports.entries import Entry, entries
from remediate.reports.known import SARIF_OTHERS, sarif_driver
from remediate.reports.places import is_commit, location
from remediate.reports.redacted import left_of
from remediate.reports.shape import shape_of
from remediate.reports.text import head, label
from remediate.secret import Secret

_COMMIT_ADDRESS = re.compile(r"commit://([0-9a-fA-F]{7,64})/(.*)", re.DOTALL)
_KINGFISHER_REDACTED = re.compile(r"\[REDACTED(?::[0-9a-f]{1,64})?\]")
_ABOUT_SECRETS = re.compile(
    r"secret|leak|credential|token|passw(?:or)?d|(?:api|private|access|ssh)[ _-]?key", re.IGNORECASE
)
_OTHER = "Give the report of a scanner for secrets, or the leaked values one a line."
_SHORTEST = 8


class Sarif:
    """SARIF, by its runs; not of a tool that is known to look for other things than secrets."""

    name = "sarif"
    title = "SARIF of a scanner for secrets"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        names = shape_of(document).names
        if "runs" not in names or not {"version", "$schema"} & names:
            return False
        return sarif_driver(head(document)) not in SARIF_OTHERS

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        found = []
        number = 0
        for log in entries(document):
            for run in log.inner("runs"):
                tool = run.entry("tool").entry("driver").text("name")
                read = _TOOLS.get(tool.lower(), _any)
                for result in run.inner("results"):
                    number += 1
                    if read is _any and not _ABOUT_SECRETS.search(
                        f"{tool} {result.text('ruleId')}"
                    ):
                        raise result.wrong(
                            "ruleId", "a rule about secrets", found="another rule", hint=_OTHER
                        )
                    found += [_finding(seen, result, number) for seen in read(result)]
        return found


@dataclass(frozen=True)
class _Seen:
    """One value at one place, as far as a tool tells."""

    place: Location
    value: Secret | None
    hints: Hints | None = None
    paired: bool = False
    source: str = ""


def _finding(seen: _Seen, result: Entry, number: int) -> Finding:
    return Finding(
        value=seen.value,
        location=seen.place,
        rule=label(result.text("ruleId")),
        source=label(seen.source, 200),
        part_of=number if seen.paired else None,
        hints=None if seen.value else seen.hints,
    )


def _physical(holder: Entry) -> tuple[str, Entry]:
    """The address and the region of one location."""
    physical = holder.entry("physicalLocation")
    uri = physical.entry("artifactLocation").text("uri")
    return uri, physical.entry("region")


def _places(result: Entry, name: str = "locations") -> tuple[Entry, ...]:
    places = result.inner(name)
    if not places:
        raise result.wrong(name, "at least one place", found="none")
    return places


def _path(uri: str) -> str:
    """A SARIF address is a URI reference; some tools write a bare path, which a ``%`` tells apart rarely."""
    return unquote(uri.removeprefix("file://")) if "%" in uri and " " not in uri else uri


def _lines(region: Entry) -> tuple[int, int | None]:
    return region.number("startLine"), region.optional_number("endLine")


def _snippet(region: Entry) -> str:
    """The snippet's text; empty where there is none."""
    snippet = region.optional_entry("snippet")
    return snippet.optional_text("text") if snippet else ""


def _gitleaks(result: Entry) -> Iterator[_Seen]:
    prints = result.optional_texts("partialFingerprints")
    commit = prints.get("commitSha", "")
    if commit and not is_commit(commit):
        raise result.wrong(
            "partialFingerprints", 'a commit\'s id as "commitSha"', found="other text"
        )
    for holder in _places(result):
        uri, region = _physical(holder)
        start, end = _lines(region)
        place = location(commit=commit, path=uri, start=start, end=end, date=prints.get("date", ""))
        text = region.entry("snippet").text("text")
        # The columns are the whole match's, which the report does not hold: they say nothing.
        beginning = left_of(text)
        yield _Seen(
            place,
            Secret(text) if text and beginning is None else None,
            Hints(beginning=Secret(beginning)) if beginning else None,
        )


def _kingfisher(result: Entry) -> Iterator[_Seen]:
    source = result.optional_texts("partialFingerprints").get("fingerprint", "")
    for holder in _places(result):
        uri, region = _physical(holder)
        properties = holder.optional_entry("properties")
        git = properties.optional_entry("git_metadata") if properties else None
        commit = git.entry("commit").text("id") if git else ""
        if git and not is_commit(commit):
            raise git.wrong("commit", 'a commit\'s id as "id"', found="other text")
        start, _ = _lines(region)
        first, last = region.optional_number("startColumn"), region.optional_number("endColumn")
        text = region.entry("snippet").text("text")
        hidden = _KINGFISHER_REDACTED.fullmatch(text)
        yield _Seen(
            location(commit=commit, path=uri, start=start),
            None if hidden or not text else Secret(text),
            Hints(columns=None if first is None or last is None else (first + 1, last + 1)),
            source=source,
        )


def _ggshield(result: Entry) -> Iterator[_Seen]:
    sha = result.entry("partialFingerprints").text("secret/v1")
    places = _places(result, "relatedLocations")
    kinds = [holder.entry("message").text("text") for holder in places]
    paired = len(set(kinds)) > 1
    for holder, kind in zip(places, kinds, strict=True):
        uri, region = _physical(holder)
        start, end = _lines(region)
        found = _COMMIT_ADDRESS.fullmatch(uri)
        if found:
            place = location(
                commit=found[1],
                path=found[2],
                start=max(1, start - 1),
                end=max(1, (end or start) - 1),
            )
        else:
            place = location(path=_path(uri), start=start, end=end)
        known = digest("sha256", sha, f",{kind}") if len(places) == 1 else None
        first, last = region.optional_number("startColumn"), region.optional_number("endColumn")
        yield _Seen(
            place,
            None,
            # One too high in a commit (its "+" counts), and the end is the column behind the last.
            Hints(digest=known)
            if known
            else Hints(columns=(first - 1, last - 2) if first and last and last > 2 else None),
            paired=paired,
            source=f"{sha}, {kind}" if paired else sha,
        )


def _any(result: Entry) -> Iterator[_Seen]:
    """A tool that is not known: nothing is believed that does not agree with itself."""
    for holder in _places(result):
        uri, region = _physical(holder)
        start, end = _lines(region)
        first, last = region.optional_number("startColumn"), region.optional_number("endColumn")
        single = first and last and (end is None or end == start)
        text = _snippet(region)
        # endColumn is the column behind the last one (section 3.30.8); some tools count it in.
        fits = bool(single) and len(text) in (
            (last or 0) - (first or 0),
            (last or 0) - (first or 0) + 1,
        )
        key = PEM_HEADER.match(text.strip().encode("utf-8", "replace")) and "-----END " in text
        word = len(text) >= _SHORTEST and not re.search(r"\s", text) and "*" not in text
        yield _Seen(
            location(path=_path(uri), start=start, end=end),
            Secret(text) if key or (fits and word and left_of(text) is None) else None,
            Hints(columns=(first or 1, (last or 1) - 1)) if single and (last or 0) > 1 else None,
        )


_TOOLS: Mapping[str, Callable[[Entry], Iterator[_Seen]]] = {
    "gitleaks": _gitleaks,
    "betterleaks": _gitleaks,
    "kingfisher": _kingfisher,
    "ggshield": _ggshield,
}
