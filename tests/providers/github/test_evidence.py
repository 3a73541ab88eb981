"""What was done with the token: organisations' audit logs by its hash."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.github import audit, evidence, tokens
from remediate_providers.github.local import OWNER, REPOSITORY, RunningGitHub
from remediate_providers.github.local_state import make_value
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Fault

Around = Callable[..., VendorContext]
Hold = Callable[..., Held]
PROVIDER = GitHubProvider()
KNOWN = {"organisations": ["acme"]}
LOG = "/orgs/acme/audit-log"


def test_events_by_hash_with_what_is_suspicious(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.plant().values["value"]
    github.plant()  # another token's events, which are not ours
    told = PROVIDER.investigate(hold(value), None, around(github.environment(), known=KNOWN))
    events = told.known["events"]
    assert isinstance(events, list)
    assert [(e["what"], e["who"], e["from"], e["why"]) for e in events] == [
        (f"repo.download_zip in {REPOSITORY}", OWNER, "203.0.113.77", "code was taken away"),
        (f"migration.create in {REPOSITORY}", OWNER, "203.0.113.77", "code was taken away"),
    ]
    assert "security-log" in told.unknown["personal_log"]
    assert "git_events" in told.unknown


def test_the_search_is_by_hash_and_by_day(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.plant().values["value"]
    vendor = around(github.environment(), known=KNOWN)
    told = PROVIDER.investigate(hold(value), "2100-01-01T00:00:00Z", vendor)
    assert told.known == {"events": [], "total": 0}
    (request,) = [r for r in github.state.requests if r.path == LOG]
    assert request.query["phrase"] == [
        f'hashed_token:"{tokens.hashed(value)}" created:>=2100-01-01'
    ]
    assert "before" not in told.unknown


def used(github: RunningGitHub, value: Secret, day: str, address: str | None) -> None:
    github.state.log("acme", value, OWNER, "repo.create", actor_ip=address)
    stamp = datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()
    github.state.audit["acme"][-1]["@timestamp"] = int(stamp * 1000)


def test_an_address_never_seen_before_the_leak_is_suspicious(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER)
    used(github, value, "2026-10-01", "198.51.100.4")
    used(github, github.state.issue(OWNER), "2026-10-01", "203.0.113.77")  # another token's
    for address in ("198.51.100.4", "203.0.113.77", None):
        used(github, value, "2026-11-20", address)
    vendor = around(github.environment(), known=KNOWN)
    told = PROVIDER.investigate(hold(value), "2026-11-10T00:00:00Z", vendor)
    events = told.known["events"]
    assert isinstance(events, list)
    assert [(e["from"], e["suspicious"]) for e in events] == [
        ("198.51.100.4", False),
        ("203.0.113.77", True),
        (None, False),
    ]
    assert events[1]["why"] == evidence.NEW_ADDRESS
    assert "addresses" not in told.unknown


@pytest.mark.parametrize(
    ("since", "fault", "word"),
    [
        ("2026-11-10T00:00:00Z", None, "no address is kept"),
        (None, None, "not known"),
        ("2026-11-10T00:00:00Z", Fault(403), "does not allow"),
    ],
)
def test_without_an_address_of_before_none_is_called_new(
    github: RunningGitHub,
    around: Around,
    hold: Hold,
    since: str | None,
    fault: Fault | None,
    word: str,
) -> None:
    value = github.state.issue(OWNER)
    used(github, value, "2026-11-20", "203.0.113.77")
    vendor = around(github.environment(), known=KNOWN)
    if fault is not None:
        first = json.dumps(github.state.audit["acme"]).encode()
        github.fail("GET", LOG, Fault(200, first), fault)
    told = PROVIDER.investigate(hold(value), since, vendor)
    assert [e["suspicious"] for e in told.known["events"]] == [False]  # type: ignore[index, union-attr]
    assert word in told.unknown["addresses"]


def test_beyond_the_retention_there_is_no_evidence_kept(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.plant().values["value"]
    vendor = around(github.environment(), known=KNOWN)
    told = PROVIDER.investigate(hold(value), "2020-01-01T00:00:00Z", vendor)
    assert "no evidence kept" in told.unknown["before"]


def test_pages_are_followed_by_cursor_alone(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER)
    for at in range(250):
        github.state.log("acme", value, OWNER, "repo.create", repo=f"acme/{at}")
    told = PROVIDER.investigate(hold(value), None, around(github.environment(), known=KNOWN))
    events = told.known["events"]
    assert isinstance(events, list)
    assert told.known["total"] == 250
    assert len(events) == evidence.MOST
    assert events[-1]["what"] == "repo.create in acme/249"
    assert len(github.asked("GET", LOG)) == 3


def test_a_link_elsewhere_is_not_followed(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    elsewhere = {"Link": '<http://127.0.0.1:9/orgs/acme/audit-log?after=5>; rel="next"'}
    github.fail("GET", LOG, Fault(200, b"[]", elsewhere))
    told = PROVIDER.investigate(
        hold(make_value(tokens.CLASSIC)), None, around(github.environment(), known=KNOWN)
    )
    assert told.known == {"events": [], "total": 0}
    assert [r.query.get("after") for r in github.state.requests] == [None, ["5"]]


def test_pages_end(github: RunningGitHub, around: Around, hold: Hold) -> None:
    again = {"Link": '<http://127.0.0.1/?after=x>; rel="next"'}
    github.fail("GET", LOG, *[Fault(200, b"[]", again)] * 30)
    told = PROVIDER.investigate(
        hold(make_value(tokens.CLASSIC)), None, around(github.environment(), known=KNOWN)
    )
    assert len(github.asked("GET", LOG)) == audit.PAGES
    assert "more than" in told.unknown["events of acme"]


@pytest.mark.parametrize(
    "known, word",
    [
        ({}, "was not learned"),
        ({"organisations": []}, "no organisation"),
        ({"organisations": 1}, "was not"),
    ],
)
def test_without_an_organisation_nothing_is_known_and_it_says_why(
    github: RunningGitHub, around: Around, hold: Hold, known: dict[str, object], word: str
) -> None:
    told = PROVIDER.investigate(
        hold(make_value(tokens.CLASSIC)), None, around(github.environment(), known=known)
    )
    assert told.known == {}
    assert word in told.unknown["events"]
    assert github.state.requests == []


def test_without_a_token_of_ones_own(github: RunningGitHub, around: Around, hold: Hold) -> None:
    vendor = around({"GITHUB_API_URL": github.url}, known=KNOWN)
    told = PROVIDER.investigate(hold(make_value(tokens.CLASSIC)), None, vendor)
    assert "gh auth login" in told.unknown["events"]


def test_a_log_that_is_not_ours_to_read(github: RunningGitHub, around: Around, hold: Hold) -> None:
    stranger = github.state.issue("stranger", scopes=("admin:org",))
    environment = {**github.environment(), "GITHUB_TOKEN": stranger.reveal_text()}
    held = hold(make_value(tokens.CLASSIC))
    told = PROVIDER.investigate(held, None, around(environment, known=KNOWN))
    assert told.known == {}
    assert "no such thing" in told.unknown["events of acme"]
    poor = github.state.issue("ada-responds", scopes=("repo",))
    environment["GITHUB_TOKEN"] = poor.reveal_text()
    told = PROVIDER.investigate(held, None, around(environment, known=KNOWN))
    assert "read:audit_log" in told.unknown["events of acme"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(200, b"{}"),
        Fault(200, b"garbage"),
        Fault(500),
        Fault(None),
        Fault(429, b"", {"Retry-After": "9999"}),
    ],
)
def test_faults_are_not_no_abuse(
    github: RunningGitHub, around: Around, hold: Hold, fault: Fault
) -> None:
    github.fail("GET", LOG, *[fault] * 9)
    told = PROVIDER.investigate(
        hold(make_value(tokens.CLASSIC)), None, around(github.environment(), known=KNOWN)
    )
    assert "events" not in told.known
    assert "events" in told.unknown


def test_rows_of_any_shape(github: RunningGitHub, around: Around, hold: Hold) -> None:
    rows = [None, 3, {}, {"@timestamp": "x"}, {"@timestamp": 1e30}, {"action": ["x"], "actor": 7}]
    github.fail("GET", LOG, Fault(200, json.dumps(rows).encode()))
    told = PROVIDER.investigate(
        hold(make_value(tokens.CLASSIC)), None, around(github.environment(), known=KNOWN)
    )
    events = told.known["events"]
    assert isinstance(events, list)
    assert len(events) == 4
    assert all(e["at"] is None for e in events)
