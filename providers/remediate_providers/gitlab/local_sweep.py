"""The local GitLab's clean-up: done to a real repository, the way Gitaly does it.

`projectBlobsRemove` runs git-filter-repo into a staging repository over **all** refs, and fetches the
result back: so signatures go here, too (Gitaly's rewrite_history.go). GraphQL says no with 200.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remediate_providers.loopback import Reply, Request

if TYPE_CHECKING:
    from remediate_providers.gitlab.local_host import HostAnswers, HostedProject

_NOT_YOURS = (
    "The resource that you are attempting to access does not exist or you don't have permission to "
    "perform this action"
)
_EMPTY = "Argument 'blobOids' on InputObject 'projectBlobsRemoveInput' is required. Expected type [String!]!\n"


def graphql(answers: HostAnswers, request: Request) -> Reply:
    """``POST /api/graphql`` with the one mutation that is known here."""
    user = answers.who(request)
    if user is None:
        return Reply(401, {"errors": [{"message": "Invalid token"}]})
    body = request.json() or {}
    if "projectBlobsRemove(input:" not in str(body.get("query")):
        return _no("Field doesn't exist on type 'Mutation'")
    given = body.get("variables") or {}
    project = answers.projects.get(str(given.get("path")))
    if project is None or (project.owners is not None and user not in project.owners):
        return _no(_NOT_YOURS)
    oids = [oid for oid in given.get("oids") or [] if oid]
    if not oids:
        return _no(_EMPTY)
    if project.about.get("forks_count"):
        return _no("Internal server error: 9:rewriting repository history")
    if project.repository is not None:
        _rewrite(project.repository, oids)
    return Reply(200, {"data": {"projectBlobsRemove": {"errors": []}}})


def housekeeping(project: HostedProject, task: str) -> Reply:
    """``POST /projects/:id/housekeeping``; one at a time."""
    if project.busy:
        said = "Somebody already triggered housekeeping for this resource in the past 60 minutes"
        return Reply(409, {"message": f"409 Conflict: {said}"})
    if task not in ("eager", "prune"):
        return Reply(400, {"error": "task does not have a valid value"})
    project.housekept.append(task)
    if project.repository is not None and task == "prune":
        _git(project.repository, "reflog", "expire", "--expire=now", "--all")
        _git(project.repository, "gc", "-q", f"--prune={project.grace}.seconds.ago")
    return Reply(201, "201")


def has(project: HostedProject, oid: str) -> bool:
    """Whether its repository has that object."""
    if project.repository is None:
        return False
    return not subprocess.run(
        ["git", "cat-file", "-e", oid], cwd=project.repository, capture_output=True, check=False
    ).returncode


def _rewrite(repository: Path, oids: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        staging, ids = Path(folder, "staging.git"), Path(folder, "ids")
        ids.write_text("\n".join(oids))
        _git(repository, "init", "-q", "--bare", str(staging))
        subprocess.run(
            [
                *(sys.executable, "-m", "git_filter_repo", f"--source={repository}"),
                *(f"--target={staging}", "--partial", "--force", "--replace-refs=update-no-add"),
                *("--quiet", f"--strip-blobs-with-ids={ids}"),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        _git(repository, "fetch", "-q", "--prune", "--no-tags", "--force", "--atomic",
             "--no-write-fetch-head", f"file://{staging}", "+refs/*:refs/*")  # fmt: skip


def _git(directory: Path, *words: str) -> Any:
    return subprocess.run(["git", *words], cwd=directory, check=True, capture_output=True)


def _no(message: str) -> Reply:
    return Reply(200, {"errors": [{"message": message, "path": ["projectBlobsRemove"]}]})
