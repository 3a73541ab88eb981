"""The successor: a person makes it, we look at it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.github import pages, tokens
from remediate_providers.github.local import OWNER, SCOPES, RunningGitHub
from remediate_providers.github.local_state import make_value
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.github.server import Server
from remediate_providers.loopback import Fault

Around = Callable[..., VendorContext]
Hold = Callable[..., Held]
PROVIDER = GitHubProvider()
KNOWN = {"owner": OWNER, "scopes": list(SCOPES), "organisations": ["acme"]}


def test_a_classic_one_is_made_on_a_page_that_is_filled_in(around: Around, hold: Hold) -> None:
    held = hold(make_value(tokens.CLASSIC))
    made = PROVIDER.reissue(held, around({}, known=KNOWN))
    assert made.values == {}
    assert made.outcome.status is Status.MANUAL
    step = made.outcome.manual
    assert step is not None
    short = held.credential.parts["value"][:8]
    assert step.id == f"replace-github-{short}"
    assert step.takes_value
    assert step.url == (
        "https://github.com/settings/tokens/new"
        f"?description=Replaces+leaked+token+{short}&scopes=repo,workflow,read:org"
    )
    assert step.instructions[0] == f"Sign in as {OWNER}."
    assert any("acme" in line and "SSO" in line for line in step.instructions)
    assert PROVIDER.reissue(held, around({}, known=KNOWN)).outcome.manual == step, "the same again"


def test_a_fine_grained_one(around: Around, hold: Hold) -> None:
    step = PROVIDER.reissue(hold(make_value(tokens.FINE_GRAINED)), around({})).outcome.manual
    assert step is not None
    assert step.url is not None
    parts = urlsplit(step.url)
    assert parts.netloc + parts.path == "github.com/settings/personal-access-tokens/new"
    query = parse_qs(parts.query)
    assert set(query) == {"name", "description", "expires_in"}
    assert len(query["name"][0]) <= 40
    assert 1 <= int(query["expires_in"][0]) <= 366


@pytest.mark.parametrize(
    "known",
    [{}, {"owner": None, "scopes": None}, {"owner": 3, "scopes": "repo", "organisations": 1}],
)
def test_nothing_known_or_nonsense_leaves_the_page_open(
    around: Around, hold: Hold, known: dict[str, object]
) -> None:
    step = PROVIDER.reissue(
        hold(make_value(tokens.CLASSIC)), around({}, known=known)
    ).outcome.manual
    assert step is not None
    assert "scopes=" not in str(step.url)
    assert "that the leaked token belonged to" in step.instructions[0]


@pytest.mark.parametrize("kind", [tokens.OAUTH, tokens.USER, tokens.REFRESH])
def test_what_only_an_app_can_ask_for(around: Around, hold: Hold, kind: str) -> None:
    step = PROVIDER.reissue(hold(make_value(kind)), around({})).outcome.manual
    assert step is not None
    assert "app" in step.title
    assert step.takes_value


def test_an_installation_token_needs_none(around: Around, hold: Hold) -> None:
    outcome = PROVIDER.reissue(hold(make_value(tokens.INSTALLATION)), around({})).outcome
    assert outcome.status is Status.SKIPPED


def test_nothing_is_made_so_nothing_is_found_after_a_crash(around: Around, hold: Hold) -> None:
    held, vendor = hold(make_value(tokens.CLASSIC)), around({})
    assert PROVIDER.before_reissue(held, vendor) == {}
    assert PROVIDER.reconcile_reissue(held, {}, vendor).status is Status.UNCHANGED


@pytest.mark.parametrize(
    "api, web, self_hosted",
    [
        ("", "https://github.com", False),
        ("https://api.github.com/", "https://github.com", False),
        ("https://api.octo.ghe.com", "https://octo.ghe.com", False),
        ("https://git.example.com/api/v3", "https://git.example.com", True),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123", False),
    ],
)
def test_the_pages_follow_the_api(api: str, web: str, self_hosted: bool) -> None:
    server = Server.of({"GITHUB_API_URL": api})
    assert (server.web, server.self_hosted) == (web, self_hosted)
    assert pages.listing(server, tokens.CLASSIC) == f"{web}/settings/tokens"


def test_a_person_makes_one_and_it_is_taken(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    old = github.plant().values["value"]
    held = hold(old)
    vendor = around(github.environment())
    known = PROVIDER.preserve(held, vendor).known
    vendor = around(github.environment(), known=known)
    step = PROVIDER.reissue(held, vendor).outcome.manual
    assert step is not None
    new = github.person(step)
    assert new is not None
    made = PROVIDER.accept(held, Secret(new.reveal() + b"\n"), vendor)
    assert made.outcome.status is Status.DONE
    assert made.values == {"value": new}
    assert made.outcome.data == {"kind": tokens.CLASSIC, "owner": OWNER}
    assert PROVIDER.confirm(Held(held.credential, made.values), vendor).alive is True


def test_it_says_which_scopes_differ(github: RunningGitHub, around: Around, hold: Hold) -> None:
    new = github.state.issue(OWNER, scopes=("repo", "gist"))
    vendor = around(github.environment(), known=KNOWN)
    made = PROVIDER.accept(hold(make_value(tokens.CLASSIC)), new, vendor)
    assert made.outcome.status is Status.DONE
    assert made.outcome.data["note"] == "without read:org, workflow and with gist besides"


def test_a_fine_grained_one_may_stand_in_for_a_classic_one(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    new = github.state.issue(OWNER, tokens.FINE_GRAINED)
    vendor = around(github.environment(), known=KNOWN)
    assert PROVIDER.accept(hold(make_value(tokens.CLASSIC)), new, vendor).values == {"value": new}


@pytest.mark.parametrize(
    "text", [b"", b"   ", b"hunter2", b"sk_live_" + b"x" * 24, b"ghp_\xff", b"ghp_short"]
)
def test_what_is_no_github_token_is_refused_without_a_call(
    github: RunningGitHub, around: Around, hold: Hold, text: bytes
) -> None:
    made = PROVIDER.accept(
        hold(make_value(tokens.CLASSIC)), Secret(text), around(github.environment())
    )
    assert made.outcome.status is Status.REFUSED
    assert "not a GitHub token" in made.outcome.reason
    assert made.values == {}
    assert github.state.requests == []


def test_the_old_one_is_refused(github: RunningGitHub, around: Around, hold: Hold) -> None:
    value = github.state.issue(OWNER)
    made = PROVIDER.accept(hold(value), value, around(github.environment()))
    assert "leaked token itself" in made.outcome.reason
    assert github.state.requests == []


def test_a_dead_one_is_refused(github: RunningGitHub, around: Around, hold: Hold) -> None:
    made = PROVIDER.accept(
        hold(make_value(tokens.CLASSIC)), make_value(tokens.CLASSIC), around(github.environment())
    )
    assert made.outcome.status is Status.REFUSED
    assert "401" in made.outcome.reason


def test_one_of_another_account_is_refused(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    vendor = around(github.environment(), known=KNOWN)
    made = PROVIDER.accept(hold(make_value(tokens.CLASSIC)), github.state.issue("mallory"), vendor)
    assert made.outcome.status is Status.REFUSED
    assert made.outcome.reason == f"it belongs to mallory; the leaked one belonged to {OWNER}"
    assert made.values == {}


@pytest.mark.parametrize("kind", [tokens.INSTALLATION, tokens.REFRESH])
def test_a_kind_that_can_not_stand_in_is_refused(
    github: RunningGitHub, around: Around, hold: Hold, kind: str
) -> None:
    made = PROVIDER.accept(
        hold(make_value(tokens.CLASSIC)), make_value(kind), around(github.environment())
    )
    assert "does not stand in" in made.outcome.reason


def test_out_of_order_is_not_a_refusal(github: RunningGitHub, around: Around, hold: Hold) -> None:
    github.fail("GET", "/user", *[Fault(500)] * 9)
    new = github.state.issue(OWNER)
    made = PROVIDER.accept(hold(make_value(tokens.CLASSIC)), new, around(github.environment()))
    assert made.outcome.status is Status.UNREACHABLE
    assert made.values == {}


def test_a_new_token_is_looked_at_even_where_the_leaked_one_may_not_be(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    new = github.state.issue(OWNER)
    vendor = around(github.environment(), use_leaked=False)
    held = hold(make_value(tokens.CLASSIC))
    assert PROVIDER.accept(held, new, vendor).outcome.status is Status.DONE
    assert PROVIDER.confirm(Held(held.credential, {"value": new}), vendor).alive is True


def test_a_new_one_that_is_slow_to_be_known(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    new = github.state.issue(OWNER)
    github.fail("GET", "/user", *[Fault(401, b'{"message": "Bad credentials"}')] * 2)
    assert PROVIDER.confirm(hold(new), around(github.environment())).alive is True


def test_a_new_one_that_never_works(github: RunningGitHub, around: Around, hold: Hold) -> None:
    check = PROVIDER.confirm(hold(make_value(tokens.CLASSIC)), around(github.environment()))
    assert check.alive is False
