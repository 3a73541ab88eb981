from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from remediate.errors import PluginError, ReportError
from remediate.model import Finding, Location
from remediate.plugins.report import Document
from remediate.reports.plain import PlainList
from remediate.reports.read import MAX_VALUE, Report, load, read_report
from remediate.secret import Secret

NO_INPUT = io.BytesIO()


class Acme:
    """A third party's format."""

    def __init__(self, name: str = "acme", fails: bool = False, shies: bool = False) -> None:
        self.name = name
        self.title = f"{name} report"
        self.fails = fails
        self.shies = shies

    def recognises(self, document: Document) -> bool:
        if self.shies:
            raise RuntimeError("hidden-value")
        return document.data.startswith(b"acme:")

    def read(self, document: Document) -> Sequence[Finding]:
        if self.fails:
            raise KeyError("hidden-value")
        return [Finding(Secret(document.data[5:]), Location())]


def test_a_file_and_standard_input_are_the_same(tmp_path: Path) -> None:
    data = b"one-value\ntwo-values\n"
    file = tmp_path / "list.txt"
    file.write_bytes(data)
    assert load(str(file), NO_INPUT) == Document(str(file), data)
    assert load("-", io.BytesIO(data)) == Document("-", data)


def test_what_is_loaded_is_plain_utf8(tmp_path: Path) -> None:
    for data in (b"\xef\xbb\xbfv\xc3\xa9", "vé".encode("utf-16"), "vé".encode()):
        assert load("-", io.BytesIO(data)).data == "vé".encode()


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"one-value\n" * 20_000,))
    writer.start()
    assert len(load(str(pipe), NO_INPUT).data) == 200_000
    writer.join()


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
)
def test_what_can_not_be_opened(tmp_path: Path, make: object, found: str) -> None:
    path = tmp_path / "report.json"
    make(path)  # type: ignore[operator]
    with pytest.raises(ReportError, match=found) as caught:
        load(str(path), NO_INPUT)
    assert caught.value.file == str(path)
    assert caught.value.exit_status == 2


def test_names_that_are_no_names() -> None:
    with pytest.raises(ReportError, match="a name that no file can have"):
        load("a\0b", NO_INPUT)
    with pytest.raises(ReportError, match="File name too long"):
        load("a" * 5000, NO_INPUT)
    with pytest.raises(ReportError, match="a folder"):
        load("", NO_INPUT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("one-value")
    path.chmod(0)
    with pytest.raises(ReportError, match="may not be read"):
        load(str(path), NO_INPUT)


def test_the_size_is_bounded(tmp_path: Path) -> None:
    assert load("-", io.BytesIO(b"x" * 100), limit=100).data == b"x" * 100
    with pytest.raises(ReportError, match="a report of at most 0 MiB; found a larger one"):
        load("-", io.BytesIO(b"x" * 101), limit=100)
    endless = Path("/dev/zero")
    with pytest.raises(ReportError, match="at most 1 MiB"):
        load(str(endless), NO_INPUT, limit=1 << 20)


@pytest.mark.parametrize(
    "data", [b"", b"\n \r\n", b"[]", b"[]\n", b" [ \n ] ", b"[][]", b"\xef\xbb\xbf[]"]
)
def test_nothing_leaked_is_no_error(data: bytes) -> None:
    assert read_report(Document("-", data)) == Report("empty", "empty report", ())


@pytest.mark.parametrize("data", [b"null", b"{}", b"[{}]", b"[1]", b"0", b'""'])
def test_what_is_nearly_nothing_is_refused(data: bytes) -> None:
    with pytest.raises(ReportError):
        read_report(Document("-", data))


def test_broken_json_is_told_with_its_line_though_no_format_knows_it() -> None:
    with pytest.raises(ReportError, match="line 3: expected JSON in entry 2"):
        read_report(Document("r", b'[\n{"x": 1},\n{"x": '))


def test_a_list_of_plain_strings_is_told_what_to_be() -> None:
    with pytest.raises(ReportError, match="expected an object as entry 1; found text"):
        read_report(Document("r", b'["one-value"]'))


def test_what_nobody_knows_is_told_what_can_be_read() -> None:
    with pytest.raises(ReportError) as caught:
        read_report(Document("r", b'[{"x": 1}]'))
    message = caught.value.message
    assert "github-alerts, gitlab, gitleaks, gitleaks-csv, kingfisher" in message
    assert "found a JSON list of something else" in message
    assert "gitleaks git --report-format json" in caught.value.hint


def test_values_come_out_canonical() -> None:
    report = read_report(Document("r", b'acme:"hidden-value"\n'), [Acme()])
    assert report.findings == (Finding(Secret("hidden-value"), Location()),)
    empty = read_report(Document("r", b"acme:''"), [Acme()])
    assert empty.findings == (Finding(None, Location()),), "an empty value is none"


def test_two_formats_that_claim_one_report_are_both_named() -> None:
    with pytest.raises(ReportError, match=r"acme report \(acme\) and bcme report \(bcme\)"):
        read_report(Document("r", b"acme:hidden-value"), [Acme(), Acme("bcme")])


def test_a_format_that_breaks_at_recognising_stands_in_nobodys_way() -> None:
    report = read_report(Document("r", b"acme:hidden-value"), [Acme("bcme", shies=True), Acme()])
    assert report.format == "acme"


def test_a_format_that_breaks_at_reading_is_named_and_tells_no_value() -> None:
    with pytest.raises(PluginError) as caught:
        read_report(Document("r", b"acme:hidden-value"), [Acme(fails=True)])
    assert "'acme'" in caught.value.message
    assert "KeyError" in caught.value.message
    assert "hidden" not in caught.value.message
    assert caught.value.__context__ is None


def test_a_format_may_be_there_alone() -> None:
    with pytest.raises(ReportError, match="none is installed"):
        read_report(Document("r", b"one-value"), [])
    assert read_report(Document("r", b"one-value"), [PlainList()]).format == "plain"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<html><body>Sign in</body></html>", "a web page"),
        (b"<!DOCTYPE html>", "a web page"),
        (b'<?xml version="1.0"?>\n<testsuites>', "a JUnit report"),
        (b"<testsuites/>", "a JUnit report"),
        (b"<a/>", "XML"),
        (b"rule,file,line,secret\r\nx,y,1,z", "a CSV file"),
        (b"Finding:     x\nSecret:      y\nRuleID:      z\n", "what gitleaks prints for people"),
        (b"hello\nFound unverified result \xf0\x9f\x90\xb7\n", "what trufflehog prints for people"),
        (
            b'{"$schema": "x", "runs": [{"tool": {"driver": {"name": "CodeQL"}}}]}',
            "a SARIF report of CodeQL",
        ),
        (b'{"message": "Not Found", "documentation_url": "x"}', "an error of GitHub's"),
    ],
)
def test_known_others_are_named(data: bytes, what: str) -> None:
    with pytest.raises(ReportError, match=f"found {what}") as caught:
        read_report(Document("r", data))
    assert caught.value.line == 1
    assert caught.value.hint
    assert "hidden" not in caught.value.message


def test_a_value_that_nobody_keeps_as_a_secret_is_refused() -> None:
    longest = b"a" * MAX_VALUE
    (finding,) = read_report(Document("leaks.txt", longest)).findings
    assert finding.value == Secret(longest)
    with pytest.raises(ReportError, match="at most 64 KiB"):
        read_report(Document("leaks.txt", longest + b"a\n"))
