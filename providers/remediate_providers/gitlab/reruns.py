"""Jobs that failed while a CI/CD variable's value was dead, with what runs each again.

Every job of a project is given its variables, so that each that failed *may* have failed for it; where the pipeline's
configuration, included files and all, names the variable in the job, it surely reads it. A variable of
one environment goes only to jobs that name one. A job is given its variables when it begins, and anew when it is retried.
https://docs.gitlab.com/api/pipelines/, https://docs.gitlab.com/api/jobs/#list-all-jobs-by-pipeline,
https://docs.gitlab.com/api/lint/#validate-a-projects-cicd-configuration, https://docs.gitlab.com/cli/ci/retry
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remediate.clock import rfc3339
from remediate.http import HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.reruns import FAILED, RUNNING, Job, Window, told
from remediate.plugins.store import Target
from remediate_providers.gitlab.server import HOW, Api
from remediate_providers.rest import mapping, number_of, objects, segment, text_of

PAGES = 10
MOST_PIPELINES = 50
"""Pipelines of a project whose jobs are looked at one by one; of others the pipeline itself is named."""
MOST_PROJECTS = 50
"""Projects of a group that are looked into, the ones with the newest activity."""

_CHILDREN = "parent_pipeline"
"""Child pipelines are listed where they are asked for by their source, and else not."""


def in_project(target: Target, window: Window, vendor: VendorContext) -> Facts:
    """The jobs of the project that *target* names."""
    place, _, environment = target.place.partition("@")
    with Api(vendor) as api:
        look = _Look(api, [name for name, _part in target.keys], environment, window)
        if look.has_token():
            look.project(place)
        return look.facts()


def in_group(target: Target, window: Window, vendor: VendorContext) -> Facts:
    """The jobs of the projects below the group that *target* names."""
    place, _, environment = target.place.partition("@")
    with Api(vendor) as api:
        look = _Look(api, [name for name, _part in target.keys], environment, window)
        if look.has_token():
            look.group(place)
        return look.facts()


def in_server() -> Facts:
    """Of a server's own variables nothing is known: every job of every project is given them."""
    return told([], {"jobs": "every job of every project is given it, and no call lists them all"})


class _UnreadError(Exception):
    """A list that could not be had, in one sentence."""


class _Look:
    """One look for the jobs that were given one variable."""

    def __init__(self, api: Api, names: Sequence[str], environment: str, window: Window) -> None:
        self._api, self._names = api, names
        self._environment, self._window = environment, window
        self._jobs: dict[tuple[str, int], Job] = {}
        self._unknown: dict[str, str] = {}
        self._evidence: list[Evidence] = []
        self._failed = False

    def has_token(self) -> bool:
        """Whether there is one of the responder's; said where there is none."""
        if self._api.own is None:
            self._unread("jobs", HOW)
        return self._api.own is not None

    def facts(self) -> Facts:
        """What was found."""
        return told(list(self._jobs.values()), self._unknown, self._evidence, again=self._failed)

    def group(self, group: str) -> None:
        """Each project below *group*."""
        query = {"include_subgroups": "true", "order_by": "last_activity_at", "simple": "true"}
        try:
            found = list(self._pages(f"/groups/{segment(group)}/projects", query))
        except _UnreadError as error:
            self._unread(f"projects of {group}", str(error))
            return
        for one in found[:MOST_PROJECTS]:
            self.project(text_of(one, "path_with_namespace") or str(number_of(one, "id")))
        if len(found) > MOST_PROJECTS:
            more = f"there are {len(found)}; {MOST_PROJECTS} were looked into"
            self._unknown[f"other projects of {group}"] = more

    def project(self, project: str) -> None:
        """The failed and the running pipelines of *project*, and the children of others."""
        base = f"/projects/{segment(project)}"
        pipelines: dict[int, tuple[Mapping[str, Any], bool]] = {}
        since = {"updated_after": rfc3339(self._window.start)}
        for state, more in ((FAILED, since), (RUNNING, {})):
            for source in ("", _CHILDREN):
                query = {"status": state, **more, **({"source": source} if source else {})}
                what = f"{state} {'child ' if source else ''}pipelines of {project}"
                try:
                    for one in self._pages(f"{base}/pipelines", query):
                        number = number_of(one, "id")
                        if number is not None:
                            pipelines[number] = (one, bool(source))
                except _UnreadError as error:
                    self._unread(what, str(error))
        read = 0
        for number, (pipeline, child) in sorted(pipelines.items(), reverse=True):
            if not self._window.touches(text_of(pipeline, "created_at"), None):
                continue
            read += 1
            if read > MOST_PIPELINES:
                self._whole(project, number, pipeline, "its jobs were not looked at")
            else:
                self._of_pipeline(project, base, number, pipeline, child=child)

    def _of_pipeline(
        self, project: str, base: str, number: int, pipeline: Mapping[str, Any], *, child: bool
    ) -> None:
        try:
            rows = [
                (row, state)
                for state in (FAILED, RUNNING)
                for row in self._pages(f"{base}/pipelines/{number}/jobs", {"scope[]": state})
                if self._window.touches(text_of(row, "started_at"), text_of(row, "finished_at"))
            ]
        except _UnreadError as error:
            self._unread(f"jobs of pipeline {number} of {project}", str(error))
            self._whole(project, number, pipeline, "which of its jobs failed could not be read")
            return
        # A child's configuration may be made by a job of its parent: no call gives it.
        jobs = {} if child or not rows else self._configured(base, text_of(pipeline, "sha") or "")
        for row, state in rows:
            known = self._asked(jobs, text_of(row, "name") or "?")
            job = number_of(row, "id")
            if known is None or job is None:
                continue
            page = self._page(row)
            self._jobs[project, job] = Job(
                what=f"{text_of(row, 'name') or 'A job'} of pipeline {number} on {text_of(pipeline, 'ref') or '?'}",
                id=job,
                state=state,
                began=text_of(row, "started_at"),
                ended=text_of(row, "finished_at"),
                page=page,
                command=_command(job, page),
                sure=known[0],
                why=known[1],
            )

    def _whole(self, project: str, number: int, pipeline: Mapping[str, Any], why: str) -> None:
        """A pipeline of whose jobs nothing is known: its page alone offers to retry what failed."""
        state = RUNNING if text_of(pipeline, "status") == RUNNING else FAILED
        self._jobs[project, -number] = Job(
            what=f"Pipeline {number} on {text_of(pipeline, 'ref') or '?'}",
            id=number,
            state=state,
            began=text_of(pipeline, "created_at"),
            ended=text_of(pipeline, "updated_at") if state == FAILED else None,
            page=self._page(pipeline),
            command=None,
            sure=False,
            why=why,
        )

    def _asked(self, jobs: Mapping[str, str], name: str) -> tuple[bool, str] | None:
        """(sure, why) where the job *name* was given the variable, or may have been; None where it was not."""
        # What a job is called in a list of its kind: `test 1/3`, `deploy: [eu, blue]`.
        plain = re.sub(r"( \d+/\d+|: \[.*\])$", "", name)
        own = jobs.get(name) or jobs.get(plain)
        named = ", ".join(self._names)
        if own is None:
            return False, f"every job of the project may be given {named}"
        if self._environment and re.search(r"(?m)^\s*:?environment:", own) is None:
            return None
        shared = jobs.get("variables", "") + jobs.get("default", "")
        found = [one for one in self._names if _word(one).search(own + shared)]
        if found:
            return True, f"its configuration names {', '.join(found)}"
        return False, f"it is given {named}, and its configuration does not name it"

    def _configured(self, base: str, commit: str) -> dict[str, str]:
        """Job name to its configuration as of *commit*, includes and all; empty where it can't be had."""
        query = {"content_ref": commit} if commit else None
        try:
            answer = self._api.ask("GET", f"{base}/ci/lint", self._api.own, query=query)
        except HttpError:
            return {}
        text = text_of(mapping(answer), "merged_yaml") if answer.status == 200 else None
        return blocks(text or "")

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """A list's entries, up to its tenth page. Raises `_UnreadError`; beyond those it is said."""
        read = 0
        for page in range(1, PAGES + 1):
            asked = {**query, "per_page": "100", "page": str(page)}
            try:
                answer = self._api.ask("GET", path, self._api.own, query=asked)
            except HttpError as error:
                raise _UnreadError(self._api.refusal(error)) from None
            data = answer.json()
            if answer.status != 200 or not isinstance(data, list):
                raise _UnreadError(self._api.refusal(answer, "read access to CI/CD, scope api"))
            read += len(data)
            yield from objects(data)
            if len(data) < 100:
                break
        else:
            self._unknown[f"more of GET {path}"] = f"there are more than {read}"
        told_by = " ".join(v for n, v in query.items() if n in ("status", "source", "scope[]"))
        self._evidence.append(self._api.seen(f"GET {path} {told_by}".strip(), f"200, {read} read"))

    def _page(self, row: Mapping[str, Any]) -> str | None:
        """Its page, where that is one of this server's."""
        page = text_of(row, "web_url") or ""
        return page if page.startswith(f"{self._api.server.web}/") else None

    def _unread(self, what: str, why: str) -> None:
        self._failed = True
        self._unknown[what] = why


def blocks(merged: str) -> dict[str, str]:
    """Each key at the left of a configuration, most of them jobs, to the text below it.

    Older servers write keys as Ruby does: ``:deploy:``.
    """
    found: dict[str, str] = {}
    name = ""
    for line in merged.splitlines():
        key = re.match(
            r"""(?::?"(?P<q>[^"]+)"|:?'(?P<s>[^']+)'|:?(?P<p>[^\s#"'-].*?)):(?:\s|$)""", line
        )
        if key:
            name = key["q"] or key["s"] or key["p"]
        if name:
            found[name] = found.get(name, "") + line + "\n"
    return found


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])")


def _command(job: int, page: str | None) -> str | None:
    """``glab`` with the project's address: it may have another server, or be somewhere else."""
    project, dash, _ = (page or "").partition("/-/")
    return f"glab ci retry {job} -R {shlex.quote(project)}" if dash else None
