"""What stands in a forced push's way on GitLab, or would be set off by it: changed and put back.

Shapes: https://docs.gitlab.com/api/protected_branches, https://docs.gitlab.com/api/protected_tags,
https://docs.gitlab.com/api/project_webhooks, https://docs.gitlab.com/api/projects#edit-a-project.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remediate.errors import VendorError
from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.host import Change
from remediate.plugins.outcome import Outcome, Status
from remediate_providers.gitlab.server import Api
from remediate_providers.rest import mapping, objects, segment, text_of

NEEDED = "the Maintainer role in the project, and the scope api"
_PAGES = 20
_EVENTS = ("push_events", "tag_push_events", "merge_requests_events", "pipeline_events")


class Project:
    """One project (or group), and the conversation about it. Raises `VendorError` where there is no answer.

    *root*: where its paths begin; the API's own root for an empty one.
    """

    def __init__(
        self, api: Api, path: str, *, of: str = "projects", root: str | None = None
    ) -> None:
        self.api = api
        self.path = path
        self.root = f"/{of}/{segment(path)}" if root is None else root

    def ask(self, method: str, path: str, json: Mapping[str, Json] | None = None) -> Answer:
        """Every call here is harmless when made twice."""
        try:
            return self.api.ask(method, self.root + path, self.api.own, repeat=True, json=json)
        except HttpError as error:
            raise VendorError(self.api.refusal(error), hint="Then: remediate resume") from None

    def get(self, path: str) -> Mapping[str, Any]:
        """One thing."""
        answer = self.ask("GET", path)
        # A page that is not GitLab's own, under its status: nothing in it is not "nothing there".
        if answer.status != 200 or not isinstance(answer.json(), dict):
            raise self.refusal(answer)
        return mapping(answer)

    def every(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Each entry of a list, page by page."""
        joint = "&" if "?" in path else "?"
        for page in range(1, _PAGES + 1):
            answer = self.ask("GET", f"{path}{joint}per_page=100&page={page}")
            data = answer.json()
            if answer.status != 200 or not isinstance(data, list):
                raise self.refusal(answer)
            rows = objects(data)
            yield from rows
            if len(rows) < 100:
                return

    def refusal(self, answer: Answer) -> VendorError:
        """The error for an answer that is no yes."""
        return VendorError(self.api.refusal(answer, NEEDED), hint="Then: remediate resume")

    def refused(self, summary: str, answer: Answer) -> Outcome:
        """The outcome for it."""
        down = answer.status >= 500 or answer.limited
        status = Status.UNREACHABLE if down else Status.REFUSED
        return Outcome(status, summary, reason=self.api.refusal(answer, NEEDED))


def changes(project: Project, refs: Sequence[str]) -> Iterator[Change]:
    """Triggers first: guards are the last to be lifted and the first to be put back."""
    branches = {ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/")}
    for row in project.every("/merge_requests?state=opened"):
        ends = {str(row.get("source_branch")), str(row.get("target_branch"))}
        if row.get("merge_when_pipeline_succeeds") is True and ends & branches:
            number = row["iid"]
            yield Change(
                f"auto-merge/{number}", "trigger",
                f"cancel auto-merge of !{number}, for good: set it again where it is still wanted",
                {"merge_when_pipeline_succeeds": True},
            )  # fmt: skip
    builds = project.get("").get("builds_access_level")
    if isinstance(builds, str) and builds != "disabled":
        yield Change("ci", "trigger", "pause CI/CD", {"builds_access_level": builds})
    for hook in project.every("/hooks"):
        before: dict[str, Json] = {name: True for name in _EVENTS if hook.get(name) is True}
        if before:
            yield Change(f"hook/{hook['id']}", "trigger", f"pause the webhook {hook['id']}", before)
    for branch in project.every("/protected_branches"):
        if branch.get("allow_force_push") is not True and _met(branch, refs, "refs/heads/"):
            name = str(branch["name"])
            yield Change(
                f"branch/{name}", "protection", f"allow forced pushes to {name}",
                {"allow_force_push": False},
            )  # fmt: skip
    for tag in project.every("/protected_tags"):
        if _met(tag, refs, "refs/tags/"):
            name = str(tag["name"])
            levels: list[Json] = [
                {key: level[key] for key in ("access_level", "user_id", "group_id", "deploy_key_id")
                 if level.get(key) is not None}
                for level in objects(tag.get("create_access_levels"))
            ]  # fmt: skip
            yield Change(
                f"tag/{name}", "protection", f"unprotect the tag {name}", {"levels": levels}
            )


def _met(rule: Mapping[str, Any], refs: Sequence[str], space: str) -> bool:
    """Whether a protected name, with ``*`` for anything, is that of one of *refs*."""
    pattern = re.escape(space + str(rule.get("name"))).replace(r"\*", ".*")
    return any(re.fullmatch(pattern, ref) for ref in refs)


def switch(project: Project, change: Change, *, lift: bool) -> Outcome:
    """Make *change* (or, not *lift*, put it back), and read it again."""
    sort, _, name = change.id.partition("/")
    if sort == "auto-merge":
        return _auto_merge(project, name, lift=lift)
    done = f"{project.path}: {change.title}" + ("" if lift else ", put back")
    summary = f"{project.path}: {change.title}: " + ("not done" if lift else "not put back")
    answer, path, wanted = _written(project, change, sort, name, lift=lift)
    if sort == "tag":
        fine = answer.status in ((204, 404) if lift else (201, 409))
        if not fine:
            return project.refused(summary, answer)
        there = project.ask("GET", f"/protected_tags/{segment(name)}").status == 200
        seen = there is not lift
    else:
        if answer.status != 200:
            return project.refused(summary, answer)
        now = project.get(path)
        seen = all(now.get(key) == value for key, value in wanted.items())
    if not seen:
        return Outcome(Status.UNKNOWN, summary, reason="GitLab took it, and shows something else")
    saw = ", ".join(f"{k}={v}" for k, v in wanted.items()) or (
        "not protected" if lift else "protected"
    )
    return Outcome(
        Status.DONE, done, evidence=(project.api.seen(f"GET {project.root}{path}", saw.lower()),)
    )


def _auto_merge(project: Project, number: str, *, lift: bool) -> Outcome:
    """Cancel it. It is never set again: GitLab merges at once where the pipeline has ended already.

    https://docs.gitlab.com/api/merge_requests/#cancel-merge-when-pipeline-succeeds
    """
    path = f"/merge_requests/{number}"
    if not lift:
        page = f"{project.api.server.web}/{project.path}/-/merge_requests/{number}"
        return Outcome(Status.UNCHANGED, f"Auto-merge of !{number} stays off; by hand: {page}")
    summary = f"{project.path}: auto-merge of !{number} was not cancelled"
    now = project.get(path)
    if now.get("state") == "opened" and now.get("merge_when_pipeline_succeeds") is True:
        answer = project.ask("POST", f"{path}/cancel_merge_when_pipeline_succeeds")
        # 405: merged or closed meanwhile; 406: not set any more. What it is now decides.
        if answer.status not in (201, 405, 406):
            return project.refused(summary, answer)
        now = project.get(path)
    if now.get("state") == "opened" and now.get("merge_when_pipeline_succeeds") is True:
        return Outcome(Status.UNKNOWN, summary, reason="GitLab took it, and shows something else")
    saw = f"merge_when_pipeline_succeeds={now.get('merge_when_pipeline_succeeds')}".lower()
    seen = project.api.seen(f"GET {project.root}{path}", saw)
    return Outcome(
        Status.DONE, f"{project.path}: cancelled auto-merge of !{number}", evidence=(seen,)
    )


def _written(
    project: Project, change: Change, sort: str, name: str, *, lift: bool
) -> tuple[Answer, str, dict[str, Json]]:
    """(the answer to writing it, where it is read again, what it should show)."""
    if sort == "ci":
        wanted: dict[str, Json] = {
            "builds_access_level": "disabled" if lift else change.before["builds_access_level"]
        }
        return project.ask("PUT", "", wanted), "", wanted
    if sort == "hook":
        path = f"/hooks/{name}"
        wanted = dict.fromkeys(change.before, not lift)
        # The address has to be said again with every change; it may hold a token, so it is not kept.
        url = text_of(project.get(path), "url")
        if url is None:
            raise VendorError(
                f"{project.api.server.host} does not show the address of the webhook {name}; without it "
                "nothing can be changed about it, and it stays as it is.",
                hint="Then: remediate resume",
            )
        return project.ask("PUT", path, {"url": url, **wanted}), path, wanted
    if sort == "branch":
        path = f"/protected_branches/{segment(name)}"
        wanted = {"allow_force_push": lift}
        return project.ask("PATCH", path, wanted), path, wanted
    path = f"/protected_tags/{segment(name)}"
    if lift:
        return project.ask("DELETE", path), path, {}
    levels = change.before["levels"]
    assert isinstance(levels, list | tuple)
    body: dict[str, Json] = {"name": name}
    if len(levels) == 1 and isinstance(levels[0], Mapping) and set(levels[0]) == {"access_level"}:
        body["create_access_level"] = levels[0]["access_level"]
    else:
        # Single users and groups: Premium has them, and takes them back.
        body["allowed_to_create"] = list(levels)
    return project.ask("POST", "/protected_tags", body), path, {}
