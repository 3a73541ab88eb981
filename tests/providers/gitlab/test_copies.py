"""Copies beside git: what GitLab's API shows of pipelines, deployments, releases, packages, images and the site."""

from __future__ import annotations

from collections.abc import Callable

from remediate.plugins.context import VendorContext
from remediate_providers.gitlab.host import GitLabHost
from remediate_providers.gitlab.host_copies import HOW
from remediate_providers.gitlab.local import RunningGitLab
from remediate_providers.gitlab.local_host import HostedProject
from remediate_providers.loopback import Fault

HOST = GitLabHost()
NAME = "acme/tools/app"
OLD, NEW = "a" * 40, "b" * 40
REFS = ("refs/heads/main", "refs/tags/v1")


def fill(gitlab: RunningGitLab) -> HostedProject:
    page = f"https://gitlab.com/{NAME}/-"
    there = HostedProject(site="https://acme.gitlab.io/app")
    there.copies = {
        "/pipelines": [
            {"id": 1, "sha": OLD, "web_url": f"{page}/pipelines/1"},
            {"id": 2, "sha": NEW, "web_url": f"{page}/pipelines/2"},
        ],
        "/deployments": [{"id": 4, "sha": OLD}, {"id": 5, "sha": NEW}],
        "/releases": [
            {"tag_name": tag, "assets": {"links": links}, "_links": {"self": f"{page}/releases/{tag}"}}
            for tag, links in (("v1", [{"name": "x"}]), ("v1.1", [{"name": "x"}]))
        ],
        "/packages": [{"id": 3, "name": "app"}],
        "/registry/repositories": [{"id": 1, "path": NAME}, {"id": 2, "path": f"{NAME}/x"}],
    }  # fmt: skip
    gitlab.host.projects[NAME] = there
    return there


def test_what_was_made_from_old_commits_is_told_from_the_rest(
    gitlab: RunningGitLab, around: Callable[..., VendorContext]
) -> None:
    fill(gitlab)
    vendor = around(gitlab.environment())
    found = HOST.copies(f"{gitlab.url}/{NAME}.git", {OLD}, REFS, vendor)
    assert found.unknown == {} and {one.kind for one in found.found} == set(HOW)
    assert [(one.kind, one.commit) for one in found.found] == [
        ("pipelines", OLD), ("deployments", OLD), ("releases with files", None),
        ("packages", None), ("container images", None), ("pages", None),
    ]  # fmt: skip
    assert found.found[2].url.endswith("/releases/v1")


def test_a_list_that_is_not_shown_is_not_taken_for_an_empty_one(
    gitlab: RunningGitLab, around: Callable[..., VendorContext]
) -> None:
    fill(gitlab)
    for path in ("pipelines", "pages"):
        gitlab.fail("GET", f"*/{path}", Fault(403))
    found = HOST.copies(f"{gitlab.url}/{NAME}.git", {OLD}, REFS, around(gitlab.environment()))
    assert found.unknown.keys() == {"pipelines", "pages"}
    assert f"{NAME}/-/pipelines" in found.unknown["pipelines"]


def test_a_project_without_any_has_none(
    gitlab: RunningGitLab, around: Callable[..., VendorContext]
) -> None:
    gitlab.host.projects[NAME] = HostedProject()
    found = HOST.copies(f"{gitlab.url}/{NAME}.git", {OLD}, REFS, around(gitlab.environment()))
    assert not found.found and not found.unknown
