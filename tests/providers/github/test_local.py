"""The local GitHub keeps the real one's quirks, also towards clients that are not ours."""

from __future__ import annotations

import tomllib
import urllib.error
import urllib.request

import pytest

from remediate.http import Http
from remediate.model import ManualStep
from remediate.plugins import registry
from remediate.secret import Secret
from remediate_providers.github import tokens
from remediate_providers.github.local import OWNER, REPOSITORY, LocalGitHub, RunningGitHub


def post(bare: RunningGitHub, body: object, **headers: str) -> int:
    with Http({}) as http:
        return http.send(
            "POST", f"{bare.url}/credentials/revoke", json=body, headers=headers
        ).status


def test_it_is_found_by_entry_point() -> None:
    assert isinstance(registry.local_vendors.get("github"), LocalGitHub)
    assert registry.providers.get("github").name == "github"
    assert registry.stores.get("github-actions").scheme == "github-actions"


@pytest.mark.parametrize("value", ["Bearer x", "Basic YTpi", ""])
def test_revocation_refuses_anybody_who_says_who_they_are(bare: RunningGitHub, value: str) -> None:
    token = bare.state.issue(OWNER)
    assert post(bare, {"credentials": [token.reveal_text()]}, Authorization=value) == 403
    assert bare.state.tokens[token].dies is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"credentials": []},
        {"credentials": ["x"] * 1001},
        {"credentials": [1]},
        {"credentials": "x"},
    ],
)
def test_revocation_takes_1_to_1000(bare: RunningGitHub, body: object) -> None:
    assert post(bare, body) == 422


def test_revocation_says_202_whatever_becomes_of_it(bare: RunningGitHub) -> None:
    installation = bare.state.issue("an-app", tokens.INSTALLATION)
    assert post(bare, {"credentials": ["unknown", installation.reveal_text()]}) == 202
    assert bare.state.tokens[installation].dies is None


def test_60_requests_an_hour_without_authentication(bare: RunningGitHub) -> None:
    statuses = [post(bare, {"credentials": ["x"]}) for _ in range(61)]
    assert statuses == [202] * 60 + [403]


def test_a_client_without_a_name_is_refused(bare: RunningGitHub) -> None:
    request = urllib.request.Request(f"{bare.url}/user", headers={"User-Agent": ""})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    assert caught.value.code == 403


def test_an_api_version_that_is_not_served(bare: RunningGitHub) -> None:
    with Http({}) as http:
        answer = http.send(
            "GET", f"{bare.url}/user", headers={"X-GitHub-Api-Version": "1999-01-01"}
        )
    assert answer.status == 400


def test_what_is_planted_leaks_and_its_policy_names_stores(bare: RunningGitHub) -> None:
    planted = bare.plant()
    value = planted.values["value"].reveal_text()
    assert tokens.checksum_fits(planted.values["value"]) is True
    assert any(f"GITHUB_TOKEN={value}" in text for text in planted.files.values())
    assert value in planted.message
    (table,) = tomllib.loads(planted.policy)["credential"]
    assert table["match"] == "github"
    assert f"github-actions:{REPOSITORY}#DEPLOY_TOKEN" in table["stores"]
    assert not bare.is_dead(planted.values)
    bare.state.lag = 0
    bare.state.revoke(planted.values["value"])
    assert bare.is_dead(planted.values)


def test_two_planted_ones_differ(bare: RunningGitHub) -> None:
    assert bare.plant().values != bare.plant().values


def test_the_page_shows_what_the_address_filled_in_as_text(bare: RunningGitHub) -> None:
    with Http({}) as http:
        page = http.send(
            "GET", f"{bare.url}/settings/tokens/new?scopes=repo&description=%22%3E%3Cscript%3E"
        )
    text = page.body.decode()
    assert 'value="repo"' in text
    assert "<script>" not in text


@pytest.mark.parametrize(
    "url", [None, "https://github.com/settings/tokens/new", "http://127.0.0.1:9/settings/x"]
)
def test_a_person_goes_to_no_other_place(bare: RunningGitHub, url: str | None) -> None:
    step = ManualStep("replace-github-1", "Make one", "because", url=url, takes_value=True)
    assert bare.person(step) is None


def test_a_step_that_takes_no_value_gives_none(bare: RunningGitHub) -> None:
    step = ManualStep("revoke-github-1", "End it", "because", url=f"{bare.url}/settings/tokens")
    assert bare.person(step) is None


def test_the_environment_is_another_account_than_the_leak(bare: RunningGitHub) -> None:
    environment = bare.environment()
    assert environment["GITHUB_API_URL"].startswith("http://127.0.0.1:")
    own = bare.state.living(Secret(environment["GITHUB_TOKEN"]))
    assert own is not None
    assert own.login != OWNER


def test_closing_leaves_nothing_listening() -> None:
    running = LocalGitHub().start()
    url = running.url
    with Http({}) as http:
        http.send("GET", f"{url}/settings/tokens/new")
        running.close()
        with pytest.raises(Exception, match=r"refused|lost|no connection"):
            http.send("GET", f"{url}/settings/tokens/new")
    assert not running._server._thread.is_alive()
