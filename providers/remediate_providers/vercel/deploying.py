"""Seeing that a new variable takes effect: a deployment made since, one that we start, or a person's.

https://vercel.com/docs/rest-api/deployments/create-a-new-deployment
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.http import HttpError
from remediate.model import Json, ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.secret import Secret
from remediate_providers.rest import TroubleError, mapping, number_of, objects, text_of
from remediate_providers.vercel.server import Api

LIST = "/v6/deployments"
START = "/v13/deployments"
_COMING = frozenset({"READY", "BUILDING", "QUEUED", "INITIALIZING"})


def see_to_it(
    api: Api,
    own: Secret,
    project: str,
    names: str,
    written: int,
    evidence: tuple[Evidence, ...],
    data: dict[str, Json],
) -> Outcome:
    """The store's outcome: done where production has, or is getting, what was *written* (ms since 1970)."""
    summary = f"Wrote {names} to {project}"
    if api.vendor.settings.get("deploy"):
        said = "policy's deploy command makes it take effect"
        return Outcome(Status.DONE, f"{summary}; {said}", evidence=evidence, data=data)
    try:
        newest = _newest(api, own, project)
        if newest is None:
            said = "production was never deployed: it takes effect with the first deployment"
            return Outcome(Status.DONE, f"{summary}; {said}", evidence=evidence, data=data)
        if _created(newest) <= written:
            _start(api, own, newest)
            newest = _newest(api, own, project) or newest
    except TroubleError as error:
        return _by_hand(api, project, summary, str(error), evidence, data)
    if _created(newest) <= written:
        reason = "a deployment was asked for, and none has appeared"
        return _by_hand(api, project, summary, reason, evidence, data)
    id_, state = text_of(newest, "uid") or "?", text_of(newest, "state") or "?"
    seen = api.seen(f"GET {LIST} of production", f"{id_} {state}, made after the variable")
    return Outcome(
        Status.DONE,
        f"{summary}; production's deployment {id_} ({state}) is made with it",
        evidence=(*evidence, seen),
        data={**data, "deployment": id_},
    )


_NEEDED = "a role that may deploy the project (Developer or above)"


def _newest(api: Api, own: Secret, project: str) -> Mapping[str, Any] | None:
    """Production's newest deployment that has not failed; None for none. Raises `TroubleError`."""
    query = {"app": project, "target": "production", "limit": "20", **api.team}
    if project.startswith("prj_"):
        query = {"projectId": project, **{k: v for k, v in query.items() if k != "app"}}
    try:
        answer = api.ask("GET", LIST, own, query=query)
    except HttpError as error:
        raise TroubleError(api.refusal(error), Status.UNREACHABLE) from None
    listed = mapping(answer).get("deployments")
    if answer.status != 200 or not isinstance(listed, list):
        raise api.trouble(answer, _NEEDED)
    found = [one for one in objects(listed) if text_of(one, "state") in _COMING]
    return max(found, key=_created, default=None)


def _start(api: Api, own: Secret, from_: Mapping[str, Any]) -> None:
    """Build the same source once more. A second one, after a lost answer, does no harm."""
    wanted = {
        "name": text_of(from_, "name"),
        "deploymentId": text_of(from_, "uid"),
        "target": "production",
    }
    query = {"forceNew": "1", **api.team}
    try:
        api.effect(
            "POST",
            START,
            own,
            good=(200, 201, 202),
            needed=_NEEDED,
            json=wanted,
            query=query,
        )
    except TroubleError as error:
        if not error.lost:
            raise


def _created(one: Mapping[str, Any]) -> int:
    return number_of(one, "createdAt") or number_of(one, "created") or 0


def _by_hand(
    api: Api,
    project: str,
    summary: str,
    reason: str,
    evidence: tuple[Evidence, ...],
    data: dict[str, Json],
) -> Outcome:
    step = ManualStep(
        id=f"deploy-vercel-{project.lower().replace('_', '-').replace('.', '-')}",
        title=f"Redeploy {project} to production",
        why="A variable takes effect with the next deployment, and none could be started.",
        url=api.page("/dashboard"),
        instructions=(
            f"Open {project} > Deployments > the newest of production > … > Redeploy.",
            "Then: remediate resume",
            "A sensitive variable is written anew each time: let policy's `deploy` redeploy instead.",
        ),
        check="remediate looks for a deployment that is younger than the variable.",
    )
    return Outcome(
        Status.MANUAL,
        f"{summary}; production still runs with the old value",
        reason=reason,
        evidence=evidence,
        data=data,
        manual=step,
    )
