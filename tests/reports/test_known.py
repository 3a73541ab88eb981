"""Each report that we know and can't use is refused by its name, with what to hand in instead."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from remediate.errors import ReportError
from remediate.plugins.report import Document
from remediate.reports.known import _ROWS, SARIF_OTHERS, known_other
from remediate.reports.read import read_report

VALUE = "hidden-" + "value-1234"


def sarif(tool: str) -> str:
    return json.dumps(
        {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": tool}}, "results": []}]}
    )


SAMPLES: dict[str, str] = {
    "a list of GitGuardian incidents of another form": json.dumps(
        [{"id": 1, "secret_hash": VALUE, "hmsl_hash": VALUE}]
    ),
    "an AWS event of another kind": json.dumps(
        {"detail-type": "EC2 Instance State-change", "source": "aws.ec2", "detail": {"x": VALUE}}
    ),
    "a report of trufflehog 2 or older": json.dumps(
        {"branch": "main", "commitHash": "ab" * 20, "stringsFound": [VALUE], "path": "a"}
    ),
    "the locations of a GitHub alert, which hold no values": json.dumps(
        [{"type": "commit", "details": {"path": "/a", "commit_sha": "ab" * 20}}]
    ),
    "a GitHub webhook's payload, which holds no values": json.dumps(
        {"action": "created", "alert": {"number": 1}, "repository": {"full_name": "o/r"}}
    ),
    "an error of GitHub's instead of its alerts": json.dumps(
        {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}
    ),
    "GitHub alerts of another kind, which hold no secrets": json.dumps(
        [{"number": 1, "html_url": "https://github.com/o/r/1", "security_advisory": {}}]
    ),
    "a report of gitleaks 7 or older": json.dumps(
        [{"offender": VALUE, "rule": "AWS", "lineNumber": 3, "line": VALUE}]
    ),
    "a gitleaks CSV report of an old version": (
        f"Description,StartLine,EndLine,StartColumn,EndColumn,Match\nx,1,1,1,1,{VALUE}\n"
    ),
    "a JUnit report": f'<testsuites><testsuite><failure message="{VALUE}"/></testsuite></testsuites>',
    "a JUnit report ": f'<?xml version="1.0"?>\n<testsuites name="{VALUE}"></testsuites>',
    "a web page": f"<!DOCTYPE html><html><body>{VALUE}</body></html>",
    "XML": f"<report><secret>{VALUE}</secret></report>",
    "what gitleaks prints for people": (
        f"Finding:     key = {VALUE}\nSecret:      {VALUE}\nRuleID:      generic-api-key\n"
    ),
    "what trufflehog prints for people": f"\nFound unverified result 🐷🔑❓\nRaw result: {VALUE}\n",
    "a CSV file": f"rule,file,line,secret\r\nx,y,1,{VALUE}\r\n",
}


@pytest.mark.parametrize("what", SAMPLES)
def test_it_is_named_and_told_what_to_give_instead(what: str) -> None:
    with pytest.raises(ReportError) as caught:
        read_report(Document("the-report", SAMPLES[what].encode()))
    error = caught.value
    assert f"found {what.strip()}" in error.message
    assert error.message.startswith("the-report, line 1")
    assert VALUE not in error.message + error.hint
    # A command that makes one which can be read, or what a person does.
    assert re.search(r"gitleaks git|gh api|one a line|Export the report|Give ", error.hint), (
        error.hint
    )


def test_there_is_a_sample_for_every_row() -> None:
    known = [known_other(Document("r", text.encode())) for text in SAMPLES.values()]
    assert {row.what for _, row in _ROWS} == {one.what for one in known if one is not None}


@pytest.mark.parametrize("tool", sorted(SARIF_OTHERS))
def test_sarif_about_something_else_is_named_by_its_tool(tool: str) -> None:
    with pytest.raises(ReportError) as caught:
        read_report(Document("r.sarif", sarif(tool).encode()))
    assert f"a SARIF report of {tool}" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "code",
    [
        "AWS_RISK_CREDENTIALS_EXPOSED",
        "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED",
        "AWS_RISK_CREDENTIALS_COMPROMISED",
    ],
)
@pytest.mark.parametrize("kind", ["AWS Health Event", "AWS Health Abuse Event"])
def test_every_event_of_aws_about_an_exposed_key_is_read(code: str, kind: str) -> None:
    event: Any = {
        "detail-type": kind,
        "source": "aws.health",
        "detail": {
            "service": "RISK",
            "eventTypeCode": code,
            "affectedEntities": [{"entityValue": "AKIA" + "IOSFODNN7EXAMPLE"}],
        },
    }
    (found,) = read_report(Document("event.json", json.dumps(event).encode())).findings
    assert found.rule == code
    event["detail"]["eventTypeCode"] = "AWS_EC2_OPERATIONAL_ISSUE"
    with pytest.raises(ReportError, match="another event"):
        read_report(Document("event.json", json.dumps(event).encode()))


def test_gitlabs_made_up_commit_is_none() -> None:
    """Of a scan of files alone, its writers put seven zeros there."""
    report = {
        "version": "15.0.0",
        "vulnerabilities": [
            {
                "id": "1",
                "category": "secret_detection",
                "raw_source_code_extract": VALUE,
                "location": {"file": "a.py", "start_line": 1, "commit": {"sha": "0000000"}},
                "identifiers": [{"type": "gitleaks_rule_id", "name": "x", "value": "x"}],
            }
        ],
        "scan": {"type": "secret_detection", "status": "success"},
    }
    (found,) = read_report(Document("gl.json", json.dumps(report).encode())).findings
    assert found.location.commit is None and found.location.path == "a.py"
