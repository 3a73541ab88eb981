"""Actions secrets: sealed here, opened only by the local GitHub's own private key."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from remediate.errors import UsageError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.github import tokens
from remediate_providers.github.actions_secrets import ActionsSecretsStore
from remediate_providers.github.local import ENVIRONMENT, REPOSITORY, LocalGitHub, RunningGitHub
from remediate_providers.github.local_state import make_value
from remediate_providers.loopback import Fault

Around = Callable[..., VendorContext]
STORE = ActionsSecretsStore()
NEW = {"value": Secret("the-new-value\nwith é and a second line")}
SECRETS = f"/repos/{REPOSITORY}/actions/secrets"


def target(place: str = REPOSITORY, *names: str) -> Target:
    keys = tuple((name, None) for name in names or ("DEPLOY_TOKEN",))
    return Target("github-actions", place, keys, f"github-actions:{place}#{','.join(names)}")


def test_a_new_secret_arrives_whole(github: RunningGitHub, around: Around) -> None:
    outcome = STORE.put(target(), NEW, around(github.environment()))
    assert outcome.status is Status.DONE
    assert github.stored(REPOSITORY, "DEPLOY_TOKEN") == NEW["value"]
    assert "before there was none" in outcome.evidence[0].saw
    assert STORE.holds(target(), NEW, around(github.environment())) is None


def test_one_of_an_environment(github: RunningGitHub, around: Around) -> None:
    place = f"{REPOSITORY}@{ENVIRONMENT}"
    outcome = STORE.put(target(place), NEW, around(github.environment()))
    assert outcome.status is Status.DONE
    assert github.stored(place, "DEPLOY_TOKEN") == NEW["value"]
    assert github.state.places[REPOSITORY].secrets == {}


def test_a_change_is_proven_by_its_time(around: Around) -> None:
    moments = iter(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n) for n in range(10_000))
    github = LocalGitHub(now=lambda: next(moments)).start()
    try:
        vendor = around(github.environment())
        first = STORE.put(target(), NEW, vendor).data["updated_at"]
        second = STORE.put(target(), {"value": Secret("other")}, vendor).data["updated_at"]
    finally:
        github.close()
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert second["DEPLOY_TOKEN"] > first["DEPLOY_TOKEN"]


def test_within_one_second_it_is_written_again_until_the_time_moves(around: Around) -> None:
    clock = [datetime(2026, 1, 1, tzinfo=UTC)]
    github = LocalGitHub(now=lambda: clock[0]).start()
    try:
        vendor = around(github.environment())
        assert STORE.put(target(), NEW, vendor).status is Status.DONE
        object.__setattr__(
            vendor, "sleep", lambda s: clock.__setitem__(0, clock[0] + timedelta(seconds=s))
        )
        assert STORE.put(target(), NEW, vendor).status is Status.DONE
        assert len(github.asked("PUT", f"{SECRETS}/DEPLOY_TOKEN")) == 3
    finally:
        github.close()


def test_a_time_that_never_moves_is_unknown(around: Around) -> None:
    github = LocalGitHub(now=lambda: datetime(2026, 1, 1, tzinfo=UTC)).start()
    try:
        vendor = around(github.environment())
        STORE.put(target(), NEW, vendor)
        outcome = STORE.put(target(), NEW, vendor)
    finally:
        github.close()
    assert outcome.status is Status.UNKNOWN
    assert "updated_at did not move" in outcome.reason


def test_several_parts_and_names(github: RunningGitHub, around: Around) -> None:
    both = Target("github-actions", REPOSITORY, (("KEY_ID", "id"), ("KEY", "secret")), "spec")
    values = {"id": Secret("AKIA"), "secret": Secret("s3cret")}
    outcome = STORE.put(both, values, around(github.environment()))
    assert outcome.status is Status.DONE
    assert github.stored(REPOSITORY, "KEY_ID") == values["id"]
    assert github.stored(REPOSITORY, "KEY") == values["secret"]


def test_what_was_written_before_a_failure_is_told(github: RunningGitHub, around: Around) -> None:
    both = Target("github-actions", REPOSITORY, (("ONE", "a"), ("TWO", "b")), "spec")
    github.fail("PUT", f"{SECRETS}/TWO", Fault(422, b'{"message": "no"}'))
    outcome = STORE.put(both, {"a": Secret("1"), "b": Secret("2")}, around(github.environment()))
    assert outcome.status is Status.REFUSED
    assert outcome.summary == f"ONE was written to {REPOSITORY}, and no more"
    assert set(outcome.data["updated_at"]) == {"ONE"}  # type: ignore[call-overload]


def test_without_a_token_of_ones_own(around: Around, github: RunningGitHub) -> None:
    outcome = STORE.put(target(), NEW, around({"GITHUB_API_URL": github.url}))
    assert outcome.status is Status.REFUSED
    assert "gh auth login" in outcome.reason
    assert "Secrets: write" in outcome.reason
    assert github.state.requests == []


@pytest.mark.parametrize("place", ["acme/other", f"{REPOSITORY}@staging"])
def test_a_place_that_is_not_there(github: RunningGitHub, around: Around, place: str) -> None:
    outcome = STORE.put(target(place), NEW, around(github.environment()))
    assert outcome.status is Status.REFUSED
    assert "no such thing" in outcome.reason
    assert place in outcome.reason


def test_a_missing_scope_is_named(github: RunningGitHub, around: Around) -> None:
    poor = github.state.issue("ada-responds", scopes=("read:org",))
    environment = {**github.environment(), "GITHUB_TOKEN": poor.reveal_text()}
    outcome = STORE.put(target(), NEW, around(environment))
    assert outcome.status is Status.REFUSED
    assert "one of the scopes repo" in outcome.reason


def test_a_missing_permission_is_named(github: RunningGitHub, around: Around) -> None:
    github.fail(
        "PUT",
        f"{SECRETS}/DEPLOY_TOKEN",
        Fault(
            403,
            b'{"message": "Resource not accessible by personal access token"}',
            {"X-Accepted-GitHub-Permissions": "secrets=write"},
        ),
    )
    outcome = STORE.put(target(), NEW, around(github.environment()))
    assert outcome.status is Status.REFUSED
    assert "needed is permission secrets=write" in outcome.reason


def test_ones_own_token_that_died_with_the_leak_is_explained(
    github: RunningGitHub, around: Around
) -> None:
    environment = {
        **github.environment(),
        "GITHUB_TOKEN": make_value(tokens.CLASSIC).reveal_text(),
    }
    outcome = STORE.put(target(), NEW, around(environment))
    assert outcome.status is Status.REFUSED
    assert "may be the one that was just revoked" in outcome.reason


@pytest.mark.parametrize(
    "path, method, faults, want",
    [
        ("public-key", "GET", [Fault(500)] * 9, Status.UNREACHABLE),
        ("public-key", "GET", [Fault(500)] * 3, Status.DONE),
        ("public-key", "GET", [Fault(200, b"{}")], Status.UNREACHABLE),
        ("public-key", "GET", [Fault(200, b'{"key_id": "1", "key": "AAAA"}')], Status.UNREACHABLE),
        (
            "public-key",
            "GET",
            [Fault(200, b'{"key_id": "1", "key": "\\u2603"}')],
            Status.UNREACHABLE,
        ),
        ("public-key", "GET", [Fault(None)] * 9, Status.UNREACHABLE),
        ("DEPLOY_TOKEN", "PUT", [Fault(None, after=True)], Status.DONE),
        ("DEPLOY_TOKEN", "PUT", [Fault(429, b"{}", {"Retry-After": "1"})], Status.DONE),
        ("DEPLOY_TOKEN", "PUT", [Fault(429, b"{}", {"Retry-After": "9999"})], Status.UNREACHABLE),
        ("DEPLOY_TOKEN", "PUT", [Fault(301)], Status.REFUSED),
        ("DEPLOY_TOKEN", "GET", [Fault(200, b"garbage")], Status.UNREACHABLE),
        ("DEPLOY_TOKEN", "GET", [Fault(403, b"{}")], Status.REFUSED),
    ],
)
def test_faults(
    github: RunningGitHub,
    around: Around,
    path: str,
    method: str,
    faults: list[Fault],
    want: Status,
) -> None:
    github.fail(method, f"{SECRETS}/{path}", *faults)
    outcome = STORE.put(target(), NEW, around(github.environment()))
    assert outcome.status is want
    assert outcome.reason or want is Status.DONE


def test_a_value_that_is_too_large(github: RunningGitHub, around: Around) -> None:
    outcome = STORE.put(
        target(), {"value": Secret(b"x" * (48 * 1024 + 1))}, around(github.environment())
    )
    assert outcome.status is Status.REFUSED
    assert "48 KB" in outcome.reason
    assert github.state.requests == []


def test_the_value_leaves_sealed_alone(github: RunningGitHub, around: Around) -> None:
    STORE.put(target(), NEW, around(github.environment()))
    plain = NEW["value"].reveal()
    (put,) = [r for r in github.state.requests if r.method == "PUT"]
    assert plain not in put.body
    assert plain not in base64.b64decode(json.loads(put.body)["encrypted_value"])


@pytest.mark.parametrize(
    "place, names",
    [
        ("acme@production", ("A",)),
        ("acme/", ("A",)),
        ("/app", ("A",)),
        ("acme/app/x", ("A",)),
        ("acme/..", ("A",)),
        ("acme/app@", ("A",)),
        ("../acme/app", ("A",)),
        ("acme/app?x", ("A",)),
        ("acme/app", ("1A",)),
        ("acme/app", ("A-B",)),
        ("acme/app", ("GITHUB_TOKEN",)),
        ("acme/app", ("github_x",)),
        ("acme/app", ("A/../B",)),
    ],
)
def test_targets_that_can_not_be(place: str, names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        STORE.validate(target(place, *names))


def test_a_target_without_a_name() -> None:
    with pytest.raises(UsageError, match="names no secret"):
        STORE.validate(Target("github-actions", REPOSITORY, (), f"github-actions:{REPOSITORY}"))


@pytest.mark.parametrize("place", ["acme/app", "a/b.c-d_e", "acme/app@production", "o_m/r@a b/c"])
def test_targets_that_can_be(place: str) -> None:
    STORE.validate(target(place, "DEPLOY_TOKEN", "_x"))


def test_an_environments_name_is_escaped(github: RunningGitHub, around: Around) -> None:
    from remediate_providers.github.local_state import Place

    github.state.places[f"{REPOSITORY}@a b/c"] = Place()
    outcome = STORE.put(target(f"{REPOSITORY}@a b/c"), NEW, around(github.environment()))
    assert outcome.status is Status.DONE
    assert "/environments/a%20b%2Fc/secrets/public-key" in github.state.requests[0].path


def test_runs_that_began_with_the_old_value_are_named(
    github: RunningGitHub, around: Around
) -> None:
    page = "https://github.com/acme/app/actions/runs/7"
    github.state.runs[REPOSITORY] = [
        {"id": 7, "name": "Release", "status": "in_progress", "html_url": page},
        {"id": 6, "name": "Tests", "status": "completed", "html_url": page},
    ]
    outcome = STORE.put(target(), NEW, around(github.environment()))
    assert outcome.status is Status.DONE
    assert outcome.data["running"] == [{"run": 7, "workflow": "Release", "page": page}]
    assert "1 run goes on" in outcome.summary


def test_runs_that_are_not_told_fail_nothing(github: RunningGitHub, around: Around) -> None:
    github.fail("GET", "*/actions/runs", Fault(403, b'{"message": "no"}'))
    outcome = STORE.put(target(), NEW, around(github.environment()))
    assert outcome.status is Status.DONE
    assert "running" not in outcome.data
