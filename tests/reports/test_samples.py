"""What real scanners wrote yields what was really planted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import ReportError
from remediate.history.blobs import Blobs
from remediate.history.repo import open_repo
from remediate.incident.intake import Intake, take_in
from remediate.model import Hints, Location
from remediate.plugins.report import Document
from remediate.reports.read import Report, read_report
from remediate.reports.secrets import DistinctSecret, Resolved, resolve
from remediate.secret import InstallationKey

SAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "reports"
KEY = InstallationKey(bytes(32))
EXPECTED = sorted(SAMPLES.glob("*.expected.json"))


def read(name: str) -> Report:
    path = SAMPLES / name
    return read_report(Document(path.name, path.read_bytes()))


def resolved(report: Report, repository: Path) -> Resolved:
    with Blobs(repository) as blobs:
        return resolve(report.findings, blobs.read)


def told(secret: DistinctSecret) -> dict[str, Any]:
    def place(location: Location) -> dict[str, Any]:
        names = ("commit", "path", "start_line", "end_line")
        return {name: getattr(location, name) for name in names}

    return {
        "sha256": hashlib.sha256(secret.value.reveal()).hexdigest(),
        "places": [place(location) for location in secret.locations],
        "rules": list(secret.rules),
        "detected_at": secret.detected_at,
    }


def pairs(secrets: Sequence[DistinctSecret]) -> list[list[int]]:
    """Which secrets the report says belong together, by their numbers in the list of secrets."""
    groups: dict[int, list[int]] = {}
    for number, secret in enumerate(secrets):
        for group in secret.groups:
            groups.setdefault(group, []).append(number)
    return sorted(members for members in groups.values() if len(members) > 1)


def credentials(intake: Intake) -> list[dict[str, Any]]:
    """What the report comes to: each credential's kind and parts, values by their SHA-256."""
    return [
        {
            "kind": one.kind,
            "parts": {
                part: hashlib.sha256(intake.values[name].reveal()).hexdigest()
                for part, name in one.parts.items()
            },
        }
        for one in intake.credentials
    ]


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.name)
def test_a_sample_yields_what_was_planted(path: Path, acme: Path) -> None:
    expected = json.loads(path.read_text("utf-8"))
    report = read(path.name.removesuffix(".expected.json"))
    assert report.format == expected["format"]
    assert len(report.findings) == expected["findings"]
    assert sum(finding.value is None for finding in report.findings) == expected["redacted"]
    result = resolved(report, acme)
    assert not result.unread
    assert [told(secret) for secret in result.secrets] == [
        {name: value for name, value in secret.items() if name != "planted"}
        for secret in expected["secrets"]
    ]
    assert pairs(result.secrets) == expected["pairs"]


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.name)
def test_a_sample_comes_to_these_credentials(path: Path, acme: Path) -> None:
    """With the halves that a report leaves out, and keys in two wrappings as one credential."""
    name = path.name.removesuffix(".expected.json")
    intake = take_in(Document(name, (SAMPLES / name).read_bytes()), open_repo(acme), KEY)
    assert not intake.unread
    assert credentials(intake) == json.loads(path.read_text("utf-8"))["credentials"]


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.name)
def test_the_expected_values_are_those_planted(path: Path, planted: dict[str, str]) -> None:
    truth = {**planted, "planted_key.pem": (SAMPLES / "planted_key.pem").read_text().rstrip()}
    for secret in json.loads(path.read_text("utf-8"))["secrets"]:
        if secret["planted"] is not None:
            value = truth[secret["planted"]].encode()
            assert hashlib.sha256(value).hexdigest() == secret["sha256"]


@pytest.mark.parametrize("name", ["gitleaks-redact.json", "gitleaks-redact-20.json"])
def test_a_redacted_report_recovers_exactly_what_the_open_one_shows(name: str, acme: Path) -> None:
    shown = resolved(read("gitleaks.json"), acme).secrets
    report = read(name)
    assert all(finding.value is None for finding in report.findings)
    recovered = resolved(report, acme).secrets
    assert len(recovered) == 7
    assert {s.value for s in recovered} == {s.value for s in shown}
    by_place = {s.locations: s.value for s in shown}
    assert by_place == {s.locations: s.value for s in recovered}, "each at its own place"


@pytest.mark.parametrize("keep", ["columns", ""], ids=["columns alone", "nothing"])
def test_a_report_that_tells_less_recovers_the_same(keep: str, acme: Path) -> None:
    """As a scanner would write it that gives no entropy, or nothing but the line."""
    report = read("gitleaks-redact.json")
    less_told = [
        replace(f, hints=Hints(columns=f.hints.columns) if keep and f.hints else None)
        for f in report.findings
    ]
    with Blobs(acme) as blobs:
        result = resolve(less_told, blobs.read)
    assert not result.unread
    shown = resolved(read("gitleaks.json"), acme).secrets
    assert {s.value for s in result.secrets} == {s.value for s in shown}


def test_a_redacted_report_of_another_repository_recovers_nothing(
    tmp_path: Path, bash: Any
) -> None:
    bash("git init -q other && git -C other commit -q --allow-empty -m empty")
    result = resolved(read("gitleaks-redact.json"), tmp_path / "other")
    assert not result.secrets
    assert {u.reason for u in result.unread} == {
        "there is no such file in that commit of this repository"
    }


REFUSED = {
    "gitguardian-incidents-constructed.json": "a list of GitGuardian incidents",
    "github-alert-locations-constructed.json": "the locations of a GitHub alert",
    "leakkill.sarif": "a SARIF report of leakkill",
    # Not scanners' reports at all, handed in by mistake.
    "acme.bundle": "a git bundle",
    "planted.json": "a JSON object of another kind",
    "README.md": "14 words",
}


def test_every_sample_is_read_or_refused_by_name() -> None:
    names = {p.name for p in SAMPLES.iterdir() if not p.name.endswith(".expected.json")}
    read_ones = {p.name.removesuffix(".expected.json") for p in EXPECTED}
    assert names == read_ones | set(REFUSED)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_can_not_be_used_is_refused_by_name(name: str, planted: dict[str, str]) -> None:
    with pytest.raises(ReportError) as caught:
        read(name)
    error = caught.value
    assert REFUSED[name] in error.message
    assert error.exit_status == 2
    assert error.message.startswith(f"{name}, line ")
    assert error.hint, "the next thing to do is told"
    assert not any(value in error.message + error.hint for value in planted.values())
