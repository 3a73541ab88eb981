"""What organisations let a token in: listed before the kill, and taken away from what was not seen dead."""

from __future__ import annotations

import pytest

from remediate.plugins.outcome import Status
from remediate_providers.github import tokens
from remediate_providers.github.local import ORGANISATION, OWNER, RESPONDER
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Fault

PROVIDER = GitHubProvider()
REFUSED = [Fault(403, b'{"message": "blocked on the way"}')]


@pytest.fixture
def admin(github):
    """An owner's surroundings."""
    token = github.state.issue(RESPONDER, scopes=("admin:org", "read:audit_log"))
    return {**github.environment(), "GITHUB_TOKEN": token.reveal_text()}


@pytest.fixture
def app(github):
    """The surroundings of a GitHub App that may administer the organisation."""
    token = github.state.issue(RESPONDER, tokens.USER, scopes=("read:audit_log",))
    return {**github.environment(), "GITHUB_TOKEN": token.reveal_text()}


@pytest.mark.parametrize("kind", [tokens.CLASSIC, tokens.OAUTH])
def test_single_sign_on_is_listed_with_its_last_use(github, around, hold, admin, kind) -> None:
    value = github.state.issue(OWNER, kind, scopes=("repo", "read:org"))
    github.organisations.authorise(ORGANISATION, github.state.issue(OWNER))
    number = github.organisations.authorise(ORGANISATION, value)
    facts = PROVIDER.preserve(hold(value), around(admin))
    (row,) = facts.known["organisation_access"]
    assert (row["id"], row["what"], row["sure"]) == (number, "single sign-on", True)
    assert row["last_used"] == "2026-02-03T04:05:06Z"


def test_a_grant_is_surely_this_tokens_where_the_audit_log_tells(github, around, hold, app) -> None:
    value, other = (github.state.issue(OWNER, tokens.FINE_GRAINED) for _ in range(2))
    github.organisations.grant(ORGANISATION, other, 8)
    number = github.organisations.grant(ORGANISATION, value, 7)
    both = PROVIDER.preserve(hold(value), around(app)).known["organisation_access"]
    assert [row["sure"] for row in both] == [False, False]
    github.state.log(ORGANISATION, value, OWNER, "repo.create", token_id=7)
    (row,) = PROVIDER.preserve(hold(value), around(app)).known["organisation_access"]
    assert (row["id"], row["sure"]) == (number, True)


def test_what_may_not_be_read_is_said(github, around, hold, admin) -> None:
    fine = github.state.issue(OWNER, tokens.FINE_GRAINED)
    assert "GitHub App" in PROVIDER.preserve(hold(fine), around(admin)).unknown["access to acme"]
    classic = github.state.issue(OWNER, scopes=("read:org",))
    why = PROVIDER.preserve(hold(classic), around(admin)).unknown
    assert "single sign-on" in why["access to acme"]
    nobody = {"GITHUB_API_URL": github.url}
    assert (
        "gh auth login"
        in (PROVIDER.preserve(hold(classic), around(nobody)).unknown["organisation_access"])
    )


def test_a_dead_one_is_not_asked_about_again(github, around, hold, admin) -> None:
    value = github.state.issue(OWNER, scopes=("read:org",))
    github.organisations.authorise(ORGANISATION, value)
    known = PROVIDER.preserve(hold(value), around(admin)).known
    held = hold(value)
    assert PROVIDER.revoke([held], around(admin, known=known))[held.id].status is Status.DONE
    assert github.organisations.authorised[ORGANISATION], "its authorisation goes with it"


def test_one_that_can_not_be_killed_loses_its_organisations(github, around, hold, admin) -> None:
    value = github.state.issue(OWNER, scopes=("read:org",))
    github.organisations.authorise(ORGANISATION, value)
    held = hold(value)
    known = PROVIDER.preserve(held, around(admin)).known
    github.fail("POST", "/credentials/revoke", *REFUSED)
    outcome = PROVIDER.revoke([held], around(admin, known=known))[held.id]
    assert outcome.status is Status.REFUSED, "it lives, whatever was taken away"
    assert github.organisations.authorised[ORGANISATION] == []
    assert outcome.evidence[-1].probe.startswith("DELETE /orgs/acme/credential-authorizations/")
    assert (outcome.evidence[-1].saw, outcome.manual is not None) == ("204", True)
    github.fail("POST", "/credentials/revoke", *REFUSED)
    again = PROVIDER.revoke([held], around(admin, known=known))[held.id]
    assert again.evidence[-1].saw == "404", "asking again is harmless"
    assert PROVIDER.revoke([held], around(admin, known=known))[held.id].status is Status.DONE


@pytest.mark.parametrize("told", [True, False])
def test_a_grant_is_taken_away_where_it_is_surely_its_own(github, around, hold, app, told) -> None:
    value = github.state.issue(OWNER, tokens.FINE_GRAINED)
    github.organisations.grant(ORGANISATION, value, 7)
    if told:
        github.state.log(ORGANISATION, value, OWNER, "repo.create", token_id=7)
    held = hold(value)
    known = PROVIDER.preserve(held, around(app)).known
    github.fail("POST", "/credentials/revoke", *REFUSED)
    outcome = PROVIDER.revoke([held], around(app, known=known))[held.id]
    assert bool(github.organisations.granted[ORGANISATION]) is not told
    assert ("which of them" in outcome.reason) is not told


def test_one_that_may_not_is_told_which_right_is_missing(github, around, hold) -> None:
    environment = github.environment()
    value = github.state.issue(OWNER, scopes=("read:org",))
    github.organisations.authorise(ORGANISATION, value)
    held = hold(value)
    known = PROVIDER.preserve(held, around(environment)).known
    github.fail("POST", "/credentials/revoke", *REFUSED)
    outcome = PROVIDER.revoke([held], around(environment, known=known))[held.id]
    assert "admin:org" in outcome.reason


@pytest.mark.parametrize(
    "fault", [Fault(None), Fault(None, after=True), Fault(500), Fault(429), Fault(200, b"<html>")]
)
def test_a_list_that_is_not_had_kills_no_slower(github, around, hold, admin, fault) -> None:
    value = github.state.issue(OWNER, scopes=("read:org",))
    github.organisations.authorise(ORGANISATION, value)
    github.fail("GET", "/orgs/acme/credential-authorizations", *[fault] * 9)
    facts = PROVIDER.preserve(hold(value), around(admin))
    assert facts.unknown["access to acme"]
    assert facts.known["owner"] == OWNER
