from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from remediate.errors import ReportError
from remediate.model import Finding, Hints, Location
from remediate.plugins.report import Document
from remediate.reports.gitleaks import Gitleaks
from remediate.reports.read import read_report
from remediate.secret import Secret

Written = Callable[..., Document]

COMMIT = "600f521d641a3f62b97d2708731fb2d88ddf23a7"


def entry(**changed: Any) -> dict[str, Any]:
    """A finding as gitleaks 8.30 writes it."""
    return {
        "RuleID": "generic-api-key",
        "Description": "Detected a Generic API Key",
        "StartLine": 3,
        "EndLine": 3,
        "StartColumn": 2,
        "EndColumn": 20,
        "Match": 'KEY = "hidden-val"',
        "Secret": "hidden-val",
        "File": "config/settings.py",
        "SymlinkFile": "",
        "Commit": COMMIT,
        "Entropy": 3.1,
        "Author": "Ada",
        "Email": "ada@example.com",
        "Date": "2026-01-02T03:04:05Z",
        "Message": "add",
        "Tags": [],
        "Fingerprint": f"{COMMIT}:config/settings.py:generic-api-key:3",
        **changed,
    }


def one(document: Document) -> Finding:
    (finding,) = read_report(document).findings
    return finding


def test_a_finding_whole(written: Written) -> None:
    assert one(written([entry()])) == Finding(
        value=Secret("hidden-val"),
        location=Location(COMMIT, "config/settings.py", 3, 3, date="2026-01-02T03:04:05Z"),
        rule="generic-api-key",
        source=f"{COMMIT}:config/settings.py:generic-api-key:3",
    )


def test_a_folder_scan_has_no_commit(written: Written) -> None:
    finding = one(written([entry(Commit="", Date="", File="/home/ada/peer/.env")]))
    assert finding.value == Secret("hidden-val"), "an absolute path does not cost the value"
    assert finding.location == Location()


@pytest.mark.parametrize(
    ("secret", "match", "hints"),
    [
        (
            "REDACTED",
            "REDACTED",
            Hints(columns=(2, 20), entropy=3.1),
        ),
        (
            "REDACTED",
            'KEY = "REDACTED"',
            Hints((9, 19), 3.1, before=Secret('KEY = "'), after=Secret('"')),
        ),
        (
            "hidden...",
            'KEY = "hidden..."',
            Hints((9, 19), 3.1, Secret("hidden"), Secret('KEY = "'), Secret('"')),
        ),
        ("...", "...", Hints((2, 20), 3.1)),
        ("hid\ufffden", "hid\ufffden", Hints((2, 20), 3.1, Secret("hid"))),
        ("REDACTED", "something else", Hints(None, 3.1)),
        ("REDACTED", 'é = "REDACTED"', Hints((8, 19), 3.1, None, Secret('é = "'), Secret('"'))),
    ],
    ids=["all", "in its context", "a part", "to nothing", "damaged", "lost", "bytes"],
)
def test_a_redacted_value_leaves_hints(
    written: Written, secret: str, match: str, hints: Hints
) -> None:
    finding = one(written([entry(Secret=secret, Match=match)]))
    assert finding.value is None
    assert finding.hints == hints
    assert "hidden" not in repr(finding)


def test_over_several_lines_columns_say_nothing(written: Written) -> None:
    finding = one(written([entry(Secret="REDACTED", Match="REDACTED", EndLine=9)]))
    assert finding.hints == Hints(None, 3.1)


def test_old_versions_write_no_entropy(written: Written) -> None:
    finding = one(written([entry(Secret="REDACTED", Match="REDACTED", Entropy=0)]))
    assert finding.hints == Hints((2, 20))


def test_a_rule_for_a_whole_file_has_no_value(written: Written) -> None:
    finding = one(
        written(
            [entry(Secret="", Match="file detected: a.p12", StartLine=0, EndLine=0, File="a.p12")]
        )
    )
    assert finding.value is None
    assert finding.hints is None
    assert finding.location.path == "a.p12"
    assert finding.location.start_line is None


def test_the_commit_message_is_not_read(written: Written, planted: dict[str, str]) -> None:
    finding = one(written([entry(Message=f"token {planted['glpat']}")]))
    assert planted["glpat"] not in repr(finding)
    assert finding.value == Secret("hidden-val")


def test_betterleaks_1_writes_the_parts_of_a_pair_beside_it(written: Written) -> None:
    def component(secret: str, line: int) -> dict[str, Any]:
        return {
            "RuleID": "aws-secret",
            "StartLine": line,
            "EndLine": line,
            "StartColumn": 1,
            "EndColumn": 9,
            "Match": secret,
            "Secret": secret,
        }

    sets = [
        {"components": [component("secret-one", 4), component("secret-two", 5)]},
        {"components": [component("secret-one", 4), component("secret-six", 6)]},
    ]
    document = written([entry(), entry(Secret="public-id", RequiredSets=sets)])
    findings = read_report(document).findings
    assert [(f.value and f.value.reveal_text(), f.part_of) for f in findings] == [
        ("hidden-val", None),
        ("public-id", 2),
        ("secret-one", 2),
        ("secret-two", 2),
        ("secret-six", 2),
    ]
    assert findings[2].location == Location(
        COMMIT, "config/settings.py", 4, 4, date="2026-01-02T03:04:05Z"
    )


def test_a_value_out_of_a_commit_message_has_no_line(written: Written) -> None:
    finding = one(written([entry(File="", StartLine=3)]))
    assert finding.location == Location(COMMIT, date="2026-01-02T03:04:05Z")


def test_one_finding_or_one_a_line_is_read_too(written: Written) -> None:
    assert len(read_report(written(entry())).findings) == 1
    lines = "\n".join(json.dumps(entry()) for _ in range(3)).encode()
    assert len(read_report(Document("-", lines)).findings) == 3


def test_optional_fields_may_be_missing(written: Written) -> None:
    full = entry()
    few = {k: full[k] for k in ("RuleID", "Secret", "File", "Commit", "StartLine", "EndLine")}
    assert one(written([few])).value == Secret("hidden-val")
    few["Secret"] = "REDACTED"
    assert one(written([few])).hints == Hints()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Secret": None}, 'text in field "Secret" of entry 2; found null'),
        ({"Secret": 5}, 'text in field "Secret" of entry 2; found a number'),
        ({"StartLine": "3"}, 'a whole number in field "StartLine" of entry 2; found text'),
        ({"StartLine": -3}, 'a whole number from 0 to 2147483647 in field "StartLine"'),
        ({"Commit": "hidden-val"}, 'a commit\'s id (hex digits) or nothing in field "Commit"'),
        ({"Secret": "REDACTED", "Entropy": "high"}, 'a number in field "Entropy" of entry 2'),
        ({"RequiredSets": 3}, 'a list of objects in field "RequiredSets" of entry 2'),
        (
            {"RequiredSets": [{"components": [{"RuleID": "x"}]}]},
            'in field "StartLine" of item 1 of field "components" of item 1 of field "RequiredSets"',
        ),
    ],
)
def test_a_damaged_entry_is_told_with_its_line(
    written: Written, changed: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ReportError) as caught:
        read_report(written([entry(), entry(**changed)]))
    assert expected in caught.value.message
    assert caught.value.line == 22
    assert "hidden" not in caught.value.message


def test_a_rule_can_not_steer_a_terminal(written: Written) -> None:
    assert one(written([entry(RuleID="a\x1b[2J\nb")])).rule == "a[2Jb"


def test_a_sorted_report_is_recognised(written: Written) -> None:
    assert Gitleaks().recognises(written([dict(sorted(entry().items()))]))


def test_a_report_of_gitleaks_7_is_refused_by_name(written: Written) -> None:
    old = {"line": "x", "lineNumber": 1, "offender": "x", "commit": COMMIT, "rule": "y"}
    with pytest.raises(ReportError, match="gitleaks 7") as caught:
        read_report(written([old]))
    assert "gitleaks git --report-format json" in caught.value.hint
