"""What GitLab keeps beside git that may show the secret: pipelines, deployments, releases, packages, pages.

Shapes: https://docs.gitlab.com/api/pipelines, /api/deployments, /api/releases, /api/packages,
/api/container_registry, /api/pages. Contents are not fetched. A pipeline's jobs, logs and artifacts go
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from remediate.errors import VendorError
from remediate.plugins.host import Copies, Copy
from remediate_providers.gitlab.host_changes import Project

PIPELINES, DEPLOYMENTS, RELEASES = "pipelines", "deployments", "releases with files"
PACKAGES, IMAGES, PAGES = "packages", "container images", "pages"
HOW: Mapping[str, str] = {
    PIPELINES: "Their logs and artifacts may show it: look, or delete them (glab ci delete ID; an owner)",
    DEPLOYMENTS: "They name old commits. Deploy anew, then delete them (DELETE /projects/ID/deployments/ID)",
    RELEASES: "Their files were built from the old history: download and search them, or upload them anew",
    PACKAGES: "Their versions were built from the old history: look into them, or delete them there",
    IMAGES: "Their layers were built from the old history: look into them, or delete them there",
    PAGES: "The site is a copy: look at it, and publish it anew",
}


def copies(project: Project, old: Collection[str], refs: Sequence[str]) -> Copies:
    """Everything that the API shows; a list that it would not show is in `Copies.unknown`."""
    web = f"{project.api.server.web}/{project.path}"
    tags = {ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")}
    lists: Mapping[str, tuple[str, Callable[[], Iterable[Copy]]]] = {
        PIPELINES: ("pipelines", lambda: _made(project, old, "/pipelines", PIPELINES, web)),
        DEPLOYMENTS: (
            "environments",
            lambda: _made(project, old, "/deployments", DEPLOYMENTS, web),
        ),
        RELEASES: ("releases", lambda: _releases(project, tags, web)),
        PACKAGES: ("packages", lambda: _some(project, "/packages", PACKAGES, f"{web}/-/packages")),
        IMAGES: (
            "container_registry",
            lambda: _some(project, "/registry/repositories", IMAGES, f"{web}/container_registry"),
        ),
        PAGES: ("pages", lambda: _pages(project)),
    }
    found: list[Copy] = []
    unknown: dict[str, str] = {}
    for kind, (page, ask) in lists.items():
        try:
            found += ask()
        except VendorError as error:
            unknown[kind] = f"{error.message.rstrip('.')}; its page: {web}/-/{page}"
    return Copies(found, HOW, unknown)


def _made(project: Project, old: Collection[str], path: str, kind: str, web: str) -> Iterator[Copy]:
    for row in project.every(path):
        if row.get("sha") in old:
            page = str(row.get("web_url") or f"{web}/-/environments")
            yield Copy(kind, page, str(row["sha"]))


def _releases(project: Project, tags: Collection[str], web: str) -> Iterator[Copy]:
    for row in project.every("/releases"):
        # `sources` are archives of the tag, made anew; `links` are what was uploaded.
        if (row.get("assets") or {}).get("links") and str(row.get("tag_name")) in tags:
            links = row.get("_links") or {}
            yield Copy(RELEASES, str(links.get("self") or f"{web}/-/releases"))


def _some(project: Project, path: str, kind: str, page: str) -> Iterator[Copy]:
    """One for all of them: what they were built from the list does not say."""
    if any(True for _ in project.every(path)):
        yield Copy(kind, page)


def _pages(project: Project) -> Iterator[Copy]:
    answer = project.ask("GET", "/pages")
    if answer.status == 404:
        return
    data = answer.json()
    if answer.status != 200 or not isinstance(data, dict):
        raise project.refusal(answer)
    if data.get("url"):
        yield Copy(PAGES, str(data["url"]))
