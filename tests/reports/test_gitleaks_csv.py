from __future__ import annotations

import csv
import io

import pytest

from remediate.errors import ReportError
from remediate.plugins.report import Document
from remediate.reports.read import Report, read_report

NAMES = ["RuleID", "Commit", "File", "SymlinkFile", "Secret", "Match", "StartLine", "EndLine"]
ROW = ["rule", "abcdef1", "a, b.py", "", 'hid"den-value', 'k = "hid"den-value"', "3", "3"]


def read(*rows: list[str], names: list[str] = NAMES, end: str = "") -> Report:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([names, *rows])
    return read_report(Document("r.csv", (out.getvalue() + end).encode()))


def test_quotes_commas_and_lines_within_a_cell() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    first, second = read(ROW, [*ROW[:4], key, key, "1", "3"]).findings
    assert first.value is not None
    assert first.value.reveal_text() == 'hid"den-value'
    assert (first.location.path, first.location.start_line) == ("a, b.py", 3)
    assert second.value is not None
    assert second.value.reveal_text() == key


def test_a_report_of_nothing() -> None:
    assert read().findings == ()


@pytest.mark.parametrize("name", ["RuleID", "Commit", "File", "Secret", "StartLine", "EndLine"])
def test_a_needed_column_missing_or_renamed_is_named(name: str) -> None:
    without = NAMES.index(name)
    row = [cell for at, cell in enumerate(ROW) if at != without]
    with pytest.raises(ReportError, match=name):
        read(row, names=[n for n in NAMES if n != name])
    with pytest.raises(ReportError):
        read(ROW, names=[f"{n}X" if n == name else n for n in NAMES])


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("Commit", "not-hex", "a commit's id"),
        ("StartLine", "x", "a whole number"),
        ("EndLine", "", "a line"),
        ("File", "", "a path"),
    ],
)
def test_a_wrong_cell_is_told_with_its_line(column: str, cell: str, told: str) -> None:
    row = list(ROW)
    row[NAMES.index(column)] = cell
    with pytest.raises(ReportError, match=told) as caught:
        read(ROW, row)
    assert caught.value.line == 3
    assert "hid" not in caught.value.message


@pytest.mark.parametrize("end", ["rule,abc", '"open', "rule,abcdef1,f,,v,v,1,1"])
def test_a_row_that_is_cut_off_is_refused(end: str) -> None:
    with pytest.raises(ReportError):
        read(ROW, end=end)
