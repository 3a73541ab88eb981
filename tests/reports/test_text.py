from __future__ import annotations

import pytest

from remediate.errors import ReportError
from remediate.plugins.report import Document
from remediate.reports.text import decode, head, label, shown_name


@pytest.mark.parametrize(
    "data",
    [
        b'["\xc3\xa9"]',
        b'\xef\xbb\xbf["\xc3\xa9"]',
        '["é"]'.encode("utf-16"),
        b"\xfe\xff" + '["é"]'.encode("utf-16-be"),
        '["é"]'.encode("utf-16-le"),
        '["é"]'.encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 mark", "PowerShell", "utf-16 big", "unmarked little", "unmarked big"],
)
def test_text_comes_out_the_same_whatever_wrote_it(data: bytes) -> None:
    assert decode(Document("r", data)) == '["é"]'
    assert head(Document("r", data)) == '["é"]'


def test_what_is_no_text_is_told_with_its_line() -> None:
    with pytest.raises(ReportError) as caught:
        decode(Document("r.txt", b"one\ntwo\nthr\xe9e\n"))
    assert (
        caught.value.message == "r.txt, line 3: expected text in UTF-8; found bytes that are none."
    )
    assert caught.value.__context__ is None, "the decoder's exception holds the whole report"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x1f\x8b\x08\0\0", "a gzip file"),
        (b"PK\x03\x04rest", "a zip file"),
        (b"%PDF-1.7", "a PDF"),
        (b"# v2 git bundle\n", "a git bundle"),
        (b"abc\ndef\0ghi", "binary data"),
    ],
)
def test_binary_files_are_named(data: bytes, what: str) -> None:
    with pytest.raises(ReportError, match=what) as caught:
        decode(Document("r", data))
    assert caught.value.hint


def test_the_line_of_the_first_binary_byte_is_told() -> None:
    with pytest.raises(ReportError, match="line 2: "):
        decode(Document("r", b"abc\ndef\0ghi"))


def test_standard_input_is_called_by_its_name() -> None:
    assert shown_name(Document("-", b"")) == "standard input"
    assert shown_name(Document("./-", b"")) == "./-"


def test_a_label_can_not_steer_a_terminal() -> None:
    assert label("rule\x1b[2J\r\n\u202e") == "rule[2J"
    assert label("x" * 300) == "x" * 199 + "…"
    assert label("x" * 200) == "x" * 200


def test_a_document_does_not_show_its_bytes() -> None:
    assert "value" not in repr(Document("r", b"value"))
