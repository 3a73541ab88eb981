"""GitLab CI/CD variables: ``gitlab:PROJECT#NAME``, ``gitlab-group:GROUP#NAME``, ``gitlab-instance:all#NAME``.

With ``PROJECT@ENVIRONMENT`` or ``GROUP@ENVIRONMENT`` the one of that environment. What a variable is besides its value
(masked, protected, raw, its type, its environment) stays as it was. It is read back, but for a hidden one, which
nobody can read. https://docs.gitlab.com/api/project_level_variables/, …/group_level_variables/,
…/instance_level_ci_variables/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from remediate.errors import UsageError
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts, Outcome, Status
from remediate.plugins.reruns import Window
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.gitlab.server import HOW, Api
from remediate_providers.rest import TroubleError, number_of, objects, segment, text_of

_PROJECT = re.compile(r"[0-9]+|[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_GROUP = re.compile(r"[0-9]+|[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")
ANY = "*"
EVERYWHERE = "all"
"""The one place of `InstanceVariablesStore`."""
#: A value that GitLab masks: one line, eight characters or more, of these.
_MASKABLE = re.compile(rb"[A-Za-z0-9+/=_:@.~!$%^&*(){}\[\]|?,;<>#'\"-]{8,}")


@dataclass(frozen=True)
class Home:
    """Whose variables they are."""

    path: str
    """The list's path."""
    environment: str | None
    needed: str
    """What the responder's token has to be."""
    scoped: bool = True
    """Whether they have environments: an instance's have not."""

    @property
    def scope(self) -> str:
        """The environment's scope."""
        return self.environment or ANY


class VariablesStore:
    """Puts values where CI/CD jobs of a project read them."""

    scheme = "gitlab"
    _what = "project"
    _place = _PROJECT
    _form = "gitlab:GROUP/PROJECT#NAME or gitlab:GROUP/PROJECT@ENVIRONMENT#NAME"

    def validate(self, target: Target) -> None:
        """Raises `UsageError` where the place or a name is none that GitLab takes."""
        place, at, environment = target.place.partition("@")
        if not self._place.fullmatch(place) or (at and not environment):
            raise UsageError(
                f"{target.spec} names no {self._what} that can be on GitLab.",
                hint=f"Write it as {self._form}.",
            )
        if not target.keys:
            raise UsageError(f"{target.spec} names no variable.", hint=f"Write it as {self._form}.")
        for name, _part in target.keys:
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"{target.spec}: GitLab takes no variable named {name}.",
                    hint="Letters, digits and underscores, 255 at most.",
                )

    def home(self, target: Target) -> Home:
        """Whose variables *target* names."""
        place, _, environment = target.place.partition("@")
        return Home(
            f"/projects/{segment(place)}/variables",
            environment or None,
            "a token of a maintainer of the project, scope api",
        )

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """Write each value, then read it back. Several are written one after the other."""
        wanted, home = target.assign(values), self.home(target)
        written: list[str] = []
        evidence: list[Evidence] = []
        with Api(vendor) as api:
            try:
                if api.own is None:
                    raise TroubleError(f"{HOW} ({home.needed})", Status.REFUSED)
                for name, value in wanted.items():
                    evidence.append(_write(api, api.own, home, name, value))
                    written.append(name)
                going_on = self._going_on(api, api.own, target)
            except TroubleError as error:
                done = ", ".join(written) or "Nothing"
                return Outcome(
                    error.status,
                    f"{done} was written to {target.place}, and no more",
                    reason=str(error),
                    evidence=tuple(evidence),
                )
        data: dict[str, Json] = {"variables": list(written)}
        if going_on:
            data["running"] = going_on
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
                    (_find(api, api.own, self.home(target), name), value)
                    for name, value in target.assign(values).items()
                ]
            except TroubleError:
                return None
        if any(one is not None and one.get("hidden") is True for one, _ in found):
            return None
        return all(one is not None and value_of(one) == value for one, value in found)

    def uses(self, target: Target, leaked: Mapping[str, Secret], vendor: VendorContext) -> Facts:
        """See `remediate.plugins.store.FindsUses`: by value, and by name where it is hidden."""
        from remediate_providers.gitlab.variable_uses import around

        return around(target, self.home(target), leaked, vendor, project=self._what == "project")

    def reruns(self, target: Target, window: Window, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.reruns.FindsReruns`."""
        from remediate_providers.gitlab import reruns

        return reruns.in_project(target, window, vendor)

    def _going_on(self, api: Api, own: Secret, target: Target) -> list[Json]:
        """Pipelines whose jobs began before, and may hold the old value; none where GitLab does not tell."""
        if self._what != "project":
            return []
        path = f"/projects/{segment(target.place.partition('@')[0])}/pipelines"
        try:
            answer = api.ask("GET", path, own, query={"status": "running", "per_page": "100"})
        except HttpError:
            return []
        rows = objects(answer.json()) if answer.status == 200 else []
        return [
            {
                "run": number_of(one, "id"),
                "workflow": f"Pipeline {number_of(one, 'id')} of {text_of(one, 'ref') or '?'}",
                "page": text_of(one, "web_url"),
            }
            for one in rows
        ]


class GroupVariablesStore(VariablesStore):
    """Puts values where CI/CD jobs of all of a group's projects read them."""

    scheme = "gitlab-group"
    _what = "group"
    _place = _GROUP
    _form = "gitlab-group:GROUP#NAME or gitlab-group:GROUP@ENVIRONMENT#NAME"

    def home(self, target: Target) -> Home:
        """Whose variables *target* names."""
        place, _, environment = target.place.partition("@")
        return Home(
            f"/groups/{segment(place)}/variables",
            environment or None,
            "a token of an owner of the group, scope api",
        )

    def reruns(self, target: Target, window: Window, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.reruns.FindsReruns`: of the projects below it."""
        from remediate_providers.gitlab import reruns

        return reruns.in_group(target, window, vendor)


class InstanceVariablesStore(VariablesStore):
    """Puts values where every CI/CD job of a server of one's own reads them."""

    scheme = "gitlab-instance"
    _what = "instance"
    _place = re.compile(EVERYWHERE)
    _form = "gitlab-instance:all#NAME"

    def validate(self, target: Target) -> None:
        """See `VariablesStore.validate`."""
        super().validate(target)
        if "@" in target.place:
            raise UsageError(
                f"{target.spec}: a server's variables have no environment.",
                hint=f"Write it as {self._form}.",
            )

    def home(self, target: Target) -> Home:  # noqa: ARG002
        """The server's."""
        return Home(
            "/admin/ci/variables", None, "an administrator's token, scope api", scoped=False
        )

    def reruns(self, target: Target, window: Window, vendor: VendorContext) -> Facts:  # noqa: ARG002
        """Nothing is known of them."""
        from remediate_providers.gitlab import reruns

        return reruns.in_server()


def _write(api: Api, own: Secret, home: Home, name: str, value: Secret) -> Evidence:
    old = _find(api, own, home, name)
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
        new = {"key": name, "raw": True, "masked": masked}
        new |= {"environment_scope": home.scope} if home.scoped else {}
        _send(api, "POST", home.path, own, home.needed, {**body, **new})
    else:
        kept = ("masked", "protected", "raw", "variable_type", "environment_scope")
        body |= {field: old[field] for field in kept if field in old}
        query = {"filter[environment_scope]": home.scope} if home.scoped else None
        _send(api, "PUT", f"{home.path}/{segment(name)}", own, home.needed, body, query)
    return _proof(api, own, home, name, value)


def _send(
    api: Api,
    method: str,
    path: str,
    own: Secret,
    needed: str,
    body: Mapping[str, object],
    query: Mapping[str, str] | None = None,
) -> None:
    # A create that is repeated is refused as taken already: then reading it back tells.
    good = (200, 201, 400) if method == "POST" else (200,)
    try:
        answer = api.effect(
            method, path, own, good=good, repeat=True, needed=needed, json=body, query=query
        )
    except TroubleError as error:
        if error.lost:
            return
        raise
    if answer.status == 400 and "already been taken" not in api.site.words(answer):
        raise TroubleError(api.refusal(answer), Status.REFUSED)


def _proof(api: Api, own: Secret, home: Home, name: str, value: Secret) -> Evidence:
    """Read it back. Raises `TroubleError` where something else lies there."""
    new = _find(api, own, home, name)
    where = f" of {home.environment}" if home.environment else ""
    probe = f"GET {home.path}: {name}{where}"
    if new is None:
        raise TroubleError(f"{name} was written and is not there", Status.UNKNOWN)
    if new.get("hidden") is True:
        return api.seen(probe, "it is hidden: GitLab took the value and shows it to nobody")
    if value_of(new) != value:
        raise TroubleError(f"{name} holds something else than what was written", Status.UNKNOWN)
    return api.seen(probe, "the new value")


def _find(api: Api, own: Secret, home: Home, name: str) -> Mapping[str, Any] | None:
    """The variable of exactly that environment; None where there is none. Raises `TroubleError`.

    Listed, not asked for by name: the server would answer for another environment, or refuse to choose.
    """
    for one in listed(api, own, home):
        if text_of(one, "key") == name and one.get("environment_scope", ANY) == home.scope:
            return one
    return None


def listed(api: Api, own: Secret, home: Home) -> Iterator[Mapping[str, Any]]:
    """All variables there, with their values but for hidden ones. Raises `TroubleError`."""
    for page in range(1, 21):
        query = {"per_page": "100", "page": str(page)}
        try:
            answer = api.ask("GET", home.path, own, query=query)
        except HttpError as error:
            raise TroubleError(api.refusal(error), Status.UNREACHABLE) from None
        data = answer.json()
        if answer.status != 200 or not isinstance(data, list):
            raise api.trouble(answer, home.needed)
        yield from objects(data)
        if len(data) < 100:
            return
    raise TroubleError("there are more than 2,000 variables", Status.REFUSED)


def value_of(one: Mapping[str, Any]) -> Secret | None:
    """A variable's value; None for a hidden one."""
    value = one.get("value")
    return Secret(value) if isinstance(value, str) else None
