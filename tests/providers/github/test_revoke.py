"""Ending tokens: against a server with GitHub's quirks, and with each of its faults."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.providers import well_told
from remediate_providers.github import revoke as module
from remediate_providers.github import tokens
from remediate_providers.github.local import OWNER, LocalGitHub, RunningGitHub
from remediate_providers.github.local_state import BULK, make_value
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Fault

Around = Callable[..., VendorContext]
Hold = Callable[..., Held]
PATH = "/credentials/revoke"
PROVIDER = GitHubProvider()


def only(outcomes: object) -> Outcome:
    assert isinstance(outcomes, dict)
    (outcome,) = outcomes.values()
    assert isinstance(outcome, Outcome)
    return outcome


@pytest.mark.parametrize("kind", sorted(BULK - {tokens.REFRESH}))
def test_a_token_is_seen_dead(github: RunningGitHub, around: Around, hold: Hold, kind: str) -> None:
    value = github.state.issue(OWNER, kind, scopes=("repo",))
    outcome = only(PROVIDER.revoke([hold(value)], around(github.environment())))
    assert outcome.status is Status.DONE
    assert [(e.probe.split(" at ")[0], e.saw) for e in outcome.evidence] == [
        ("POST /credentials/revoke", "202"),
        ("GET /user", "401 Bad credentials"),
    ]
    assert github.is_dead({"value": value})


def test_the_lag_is_waited_out(around: Around, hold: Hold) -> None:
    github = LocalGitHub(lag=0.3).start()
    try:
        value = github.state.issue(OWNER)
        vendor = around(github.environment(), longest=1)
        assert only(PROVIDER.revoke([hold(value)], vendor)).status is Status.DONE
    finally:
        github.close()


def test_nothing_says_who_asks(
    github: RunningGitHub, around: Around, hold: Hold, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A netrc and a proxy with a password are at hand, and a token of one's own; none of it is used."""
    netrc = sealed / ".netrc"
    netrc.write_text("machine 127.0.0.1 login ada password of-netrc\n")
    netrc.chmod(0o600)
    environment = dict(github.environment())
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        environment[name] = "http://ada:of-proxy@127.0.0.1:9"
        monkeypatch.setenv(name, environment[name])
    value = github.state.issue(OWNER)
    outcome = only(PROVIDER.revoke([hold(value)], around(environment)))
    assert outcome.status is Status.DONE
    (headers,) = github.asked("POST", PATH)
    assert not {"authorization", "proxy-authorization", "cookie"} & {
        name.lower() for name in headers
    }
    assert "of-netrc" not in str([request.headers.items() for request in github.state.requests])


def test_not_even_a_proxy_is_told_who_asks(around: Around, hold: Hold) -> None:
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    thread = threading.Thread(target=refuse, daemon=True)
    thread.start()
    try:
        proxy = f"http://ada:of-proxy@127.0.0.1:{listener.getsockname()[1]}"
        held = hold(make_value(tokens.CLASSIC))
        outcome = only(PROVIDER.revoke([held], around({"https_proxy": proxy})))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
    assert outcome.status is Status.UNREACHABLE
    assert "the proxy" in outcome.reason
    *revoking, looking = [b"Proxy-Authorization" in request for request in asked]
    assert revoking
    assert not any(revoking)
    assert looking, "asking with the token itself goes through the proxy as usual"


def test_1001_tokens_are_two_requests(github: RunningGitHub, around: Around, hold: Hold) -> None:
    values = [github.state.issue(OWNER) for _ in range(1001)]
    outcomes = PROVIDER.revoke([hold(v) for v in values], around(github.environment(), seconds=60))
    assert len(outcomes) == 1001
    assert all(outcome.status is Status.DONE for outcome in outcomes.values())
    sizes = [
        len(json.loads(r.body)["credentials"]) for r in github.state.requests if r.path == PATH
    ]
    assert sizes == [1000, 1]


def test_it_is_safe_to_repeat(github: RunningGitHub, around: Around, hold: Hold) -> None:
    held = hold(github.state.issue(OWNER))
    for _ in range(2):
        assert only(PROVIDER.revoke([held], around(github.environment()))).status is Status.DONE


def test_202_and_never_dead_is_unknown(around: Around, hold: Hold) -> None:
    github = LocalGitHub(lag=1000).start()
    try:
        value = github.state.issue(OWNER)
        outcome = only(PROVIDER.revoke([hold(value)], around(github.environment(), seconds=20)))
    finally:
        github.close()
    assert outcome.status is Status.UNKNOWN
    assert "still accepts" in outcome.reason
    assert outcome.evidence[-1].saw == "200"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(403, b'{"message": "Resource protected by organization SAML enforcement."}'),
        Fault(429, b'{"message": "slow down"}', {"Retry-After": "1"}),
        Fault(403, b'{"message": "You have exceeded a secondary rate limit."}'),
        Fault(500),
        Fault(200, b"<html>a captive portal</html>"),
        Fault(401, b'{"message": "Requires authentication"}'),
        Fault(None),
    ],
    ids=["403", "429", "secondary", "500", "html", "401 of another kind", "dropped"],
)
def test_what_proves_nothing_is_asked_again(
    github: RunningGitHub, around: Around, hold: Hold, fault: Fault
) -> None:
    value = github.state.issue(OWNER)
    github.fail("GET", "/user", fault, fault)
    outcome = only(PROVIDER.revoke([hold(value)], around(github.environment(), seconds=200)))
    assert outcome.status is Status.DONE
    assert outcome.evidence[-1].saw == "401 Bad credentials"
    assert len(github.asked("GET", "/user")) >= 3


def test_a_403_that_stays_is_never_called_dead(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER)
    github.fail("GET", "/user", *[Fault(403, b'{"message": "no"}')] * 50)
    outcome = only(PROVIDER.revoke([hold(value)], around(github.environment(), seconds=20)))
    assert outcome.status is Status.UNKNOWN
    assert "does not allow it" in outcome.reason


def test_a_limit_beyond_our_time_is_told_and_holds_up_nobody(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    limited, other = github.state.issue(OWNER), github.state.issue(OWNER)
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}
    github.fail("GET", "/user", Fault(403, b'{"message": "rate limit"}', spent))
    outcomes = PROVIDER.revoke([hold(limited), hold(other)], around(github.environment()))
    assert sorted(o.status for o in outcomes.values()) == [Status.DONE, Status.UNKNOWN]


def test_500_thrice_then_fine(github: RunningGitHub, around: Around, hold: Hold) -> None:
    value = github.state.issue(OWNER)
    github.fail("POST", PATH, *[Fault(500)] * 3)
    outcome = only(PROVIDER.revoke([hold(value)], around(github.environment())))
    assert outcome.status is Status.DONE
    assert len(github.asked("POST", PATH)) == 4


def test_an_answer_lost_after_the_effect_is_found_out(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER)
    github.fail("POST", PATH, *[Fault(None, after=True)] * 5)
    github.fail("GET", "/user", *[Fault(200, b'{"login": "lives for a moment"}')] * 2)
    outcome = only(PROVIDER.revoke([hold(value)], around(github.environment())))
    assert outcome.status is Status.DONE
    assert outcome.evidence[-1].saw == "401 Bad credentials"
    assert len(github.asked("GET", "/user")) == 3


def test_a_malformed_body_of_202_changes_nothing(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER)
    github.fail("POST", PATH, Fault(202, b"\xff{not json", after=True))
    assert only(PROVIDER.revoke([hold(value)], around(github.environment()))).status is Status.DONE


def test_500_for_ever_is_unreachable_with_a_page(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER)
    github.fail("POST", PATH, *[Fault(500)] * 9)
    outcome = only(PROVIDER.revoke([hold(value)], around(github.environment())))
    assert outcome.status is Status.UNREACHABLE
    assert "out of order: 500" in outcome.reason
    assert outcome.manual is not None
    assert outcome.manual.url == f"{github.url}/settings/tokens"
    assert not github.is_dead({"value": value})


def test_a_refused_connection(around: Around, hold: Hold) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        outcome = only(
            PROVIDER.revoke([hold(make_value(tokens.CLASSIC))], around({"GITHUB_API_URL": url}))
        )
    assert outcome.status is Status.UNREACHABLE
    assert "refused the connection" in outcome.reason


def test_the_hourly_limit_is_told_in_plain_words(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    github.state.unauthenticated_left = 0
    outcome = only(PROVIDER.revoke([hold(github.state.issue(OWNER))], around(github.environment())))
    assert outcome.status is Status.UNREACHABLE
    assert "limits how often it may be asked; it asks to wait" in outcome.reason


def test_a_plain_403_points_at_what_says_who_asks(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    github.fail("POST", PATH, Fault(403, b'{"message": "no authenticated requests"}'))
    outcome = only(PROVIDER.revoke([hold(github.state.issue(OWNER))], around(github.environment())))
    assert outcome.status is Status.REFUSED
    assert "Authorization" in outcome.reason


def test_one_bad_value_does_not_save_the_others(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    values = [github.state.issue(OWNER) for _ in range(4)]
    # 422 for all four, for the first two, for the first of them: GitHub can't take that one.
    bad = Fault(422, b'{"message": "Validation failed"}')
    github.fail("POST", PATH, Fault(422), Fault(422), Fault(202, b"{}", after=True), bad)
    outcomes = list(
        PROVIDER.revoke([hold(v) for v in values], around(github.environment())).values()
    )
    statuses = [outcome.status for outcome in outcomes]
    assert statuses.count(Status.DONE) == 3
    assert statuses.count(Status.REFUSED) == 1
    assert "Validation failed" in outcomes[statuses.index(Status.REFUSED)].reason


def test_splitting_ends(github: RunningGitHub, around: Around, hold: Hold) -> None:
    values = [github.state.issue(OWNER) for _ in range(64)]
    github.fail("POST", PATH, *[Fault(422)] * 200)
    outcomes = PROVIDER.revoke([hold(v) for v in values], around(github.environment()))
    assert {outcome.status for outcome in outcomes.values()} == {Status.REFUSED}
    assert len(github.asked("POST", PATH)) == module.REQUESTS


def test_one_that_is_dead_already_though_github_does_not_take_it(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    """GitHub ends by itself what it finds in a public repository."""
    github.fail("POST", PATH, Fault(422))
    outcome = only(
        PROVIDER.revoke([hold(make_value(tokens.CLASSIC))], around(github.environment()))
    )
    assert outcome.status is Status.DONE


def test_a_refresh_token_can_not_be_seen_dead(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER, tokens.REFRESH)
    outcome = only(PROVIDER.revoke([hold(value)], around(github.environment())))
    assert outcome.status is Status.MANUAL
    assert "can't be seen" in outcome.reason
    assert outcome.manual is not None
    well_told(outcome.manual)
    assert "Revoke" in " ".join(outcome.manual.instructions)
    assert github.asked("GET", "/user") == []


def test_without_leave_to_use_the_leaked_token_it_is_revoked_and_not_looked_at(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER)
    vendor = around(github.environment(), use_leaked=False)
    outcome = only(PROVIDER.revoke([hold(value)], vendor))
    assert outcome.status is Status.MANUAL
    assert "use_leaked" in outcome.reason
    assert outcome.manual is not None
    well_told(outcome.manual)
    assert "use_leaked = true" in " ".join(outcome.manual.instructions)
    assert github.asked("GET", "/user") == []
    assert len(github.asked("POST", PATH)) == 1


def test_an_installation_token_ends_itself(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue("an-app", tokens.INSTALLATION)
    outcome = only(PROVIDER.revoke([hold(value)], around(github.environment())))
    assert outcome.status is Status.DONE
    assert [e.saw for e in outcome.evidence] == ["204", "401 Bad credentials"]
    assert github.asked("POST", PATH) == []


@pytest.mark.parametrize("status, want", [(500, Status.UNREACHABLE), (403, Status.REFUSED)])
def test_an_installation_token_that_can_not_be_ended(
    github: RunningGitHub, around: Around, hold: Hold, status: int, want: Status
) -> None:
    value = github.state.issue("an-app", tokens.INSTALLATION)
    github.fail("DELETE", "/installation/token", *[Fault(status)] * 9)
    assert only(PROVIDER.revoke([hold(value)], around(github.environment()))).status is want


def test_a_value_that_is_gone_is_a_step_for_a_person(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    held = hold(make_value(tokens.CLASSIC))
    outcome = only(PROVIDER.revoke([Held(held.credential, {})], around(github.environment())))
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    assert outcome.manual.id == f"revoke-github-{held.credential.parts['value'][:8]}"
    assert github.state.requests == []


def test_an_empty_batch_asks_nothing(github: RunningGitHub, around: Around) -> None:
    assert PROVIDER.revoke([], around(github.environment())) == {}
    assert github.state.requests == []


def test_no_value_is_in_any_outcome(github: RunningGitHub, around: Around, hold: Hold) -> None:
    value = github.state.issue(OWNER)
    echo = Fault(403, json.dumps({"message": f"no {value.reveal_text()}"}).encode())
    github.fail("POST", PATH, echo)
    github.fail("GET", "/user", echo)
    vendor = around(github.environment())
    object.__setattr__(
        vendor, "redact", lambda text: text.replace(value.reveal_text(), "[redacted]")
    )
    outcome = only(PROVIDER.revoke([hold(value)], vendor))
    assert "[redacted]" in outcome.reason
    assert value.reveal_text() not in repr(outcome)


def test_the_value_travels_in_the_body_alone(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(OWNER)
    PROVIDER.revoke([hold(value)], around(github.environment()))
    for request in github.state.requests:
        assert value.reveal_text() not in request.path + str(request.query)
    assert Secret(json.loads(github.state.requests[0].body)["credentials"][0]) == value
