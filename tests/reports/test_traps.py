"""What each scanner's report says in a way of its own, told by hand and not by a sample."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from remediate.errors import ReportError
from remediate.model import Finding, Location
from remediate.plugins.report import Document
from remediate.reports.read import read_report
from remediate.reports.recover import look

from .conftest import SAMPLES

COMMIT = "600f521d641a3f62b97d2708731fb2d88ddf23a7"
VALUE = "tok-9f3Kq2LmZ8" + "xPw71"


def findings(value: Any) -> tuple[Finding, ...]:
    return read_report(Document("r", json.dumps(value).encode())).findings


def sample(name: str) -> Any:
    text = (SAMPLES / name).read_text("utf-8")
    return (
        [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)
    )


def test_kingfishers_columns_count_from_0() -> None:
    first = findings(sample("kingfisher-redact.json"))[0]
    assert first.hints is not None
    assert first.hints.columns == (14, 53), "as gitleaks' own sample has it for the same value"
    assert first.hints.entropy == 4.87


def test_of_two_values_on_a_line_ggshields_mask_tells_which() -> None:
    report = sample("ggshield-repo.json")
    incident = report["scans"][1]["entities_with_incidents"][0]["incidents"][0]
    incident["occurrences"][0]["match"] = f"{VALUE[:4]}{'*' * (len(VALUE) - 8)}{VALUE[-4:]}"
    one = findings(report)[0]
    line = f'x = "tok-5dHc7RvNs3yJk8471"; y = "{VALUE}"'.encode()
    seen = look(one, lambda _commit, _path: b"\n" + line + b"\n").value
    assert seen is not None
    assert seen.reveal_text() == VALUE


def test_betterleaks_keyed_fingerprint_proves_nothing_and_is_not_believed() -> None:
    text = (SAMPLES / "betterleaks-redact.json").read_text("utf-8")
    keyed = re.sub(
        r'"fingerprint": "[0-9a-f]{64}"', f'"fingerprint": "hmac-sha256:{"0" * 64}"', text
    )
    read = findings(json.loads(keyed))
    assert all(f.hints is not None and f.hints.digest is None for f in read)
    line = b"GITHUB_TOKEN=" + VALUE.encode().ljust(40, b"a") + b"\n"
    assert look(read[2], lambda _commit, _path: line).value is not None, "the columns choose"


def trufflehog(kind: str, **data: Any) -> dict[str, Any]:
    entry: dict[str, Any] = copy.deepcopy(sample("trufflehog-github-constructed.jsonl")[0])
    entry["SourceMetadata"]["Data"] = {kind: data}
    entry |= {"Raw": VALUE, "RawV2": "", "SecretParts": None}
    return entry


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("Github", {"link": "https://github.com/a/b/issues/1#issuecomment-2", "repository": "x"}),
        ("Slack", {"link": "https://acme.slack.com/archives/C1/p2", "timestamp": "x"}),
        (
            "Github",
            {
                "link": "https://github.com/a/b/wiki/Home",
                "repository": "https://github.com/a/b.wiki.git",
                "commit": COMMIT,
                "file": "Home.md",
            },
        ),
    ],
)
def test_what_is_not_in_this_repository_is_a_page_to_go_to(kind: str, data: dict[str, str]) -> None:
    (one,) = findings([trufflehog(kind, **data)])
    assert one.location == Location(url=data["link"])


def test_trufflehogs_parts_that_are_no_secret_stay_where_they_are() -> None:
    entry = trufflehog("Git", commit=COMMIT, file="a", line=1)
    parts = {"username": "administrator", "password": "hidden-password", "url": "https://a.example"}
    read = findings([{**entry, "SecretParts": parts}])
    assert [f.value.reveal_text() for f in read if f.value] == [VALUE, "hidden-password"]
    assert len({f.part_of for f in read}) == 1


def test_trufflehogs_log_lines_are_passed_over() -> None:
    log = {
        "level": "info-0",
        "ts": "2026-01-01T00:00:00Z",
        "logger": "trufflehog",
        "msg": "running",
    }
    lines = [log, trufflehog("Git", commit=COMMIT, file="a", line=1), {**log, "msg": "finished"}]
    data = "\n".join(map(json.dumps, lines)).encode()
    assert len(read_report(Document("r", data)).findings) == 1


def test_gos_time_becomes_one_that_others_read() -> None:
    stamp = "2022-06-16 10:17:40 -0700 PDT"
    (one,) = findings([trufflehog("Git", commit=COMMIT, file="a", line=1, timestamp=stamp)])
    assert one.location.date == "2022-06-16T10:17:40-07:00"


def test_what_a_person_has_audited_and_cleared_is_left_out() -> None:
    baseline = sample("detect-secrets-allfiles.json")
    for entries in baseline["results"].values():
        for entry in entries:
            entry["is_secret"] = entry["type"] != "Private Key"
    assert {f.rule for f in findings(baseline)} == {
        "AWS Access Key",
        "Base64 High Entropy String",
        "Secret Keyword",
    }


def test_gitlabs_extract_may_be_a_list_of_lines() -> None:
    report = sample("gl-secret-detection-report-constructed.json")
    key = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"
    report["vulnerabilities"][1]["raw_source_code_extract"] = key.split("\n")
    value = findings(report)[1].value
    assert value is not None
    assert value.reveal_text() == key


def other_event(report: Any) -> None:
    report["detail"]["eventTypeCode"] = "AWS_EC2_OPERATIONAL_ISSUE"


def other_scan(report: Any) -> None:
    report["vulnerabilities"][0]["category"] = "sast"


def other_rule(report: Any) -> None:
    report["runs"][0]["tool"]["driver"]["name"] = "Acme Lint"
    report["runs"][0]["results"][0]["ruleId"] = "no-unused-vars"


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("aws-health-exposed-constructed.json", other_event, "another event"),
        ("gl-secret-detection-report-constructed.json", other_scan, "another kind"),
        ("gitleaks.sarif", other_rule, "another rule"),
    ],
)
def test_the_same_form_about_something_else_is_refused(
    name: str, change: Callable[[Any], None], told: str
) -> None:
    report = sample(name)
    change(report)
    with pytest.raises(ReportError, match=told):
        findings(report)


def sarif(snippet: str, start: int, end: int) -> tuple[Finding, ...]:
    region = {"startLine": 1, "startColumn": start, "endColumn": end, "snippet": {"text": snippet}}
    place = {"artifactLocation": {"uri": "a%20b.py"}, "region": region}
    result = {"ruleId": "hardcoded-secret", "locations": [{"physicalLocation": place}]}
    run = {"tool": {"driver": {"name": "acme"}}, "results": [result]}
    return findings({"version": "2.1.0", "$schema": "x", "runs": [run]})


def test_an_unknown_tools_snippet_is_a_value_only_where_its_columns_agree() -> None:
    (agrees,) = sarif(VALUE, 5, 5 + len(VALUE))
    assert agrees.value is not None
    assert agrees.location.path == "a b.py"
    (line,) = sarif(f'key = "{VALUE}"', 8, 8 + len(VALUE))
    assert line.value is None
    text = f'key = "{VALUE}"\n'.encode()
    found = look(line, lambda _commit, _path: text).value
    assert found is not None
    assert found.reveal_text() == VALUE


def test_ggshields_sarif_is_a_line_too_low_in_a_commit() -> None:
    report = sample("ggshield-repo.sarif")
    assert findings(report)[2].location.start_line == 1
    digest = findings(report)[2].hints
    assert digest is not None
    assert digest.digest is not None
    truth = json.loads((SAMPLES / "planted.json").read_text("utf-8"))["ghp"]
    assert hashlib.sha256(f"{truth},apikey".encode()).hexdigest() == digest.digest.hex
