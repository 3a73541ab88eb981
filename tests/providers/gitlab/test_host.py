"""GitLab as a host: what is in a push's way lifted by the least, and put back exactly."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from remediate.errors import VendorError
from remediate.plugins.context import VendorContext
from remediate.plugins.host import HasSupport, Lifts, ServesById, SupportCase, Sweeps
from remediate.plugins.outcome import Status
from remediate.plugins.registry import hosts
from remediate_providers.gitlab.host import GitLabHost, project_of
from remediate_providers.gitlab.local import RunningGitLab
from remediate_providers.gitlab.local_host import HostedProject
from remediate_providers.gitlab.server import Server
from remediate_providers.loopback import Fault

HOST = GitLabHost()
NAME = "acme/tools/app"
REFS = ("refs/heads/main", "refs/heads/release/1", "refs/tags/v1.0")
Around = Callable[..., VendorContext]


def guarded(gitlab: RunningGitLab) -> HostedProject:
    made = HostedProject()
    made.branches = {
        name: {"id": n, "name": name, "allow_force_push": forced, "push_access_levels": []}
        for n, name, forced in ((1, "main", False), (2, "release/*", False), (3, "docs", False))
    }
    made.tags = {
        "v*": {"name": "v*", "create_access_levels": [{"access_level": 40}]},
        "x*": {"name": "x*", "create_access_levels": [{"access_level": 30}]},
    }
    made.hooks = {
        5: {"id": 5, "url": "https://ci.example.com/?t=hidden", "push_events": True,
            "tag_push_events": True, "merge_requests_events": False},
        6: {"id": 6, "url": "https://chat.example.com/", "push_events": False},
    }  # fmt: skip
    made.merge_requests = [
        {"iid": 3, "web_url": "https://gitlab.com/x/3", "source_branch": "f", "target_branch": "main",
         "merge_when_pipeline_succeeds": True},
        {"iid": 4, "web_url": "https://gitlab.com/x/4", "source_branch": "f", "target_branch": "docs"},
    ]  # fmt: skip
    made.forks = [{"path_with_namespace": "bob/app", "web_url": "https://gitlab.com/bob/app"}]
    made.members = [
        {"username": "ada", "access_level": 40},
        {"username": "eve", "access_level": 20},
    ]
    gitlab.host.projects[NAME] = made
    return made


def address(gitlab: RunningGitLab) -> str:
    return f"{gitlab.url}/{NAME}.git"


def test_it_is_found_and_offers_its_parts() -> None:
    host = hosts.get("gitlab")
    assert isinstance(host, Lifts) and isinstance(host, ServesById) and isinstance(host, HasSupport)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("git@gitlab.com:acme/tools/app.git", "acme/tools/app"),
        ("https://gitlab.com/acme/app", "acme/app"),
        ("ssh://git@altssh.gitlab.com:443/acme/app.git", "acme/app"),
        ("https://github.com/acme/app.git", None),
        ("https://gitlab.com/acme", None),
        ("/srv/gitlab.com/acme/app.git", None),
    ],
)
def test_addresses(url: str, path: str | None) -> None:
    assert project_of(url, Server.of({})) == path


def test_what_a_push_meets_is_told(gitlab: RunningGitLab, around: Around) -> None:
    guarded(gitlab)
    facts = HOST.look(address(gitlab), REFS, around(gitlab.environment()))
    assert facts.unknown == {}
    assert facts.known["pulls"] == [{"id": "!3", "url": "https://gitlab.com/x/3"}]
    assert facts.known["auto_merge"] == ["!3"] and facts.known["pushers"] == ["ada"]
    assert facts.known["forks_count"] == 1


def test_everything_is_lifted_by_the_least_and_put_back(
    gitlab: RunningGitLab, around: Around
) -> None:
    there = guarded(gitlab)
    before = there.snapshot()
    vendor = around(gitlab.environment())
    changes = HOST.changes(address(gitlab), REFS, vendor)
    assert [c.id for c in changes] == [
        *("auto-merge/3", "ci", "hook/5", "branch/main", "branch/release/*", "tag/v*"),
    ]  # fmt: skip
    assert there.snapshot() == before
    assert "hidden" not in repr(changes)
    for _ in range(2):
        for change in changes:
            outcome = HOST.lift(address(gitlab), change, vendor)
            assert outcome.status is Status.DONE, outcome
    lifted = there.snapshot()
    assert lifted["branches"]["docs"] == before["branches"]["docs"]
    assert lifted["branches"]["main"]["allow_force_push"] and lifted["tags"] == {"x*": [30]}
    assert not lifted["hooks"][5]["push_events"] and lifted["hooks"][6] == before["hooks"][6]
    assert there.merge_requests[0]["merge_when_pipeline_succeeds"] is False
    for _ in range(2):
        for change in reversed(changes):
            outcome = HOST.put_back(address(gitlab), change, vendor)
            assert outcome.status.settled, outcome
    assert there.merge_requests[0]["merge_when_pipeline_succeeds"] is False, (
        "it might merge at once"
    )
    assert "merge_requests/3" in outcome.summary
    assert there.snapshot() == before


def test_no_token_and_a_lost_answer(gitlab: RunningGitLab, around: Around) -> None:
    there = guarded(gitlab)
    with pytest.raises(VendorError, match="no token of yours"):
        HOST.changes(address(gitlab), REFS, around({"GITLAB_API_URL": gitlab.url}))
    vendor = around(gitlab.environment(), seconds=0.1)
    change = next(c for c in HOST.changes(address(gitlab), REFS, vendor) if c.id == "branch/main")
    gitlab.fail("PATCH", "*", *[Fault(None, after=True)] * 9)
    assert HOST.lift(address(gitlab), change, vendor).status is Status.UNREACHABLE
    assert there.branches["main"]["allow_force_push"], "it happened, and nobody saw it"


def test_old_commits_and_the_clean_up(gitlab: RunningGitLab, around: Around) -> None:
    guarded(gitlab).commits.add("a" * 40)
    shown = HOST.still_served(address(gitlab), ["a" * 40, "b" * 40], around(gitlab.environment()))
    assert shown == {"a" * 40: True, "b" * 40: False}
    step = HOST.support(SupportCase("https://gitlab.com/acme/app.git", 2, ("c" * 40,)))
    assert step.url == "https://gitlab.com/acme/app/-/settings/repository"
    assert "--object-map" in "\n".join(step.instructions) and "c" * 40 in "\n".join(
        step.instructions
    )


def test_old_blobs_are_removed_by_their_ids_alone(gitlab: RunningGitLab, around: Around) -> None:
    there, vendor, url = guarded(gitlab), around(gitlab.environment()), address(gitlab)
    there.commits.add("a" * 40)
    assert isinstance(HOST, Sweeps)
    assert HOST.sweep(url, ["b" * 40], vendor).status is Status.UNCHANGED, "it has none of them"
    gitlab.fail("GET", "*/repository/blobs/*", *[Fault(403)] * 2)
    for _ in range(2):
        assert HOST.sweep(url, ["b" * 40], vendor).status is Status.DONE
    sent = [r.json() for r in gitlab.requests if r.path == "/api/graphql"]
    assert [one["variables"] for one in sent] == [{"path": NAME, "oids": ["b" * 40]}] * 2
    assert HOST.collect(url, vendor).status is Status.DONE
    assert HOST.prune(url, vendor).status is Status.DONE
    assert there.housekept == ["eager", "prune"]
    there.busy = True
    assert HOST.prune(url, vendor).status is Status.DONE, "somebody else started it"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda there: there.about.update(forks_count=1), "a fork shares its objects"),
        (lambda there: setattr(there, "owners", set()), "the Owner role"),
    ],
)
def test_what_gitlab_will_not_sweep_is_told(
    gitlab: RunningGitLab, around: Around, change: Callable[[HostedProject], None], said: str
) -> None:
    change(guarded(gitlab))
    gitlab.fail("GET", "*/repository/blobs/*", Fault(403))
    outcome = HOST.sweep(address(gitlab), ["b" * 40], around(gitlab.environment()))
    assert outcome.status is Status.REFUSED and said in outcome.reason


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (Fault(200, b'{"errors": [{"message": "Field \'x\' doesn\'t exist on type \'Mutation\'"}]}'),
         Status.REFUSED, "older than 17.1"),
        (Fault(200, b'{"data": {"projectBlobsRemove": {"errors": ["Some error"]}}}'),
         Status.REFUSED, "Some error"),
        (Fault(200, b"<html>"), Status.UNREACHABLE, "not its own format"),
        (Fault(401), Status.REFUSED, "refused the token"),
    ],
)  # fmt: skip
def test_no_answer_of_graphql_is_taken_for_a_yes(
    gitlab: RunningGitLab, around: Around, fault: Fault, status: Status, said: str
) -> None:
    guarded(gitlab)
    gitlab.fail("GET", "*/repository/blobs/*", Fault(403))
    gitlab.fail("POST", "/api/graphql", fault)
    outcome = HOST.sweep(address(gitlab), ["b" * 40], around(gitlab.environment(), seconds=0.1))
    assert outcome.status is status and said in outcome.reason, outcome
