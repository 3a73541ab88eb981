"""Copies beside git: what GitHub's API shows of runs, artifacts, deployments, releases, packages and the site."""

from __future__ import annotations

from remediate.plugins.host import KeepsCopies
from remediate_providers.github.host import GitHubHost
from remediate_providers.github.host_copies import HOW
from remediate_providers.github.local import RunningGitHub
from remediate_providers.loopback import Fault

from .conftest import Around
from .hosted import NAME, REFS, guarded

HOST = GitHubHost()
OLD, NEW = "a" * 40, "b" * 40
WEB = f"https://github.com/{NAME}"


def fill(github: RunningGitHub) -> None:
    there = guarded(github)
    kept = there.kept
    kept.runs = [
        {"id": n, "head_sha": sha, "html_url": f"{WEB}/actions/runs/{n}"}
        for n, sha in ((1, OLD), (2, NEW), *((n, NEW) for n in range(3, 120)), (120, OLD))
    ]
    kept.artifacts = [
        {"id": n, "name": "dist", "expired": gone, "workflow_run": {"id": 1, "head_sha": sha}}
        for n, gone, sha in ((7, False, OLD), (8, True, OLD), (9, False, NEW))
    ] + [{"id": 10, "name": "x", "expired": False, "workflow_run": None}]
    kept.caches = [{"id": 1, "ref": "refs/heads/main", "key": "pip"}]
    kept.deployments = [{"id": 5, "sha": OLD, "environment": "live/eu"}, {"id": 6, "sha": NEW}]
    kept.packages = [
        {"name": name, "package_type": "container", "html_url": f"{WEB}/pkgs/{name}",
         "repository": {"full_name": where} if where else None}
        for name, where in (("app", "Acme/App"), ("other", "acme/other"), ("loose", None))
    ]  # fmt: skip
    kept.named = [
        {"among": among, "html_url": f"https://github.com/{where}/blob/x", "repository": {"full_name": where}}
        for among, where in (
            ("filename:.gitmodules", "acme/whole"), ("path:.github/workflows", "acme/other"),
            ("path:.github/workflows", NAME),
        )
    ]  # fmt: skip
    kept.site = "https://acme.github.io/app/"
    there.about["owner"] = {"login": "acme", "type": "Organization"}
    there.releases = [
        {"tag_name": tag, "html_url": f"{WEB}/releases/{tag}", "assets": [{"name": "x"}] * n}
        for tag, n in (("v1", 2), ("v0", 1))
    ]


def test_what_was_made_from_old_commits_is_told_from_the_rest(
    github: RunningGitHub, around: Around
) -> None:
    fill(github)
    assert isinstance(HOST, KeepsCopies)
    found = HOST.copies(f"{github.url}/{NAME}.git", {OLD}, REFS, around(github.environment()))
    assert found.unknown == {}
    assert {(one.kind, one.url.removeprefix(github.url), one.commit) for one in found.found} == {
        ("workflow runs", f"{WEB}/actions/runs/1", OLD),
        ("workflow runs", f"{WEB}/actions/runs/120", OLD),
        ("artifacts", f"/{NAME}/actions/runs/1/artifacts/7", OLD),
        ("Actions caches", f"/{NAME}/actions/caches", None),
        ("deployments", f"/{NAME}/deployments/live%2Feu#5", OLD),
        ("releases with files", f"{WEB}/releases/v1", None),
        ("packages", f"{WEB}/pkgs/app", None),
        ("pages", "https://acme.github.io/app/", None),
        ("superprojects", "https://github.com/acme/whole/blob/x", None),
        ("workflows elsewhere", "https://github.com/acme/other/blob/x", None),
    }
    assert {one.kind for one in found.found} == set(HOW)


def test_a_list_that_is_not_shown_is_not_taken_for_an_empty_one(
    github: RunningGitHub, around: Around
) -> None:
    fill(github)
    github.host.repositories[NAME].kept.hidden_packages = True
    github.fail("GET", "*/deployments", Fault(403))
    github.fail("GET", "*/pages", Fault(500, b"{}"), *[Fault(500, b"{}")] * 30)
    vendor = around(github.environment(), seconds=0.2)
    found = HOST.copies(f"{github.url}/{NAME}.git", {OLD}, REFS, vendor)
    assert {"packages", "deployments", "pages"} <= found.unknown.keys()
    assert f"{NAME}/packages" in found.unknown["packages"]
    assert "read:packages" in found.unknown["packages"]
    assert {"workflow runs", "artifacts"} <= {one.kind for one in found.found}


def test_without_a_token_nothing_is_known(github: RunningGitHub, around: Around) -> None:
    fill(github)
    found = HOST.copies(
        f"{github.url}/{NAME}.git", {OLD}, REFS, around({"GITHUB_API_URL": github.url})
    )
    assert not found.found and "no token of yours" in found.unknown["copies beside git"]


def test_the_wiki_is_a_repository_beside_it() -> None:
    assert (
        HOST.wiki("https://x:y@github.com/acme/app") == "https://x:y@github.com/acme/app.wiki.git"
    )
    assert HOST.wiki("git@github.com:acme/app.git") == "git@github.com:acme/app.wiki.git"
