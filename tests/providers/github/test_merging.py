"""Pull requests that would merge themselves: switched off for the push, put back, or left off for good."""

from __future__ import annotations

import pytest

from remediate.plugins.host import Change
from remediate.plugins.outcome import Status
from remediate_providers.github.host import GitHubHost
from remediate_providers.github.local import RunningGitHub
from remediate_providers.github.local_host import HostedRepository
from remediate_providers.github.server import Server
from remediate_providers.loopback import Fault

from .conftest import Around
from .hosted import NAME, REFS, guarded

HOST = GitHubHost()


@pytest.fixture
def there(github: RunningGitHub) -> HostedRepository:
    made = guarded(github)
    made.pulls += [
        {"number": 8, "html_url": "", "base": {"ref": "main"}, "head": {"ref": "patch"}, "fork": True,
         "auto_merge": {"merge_method": "merge"}, "queued": True},
        {"number": 9, "html_url": "", "base": {"ref": "release/1.0"}, "head": {"ref": "x"},
         "auto_merge": None, "queued": True},
    ]  # fmt: skip
    return made


def merging(github: RunningGitHub, around: Around) -> list[Change]:
    url = f"{github.url}/{NAME}.git"
    found = HOST.changes(url, REFS, around(github.environment()))
    return [c for c in found if c.id.startswith(("merges-itself", "queued"))]


def test_they_are_off_for_the_push_and_back_after_it(
    github: RunningGitHub, around: Around, there: HostedRepository
) -> None:
    url, vendor, before = f"{github.url}/{NAME}.git", around(github.environment()), there.snapshot()
    changes = merging(github, around)
    assert [c.id for c in changes] == ["merges-itself/5", "merges-itself/8", "queued/8", "queued/9"]
    for _ in range(2):
        for change in changes:
            assert HOST.lift(url, change, vendor).status is Status.DONE
    assert set(there.snapshot()["pulls"].values()) == {(None, False)}
    for _ in range(2):
        ended = {c.id: HOST.put_back(url, c, vendor) for c in reversed(changes)}
    assert ended["merges-itself/5"].status is Status.DONE
    assert ended["merges-itself/8"].status is Status.UNCHANGED
    assert "has the old history" in ended["queued/8"].summary
    after = there.snapshot()["pulls"]
    assert after == {**before["pulls"], 8: (None, False)}


def test_one_that_waits_for_nothing_or_is_closed_does_not_hold_the_incident_open(
    github: RunningGitHub, around: Around, there: HostedRepository
) -> None:
    url, vendor = f"{github.url}/{NAME}.git", around(github.environment())
    changes = merging(github, around)
    for change in changes:
        HOST.lift(url, change, vendor)
    there.pulls[0]["clean"] = True
    there.pulls[-1]["state"] = "closed"
    ended = {c.id: HOST.put_back(url, c, vendor) for c in changes}
    assert {outcome.status for outcome in ended.values()} == {Status.UNCHANGED}
    assert "has a person merge it" in ended["merges-itself/5"].summary
    assert "Not open any more" in ended["queued/9"].summary


def test_a_message_that_holds_a_secret_is_not_kept(
    github: RunningGitHub, around: Around, there: HostedRepository
) -> None:
    there.pulls[0]["auto_merge"] |= {"commit_title": "fine", "commit_message": "the ghost-of-a-key"}
    url = f"{github.url}/{NAME}.git"
    vendor = around(github.environment())
    redacting = type(vendor)(
        **{**vars(vendor), "redact": lambda text: text.replace("ghost-of-a-key", "…")}
    )
    (change,) = [c for c in HOST.changes(url, REFS, redacting) if c.id == "merges-itself/5"]
    assert change.before["headline"] == "fine" and change.before["body"] is None


def test_without_graphql_the_rest_is_lifted_all_the_same(
    github: RunningGitHub, around: Around, there: HostedRepository
) -> None:
    refusal = b'{"errors": [{"message": "no"}], "data": null}'
    github.fail("POST", "/graphql", *[Fault(200, refusal)] * 2)
    url, vendor = f"{github.url}/{NAME}.git", around(github.environment())
    assert HOST.look(url, REFS, vendor).unknown.keys() == {"merge queue"}
    assert HOST.changes(url, REFS, vendor)[0].id == "auto-merge"


def test_where_graphql_is() -> None:
    def at(api: str) -> str:
        return Server.of({"GITHUB_API_URL": api}).graphql

    assert at("https://api.github.com") == "https://api.github.com/graphql"
    assert at("https://git.example.com/api/v3") == "https://git.example.com/api/graphql"
