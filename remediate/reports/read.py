"""Reading a report: from a file or standard input to findings, by content and never by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from remediate.errors import Error, PluginError, ReportError
from remediate.model import Finding
from remediate.plugins import registry
from remediate.plugins.report import Document, ReportFormat
from remediate.reports.canonical import canonical
from remediate.reports.known import known_other, refusal
from remediate.reports.shape import shape_of
from remediate.reports.text import decode, shown_name
from remediate.secret import Secret

MAX_BYTES = 256 * 1024 * 1024
"""The largest report that is read. A gitleaks report of a quarter of a million findings is half that."""

MAX_VALUE = 64 * 1024
"""The longest value that is taken for a secret, in bytes: as many as AWS Secrets Manager keeps, the most of any store.
Every form of it is looked for, which for millions of letters would never end."""

_NOTHING = re.compile(r"\s*(?:\[\s*\]\s*)*")


@dataclass(frozen=True)
class Report:
    """A report that was read."""

    format: str
    """The format's name; ``empty`` for a report without anything in it."""
    title: str
    """The format's title, for people."""
    findings: tuple[Finding, ...]
    """In the report's order; values are canonical."""


def load(name: str, stdin: BinaryIO, *, limit: int = MAX_BYTES) -> Document:
    """The report in the file *name*, or on *stdin* where that is ``-``; at most *limit* bytes.

    What is not UTF-8 already (a byte order mark, UTF-16 from a PowerShell redirection) is made so.
    Raises `ReportError` for what can't be opened, is too large or is no text.
    """
    document = Document(name, _read(name, stdin, limit))
    return Document(name, decode(document).encode())


def read_report(document: Document, formats: Iterable[ReportFormat] | None = None) -> Report:
    """The findings of a report, by the one format that recognises it.

    *formats* are the installed ones by default. A report with nothing in it is no error: it has no
    findings. Raises `ReportError` where no format recognises it (saying what it is, where that is
    known), where two do, or where the one that does can't read it.
    """
    if _NOTHING.fullmatch(decode(document)):
        return Report("empty", "empty report", ())
    known = list(registry.reports if formats is None else formats)
    fitting = [format_ for format_ in known if _recognises(format_, document)]
    if not fitting:
        raise _refused(document, known)
    if len(fitting) > 1:
        raise ReportError(
            shown_name(document),
            "a report that one format recognises",
            found=" and ".join(f"{f.title} ({f.name})" for f in fitting),
            hint="Uninstall the package of the one that you don't need.",
        )
    found = fitting[0]
    findings = tuple(_canonical(f) for f in _findings(found, document))
    if any(f.value is not None and len(f.value.reveal()) > MAX_VALUE for f in findings):
        raise ReportError(
            shown_name(document),
            f"values of at most {MAX_VALUE // 1024} KiB",
            found="a longer one",
            hint="That is no secret. Take its entry out of the report, and give it again.",
        )
    return Report(found.name, found.title, findings)


def _recognises(format_: ReportFormat, document: Document) -> bool:
    try:
        return format_.recognises(document)
    except Exception:
        # A third party's format that breaks here must not stand in the way of the others.
        return False


def _findings(format_: ReportFormat, document: Document) -> Iterable[Finding]:
    try:
        return format_.read(document)
    except Error:
        raise
    except Exception as error:
        # Another exception's text, and its frames, may hold the report: only its type is told.
        kind = type(error).__name__
    raise PluginError(
        f"The report format {format_.name!r} broke on {shown_name(document)} ({kind}); "
        "nothing was read, so nothing was done.",
        hint="Write the leaked values into a file, one a line, and give that.",
    )


def _canonical(finding: Finding) -> Finding:
    if finding.value is None:
        return finding
    value = canonical(finding.value.reveal())
    return replace(finding, value=Secret(value) if value else None)


def _refused(document: Document, formats: Iterable[ReportFormat]) -> ReportError:
    """Why no format took it: what it is; or the line that keeps it from being a plain list."""
    listed = list(formats)
    if not shape_of(document).is_json and known_other(document) is None:
        plain = next((f for f in listed if f.name == "plain"), None)
        try:
            if plain is not None:
                plain.read(document)
        except ReportError as error:
            return error
    return refusal(document, ", ".join(f.name for f in listed) or "none is installed")


def _read(name: str, stdin: BinaryIO, limit: int) -> bytes:
    shown = shown_name(Document(name, b""))
    problem = hint = ""
    data = b""
    try:
        if name == "-":
            data = _all(stdin, limit)
        else:
            with Path(name).open("rb") as file:
                data = _all(file, limit)
    except FileNotFoundError:
        problem, hint = "no such file", "Check the name; - reads standard input."
    except IsADirectoryError:
        problem, hint = "a folder", "Give the report's file within it."
    except PermissionError:
        problem, hint = "a file that may not be read", "Check who may read it: ls -l"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValueError:
        problem = "a name that no file can have"
    if problem:
        raise ReportError(shown, "a report", found=problem, hint=hint)
    if len(data) > limit:
        raise ReportError(
            shown,
            f"a report of at most {limit // (1024 * 1024)} MiB",
            found="a larger one",
            hint="Scan one repository at a time, or give the values one a line.",
        )
    return data


def _all(file: BinaryIO, limit: int) -> bytes:
    """Everything, or one byte more than *limit*. Grows with what there is: not allocated at once."""
    chunks: list[bytes] = []
    left = limit + 1
    while left > 0:
        chunk = file.read(min(left, 1 << 20))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)
