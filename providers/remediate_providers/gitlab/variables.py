"""GitLab CI/CD variables of a project: ``gitlab:PROJECT#NAME`` and ``gitlab:PROJECT@ENVIRONMENT#NAME``.

What a variable is besides its value (masked, protected, raw, its type, its environment) stays as it was. It is read
back, but for a hidden one, which nobody can read. https://docs.gitlab.com/api/project_level_variables/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from remediate.errors import UsageError
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.gitlab.server import HOW, Api
from remediate_providers.rest import TroubleError, objects, segment, text_of

_PROJECT = re.compile(r"[0-9]+|[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")
_FORM = "gitlab:GROUP/PROJECT#NAME or gitlab:GROUP/PROJECT@ENVIRONMENT#NAME"
_NEEDED = "a token of a maintainer of the project, scope api"
ANY = "*"
#: A value that GitLab masks: one line, eight characters or more, of these.
_MASKABLE = re.compile(rb"[A-Za-z0-9+/=_:@.~!$%^&*(){}\[\]|?,;<>#'\"-]{8,}")


class VariablesStore:
    """Puts values where CI/CD jobs read them."""

    scheme = "gitlab"

    def validate(self, target: Target) -> None:
        """Raises `UsageError` where the project or a name is none that GitLab takes."""
        project, at, environment = target.place.partition("@")
        if not _PROJECT.fullmatch(project) or (at and not environment):
            raise UsageError(
                f"{target.spec} names no project that can be on GitLab.",
                hint=f"Write it as {_FORM}.",
            )
        if not target.keys:
            raise UsageError(f"{target.spec} names no variable.", hint=f"Write it as {_FORM}.")
        for name, _part in target.keys:
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"{target.spec}: GitLab takes no variable named {name}.",
                    hint="Letters, digits and underscores, 255 at most.",
                )

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """Write each value, then read it back. Several are written one after the other."""
        wanted = target.assign(values)
        written: list[str] = []
        evidence: list[Evidence] = []
        with Api(vendor) as api:
            try:
                if api.own is None:
                    raise TroubleError(f"{HOW} ({_NEEDED})", Status.REFUSED)
                for name, value in wanted.items():
                    evidence.append(_write(api, api.own, target.place, name, value))
                    written.append(name)
            except TroubleError as error:
                done = ", ".join(written) or "Nothing"
                return Outcome(
                    error.status,
                    f"{done} was written to {target.place}, and no more",
                    reason=str(error),
                    evidence=tuple(evidence),
                )
        data: dict[str, Json] = {"variables": list(written)}
        summary = f"Wrote {', '.join(written)} to {target.place}; running jobs keep the old value"
        return Outcome(Status.DONE, summary, evidence=tuple(evidence), data=data)

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """Whether each variable has its value; None where one is hidden or can't be read."""
        with Api(vendor) as api:
            if api.own is None:
                return None
            try:
                found = [
                    (_find(api, api.own, target.place, name), value)
                    for name, value in target.assign(values).items()
                ]
            except TroubleError:
                return None
        if any(one is not None and one.get("hidden") is True for one, _ in found):
            return None
        return all(one is not None and _value(one) == value for one, value in found)


def _write(api: Api, own: Secret, place: str, name: str, value: Secret) -> Evidence:
    project, _, environment = place.partition("@")
    old = _find(api, own, place, name)
    scope = environment or ANY
    path = f"/projects/{segment(project)}/variables"
    if old is not None and old.get("masked") is True and not _MASKABLE.fullmatch(value.reveal()):
        raise TroubleError(
            f"{name} is masked, and GitLab masks no such value (one line, eight characters or more); "
            "it was left as it is",
            Status.REFUSED,
        )
    body: dict[str, object] = {"value": value.reveal_text()}
    if old is None:
        # Masked where it can be, so that no job's log shows it. Raw, for a $ in it is no reference.
        masked = _MASKABLE.fullmatch(value.reveal()) is not None
        new = {"key": name, "environment_scope": scope, "raw": True, "masked": masked}
        _send(api, "POST", path, own, {**body, **new})
    else:
        kept = ("masked", "protected", "raw", "variable_type", "environment_scope")
        body |= {field: old[field] for field in kept if field in old}
        _send(api, "PUT", f"{path}/{segment(name)}", own, body, _filter(scope))
    return _proof(api, own, place, name, value)


def _send(
    api: Api,
    method: str,
    path: str,
    own: Secret,
    body: Mapping[str, object],
    query: Mapping[str, str] | None = None,
) -> None:
    # A create that is repeated is refused as taken already: then reading it back tells.
    good = (200, 201, 400) if method == "POST" else (200,)
    try:
        answer = api.effect(
            method, path, own, good=good, repeat=True, needed=_NEEDED, json=body, query=query
        )
    except TroubleError as error:
        if error.lost:
            return
        raise
    if answer.status == 400 and "already been taken" not in api.site.words(answer):
        raise TroubleError(api.refusal(answer), Status.REFUSED)


def _proof(api: Api, own: Secret, place: str, name: str, value: Secret) -> Evidence:
    """Read it back. Raises `TroubleError` where something else lies there."""
    new = _find(api, own, place, name)
    probe = f"GET variable {name} of {place}"
    if new is None:
        raise TroubleError(f"{name} was written and is not there", Status.UNKNOWN)
    if new.get("hidden") is True:
        return api.seen(probe, "it is hidden: GitLab took the value and shows it to nobody")
    if _value(new) != value:
        raise TroubleError(f"{name} holds something else than what was written", Status.UNKNOWN)
    return api.seen(probe, "the new value")


def _find(api: Api, own: Secret, place: str, name: str) -> Mapping[str, Any] | None:
    """The variable of exactly that environment; None where there is none. Raises `TroubleError`.

    Listed, not asked for by name: the server would answer for another environment, or refuse to choose.
    """
    project, _, environment = place.partition("@")
    path = f"/projects/{segment(project)}/variables"
    for page in range(1, 21):
        query = {"per_page": "100", "page": str(page)}
        try:
            answer = api.ask("GET", path, own, query=query)
        except HttpError as error:
            raise TroubleError(api.refusal(error), Status.UNREACHABLE) from None
        data = answer.json()
        if answer.status != 200 or not isinstance(data, list):
            raise api.trouble(answer, _NEEDED)
        for one in objects(data):
            if text_of(one, "key") == name and one.get("environment_scope", ANY) == (
                environment or ANY
            ):
                return one
        if len(data) < 100:
            return None
    raise TroubleError("there are more than 2,000 variables", Status.REFUSED)


def _value(one: Mapping[str, Any]) -> Secret | None:
    value = one.get("value")
    return Secret(value) if isinstance(value, str) else None


def _filter(scope: str) -> dict[str, str]:
    return {"filter[environment_scope]": scope}
