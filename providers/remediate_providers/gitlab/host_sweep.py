"""GitLab's own clean-up by call: blobs taken out of what it keeps for itself, then its garbage collected.

`projectBlobsRemove` (GraphQL, since 17.1, for owners) runs git-filter-repo over every ref, those of merge
requests and pipelines too. Read from GitLab's sources (app/graphql/mutations/projects/blobs_remove.rb,
spec/requests/api/graphql/mutations/projects/blobs_remove_spec.rb) and Gitaly's (internal/gitaly/service/
cleanup/rewrite_history.go); https://docs.gitlab.com/user/project/repository/repository_size/#remove-blobs,
https://docs.gitlab.com/api/projects/#start-the-housekeeping-task-for-a-project.

Its sister `projectTextReplace` wants the secret itself. It is never called: a value that has leaked once
is not handed to one more server, into its logs and job queues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remediate.errors import VendorError
from remediate.http import HttpError
from remediate.model import ManualStep
from remediate.plugins.host import SupportCase
from remediate.plugins.outcome import Outcome, Status
from remediate.wording import count
from remediate_providers.gitlab.host_changes import Project
from remediate_providers.rest import mapping, objects, text_of

SETTLE = 30 * 60.0
"""GitLab keeps what is younger, whatever it is told (repository_size: "Garbage collection grace period")."""

MOST = 5_000
"""Ids in one call. GitLab documents no limit; 5,000 are a body of 220 kB."""

OWNER = "the Owner role in the project, and the scope api"
_MUTATION = (
    "mutation($path: ID!, $oids: [String!]!) "
    "{ projectBlobsRemove(input: {projectPath: $path, blobOids: $oids}) { errors } }"
)
_NOT_YOURS = "does not exist or you don't have permission"
_NO_SUCH = "doesn't exist on type"


def sweep(project: Project, blobs: Sequence[str]) -> Outcome:
    """Have *blobs* removed. Refused where the project shares objects with forks: GitLab can't then."""
    summary = f"{project.path}: GitLab did not remove {count(len(blobs), 'old blob')}"
    about = project.get("")
    if about.get("forked_from_project") or about.get("forks_count"):
        reason = "a fork shares its objects, and GitLab's own tools do not work on such a project"
        return Outcome(Status.REFUSED, summary, reason=reason)
    if not any(_there(project, oid) for oid in blobs[:3]):
        return Outcome(Status.UNCHANGED, f"{project.path}: GitLab has none of the old blobs")
    for at in range(0, len(blobs), MOST):
        refused = _remove(project, blobs[at : at + MOST])
        if refused is not None:
            status, reason = refused
            return Outcome(status, summary, reason=reason)
    seen = project.api.seen("projectBlobsRemove (GraphQL)", "errors: []")
    said = f"{project.path}: GitLab removes {count(len(blobs), 'old blob')} from the refs that it keeps"
    return Outcome(Status.DONE, said, evidence=(seen,))


def housekeeping(project: Project, task: str) -> Outcome:
    """``eager``: collect garbage. ``prune``: drop what nothing reaches."""
    said = {"eager": "housekeeping", "prune": "pruning of unreachable objects"}[task]
    answer = project.ask("POST", "/housekeeping", {"task": task})
    # 409: somebody started it already, and it has not ended.
    if answer.status not in (201, 409):
        return project.refused(f"{project.path}: the {said} did not start", answer)
    seen = project.api.seen(f"POST {project.root}/housekeeping", f"{answer.status}")
    return Outcome(Status.DONE, f"{project.path}: {said} started", evidence=(seen,))


def _there(project: Project, oid: str) -> bool:
    """Whether GitLab has the blob. Anything but a plain no counts as yes."""
    return project.ask("GET", f"/repository/blobs/{oid}").status != 404


def _remove(project: Project, blobs: Sequence[str]) -> tuple[Status, str] | None:
    """One call; None where GitLab took it, else how it ended and why."""
    api = project.api
    body = {"query": _MUTATION, "variables": {"path": project.path, "oids": list(blobs)}}
    try:
        # Blobs that are gone already are removed once more in vain: no harm in a repetition.
        answer = api.ask(
            "POST", "/api/graphql", api.own, base=api.server.web, repeat=True, json=body
        )
    except HttpError as error:
        raise VendorError(api.refusal(error), hint="Then: remediate resume") from None
    data = mapping(answer)
    told = _errors(data)
    if answer.status == 200 and told is not None and not told:
        return None
    if answer.status != 200 or told is None:
        down = answer.status >= 500 or answer.limited or answer.status == 200
        status = Status.UNREACHABLE if down else Status.REFUSED
        return status, api.refusal(answer, OWNER)
    said = api.vendor.redact("; ".join(told))[:200]
    if _NOT_YOURS in said:
        return Status.REFUSED, f"{api.server.host} does not allow it: needed is {OWNER}"
    if _NO_SUCH in said:
        return Status.REFUSED, f"{api.server.host} is older than 17.1 and knows no such call"
    return Status.REFUSED, f'{api.server.host} could not do it ("{said}")'


def _errors(data: Mapping[str, Any]) -> list[str] | None:
    """What a GraphQL answer complains of, at its top or in the mutation; None for no such answer."""
    if data.get("errors"):
        return [text_of(one, "message") or "an error" for one in objects(data["errors"])]
    made = (data.get("data") or {}).get("projectBlobsRemove")
    if not isinstance(made, Mapping) or not isinstance(made.get("errors"), list):
        return None
    return [str(one) for one in made["errors"]]


def by_hand(case: SupportCase) -> ManualStep:
    """What an owner does on GitLab's pages: the object map has no call, only a form to be uploaded in.

    https://docs.gitlab.com/user/project/repository/repository_size/#clean-up-repository
    """
    base = case.url.removesuffix(".git")
    page = f"{base}/-/settings/repository" if base.startswith("http") else None
    blobs = (
        f"On the same page, Remove blobs takes these ids: {', '.join(case.blobs)}",
        "Remove blobs drops the signatures of every commit in the project.",
    )
    return ManualStep(
        id="gitlab-clean-up",
        title="Have GitLab clean up what no push can",
        why="GitLab keeps old commits for merge requests, pipelines and in caches; its clean-up "
        "drops them, and closes nothing of that by itself.",
        url=page,
        instructions=(
            "Write the object map: remediate show --object-map object-id-map.old-new.txt",
            (
                "Upload that file under Settings, Repository, Repository maintenance, and select Start "
                "cleanup; an owner may. No call takes it. (More than 20,000 lines: split -l 20000 first.)"
            ),
            *(blobs if case.blobs else ()),
            (
                "Leave Redact text alone: it wants the secret typed into one more place, and remediate "
                "never sends it."
            ),
            (
                "Then Settings, General, Advanced: Run housekeeping; half an hour later, Prune unreachable "
                "objects."
            ),
            f"Merge requests whose old commits it keeps until then: {case.pulls}",
            f"First changed commit(s): {', '.join(case.first_changed) or 'none'}",
            (
                "Forks share a pool of objects: each fork does the same, and an administrator prunes the "
                "pool (on GitLab.com its support: https://support.gitlab.com)."
            ),
            "Then: remediate resume",
        ),
        check="remediate asks for the old commits by id once more.",
    )
