"""The sample reports with one field missing, renamed, null or of another type: a clear refusal, no value told.

The fields are named as paths: ``findings[].match.value`` is that field of every entry of the list.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import ReportError
from remediate.plugins.report import Document
from remediate.reports.read import read_report

SAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "reports"
TRUTH = list(json.loads((SAMPLES / "planted.json").read_text("utf-8")).values())

_PLACE = "results[].locations[].physicalLocation"
NEEDED = {
    "betterleaks.json": (
        "findings[].rule_id",
        "findings[].match",
        "findings[].match.value",
        "findings[].location",
        "findings[].location.start_line",
        "findings[].location.end_line",
        "findings[].component_sets[].components",
        "findings[].component_sets[].components[].match.value",
        "findings[].component_sets[].components[].location",
        "scan",
        "scan.num_findings",
    ),
    "betterleaks.jsonl": ("[].finding.match.value", "[].finding.rule_id", "[].scan.num_findings"),
    "kingfisher.json": (
        "findings[].rule",
        "findings[].rule.id",
        "findings[].finding",
        "findings[].finding.snippet",
        "findings[].finding.line",
        "findings[].finding.git_metadata.commit.id",
        "findings[].finding.git_metadata.file.path",
    ),
    "kingfisher.jsonl": ("[].finding.snippet", "[].rule.id"),
    "trufflehog-git-constructed.jsonl": (
        "[].SourceMetadata",
        "[].SourceMetadata.Data",
        "[].DetectorName",
        "[].Raw",
    ),
    "detect-secrets-allfiles.json": (
        "results",
        "results.*[].hashed_secret",
        "results.*[].line_number",
        "results.*[].type",
        "results.*[].filename",
    ),
    "ggshield-repo.json": (
        "scans[].id",
        "scans[].entities_with_incidents[].filename",
        "scans[].entities_with_incidents[].incidents",
        "scans[].entities_with_incidents[].incidents[].type",
        "scans[].entities_with_incidents[].incidents[].ignore_sha",
        "scans[].entities_with_incidents[].incidents[].occurrences",
        "scans[].entities_with_incidents[].incidents[].occurrences[].match",
        "scans[].entities_with_incidents[].incidents[].occurrences[].type",
        "scans[].entities_with_incidents[].incidents[].occurrences[].line_start",
        "scans[].entities_with_incidents[].incidents[].occurrences[].line_end",
    ),
    "gl-secret-detection-report-constructed.json": (
        "vulnerabilities",
        "vulnerabilities[].id",
        "vulnerabilities[].raw_source_code_extract",
        "vulnerabilities[].location",
        "vulnerabilities[].location.file",
        "vulnerabilities[].identifiers",
        "vulnerabilities[].identifiers[].value",
    ),
    "gitguardian-occurrences-constructed.json": (
        "[].occurrences",
        "[].occurrences[].id",
        "[].occurrences[].matches",
        "[].occurrences[].matches[].name",
        "[].detector.name",
    ),
    "aws-health-exposed-constructed.json": (
        "detail",
        "detail.eventTypeCode",
        "detail.affectedEntities",
        "detail.affectedEntities[].entityValue",
    ),
    "leakkill.json": ("[].id", "[].type", "[].value", "[].locations"),
    "gitleaks.sarif": (
        "runs[].tool",
        "runs[].tool.driver.name",
        "runs[].results",
        "runs[].results[].ruleId",
        "runs[].results[].locations",
        f"runs[].{_PLACE}",
        f"runs[].{_PLACE}.artifactLocation.uri",
        f"runs[].{_PLACE}.region",
        f"runs[].{_PLACE}.region.startLine",
        f"runs[].{_PLACE}.region.snippet",
        f"runs[].{_PLACE}.region.snippet.text",
    ),
    "kingfisher.sarif": (
        f"runs[].{_PLACE}.region.snippet.text",
        f"runs[].{_PLACE}.region.startLine",
    ),
    "ggshield-repo.sarif": (
        "runs[].results[].partialFingerprints",
        "runs[].results[].partialFingerprints.secret/v1",
        "runs[].results[].relatedLocations",
        "runs[].results[].relatedLocations[].message.text",
    ),
    "github-alerts-constructed.json": ("[].number", "[].secret_type"),
    "gitleaks.json": (
        "[].RuleID",
        "[].Secret",
        "[].File",
        "[].Commit",
        "[].StartLine",
        "[].EndLine",
    ),
}
CHANGES = ("missing", "renamed", "null", "true", "a list", "an object")


def loaded(name: str) -> Any:
    data = (SAMPLES / name).read_bytes()
    return list(map(json.loads, data.splitlines())) if name.endswith(".jsonl") else json.loads(data)


def written(value: Any, name: str) -> Document:
    lines = name.endswith(".jsonl")
    text = "\n".join(map(json.dumps, value)) if lines else json.dumps(value, indent=1)
    return Document(name, text.encode())


def holders(value: Any, path: str) -> Iterator[dict[str, Any]]:
    """Every object that has the field which *path* names last."""
    here, _, rest = path.partition(".")
    name = here.removesuffix("[]")
    if not rest:
        if isinstance(value, dict) and name in value:
            yield value
        return
    inner = [value] if not name else []
    if name and isinstance(value, dict):
        inner = list(value.values()) if name == "*" else [value[name]] if name in value else []
    for one in inner:
        for each in one if here.endswith("[]") and isinstance(one, list) else [one]:
            yield from holders(each, rest)


def change(holder: dict[str, Any], name: str, how: str) -> None:
    value = holder.pop(name)
    if how == "renamed":
        holder[f"{name}_"] = value
    elif how != "missing":
        holder[name] = {"null": None, "true": True, "a list": [value], "an object": {"x": value}}[
            how
        ]


def cases() -> Iterator[Any]:
    for name, paths in NEEDED.items():
        for path in paths:
            for how in CHANGES:
                yield pytest.param(name, path, how, id=f"{name}: {path} {how}")


@pytest.mark.parametrize(("name", "path", "how"), list(cases()))
def test_a_needed_field_that_is_not_as_it_should_be_is_refused(
    name: str, path: str, how: str
) -> None:
    field = path.rpartition(".")[2].removesuffix("[]")
    count = sum(1 for _ in holders(loaded(name), path))
    assert count, "the sample has the field"
    # The first and the last: an error in the last entry counts as much.
    for which in {0, count - 1}:
        whole = copy.deepcopy(loaded(name))
        change(list(holders(whole, path))[which], field, how)
        if how == "a list" and path.endswith("raw_source_code_extract"):
            continue  # GitLab's analysers write lists of lines too
        with pytest.raises(ReportError) as caught:
            read_report(written(whole, name))
        told = caught.value.message + caught.value.hint
        assert not any(value in told for value in TRUTH)
        assert caught.value.line is not None
        assert caught.value.exit_status == 2
