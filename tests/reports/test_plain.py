from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import ReportError
from remediate.plugins.report import Document
from remediate.reports.plain import PlainList
from remediate.reports.read import read_report

KEY = (
    (Path(__file__).resolve().parents[2] / "fixtures" / "reports" / "planted_key.pem")
    .read_text()
    .rstrip("\n")
)


def values(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    report = read_report(Document("list.txt", data))
    assert report.format == "plain"
    return [f.value.reveal_text() for f in report.findings if f.value is not None]


def refused(text: str) -> ReportError:
    with pytest.raises(ReportError) as caught:
        read_report(Document("list.txt", text.encode()))
    assert not PlainList().recognises(Document("list.txt", text.encode()))
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "one-value\ntwo-values\n",
        "one-value\r\ntwo-values\r\n",
        "one-value \r\ntwo-values\t",
        "\n\n# a note, with [ { < in it\n  one-value\n\n   # another\ntwo-values",
        "\"one-value\"\n'two-values'\n",
        "\ufeffone-value\ntwo-values\n",
    ],
    ids=["plain", "Windows", "echo's space", "notes", "quotes", "mark"],
)
def test_one_value_a_line(text: str) -> None:
    assert values(text) == ["one-value", "two-values"]


def test_a_list_from_powershell() -> None:
    assert values("one-value\r\ntwo-values\r\n".encode("utf-16")) == ["one-value", "two-values"]


def test_the_line_of_a_value_is_its_source() -> None:
    report = read_report(Document("-", f"# note\none-value\n{KEY}\ntwo-values\n".encode()))
    assert [f.source for f in report.findings] == ["line 2", "line 3", "line 30"]


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        KEY.replace("\n", "\r\n"),
        KEY.replace("\n", "\\n"),
        '"' + KEY.replace("\n", "\\n") + '\\n",',
        KEY.replace("\n", "\n    "),
        "  " + KEY,
        KEY.replace("\n", " "),
    ],
    ids=["lines", "CRLF", "escaped", "out of JSON", "indented", "first indented", "flat"],
)
def test_a_block_is_one_value(written: str) -> None:
    assert values(f"before-it\n{written}\nafter-it\n") == ["before-it", KEY, "after-it"]


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("good-value\ntiny!\n", 2, "5 characters"),
        ("good-value\n1234567\n", 2, "7 characters"),
        ('good-value\n"tiny!!"\n', 2, "6 characters"),
        ("good-value\n\n# note\ntwo words-here\n", 4, "2 words"),
        ("good-value\nAWS_SECRET_ACCESS_KEY=abcdefgh\n", 2, "NAME=value"),
        ("good-value\nabc\x1b[2Jdefgh\n", 2, "a control character"),
        (f"good-value\n{KEY[:200]}\n", 2, "the end of the list"),
        (f"good-value\n{KEY} and more\n", 28, "more text"),
        (f"key={KEY}\n", 1, "4 words"),
    ],
)
def test_a_line_that_is_no_value_is_told(text: str, line: int, found: str) -> None:
    error = refused(text)
    assert error.line == line
    assert f"found {found}" in error.message
    assert error.hint
    assert "tiny" not in error.message + error.hint
    assert "abcdefgh" not in error.message + error.hint


def test_eight_characters_are_enough_and_counted_as_characters() -> None:
    assert values("12345678") == ["12345678"]
    assert values("éééééééé") == ["éééééééé"]
    assert "7 characters" in refused("ééééééé").message


@pytest.mark.parametrize("opening", ["{", "[", "<", " {", "\n["])
def test_what_opens_like_another_format_is_none(opening: str) -> None:
    document = Document("list.txt", f"{opening}good-value\nother-value\n".encode())
    assert not PlainList().recognises(document)
    with pytest.raises(ReportError):
        PlainList().read(document)


def test_a_table_of_single_words_is_no_list() -> None:
    document = Document("list.txt", b"rule,file,secret\nsome-rule,a.py,some-value\n")
    assert not PlainList().recognises(document)
    with pytest.raises(ReportError, match="a CSV file"):
        read_report(document)


def test_a_whole_setting_can_be_given_in_quotes() -> None:
    assert values('"AWS_SECRET_ACCESS_KEY=abcdefgh"') == ["AWS_SECRET_ACCESS_KEY=abcdefgh"]


@pytest.mark.parametrize(
    "value", ["a,b,c,d,e", "AccountKey=abc==", "JBSWY3DPEHPK3PXP====", "#" * 8]
)
def test_values_that_look_like_something_else(value: str) -> None:
    assert values(f"good-value\n{value}") == ["good-value", *([] if value[0] == "#" else [value])]


def test_only_notes_is_a_list_of_nothing() -> None:
    report = read_report(Document("list.txt", b"# nothing yet\n"))
    assert (report.format, report.findings) == ("plain", ())


TOKENS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x24F, exclude_categories=["Cc", "Z", "Cf"]),
    min_size=8,
    max_size=60,
).filter(lambda t: t[0] not in "#{[<\"'`" and "=" not in t and "-----" not in t)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(TOKENS, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", " \r\n", "\n\n"]))
def test_any_tokens_are_read_as_they_are(tokens: list[str], newline: str) -> None:
    document = Document("list.txt", newline.join(tokens).encode())
    assert [f.value.reveal_text() for f in PlainList().read(document) if f.value] == tokens
