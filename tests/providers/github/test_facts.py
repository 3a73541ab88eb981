"""What GitHub tells of a living token, and what a probe proves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from remediate.http import Answer
from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate_providers.github import facts, tokens
from remediate_providers.github.local import OWNER, SCOPES, RunningGitHub
from remediate_providers.github.local_state import make_value
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Fault

Around = Callable[..., VendorContext]
Hold = Callable[..., Held]
PROVIDER = GitHubProvider()


def test_a_classic_token_tells_its_owner_scopes_and_end(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    ends = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
    value = github.state.issue(OWNER, scopes=SCOPES, expires=ends)
    told = PROVIDER.describe(hold(value), around(github.environment()))
    assert told.known == {
        "owner": OWNER,
        "owner_type": "User",
        "scopes": ["repo", "workflow", "read:org"],
        "expires": "2027-03-04T05:06:07.000Z",
    }
    assert set(told.unknown) == {"last_used"}
    assert told.evidence[0].probe.startswith("GET /user at 127.0.0.1")
    assert told.evidence[0].saw == "200"


def test_a_fine_grained_token_hides_its_permissions(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER, tokens.FINE_GRAINED)
    told = PROVIDER.describe(hold(value), around(github.environment()))
    assert told.known["owner"] == OWNER
    assert {"scopes", "expires"} <= set(told.unknown)


def test_an_installation_token_tells_its_repositories(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue("an-app", tokens.INSTALLATION)
    told = PROVIDER.describe(hold(value), around(github.environment()))
    assert told.known == {"repositories": ["acme/app"], "repository_count": 1}
    assert "owner" in told.unknown


def test_what_dies_with_it_is_preserved(github: RunningGitHub, around: Around, hold: Hold) -> None:
    planted = github.plant()
    told = PROVIDER.preserve(hold(planted.values["value"]), around(github.environment()))
    assert told.known["organisations"] == ["acme"]
    assert tokens.hashed(planted.values["value"]) not in repr(told), (
        "only a fingerprint is ever kept"
    )
    assert told.known["scopes"] == list(SCOPES)


def test_organisations_that_it_may_not_list_have_a_reason(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER, scopes=("gist",))
    told = PROVIDER.preserve(hold(value), around(github.environment()))
    assert "organisations" not in told.known
    assert "admin:org, read:org" in told.unknown["organisations"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[1, 2", b'"text"', b"[null, {}]"])
def test_malformed_organisations(
    github: RunningGitHub, around: Around, hold: Hold, body: bytes
) -> None:
    value = github.state.issue(OWNER, scopes=SCOPES)
    github.fail("GET", "/user/orgs", Fault(200, body))
    told = PROVIDER.preserve(hold(value), around(github.environment()))
    assert told.known.get("organisations", []) == []


def test_a_dead_one_tells_nothing(github: RunningGitHub, around: Around, hold: Hold) -> None:
    told = PROVIDER.preserve(hold(make_value(tokens.CLASSIC)), around(github.environment()))
    assert not told.known
    assert "dead already" in told.unknown["owner"]


def test_policy_may_keep_the_leaked_token_unused(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    held = hold(github.state.issue(OWNER))
    vendor = around(github.environment(), use_leaked=False)
    told = PROVIDER.preserve(held, vendor)
    assert "use_leaked" in told.unknown["owner"]
    assert "use_leaked" in told.unknown["organisations"]
    assert PROVIDER.describe(held, vendor).known == {}
    assert PROVIDER.check(held, vendor).alive is None
    assert github.state.requests == []


def test_without_its_value_nothing_is_asked(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    held = Held(hold(make_value(tokens.CLASSIC)).credential, {})
    vendor = around(github.environment())
    assert PROVIDER.check(held, vendor).alive is None
    assert PROVIDER.describe(held, vendor).known == {}
    assert PROVIDER.preserve(held, vendor).known == {}
    assert github.state.requests == []


@pytest.mark.parametrize("kind", [tokens.CLASSIC, tokens.FINE_GRAINED, tokens.INSTALLATION])
def test_alive_and_dead(github: RunningGitHub, around: Around, hold: Hold, kind: str) -> None:
    vendor = around(github.environment())
    assert PROVIDER.check(hold(github.state.issue(OWNER, kind)), vendor).alive is True
    dead = PROVIDER.check(hold(make_value(kind)), vendor)
    assert dead.alive is False
    assert dead.evidence[0].saw == "401 Bad credentials"


@pytest.mark.parametrize(
    "fault, why",
    [
        (Fault(403, b'{"message": "Forbidden"}'), "does not allow it"),
        (Fault(403, b"{}", {"X-GitHub-SSO": "required; url=https://x"}), "single sign-on"),
        (Fault(429, b"{}", {"Retry-After": "99999"}), "asks to wait 99999 s"),
        (Fault(503, b"<html>"), "out of order: 503"),
        (Fault(401, b'{"message": "Requires authentication"}'), "refused the token"),
        (Fault(401, b"garbage"), "refused the token"),
        (Fault(404, b'{"message": "Not Found"}'), "no such thing"),
        (Fault(301, b"", {"Location": "http://127.0.0.1:1/"}), "sends us elsewhere"),
        (Fault(418), "418"),
        (Fault(200, b"<html>portal</html>"), "body that is not its own"),
        (Fault(None), "connection was lost"),
    ],
)
def test_what_proves_nothing(
    github: RunningGitHub, around: Around, hold: Hold, fault: Fault, why: str
) -> None:
    github.fail("GET", "/user", *[fault] * 9)
    check = PROVIDER.check(hold(github.state.issue(OWNER)), around(github.environment()))
    assert check.alive is None
    assert why in check.reason


def test_500_thrice_then_fine(github: RunningGitHub, around: Around, hold: Hold) -> None:
    github.fail("GET", "/user", *[Fault(500)] * 3)
    check = PROVIDER.check(hold(github.state.issue(OWNER)), around(github.environment()))
    assert check.alive is True


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02 03:04:05 -0700", "2026-01-02T10:04:05.000Z"),
        ("soon", None),
        ("", None),
    ],
)
def test_both_forms_of_the_expiry(text: str, moment: str | None) -> None:
    assert facts.expiry(Answer(200, {facts.EXPIRY: text}, b"")) == moment


@pytest.mark.parametrize(
    "text, names", [("repo, workflow", ["repo", "workflow"]), ("", []), (" , repo,", ["repo"])]
)
def test_scopes(text: str, names: list[str]) -> None:
    assert facts.scopes(Answer(200, {"X-OAuth-Scopes": text}, b"")) == names
    assert facts.scopes(Answer(200, {}, b"")) is None
