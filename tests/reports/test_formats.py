"""Every format of ours passes the contract that ships."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from remediate.plugins.registry import reports
from remediate.plugins.report import Document
from remediate.reports.github_alerts import GitHubAlerts
from remediate.reports.gitleaks import Gitleaks
from remediate.reports.plain import PlainList
from remediate.testing.reports import ReportFormatContract, document

SAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "reports"

GITLEAKS = ("gitleaks.json", "gitleaks-redact.json", "gitleaks-redact-20.json", "gitleaks-dir.json")
ALERTS = ("github-alerts-constructed.json",)
PLAIN = ("plain-list.txt", "planted_key.pem")


def all_but(*own: str) -> Iterator[Document]:
    for path in sorted(SAMPLES.iterdir()):
        if path.name not in own:
            yield document(path)


class TestGitleaks(ReportFormatContract):
    make = Gitleaks
    samples = tuple(document(SAMPLES / name) for name in GITLEAKS)
    foreign = tuple(all_but(*GITLEAKS))
    needed = ("RuleID", "Secret", "File", "Commit", "StartLine", "EndLine")


class TestGitHubAlerts(ReportFormatContract):
    make = GitHubAlerts
    samples = tuple(document(SAMPLES / name) for name in ALERTS)
    foreign = tuple(all_but(*ALERTS))
    needed = ("number", "secret_type")


class TestPlainList(ReportFormatContract):
    make = PlainList
    samples = tuple(document(SAMPLES / name) for name in PLAIN)
    foreign = tuple(all_but(*PLAIN))


def test_the_installed_formats_are_these() -> None:
    assert set(reports.names()) >= {"github-alerts", "gitleaks", "plain"}
    assert not reports.broken()
