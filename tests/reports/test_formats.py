"""Every format of ours passes the contract that ships."""

from __future__ import annotations

from pathlib import Path

from remediate.plugins.registry import reports
from remediate.plugins.report import Document
from remediate.reports.aws_health import AwsHealth
from remediate.reports.betterleaks import Betterleaks
from remediate.reports.detect_secrets import DetectSecrets
from remediate.reports.ggshield import GgShield
from remediate.reports.gitguardian import GitGuardian
from remediate.reports.github_alerts import GitHubAlerts
from remediate.reports.gitlab import GitLabReport
from remediate.reports.gitleaks import Gitleaks
from remediate.reports.gitleaks_csv import GitleaksCsv
from remediate.reports.kingfisher import Kingfisher
from remediate.reports.leakkill import Leakkill
from remediate.reports.plain import PlainList
from remediate.reports.sarif import Sarif
from remediate.reports.trufflehog import Trufflehog
from remediate.testing.reports import ReportFormatContract, document

SAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "reports"


def own(*names: str) -> tuple[Document, ...]:
    return tuple(document(SAMPLES / name) for name in names)


def all_but(*names: str) -> tuple[Document, ...]:
    """Every other sample."""
    return tuple(document(p) for p in sorted(SAMPLES.iterdir()) if p.name not in names)


class TestGitleaks(ReportFormatContract):
    make = Gitleaks
    names = (
        "gitleaks.json",
        "gitleaks-redact.json",
        "gitleaks-redact-20.json",
        "gitleaks-dir.json",
    )
    samples = own(*names)
    foreign = all_but(*names)
    needed = ("RuleID", "Secret", "File", "Commit", "StartLine", "EndLine")


class TestGitleaksCsv(ReportFormatContract):
    make = GitleaksCsv
    names = ("gitleaks.csv",)
    samples = own(*names)
    foreign = all_but(*names)


class TestGitHubAlerts(ReportFormatContract):
    make = GitHubAlerts
    names = ("github-alerts-constructed.json",)
    samples = own(*names)
    foreign = all_but(*names)
    needed = ("number", "secret_type")


class TestPlainList(ReportFormatContract):
    make = PlainList
    names = ("plain-list.txt", "planted_key.pem")
    samples = own(*names)
    foreign = all_but(*names)


class TestAwsHealth(ReportFormatContract):
    make = AwsHealth
    names = ("aws-health-exposed-constructed.json",)
    samples = own(*names)
    foreign = all_but(*names)
    needed = ("detail",)


class TestBetterleaks(ReportFormatContract):
    make = Betterleaks
    names = (
        "betterleaks.json",
        "betterleaks.jsonl",
        "betterleaks-fs.json",
        "betterleaks-msgs.json",
        "betterleaks-redact.json",
        "betterleaks-redact-20.json",
    )
    samples = own(*names)
    foreign = all_but(*names)


class TestDetectSecrets(ReportFormatContract):
    make = DetectSecrets
    names = ("detect-secrets-baseline.json", "detect-secrets-allfiles.json")
    samples = own(*names)
    foreign = all_but(*names)
    needed = ("results",)


class TestGgShield(ReportFormatContract):
    make = GgShield
    names = ("ggshield-repo.json", "ggshield-repo-showsecrets.json", "ggshield-path.json")
    samples = own(*names)
    foreign = all_but(*names)


class TestGitGuardian(ReportFormatContract):
    make = GitGuardian
    names = ("gitguardian-occurrences-constructed.json",)
    samples = own(*names)
    foreign = all_but(*names, "gitguardian-incidents-constructed.json")
    needed = ("occurrences", "detector", "date")


class TestGitLab(ReportFormatContract):
    make = GitLabReport
    names = ("gl-secret-detection-report-constructed.json",)
    samples = own(*names)
    foreign = all_but(*names)
    needed = ("vulnerabilities",)


class TestKingfisher(ReportFormatContract):
    make = Kingfisher
    names = ("kingfisher.json", "kingfisher.jsonl", "kingfisher-redact.json")
    samples = own(*names)
    foreign = all_but(*names)


class TestLeakkill(ReportFormatContract):
    make = Leakkill
    names = ("leakkill.json",)
    samples = own(*names)
    foreign = all_but(*names)
    needed = ("id", "type", "value", "locations")


class TestSarif(ReportFormatContract):
    make = Sarif
    names = ("gitleaks.sarif", "kingfisher.sarif", "ggshield-repo.sarif")
    samples = own(*names)
    foreign = all_but(*names)
    needed = ("runs",)


class TestTrufflehog(ReportFormatContract):
    make = Trufflehog
    names = (
        "trufflehog-git-constructed.jsonl",
        "trufflehog-github-constructed.jsonl",
        "trufflehog-filesystem-constructed.jsonl",
    )
    samples = own(*names)
    foreign = all_but(*names)


def test_every_format_of_ours_is_installed_and_tested_here() -> None:
    tested = {case.make().name for case in ReportFormatContract.__subclasses__()}
    assert set(reports.names()) == tested
    assert not reports.broken()
