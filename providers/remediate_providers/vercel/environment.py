"""A Vercel project's environment variables: ``vercel:PROJECT#NAME`` and ``vercel:PROJECT@TARGET#NAME``.

What a variable is besides its value (its type, its targets) stays. It takes effect with the next deployment: one of
production is started where policy names no ``deploy`` command. https://vercel.com/docs/environment-variables
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediate.errors import UsageError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.rest import (
    TroubleError,
    mapping,
    number_of,
    objects,
    segment,
    text_of,
    texts_of,
)
from remediate_providers.vercel import deploying
from remediate_providers.vercel.server import HOW, Api

TARGETS = ("production", "preview", "development")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,255}")
_FORM = "vercel:PROJECT#NAME or vercel:PROJECT@production#NAME (or preview, development)"
_NEEDED = "a token that may write to the project (VERCEL_TEAM_ID names its team)"


class EnvironmentStore:
    """Puts values where a project's builds and functions read them."""

    scheme = "vercel"

    def validate(self, target: Target) -> None:
        """Raises `UsageError` where the project, the target or a name is none that Vercel takes."""
        project, at, where = target.place.partition("@")
        if not _PROJECT.fullmatch(project) or (at and where not in TARGETS):
            raise UsageError(
                f"{target.spec} names no project and target that can be on Vercel.",
                hint=f"Write it as {_FORM}.",
            )
        if not target.keys:
            raise UsageError(f"{target.spec} names no variable.", hint=f"Write it as {_FORM}.")
        require_names(target)

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """Write each value, prove it, and see that it takes effect."""
        api = Api(vendor)
        written: list[_Written] = []
        try:
            place = _Place.of(api, target)
            for name, value in target.assign(values).items():
                written.append(place.write(name, value))
        except TroubleError as error:
            done = ", ".join(one.name for one in written) or "Nothing"
            return Outcome(
                error.status,
                f"{done} was written to {target.place}, and no more",
                reason=str(error),
                evidence=tuple(one.proof for one in written),
            )
        names = ", ".join(one.name for one in written)
        evidence = tuple(one.proof for one in written)
        data: dict[str, Json] = {"variables": [one.name for one in written]}
        if all("production" not in one.targets for one in written):
            said = "it takes effect with the next deployment of that target"
            return Outcome(
                Status.DONE, f"Wrote {names} to {target.place}; {said}", "", evidence, data
            )
        return deploying.see_to_it(
            api, place.own, place.project, names, max(one.at for one in written), evidence, data
        )

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """Whether each variable has its value; None where one is sensitive or can't be read."""
        api = Api(vendor)
        try:
            place = _Place.of(api, target)
            held = [
                place.holds(place.find(name), value)
                for name, value in target.assign(values).items()
            ]
        except TroubleError:
            return None
        return False if False in held else None if None in held else True


@dataclass(frozen=True)
class _Written:
    name: str
    targets: tuple[str, ...]
    at: int
    """When Vercel says that it was written, milliseconds since 1970."""
    proof: Evidence


@dataclass(frozen=True)
class _Place:
    """A project, and of its variables those of one target where one is named."""

    api: Api
    own: Secret
    project: str
    target: str

    @classmethod
    def of(cls, api: Api, target: Target) -> _Place:
        """Raises `TroubleError` without a token to go there with."""
        if api.own is None:
            raise TroubleError(f"{HOW} ({_NEEDED})", Status.REFUSED)
        project, _, where = target.place.partition("@")
        return cls(api, api.own, project, where)

    def find(self, name: str) -> Mapping[str, Any] | None:
        """The one variable of that name here; None where there is none. Raises `TroubleError`."""
        path = f"/v10/projects/{segment(self.project)}/env"
        data = self.api.read(path, self.own, _NEEDED)
        listed = data.get("envs")
        if not isinstance(listed, list):
            raise TroubleError(
                f"{self.api.site.host} gave no list of variables", Status.UNREACHABLE
            )
        found = [
            one
            for one in objects(listed)
            if text_of(one, "key") == name
            and not text_of(one, "gitBranch")
            and (not self.target or self.target in targets_of(one))
        ]
        if len(found) > 1:
            raise TroubleError(
                f"there are {len(found)} variables named {name}: name the target, as in "
                f"vercel:{self.project}@production#{name}",
                Status.REFUSED,
            )
        return found[0] if found else None

    def write(self, name: str, value: Secret) -> _Written:
        """Write one and prove it. Raises `TroubleError`."""
        old = self.find(name)
        if old is not None and self.holds(old, value) is True:
            return self._proof(name, old, "the new value, already")
        try:
            self._send(name, value, old)
        except TroubleError as error:
            if not error.lost:
                raise
            # Its answer was lost: what lies there tells.
        new = self.find(name)
        if new is None:
            raise TroubleError(f"{name} was written and is not there", Status.UNKNOWN)
        held = self.holds(new, value)
        if held is False:
            raise TroubleError(f"{name} holds something else than was written", Status.UNKNOWN)
        if held is True:
            return self._proof(name, new, "the new value")
        before = 0 if old is None else number_of(old, "updatedAt") or 0
        after = number_of(new, "updatedAt") or 0
        if after <= before:
            raise TroubleError(
                f"whether {name} was written can't be seen: it is sensitive, and its time did not move",
                Status.UNKNOWN,
            )
        return self._proof(name, new, f"sensitive; written at {after} (ms), before {before}")

    def holds(self, one: Mapping[str, Any] | None, value: Secret) -> bool | None:
        """Whether *one* has *value*; None for a sensitive one, which nobody can read."""
        if one is None:
            return False
        if text_of(one, "type") == "sensitive":
            return None
        path = f"/v1/projects/{segment(self.project)}/env/{segment(str(one.get('id')))}"
        data = self.api.read(path, self.own, _NEEDED)
        shown = data.get("value")
        if data.get("decrypted") is False or not isinstance(shown, str):
            return None
        return Secret(shown) == value

    def _send(self, name: str, value: Secret, old: Mapping[str, Any] | None) -> None:
        text = value.reveal_text()
        project = segment(self.project)
        if old is not None:
            path = f"/v9/projects/{project}/env/{segment(str(old.get('id')))}"
            self._effect("PATCH", path, (200,), {"value": text})
            return
        targets = [self.target] if self.target else ["production", "preview"]
        # A sensitive one can be read by nobody afterwards; development has no such kind.
        kind = "encrypted" if "development" in targets else "sensitive"
        new = {"key": name, "value": text, "type": kind, "target": targets}
        data = self._effect(
            "POST", f"/v10/projects/{project}/env", (200, 201), new, {"upsert": "true"}
        )
        self.api.require_taken(data, name)

    def _effect(
        self,
        method: str,
        path: str,
        good: tuple[int, ...],
        body: Mapping[str, object],
        query: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        # Writing the same value twice is harmless.
        answer = self.api.effect(
            method,
            path,
            self.own,
            good=good,
            repeat=True,
            needed=_NEEDED,
            json=body,
            query={**(query or {}), **self.api.team},
        )
        return mapping(answer)

    def _proof(self, name: str, one: Mapping[str, Any], saw: str) -> _Written:
        probe = f"GET variable {name} of {self.project}"
        at = number_of(one, "updatedAt") or 0
        return _Written(name, targets_of(one), at, self.api.seen(probe, saw))


def targets_of(one: Mapping[str, Any]) -> tuple[str, ...]:
    """A variable's targets: a list, or one alone as text."""
    alone = text_of(one, "target")
    return (alone,) if alone else tuple(texts_of(one, "target"))


def require_names(target: Target) -> None:
    """Raises `UsageError` where a name is none that Vercel takes for a variable."""
    for name, _part in target.keys:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{target.spec}: Vercel takes no variable named {name}.",
                hint="Letters, digits and underscores, a letter first.",
            )
