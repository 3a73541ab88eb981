from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from remediate.errors import ReportError
from remediate.model import Finding, Hints, Location
from remediate.plugins.report import Document
from remediate.reports.read import read_report
from remediate.secret import Secret

Written = Callable[..., Document]

COMMIT = "600f521d641a3f62b97d2708731fb2d88ddf23a7"
API = "https://api.github.com/repos/acme/peer"
COMMIT_PLACE = {
    "path": "/.env",
    "start_line": 1,
    "end_line": 1,
    "start_column": 14,
    "end_column": 54,
    "blob_sha": "af5626b4a114abcb82d63db7c8082c3c4756e51b",
    "blob_url": f"{API}/git/blobs/af5626b4",
    "commit_sha": COMMIT,
    "commit_url": f"{API}/git/commits/600f521d",
}


def alert(**changed: Any) -> dict[str, Any]:
    made = {
        "number": 7,
        "created_at": "2026-11-23T23:50:00Z",
        "html_url": "https://github.com/acme/peer/security/secret-scanning/7",
        "locations_url": f"{API}/secret-scanning/alerts/7/locations",
        "state": "open",
        "resolution": None,
        "secret_type": "acme_token",
        "secret": "hidden-value",
        "is_base64_encoded": False,
        "first_location_detected": COMMIT_PLACE,
        "has_more_locations": False,
        **changed,
    }
    return {name: value for name, value in made.items() if value is not ...}


def read(document: Document) -> list[Finding]:
    report = read_report(document)
    assert report.format == "github-alerts"
    return list(report.findings)


IN_GIT = Location(COMMIT, ".env", 1, 1)


def test_an_alert_whole(written: Written) -> None:
    assert read(written([alert()])) == [
        Finding(
            value=Secret("hidden-value"),
            location=IN_GIT,
            rule="acme_token",
            detected_at="2026-11-23T23:50:00Z",
            source="alert #7",
        )
    ]


def test_one_alert_pages_and_slurped_pages(written: Written) -> None:
    assert len(read(written(alert()))) == 1
    page = json.dumps([alert(), alert(number=8)])
    assert len(read(Document("-", f"{page}{page}".encode()))) == 4
    assert len(read(Document("-", f"[{page},{page}]".encode()))) == 4


def test_hidden_secrets_are_none_with_the_columns_as_a_hint(written: Written) -> None:
    (finding,) = read(written([alert(secret=...)]))
    assert finding.value is None
    assert finding.hints == Hints(columns=(14, 54))


def test_what_people_picked_with_jq_is_enough(written: Written) -> None:
    few = {"number": 7, "secret_type": "acme_token", "secret": "hidden-value"}
    (finding,) = read(written([few]))
    assert finding.value == Secret("hidden-value")
    assert finding.location == Location()
    assert finding.detected_at is None


def test_every_place_is_told_once_and_those_outside_git_by_address(written: Written) -> None:
    places = [
        {"type": "commit", "details": COMMIT_PLACE},
        {
            "type": "commit",
            "details": {**COMMIT_PLACE, "path": "b/c", "start_line": 4, "end_line": 4},
        },
        {"type": "issue_body", "details": {"issue_body_url": f"{API}/issues/1347"}},
        {
            "type": "pull_request_comment",
            "details": {
                "pull_request_comment_url": f"{API}/issues/comments/1",
                "html_url": "https://github.com/acme/peer/pull/3#issuecomment-1",
            },
        },
        {
            "type": "wiki_commit",
            "details": {**COMMIT_PLACE, "page_url": "https://github.com/acme/peer/wiki/Keys"},
        },
    ]
    assert [f.location for f in read(written([alert(locations=places)]))] == [
        IN_GIT,
        Location(COMMIT, "b/c", 4, 4),
        Location(url=f"{API}/issues/1347"),
        Location(url="https://github.com/acme/peer/pull/3#issuecomment-1"),
        Location(url="https://github.com/acme/peer/wiki/Keys"),
    ]


@pytest.mark.parametrize(
    ("first", "place"),
    [
        (None, Location()),
        ({"issue_title_url": f"{API}/issues/1"}, Location(url=f"{API}/issues/1")),
        (
            {**COMMIT_PLACE, "page_url": "https://github.com/acme/peer/wiki/Keys"},
            Location(url="https://github.com/acme/peer/wiki/Keys"),
        ),
    ],
)
def test_the_first_place_has_no_type(written: Written, first: Any, place: Location) -> None:
    (finding,) = read(written([alert(first_location_detected=first)]))
    assert finding.location == place


@pytest.mark.parametrize(
    ("changed", "source"),
    [
        ({}, "alert #7"),
        (
            {"state": "resolved", "resolution": "false_positive"},
            "alert #7, resolved: false positive",
        ),
        ({"state": "resolved"}, "alert #7, resolved"),
        ({"repository": {"full_name": "acme/peer"}}, "alert #7 of acme/peer"),
        ({"repository": {"full_name": "no name"}}, "alert #7"),
        ({"has_more_locations": True}, "alert #7, seen in more places than the report tells"),
        (
            {
                "has_more_locations": True,
                "locations": [{"type": "commit", "details": COMMIT_PLACE}],
            },
            "alert #7",
        ),
    ],
)
def test_what_github_knows_of_an_alert_is_noted(
    written: Written, changed: dict[str, Any], source: str
) -> None:
    (finding,) = read(written([alert(**changed)]))
    assert finding.source == source
    assert finding.value == Secret("hidden-value"), "a resolved alert's value is out all the same"


def test_the_base64_flag_changes_the_value_only_where_it_is_base64(written: Written) -> None:
    encoded = base64.b64encode(b"hidden_value-1234").decode()
    for secret, flag, value in (
        (encoded, True, "hidden_value-1234"),
        ("hidden_value-1234", True, "hidden_value-1234"),
        (encoded, False, encoded),
        ("A" * 40, True, "A" * 40),
    ):
        (finding,) = read(written([alert(secret=secret, is_base64_encoded=flag)]))
        assert finding.value == Secret(value)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"secret": None}, 'text in field "secret" of entry 1; found null'),
        ({"secret": ""}, 'a value in field "secret" of entry 1; found empty text'),
        ({"number": "7"}, 'a whole number in field "number" of entry 1; found text'),
        ({"first_location_detected": []}, 'an object in field "first_location_detected"'),
        (
            {"first_location_detected": {"path": ".env"}},
            'text in field "commit_sha" of field "first_location_detected" of entry 1; found no such',
        ),
        (
            {"first_location_detected": {}},
            'the address of a place that is not in git in field "html_url"',
        ),
        ({"locations": {}}, 'a list of objects in field "locations" of entry 1'),
        ({"locations": [{"type": "commit"}]}, 'in field "details" of item 1 of field "locations"'),
        ({"locations": [{"details": {}}]}, 'text in field "type" of item 1 of field "locations"'),
    ],
)
def test_a_damaged_alert_is_told(written: Written, changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(ReportError) as caught:
        read_report(written([alert(**changed)]))
    assert expected in caught.value.message
    assert "hidden" not in caught.value.message


def test_a_name_out_of_the_report_is_not_told(written: Written) -> None:
    with pytest.raises(ReportError) as caught:
        read_report(written([alert(first_location_detected={"hidden_value_url": 5})]))
    assert "hidden" not in caught.value.message


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ([{"type": "commit", "details": COMMIT_PLACE}], "the locations of a GitHub alert"),
        ({"action": "created", "alert": {}, "repository": {}}, "a GitHub webhook's payload"),
        (
            {
                "message": "Not Found",
                "documentation_url": "https://docs.github.com",
                "status": "404",
            },
            "an error of GitHub's",
        ),
        (
            [{"number": 1, "html_url": "x", "state": "open", "dependency": {}}],
            "GitHub alerts of another kind",
        ),
    ],
)
def test_other_things_of_githubs_are_refused_by_name(
    written: Written, value: Any, what: str
) -> None:
    with pytest.raises(ReportError, match=what) as caught:
        read_report(written(value))
    assert "gh api --paginate" in caught.value.hint
