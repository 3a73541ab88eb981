"""Reports that we know and can't use: refused by name, with what to hand in instead.

A format that learns to be read gets a module of its own and loses its row here.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from remediate.errors import ReportError
from remediate.plugins.report import Document
from remediate.reports.entries import entries
from remediate.reports.shape import Shape, shape_of
from remediate.reports.text import head, shown_name

GITLEAKS = "gitleaks git --report-format json --report-path gitleaks.json"
GITHUB = (
    "gh api --paginate 'repos/{owner}/{repo}/secret-scanning/alerts?per_page=100' > alerts.json"
)
_SCAN_AGAIN = f"Scan with gitleaks ({GITLEAKS}), or write the leaked values into a file, one a line, and give that."
_VALUES = "Write the leaked values into a file, one a line, and give that."

_DRIVER = re.compile(r'"driver"\s*:\s*\{[^{}]{0,2000}?"name"\s*:\s*"([A-Za-z0-9 ._-]{1,40})"')
_CELL = r'"?[A-Za-z][\w .-]*"?'
_CSV_HEADER = re.compile(
    # A column's name tells a table from a value that has commas in it.
    r"(?=[^\n]*\b(?:rule|file|path|line|commit|secret|token|type|severity|value|match)\b)"
    rf"{_CELL}(?:[,;\t]{_CELL}){{2,}}[ \t]*\r?(?:\n|$)",
    re.IGNORECASE,
)

#: Tools whose SARIF can't be used, by their driver's name: it is about code, packages or machines, or (leakkill
#: 0.8) masks values and drops the dot of ``.env``.
SARIF_OTHERS = frozenset(
    [
        "Bandit",
        "Checkov",
        "CodeQL",
        "ESLint",
        "Flawfinder",
        "Grype",
        "PSScriptAnalyzer",
        "Scorecard",
        "leakkill",
    ]
)

_INSTEAD_OF_SARIF = {
    "CodeQL": f"Its findings are about code. Export the secret scanning alerts: {GITHUB}",
    "leakkill": "Export JSON: leakkill scan --history --json . > leakkill.json",
}


@dataclass(frozen=True)
class Known:
    """A report that is known and refused."""

    what: str
    """As a sentence goes on after "found": ``gitleaks CSV``."""
    instead: str
    """What to hand in instead: a command, or what a person does."""


Test = Callable[[Shape, str], bool]


def _named(*names: str) -> Test:
    return lambda shape, _text: shape.is_json and set(names) <= shape.names


def _begins(*words: str) -> Test:
    return lambda _shape, text: text.startswith(words)


def _holds(pattern: str) -> Test:
    found = re.compile(pattern, re.MULTILINE)
    return lambda shape, text: not shape.is_json and found.search(text[:20000]) is not None


_ROWS: tuple[tuple[Test, Known], ...] = (
    (
        _named("secret_hash", "hmsl_hash"),
        Known("a list of GitGuardian incidents of another form", _SCAN_AGAIN),
    ),
    (
        _named("detail-type", "source", "detail"),
        Known(
            "an AWS event of another kind",
            "Give AWS Health's event that names the exposed key, or the key id and its secret one a line.",
        ),
    ),
    (
        _named("branch", "commitHash", "stringsFound"),
        Known("a report of trufflehog 2 or older", _SCAN_AGAIN),
    ),
    (
        _named("type", "details"),
        Known(
            "the locations of a GitHub alert, which hold no values",
            f"Give the alerts themselves: {GITHUB}",
        ),
    ),
    (
        _named("action", "alert", "repository"),
        Known("a GitHub webhook's payload, which holds no values", f"Give the alerts: {GITHUB}"),
    ),
    (
        _named("message", "documentation_url"),
        Known(
            "an error of GitHub's instead of its alerts",
            f"Sign in as someone who may see them (gh auth status), then: {GITHUB}",
        ),
    ),
    (
        lambda shape, _text: (
            {"number", "html_url"} <= shape.names
            and bool({"dependency", "security_advisory", "most_recent_instance"} & shape.names)
        ),
        Known("GitHub alerts of another kind, which hold no secrets", f"Give these: {GITHUB}"),
    ),
    (
        _named("offender", "rule", "lineNumber"),
        Known("a report of gitleaks 7 or older", f"Scan with gitleaks 8: {GITLEAKS}"),
    ),
    (
        _begins("Description,StartLine,EndLine,"),
        Known("a gitleaks CSV report of an old version", f"Export JSON: {GITLEAKS}"),
    ),
    (_begins("<testsuite"), Known("a JUnit report", f"Export JSON: {GITLEAKS}")),
    (
        lambda _shape, text: text.startswith("<?xml") and "<testsuite" in text[:4000],
        Known("a JUnit report", f"Export JSON: {GITLEAKS}"),
    ),
    (
        lambda _shape, text: (
            re.match(r"<(!doctype\s+html|html)\b", text, re.IGNORECASE) is not None
        ),
        Known(
            "a web page", "Export the report as JSON; a page for signing in is often saved instead."
        ),
    ),
    (_begins("<"), Known("XML", f"Export JSON: {GITLEAKS}")),
    (
        _holds(r"^Finding: .*\n(?:.*\n)?Secret: "),
        Known("what gitleaks prints for people", f"Export JSON: {GITLEAKS}"),
    ),
    (
        _holds(r"^Found (?:un)?verified result"),
        Known("what trufflehog prints for people", _SCAN_AGAIN),
    ),
    (
        lambda _shape, text: _CSV_HEADER.match(text) is not None,
        Known("a CSV file", f"Export JSON, or give the values alone. {_VALUES}"),
    ),
)


def known_other(document: Document) -> Known | None:
    """Which known but unusable report this is; None for anything else. Cheap, never raises."""
    shape = shape_of(document)
    text = head(document).lstrip()
    if shape.is_json and "runs" in shape.names and {"version", "$schema"} & shape.names:
        return _sarif(text)
    return next((known for test, known in _ROWS if test(shape, text)), None)


def refusal(document: Document, readable: str) -> ReportError:
    """The error for a report that no format recognises; *readable* lists those that there are."""
    known = known_other(document)
    if known is None and shape_of(document).is_json:
        # What is no JSON to its end is told with the line of the fault.
        try:
            deque(entries(document), maxlen=0)
        except ReportError as error:
            return error
    return ReportError(
        shown_name(document),
        f"a report in a format that can be read ({readable})",
        line=1,
        found=known.what if known else _outline(shape_of(document)),
        hint=known.instead if known else _SCAN_AGAIN,
    )


def sarif_driver(text: str) -> str:
    """The name of the tool that wrote a SARIF report, from its beginning; empty where it isn't there."""
    found = _DRIVER.search(text)
    return found[1] if found else ""


def _sarif(text: str) -> Known:
    tool = sarif_driver(text)
    if tool not in SARIF_OTHERS:
        return Known("a SARIF report", _SCAN_AGAIN)
    return Known(f"a SARIF report of {tool}", _INSTEAD_OF_SARIF.get(tool, _SCAN_AGAIN))


def _outline(shape: Shape) -> str:
    if shape.opening == "[":
        return "a JSON list of something else"
    if shape.opening == "{":
        return "JSON objects of another kind" if shape.lines else "a JSON object of another kind"
    return "something else"
