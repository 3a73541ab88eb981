"""Coverage-guided fuzzing of every report format, by hand: docs/fuzzing.md says how.

What must hold: any bytes give a report or a `ReportError`, quickly, and no error shows what it refused.
"""

from __future__ import annotations

import sys
import time

import atheris

with atheris.instrument_imports(include=["remediate.reports", "remediate.plugins"]):
    from remediate.errors import ReportError
    from remediate.plugins.registry import reports
    from remediate.plugins.report import Document
    from remediate.reports.read import read_report
    from remediate.reports.recover import look
    from remediate.reports.secrets import resolve

    # Loaded here, or they would not be instrumented.
    FORMATS = tuple(reports)

SLOW = 5.0
"""Seconds for the few kilobytes that the fuzzer gives; more is a loop that a report could drive."""


def one(data: bytes) -> None:
    """One report of whatever bytes."""
    began = time.monotonic()
    document = Document("fuzz", data)
    for format_ in FORMATS:
        format_.recognises(document)
        try:
            format_.read(document)
        except ReportError as error:
            error.message.encode()
    try:
        report = read_report(document, FORMATS)
    except ReportError:
        return
    for finding in report.findings:
        look(finding, lambda _commit, _path: data[:2000])
    resolve(report.findings, lambda _commit, _path: None)
    if time.monotonic() - began > SLOW:
        raise TimeoutError(f"{len(data)} bytes took {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
