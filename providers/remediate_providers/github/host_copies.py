"""What GitHub keeps beside git that may show the secret: runs, artifacts, deployments, releases, packages, pages.

Shapes: https://docs.github.com/rest/actions/workflow-runs, /rest/actions/artifacts, /rest/deployments/deployments,
/rest/releases/releases, /rest/packages/packages, /rest/pages/pages. None of their contents is fetched: logs
and artifacts are archives on other servers. What was made from an old commit is known by its ``head_sha``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from remediate.errors import VendorError
from remediate.plugins.host import Copies, Copy
from remediate_providers.github.host_talk import Talk
from remediate_providers.rest import segment

RUNS, ARTIFACTS, CACHES = "workflow runs", "artifacts", "Actions caches"
DEPLOYMENTS, RELEASES, PACKAGES, PAGES = "deployments", "releases with files", "packages", "pages"
SUPERPROJECTS, CALLERS = "superprojects", "workflows elsewhere"
HOW: Mapping[str, str] = {
    RUNS: "Their logs may show it: gh run view ID --log, and gh run delete ID",
    ARTIFACTS: "Download and search them, or: gh api -X DELETE repos/OWNER/NAME/actions/artifacts/ID",
    CACHES: "Nobody can read one from outside: gh cache delete --all",
    DEPLOYMENTS: "They name old commits. Deploy anew, then delete them on the page of their environment",
    RELEASES: "Their files were built from the old history: download and search them, or upload them anew",
    PACKAGES: "Their versions were built from the old history: look into them, or delete them there",
    PAGES: "The site is a copy: look at it, and publish it anew",
    SUPERPROJECTS: "A submodule there may be pinned to an old commit: git submodule update --remote, and commit",
    CALLERS: "A workflow there may use one of yours by an old commit's id: name the new one",
}
_TYPES = ("npm", "maven", "rubygems", "docker", "nuget", "container")


def copies(talk: Talk, old: Collection[str], refs: Sequence[str]) -> Copies:
    """Everything that the API shows; a list that it would not show is in `Copies.unknown`."""
    web = f"{talk.api.server.web}/{talk}"
    tags = {ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")}
    lists: Mapping[str, tuple[str, Callable[[], Iterable[Copy]]]] = {
        RUNS: ("actions", lambda: _runs(talk, old)),
        ARTIFACTS: ("actions", lambda: _artifacts(talk, old, web)),
        CACHES: ("actions/caches", lambda: _caches(talk, web)),
        DEPLOYMENTS: ("deployments", lambda: _deployments(talk, old, web)),
        RELEASES: ("releases", lambda: _releases(talk, tags, web)),
        PACKAGES: ("packages", lambda: _packages(talk, web)),
        PAGES: ("settings/pages", lambda: _pages(talk, web)),
        SUPERPROJECTS: ("", lambda: _naming(talk, SUPERPROJECTS, "filename:.gitmodules")),
        CALLERS: ("", lambda: _naming(talk, CALLERS, "path:.github/workflows")),
    }
    found: list[Copy] = []
    unknown: dict[str, str] = {}
    for kind, (page, ask) in lists.items():
        try:
            found += ask()
        except VendorError as error:
            where = "" if not page else f"; its page: {web}/{page}"
            unknown[kind] = error.message.rstrip(".") + where
    return Copies(found, HOW, unknown)


def _runs(talk: Talk, old: Collection[str]) -> Iterator[Copy]:
    for row in talk.every("/actions/runs", within="workflow_runs"):
        if row.get("head_sha") in old:
            yield Copy(RUNS, str(row.get("html_url")), str(row["head_sha"]))


def _artifacts(talk: Talk, old: Collection[str], web: str) -> Iterator[Copy]:
    for row in talk.every("/actions/artifacts", within="artifacts"):
        run = row.get("workflow_run") or {}
        if row.get("expired") is not True and run.get("head_sha") in old:
            page = f"{web}/actions/runs/{run.get('id')}/artifacts/{row.get('id')}"
            yield Copy(ARTIFACTS, page, str(run["head_sha"]))


def _caches(talk: Talk, web: str) -> Iterator[Copy]:
    # A cache knows its branch and no commit.
    if any(True for _ in talk.every("/actions/caches", within="actions_caches")):
        yield Copy(CACHES, f"{web}/actions/caches")


def _deployments(talk: Talk, old: Collection[str], web: str) -> Iterator[Copy]:
    for row in talk.every("/deployments"):
        if row.get("sha") in old:
            page = f"{web}/deployments/{segment(str(row.get('environment')))}#{row.get('id')}"
            yield Copy(DEPLOYMENTS, page, str(row["sha"]))


def _releases(talk: Talk, tags: Collection[str], web: str) -> Iterator[Copy]:
    for row in talk.every("/releases"):
        if row.get("assets") and str(row.get("tag_name")) in tags:
            yield Copy(RELEASES, str(row.get("html_url") or f"{web}/releases"))


def _packages(talk: Talk, web: str) -> Iterator[Copy]:
    """GitHub lists an owner's packages by type; each names the repository that it is linked to."""
    about = talk.get("")
    owner = about.get("owner") or {}
    place = "orgs" if owner.get("type") == "Organization" else "users"
    for kind in _TYPES:
        path = f"/{place}/{segment(talk.owner)}/packages"
        for row in talk.every_at(path, {"package_type": kind}):
            linked = (row.get("repository") or {}).get("full_name", "")
            if str(linked).lower() == str(talk).lower():
                yield Copy(PACKAGES, str(row.get("html_url") or f"{web}/packages"))


def _pages(talk: Talk, web: str) -> Iterator[Copy]:
    answer = talk.ask("GET", "/pages")
    if answer.status == 404:
        return
    data = answer.json()
    if answer.status != 200 or not isinstance(data, dict):
        raise VendorError(talk.api.refusal(answer))
    yield Copy(PAGES, str(data.get("html_url") or f"{web}/settings/pages"))


def _naming(talk: Talk, kind: str, among: str) -> Iterator[Copy]:
    """Files in the owner's other repositories that name this one, as GitHub's code search has them.

    It knows default branches alone (https://docs.github.com/rest/search/search#search-code).
    """
    query = {"q": f'"{talk}" {among} user:{talk.owner}'}
    for row in talk.every_at("/search/code", query, within="items"):
        where = str((row.get("repository") or {}).get("full_name", ""))
        if where.lower() != str(talk).lower():
            yield Copy(kind, str(row.get("html_url")))
