"""gitleaks 8's CSV report: the JSON's names in one row, a key over many lines of one quoted cell.

https://github.com/gitleaks/gitleaks/blob/master/report/csv.go, tried with 8.30.1. It lacks Entropy and
Description, so of a redacted value it tells less than the JSON does.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from remediate.errors import ReportError
from remediate.model import Finding
from remediate.plugins.report import Document
from remediate.reports.places import is_commit, location
from remediate.reports.redacted import around, left_of
from remediate.reports.text import decode, head, label, shown_name
from remediate.secret import Secret

_NEEDED = ("RuleID", "Commit", "File", "Secret", "StartLine", "EndLine")
_HEADER = re.compile(r'"?(?:RuleID|Commit|File|Secret)"?,[A-Za-z",]{1,400}')
_LINE = re.compile(r"[0-9]{1,9}")
_AGAIN = "Export JSON, which tells more: gitleaks git --report-format json --report-path leaks.json"


class GitleaksCsv:
    """gitleaks CSV, by the names in its first row."""

    name = "gitleaks-csv"
    title = "gitleaks CSV"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        first = head(document, 4096).lstrip().partition("\n")[0].strip()
        names = {name.strip('"') for name in first.split(",")}
        return _HEADER.fullmatch(first) is not None and len(names & set(_NEEDED)) >= 4

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [_finding(row) for row in _rows(document)]


class _Row:
    """One row: its cells by name, and where it begins."""

    def __init__(self, file: str, line: int, cells: dict[str, str]) -> None:
        self.file, self.line, self.cells = file, line, cells

    def text(self, name: str) -> str:
        return self.cells.get(name, "")

    def number(self, name: str) -> int | None:
        """A whole number; None where the cell is empty or not there."""
        text = self.text(name)
        if not text:
            return None
        if not _LINE.fullmatch(text):
            raise self.wrong(name, "a whole number", "other text")
        return int(text)

    def wrong(self, name: str, expected: str, found: str) -> ReportError:
        return ReportError(
            self.file, f'{expected} in column "{name}"', line=self.line, found=found, hint=_AGAIN
        )


def _rows(document: Document) -> Iterator[_Row]:
    file, text = shown_name(document), decode(document)
    if not text.endswith("\n"):
        raise ReportError(
            file,
            "a line end behind the last row",
            line=text.count("\n") + 1,
            found="the end of the text",
            hint="The report may be cut off: let the scanner write it again.",
        )
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] = []
    begins = 1
    while True:
        begins = reader.line_num + 1
        broken = False
        row: list[str] | None = None
        try:
            row = next(reader, None)
        except csv.Error:
            # Raised below: the exception would keep the row as its context.
            broken = True
        if broken:
            raise ReportError(
                file, "CSV (RFC 4180)", line=begins, found="a quote out of place", hint=_AGAIN
            )
        if row is None:
            return
        if not row:
            continue
        if not names:
            names = row
            _check(file, names)
            continue
        if len(row) != len(names):
            raise ReportError(
                file,
                f"a row of {len(names)} cells",
                line=begins,
                found=f"one of {len(row)}",
                hint="The report is cut off or damaged: let the scanner write it again.",
            )
        yield _Row(file, begins, dict(zip(names, row, strict=True)))


def _check(file: str, names: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if missing or len(set(names)) != len(names):
        raise ReportError(
            file,
            f"the columns {', '.join(missing)}" if missing else "each column once",
            line=1,
            found="none" if missing else "one that stands there twice",
            hint=_AGAIN,
        )


def _finding(row: _Row) -> Finding:
    commit, secret, rule = row.text("Commit"), row.text("Secret"), row.text("RuleID")
    if commit and not is_commit(commit):
        raise row.wrong("Commit", "a commit's id (hex digits) or nothing", "other text")
    if not row.text("File"):
        raise row.wrong("File", "a path", "nothing")
    start, end = row.number("StartLine"), row.number("EndLine")
    if start is None or end is None:
        raise row.wrong("StartLine" if start is None else "EndLine", "a line", "nothing")
    shown = left_of(secret) is None
    columns = (row.number("StartColumn"), row.number("EndColumn"))
    within = (columns[0], columns[1]) if columns[0] and columns[1] and start == end else None
    return Finding(
        value=Secret(secret) if shown and secret else None,
        location=location(
            commit=commit, path=row.text("File"), start=start, end=end, date=row.text("Date")
        ),
        rule=label(rule),
        source=label(row.text("Fingerprint"), 5000),
        hints=None if shown else around(row.text("Match"), secret, within),
    )
