"""A report's bytes as text: whatever a shell, an editor or a browser made of them on the way."""

from __future__ import annotations

import codecs

from remediate.errors import ReportError
from remediate.plugins.report import Document

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Windows PowerShell 5 writes this for "scanner > report.json".
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_PACKED = (
    (b"\x1f\x8b", "a gzip file", "Unpack it first: gunzip"),
    (b"PK\x03\x04", "a zip file", "Unpack it first: unzip"),
    (b"BZh", "a bzip2 file", "Unpack it first: bunzip2"),
    (b"\xfd7zXZ\0", "an xz file", "Unpack it first: unxz"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "Unpack it first: unzstd"),
    (b"%PDF-", "a PDF", "Export the report as JSON."),
    (b"# v2 git bundle", "a git bundle", "Clone it, scan the clone, and give the report."),
    (b"# v3 git bundle", "a git bundle", "Clone it, scan the clone, and give the report."),
    (b"SQLite format 3\0", "a database", "Export the report as JSON."),
)


def shown_name(document: Document) -> str:
    """The document's name as an error tells it."""
    return "standard input" if document.name == "-" else document.name


def decode(document: Document) -> str:
    """The document as text: UTF-8, or UTF-16 with or without a mark; a byte order mark is dropped.

    Raises `ReportError` for anything else, with the line where it stops being text.
    """
    name, data = shown_name(document), document.data
    for magic, what, hint in _PACKED:
        if data.startswith(magic):
            raise ReportError(name, "a report as text", line=1, found=what, hint=hint)
    encoding, skip = _encoding(data)
    try:
        text = str(memoryview(data)[skip:], encoding)
        bad = -1
    except UnicodeDecodeError as error:
        # The exception holds the whole report: it is not kept as a cause.
        bad = error.start + skip
    if bad >= 0:
        raise ReportError(
            name,
            "text in UTF-8",
            line=data.count(b"\n", 0, bad) + 1,
            found="bytes that are none",
            hint="Save the report as UTF-8, or let the scanner write it again.",
        )
    if "\0" in text:
        raise ReportError(
            name,
            "a report as text",
            line=text.count("\n", 0, text.index("\0")) + 1,
            found="binary data",
            hint="Give the scanner's report, not what it scanned.",
        )
    return text


def head(document: Document, size: int = 1 << 20) -> str:
    """The first *size* bytes as text, as far as they are. Never raises."""
    encoding, skip = _encoding(document.data)
    return document.data[skip : skip + size].decode(encoding, "replace")


def _encoding(data: bytes) -> tuple[str, int]:
    """The encoding, and how many bytes its mark takes."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    # Without a mark: every report begins with an ASCII character (RFC 4627 section 3).
    if len(data) >= 2 and data[1] == 0 and data[0] != 0:
        return "utf-16-le", 0
    if len(data) >= 2 and data[0] == 0 and data[1] != 0:
        return "utf-16-be", 0
    return "utf-8", 0


def label(text: str, limit: int = 200) -> str:
    """*text* fit to be shown: no control characters (a report could steer a terminal), not long."""
    clean = "".join(c for c in text[: limit + 1] if c.isprintable())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
