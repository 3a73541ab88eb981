from __future__ import annotations

import pytest

from remediate.model import Finding, Location
from remediate.reports.secrets import DistinctSecret, Unread, distinct, resolve
from remediate.secret import Secret

HERE = Location("a" * 40, "a", 1, 1)
THERE = Location("b" * 40, "b", 2, 2)
ISSUE = Location(url="https://example.com/1")


def test_findings_of_one_value_are_one_secret_with_all_its_places() -> None:
    findings = [
        Finding(Secret("first"), HERE, "rule-1", "2026-02-02T00:00:00Z", "s1", part_of=1),
        Finding(Secret("second"), HERE),
        Finding(Secret('"first"\n'), THERE, "rule-2", "2026-02-02T01:00:00+02:00", "s2", part_of=4),
        Finding(Secret("first"), HERE, "rule-1", None, "s1"),
        Finding(Secret("first"), Location()),
    ]
    assert distinct(findings) == (
        DistinctSecret(
            Secret("first"),
            (HERE, THERE),
            "2026-02-02T01:00:00+02:00",
            ("rule-1", "rule-2"),
            ("s1", "s2"),
            frozenset({1, 4}),
        ),
        DistinctSecret(Secret("second"), (HERE,)),
    )


def test_times_that_are_none_do_not_win() -> None:
    def times(*texts: str) -> str | None:
        (secret,) = distinct([Finding(Secret("x"), HERE, detected_at=text) for text in texts])
        return secret.detected_at

    assert times("yesterday", "2026-02-02T00:00:00Z") == "2026-02-02T00:00:00Z"
    assert times("2026-02-02T00:00:00", "2026-02-01T00:00:00Z") == "2026-02-01T00:00:00Z"
    assert times("yesterday") == "yesterday"


def test_of_nothing_comes_nothing() -> None:
    assert distinct([]) == ()
    assert resolve([], lambda _c, _p: None).secrets == ()


def test_a_finding_without_a_value_is_never_dropped_in_silence() -> None:
    with pytest.raises(ValueError, match="recover it first"):
        distinct([Finding(None, HERE)])
    lost = Finding(None, HERE, "rule")
    result = resolve([lost, Finding(Secret("known"), THERE)], lambda _c, _p: None)
    assert [s.value for s in result.secrets] == [Secret("known")]
    assert result.unread == (
        Unread(lost, "there is no such file in that commit of this repository"),
    )


def test_a_hidden_alerts_other_places_have_the_value_of_its_place_in_git() -> None:
    value = "tok_" + "aZ3kQ9xL7mP2vR8nT5wY"
    findings = [
        Finding(None, ISSUE, source="alert #1"),
        Finding(None, HERE, source="alert #1"),
        Finding(None, ISSUE, source="alert #2"),
    ]
    result = resolve(findings, lambda _c, _p: value.encode())
    (secret,) = result.secrets
    assert secret.value == Secret(value)
    assert set(secret.locations) == {HERE, ISSUE}
    assert [u.finding.source for u in result.unread] == ["alert #2"]


def test_two_values_of_one_entry_are_not_lent_to_a_third() -> None:
    findings = [
        Finding(None, ISSUE, source="same"),
        Finding(Secret("one"), HERE, source="same"),
        Finding(Secret("two"), THERE, source="same"),
    ]
    assert len(resolve(findings, lambda _c, _p: None).unread) == 1


def test_a_place_keeps_the_alert_that_told_of_it_whichever_report_came_first() -> None:
    page = "https://github.com/acme/app/security/secret-scanning/7"
    plain, told = Location("a" * 40, "x", 1, 1), Location("a" * 40, "x", 1, 1, alert=page)
    value = Secret("hidden-value")
    for order in ((plain, told), (told, plain)):
        (secret,) = distinct(Finding(value, place) for place in order)
        assert [place.alert for place in secret.locations] == [page]
