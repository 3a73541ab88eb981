"""A plain list: the leaked values, one a line, as a person types or pastes them.

Empty lines and lines that begin with ``#`` are skipped; ``-----BEGIN …`` to ``-----END …`` is one value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from remediate.errors import ReportError
from remediate.model import Finding, Location
from remediate.plugins.report import Document
from remediate.reports.canonical import PEM_HEADER, canonical
from remediate.reports.known import known_other
from remediate.reports.text import decode, head, shown_name
from remediate.secret import Secret
from remediate.wording import count

SHORTEST = 8
"""Characters. Anything shorter stands in too many places by chance."""

_OTHER_OPENINGS = ("{", "[", "<")
_SPLIT = re.compile(r"\r\n|\n|\r")
_SETTING = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+=[^=]")
_AFTER_BLOCK = re.compile(r"(?:\\r|\\n|[\s\"'`,;])*")
_BEGIN = re.compile(r"[\"'`]?(-----BEGIN [^-]{1,100}-----)")


class PlainList:
    """Values one a line, each one token of 8 or more characters."""

    name = "plain"
    title = "plain list, one value a line"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        try:
            self.read(document)
        except ReportError:
            return False
        return bool(head(document).strip())

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [
            Finding(value=Secret(value), location=Location(), source=f"line {line}")
            for line, value in _values(document)
        ]


def _values(document: Document) -> Iterator[tuple[int, str]]:
    """Each value with the line where it begins. Raises `ReportError` for a line that holds none."""
    name = shown_name(document)
    text = decode(document)
    if text.lstrip().startswith(_OTHER_OPENINGS) or known_other(document):
        raise ReportError(name, "one value a line", line=1, found="another format")
    lines = _SPLIT.split(text)
    at = 0
    while at < len(lines):
        number, line = at + 1, lines[at].strip()
        at += 1
        if not line or line.startswith("#"):
            continue
        if _BEGIN.match(line):
            value, at = _block(name, lines, at - 1)
            yield number, value
            continue
        problem = _problem(line)
        if problem:
            raise ReportError(
                name, "one value a line", line=number, found=problem[0], hint=problem[1]
            )
        yield number, line


def _block(name: str, lines: list[str], start: int) -> tuple[str, int]:
    """The BEGIN…END block whose first line is *start*, and the number of the line after it."""
    begin = _BEGIN.match(lines[start].strip())
    end = begin[1].replace("BEGIN", "END", 1) if begin else ""
    last = next((i for i in range(start, len(lines)) if end in lines[i]), None)
    if begin is None or last is None:
        raise ReportError(
            name,
            "a line -----END … for the -----BEGIN … there",
            line=start + 1,
            found="the end of the list",
            hint="Give the whole block, from BEGIN to END.",
        )
    text = "\n".join(lines[start : last + 1])
    stop = text.index(end) + len(end)
    if not _AFTER_BLOCK.fullmatch(text, stop):
        raise ReportError(
            name,
            "nothing after -----END … on its line",
            line=last + 1,
            found="more text",
            hint="Begin a new line there.",
        )
    return text[text.index(begin[1]) : stop], last + 1


def _problem(line: str) -> tuple[str, str] | None:
    """What is wrong with a line that should be a value, and what to do about it."""
    words = len(line.split())
    if not line.isprintable() and not line.replace("\t", " ").isprintable():
        return "a control character", "Save the list as plain text."
    if words > 1:
        return (
            f"{words} words",
            "Give the value alone, without its name and without spaces; a note begins with #.",
        )
    if _SETTING.match(line):
        return (
            "NAME=value",
            "Give what stands after the =. Where the whole line is the secret, put it in quotes.",
        )
    length = len(canonical(line.encode()).decode())
    if length < SHORTEST:
        return (
            count(length, "character"),
            f"A value has {SHORTEST} or more: a shorter one stands in too many places by chance.",
        )
    if PEM_HEADER.search(line.encode()):
        return "a key's first line inside another text", "Begin the line with -----BEGIN."
    return None
