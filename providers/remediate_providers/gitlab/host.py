"""GitLab as a git host: what a push meets and sets off there, and what its own clean-up has to be given."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from remediate.errors import UsageError, VendorError
from remediate.http import is_loopback
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.host import Change, Copies, SupportCase
from remediate.plugins.outcome import Facts, Outcome, Status
from remediate_providers.gitlab import host_copies, host_sweep
from remediate_providers.gitlab.host_changes import Project, changes, switch
from remediate_providers.gitlab.server import HOW, Api, Server

_SCP = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")
_DEVELOPER = 30
_MOST = 200


def project_of(url: str, server: Server) -> str | None:
    """``group/subgroup/name`` of the project at *url*, where it is on *server*; None where it is not."""
    web = urlsplit(server.web)
    if "://" in url:
        parts = urlsplit(url)
        host, path, port = parts.hostname or "", parts.path, parts.port
    elif (short := _SCP.fullmatch(url)) is not None:
        host, path, port = short[1], short[2], None
    else:
        return None
    # gitlab.com takes ssh over port 443 at altssh.gitlab.com.
    if host.removeprefix("altssh.").lower() != (web.hostname or "").lower():
        return None
    if is_loopback(web.hostname or "") and port != web.port:
        return None
    name = path.strip("/").removesuffix(".git")
    return name if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", name) else None


class GitLabHost:
    """gitlab.com, or the server that ``GITLAB_API_URL`` names."""

    name = "gitlab"
    settle = host_sweep.SETTLE

    def matches(self, url: str, vendor: VendorContext) -> bool:
        """See `Host`."""
        try:
            return project_of(url, Server.of(vendor.environment)) is not None
        except UsageError:
            return False

    def look(self, url: str, refs: Sequence[str], vendor: VendorContext) -> Facts:
        """See `Host`."""
        known: dict[str, Json] = {}
        unknown: dict[str, str] = {}
        branches = {ref.removeprefix("refs/heads/") for ref in refs}

        def learn(name: str, ask: Callable[[], dict[str, Json]]) -> None:
            try:
                known.update(ask())
            except VendorError as error:
                unknown[name] = error.message

        try:
            with _project(url, vendor) as project:
                learn("merge requests", lambda: _merge_requests(project, branches))
                learn("forks", lambda: _forks(project))
                learn("pushers", lambda: _pushers(project))
        except VendorError as error:
            unknown["GitLab's view of the push"] = error.message
        return Facts(known, unknown)

    def changes(self, url: str, refs: Sequence[str], vendor: VendorContext) -> Sequence[Change]:
        """See `Lifts`."""
        with _project(url, vendor) as project:
            return list(changes(project, refs))

    def lift(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """See `Lifts`."""
        return _switched(url, change, vendor, lift=True)

    def put_back(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """See `Lifts`."""
        return _switched(url, change, vendor, lift=False)

    def still_served(
        self, url: str, ids: Sequence[str], vendor: VendorContext
    ) -> Mapping[str, bool | None]:
        """See `ServesById`."""
        with _project(url, vendor) as project:
            answers = {oid: project.ask("GET", f"/repository/commits/{oid}").status for oid in ids}
        return {
            oid: True if status == 200 else False if status == 404 else None
            for oid, status in answers.items()
        }

    def copies(
        self, url: str, old: Collection[str], refs: Sequence[str], vendor: VendorContext
    ) -> Copies:
        """See `KeepsCopies`."""
        try:
            with _project(url, vendor) as project:
                return host_copies.copies(project, old, refs)
        except VendorError as error:
            return Copies((), host_copies.HOW, {"copies beside git": error.message})

    def wiki(self, address: str) -> str:
        """See `KeepsCopies`: ``NAME.wiki.git`` (https://docs.gitlab.com/user/project/wiki/)."""
        return address.rstrip("/").removesuffix(".git") + ".wiki.git"

    def sweep(self, url: str, blobs: Sequence[str], vendor: VendorContext) -> Outcome:
        """See `Sweeps`."""
        return _asked(
            url, vendor, "old blobs were not removed", lambda p: host_sweep.sweep(p, blobs)
        )

    def collect(self, url: str, vendor: VendorContext) -> Outcome:
        """See `Sweeps`."""
        return _asked(url, vendor, "housekeeping did not start",
                      lambda p: host_sweep.housekeeping(p, "eager"))  # fmt: skip

    def prune(self, url: str, vendor: VendorContext) -> Outcome:
        """See `Sweeps`."""
        return _asked(url, vendor, "pruning did not start",
                      lambda p: host_sweep.housekeeping(p, "prune"))  # fmt: skip

    def support(self, case: SupportCase) -> ManualStep:
        """See `HasSupport`: GitLab's own clean-up takes the object map."""
        return host_sweep.by_hand(case)


@contextmanager
def _project(url: str, vendor: VendorContext) -> Iterator[Project]:
    """The project at *url*. Raises `VendorError`."""
    server = Server.of(vendor.environment)
    path = project_of(url, server)
    if path is None:
        raise VendorError(f"{url} is no project on {server.host}.")
    with Api(vendor) as api:
        if api.own is None:
            raise VendorError(
                f"{server.host} can't be asked about {path}: there is no token of yours.",
                hint=f"{HOW} — then: remediate resume",
            )
        yield Project(api, path)


def _switched(url: str, change: Change, vendor: VendorContext, *, lift: bool) -> Outcome:
    said = f"{change.id} was not {'lifted' if lift else 'put back'}"
    return _asked(url, vendor, said, lambda project: switch(project, change, lift=lift))


def _asked(
    url: str, vendor: VendorContext, summary: str, act: Callable[[Project], Outcome]
) -> Outcome:
    """What came of *act*; *summary* says what did not happen where GitLab gave no answer."""
    try:
        with _project(url, vendor) as project:
            return act(project)
    except VendorError as error:
        return Outcome(Status.UNREACHABLE, summary, reason=error.message)


def _merge_requests(project: Project, branches: set[str]) -> dict[str, Json]:
    affected: list[Json] = []
    waiting: list[Json] = []
    for row in project.every("/merge_requests?state=opened"):
        if {str(row.get("source_branch")), str(row.get("target_branch"))} & branches:
            affected.append({"id": f"!{row.get('iid')}", "url": str(row.get("web_url"))})
            if row.get("merge_when_pipeline_succeeds") is True:
                waiting.append(f"!{row.get('iid')}")
    return {"pulls": affected[:_MOST], "pulls_count": len(affected), "auto_merge": waiting}


def _forks(project: Project) -> dict[str, Json]:
    rows = list(project.every("/forks"))
    listed: list[Json] = [
        {"id": str(row.get("path_with_namespace")), "url": str(row.get("web_url"))} for row in rows
    ]
    return {"forks": listed[:_MOST], "forks_count": len(rows)}


def _pushers(project: Project) -> dict[str, Json]:
    names: list[Json] = [
        str(row.get("username"))
        for row in project.every("/members/all")
        if isinstance(level := row.get("access_level"), int) and level >= _DEVELOPER
    ]
    return {"pushers": names[:_MOST]}
