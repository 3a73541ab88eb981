"""Who uses an Actions secret: workflows that ask for it, secrets of the same name, and what can't be read."""

from __future__ import annotations

import pytest

from remediate.plugins.store import FindsUses, Target
from remediate.secret import Secret
from remediate_providers.github.actions_secrets import ActionsSecretsStore
from remediate_providers.github.local import ORGANISATION, REPOSITORY
from remediate_providers.github.local_state import Place
from remediate_providers.loopback import Fault

STORE = ActionsSecretsStore()
LEAKED = {"value": Secret("the-leaked-value")}
FOLDER = ".github/workflows"


def target(place: str = REPOSITORY, name: str = "DEPLOY_TOKEN") -> Target:
    return Target("github-actions", place, ((name, None),), f"github-actions:{place}#{name}")


def hold(github, place: str, name: str = "DEPLOY_TOKEN") -> None:
    github.state.places.setdefault(place, Place())
    github.state.store(github.state.places[place], name, b"sealed")


def rows(facts) -> dict[str, tuple[str, bool]]:
    return {row["where"]: (row["what"], row["sure"]) for row in facts.known["uses"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("env: {T: '${{ secrets.DEPLOY_TOKEN }}'}", True),
        ("env: {T: '${{ secrets.deploy_token }}'}", True),
        ("env: {T: \"${{ secrets['DEPLOY_TOKEN'] }}\"}", True),
        ("env: {T: '${{ secrets.DEPLOY_TOKEN_2 }}'}", False),
        ("env: {T: '${{ secrets.OTHER }}'}", False),
        ("env: {T: '${{ vars.DEPLOY_TOKEN }}'}", False),
    ],
)
def test_a_workflow_that_asks_for_it_is_named(github, around, text, found) -> None:
    github.state.files[REPOSITORY] = {f"{FOLDER}/a b.yml": text, f"{FOLDER}/notes.txt": text}
    facts = STORE.uses(target(), LEAKED, around(github.environment()))
    where = f"{REPOSITORY}: {FOLDER}/a b.yml"
    assert rows(facts) == (
        {where: ("a workflow that asks for DEPLOY_TOKEN", True)} if found else {}
    )
    assert facts.unknown == {}


def test_one_that_hands_all_on_may_be_one(github, around) -> None:
    text = "jobs:\n  a:\n    uses: ./x.yml\n    secrets: inherit\n"
    github.state.files[REPOSITORY] = {f"{FOLDER}/a.yaml": text}
    facts = STORE.uses(target(), LEAKED, around(github.environment()))
    assert list(rows(facts).values()) == [("a workflow that hands all secrets on", False)]


def test_secrets_of_the_same_name_are_named_and_not_claimed_to_be_the_same(github, around) -> None:
    for place in (
        *(REPOSITORY, f"{REPOSITORY}@production", f"{REPOSITORY}@staging/eu"),
        *(f"{REPOSITORY}:dependabot", f"{REPOSITORY}:codespaces", f"{REPOSITORY}:agents"),
        ORGANISATION,
    ):
        hold(github, place)
    hold(github, f"{REPOSITORY}@other", "OTHER")
    assert isinstance(STORE, FindsUses)
    facts = STORE.uses(target(f"{REPOSITORY}@production"), LEAKED, around(github.environment()))
    assert set(rows(facts)) == {
        *(REPOSITORY, f"{REPOSITORY}@staging/eu", f"the organisation {ORGANISATION}"),
        *(f"{REPOSITORY} ({app})" for app in ("dependabot", "codespaces", "agents")),
    }
    assert {sure for _what, sure in rows(facts).values()} == {False}


@pytest.mark.parametrize(
    "fault", [Fault(403), Fault(None), Fault(500), Fault(200, b"<html>"), Fault(429)]
)
@pytest.mark.parametrize(
    "path", ["/environments", "/contents/.github/workflows", "/dependabot/secrets"]
)
def test_what_can_not_be_read_is_said_and_the_rest_is_told(github, around, path, fault) -> None:
    hold(github, f"{REPOSITORY}:codespaces")
    github.fail("GET", f"/repos/{REPOSITORY}{path}", *[fault] * 9)
    facts = STORE.uses(target(), LEAKED, around(github.environment()))
    assert len(facts.unknown) == 1
    assert all(facts.unknown.values())
    assert f"{REPOSITORY} (codespaces)" in rows(facts)


def test_without_a_token_it_says_so(github, around) -> None:
    facts = STORE.uses(target(), LEAKED, around({"GITHUB_API_URL": github.url}))
    assert "gh auth login" in facts.unknown["uses"]
    facts = STORE.uses(target(ORGANISATION), LEAKED, around(github.environment()))
    assert facts.unknown["workflows"]
