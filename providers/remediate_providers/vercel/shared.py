"""Environment variables that a Vercel team shares among projects: ``vercel-shared:TEAM_ID#NAME``, ``TEAM_ID@TARGET#NAME``.

What a variable is besides its value (its type, its targets, its projects) stays. One that is not there is not made,
for nobody told which projects should have it. Production of each of its projects is deployed anew, or said.
https://vercel.com/docs/environment-variables/shared-environment-variables, fields: @vercel/sdk 1.28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
from remediate_providers.vercel.environment import TARGETS, require_names, targets_of
from remediate_providers.vercel.server import HOW, Api

PATH = "/v1/env"
_TEAM = re.compile(r"team_[A-Za-z0-9]{4,64}")
_FORM = "vercel-shared:team_ID#NAME or vercel-shared:team_ID@production#NAME"
_NEEDED = "a token of an owner or member of the team that may write its shared variables"


class SharedEnvironmentStore:
    """Puts values where several projects of a team read them."""

    scheme = "vercel-shared"

    def validate(self, target: Target) -> None:
        """Raises `UsageError` where the team, the target or a name is none that Vercel takes."""
        team, at, where = target.place.partition("@")
        if not _TEAM.fullmatch(team) or (at and where not in TARGETS) or not target.keys:
            raise UsageError(
                f"{target.spec} names no variable that a team can share on Vercel.",
                hint=f"Write it as {_FORM}. A team's settings show its id.",
            )
        require_names(target)

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """Write each value, prove it, and see that it takes effect in each project."""
        written: list[tuple[Mapping[str, Any], Evidence]] = []
        try:
            place = _Place(target, vendor)
            for name, value in target.assign(values).items():
                written.append(place.write(name, value))
        except TroubleError as error:
            done = ", ".join(str(one.get("key")) for one, _seen in written) or "Nothing"
            return Outcome(
                error.status,
                f"{done} was written to {target.place}, and no more",
                reason=str(error),
                evidence=tuple(seen for _one, seen in written),
            )
        return _deployed(place, target, written)

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """Whether each variable has its value; None where one is sensitive or can't be read."""
        try:
            place = _Place(target, vendor)
            held = [
                place.holds(place.find(name), value)
                for name, value in target.assign(values).items()
            ]
        except TroubleError:
            return None
        return False if False in held else None if None in held else True


class _Place:
    """One team's shared variables, of one target where one is named. Raises `TroubleError` without a token."""

    def __init__(self, target: Target, vendor: VendorContext) -> None:
        self.api = Api(vendor)
        if self.api.own is None:
            raise TroubleError(f"{HOW} ({_NEEDED})", Status.REFUSED)
        self.own: Secret = self.api.own
        team, _, self._target = target.place.partition("@")
        self.api.team = {"teamId": team}

    def find(self, name: str) -> Mapping[str, Any] | None:
        """The one variable of that name; None where there is none. Raises `TroubleError`."""
        data = self.api.read(PATH, self.own, _NEEDED, {"search": name})
        listed, pages = data.get("data"), data.get("pagination")
        if not isinstance(listed, list):
            raise TroubleError(
                f"{self.api.site.host} gave no list of variables", Status.UNREACHABLE
            )
        found = [
            one
            for one in objects(listed)
            if text_of(one, "key") == name and (not self._target or self._target in targets_of(one))
        ]
        more = isinstance(pages, dict) and pages.get("next") is not None
        if len(found) > 1 or (not found and more):
            raise TroubleError(
                f"there are several shared variables like {name}: name the target, as in {_FORM}",
                Status.REFUSED,
            )
        return found[0] if found else None

    def write(self, name: str, value: Secret) -> tuple[Mapping[str, Any], Evidence]:
        """Write one and prove it. Raises `TroubleError`."""
        old = self.find(name)
        if old is None:
            raise TroubleError(
                f"no shared variable is named {name}, and which projects should have it nobody told: "
                "create it once by hand",
                Status.REFUSED,
            )
        probe = f"GET shared variable {name}"
        if self.holds(old, value) is True:
            return old, self.api.seen(probe, "the new value, already")
        try:
            self._send(str(old.get("id")), value)
        except TroubleError as error:
            if not error.lost:
                raise
            # Its answer was lost: what lies there tells.
        new = self.find(name)
        held = self.holds(new, value)
        if new is None or held is False:
            raise TroubleError(f"{name} holds something else than was written", Status.UNKNOWN)
        same = [set(targets_of(one)) | set(texts_of(one, "projectId")) for one in (old, new)]
        if same[0] != same[1]:
            raise TroubleError(f"{name} is not where it was any more: look at it", Status.UNKNOWN)
        if held is True:
            return new, self.api.seen(probe, "the new value")
        before, after = (number_of(one, "updatedAt") or 0 for one in (old, new))
        if after <= before:
            raise TroubleError(
                f"whether {name} was written can't be seen: it is sensitive, and its time did not move",
                Status.UNKNOWN,
            )
        return new, self.api.seen(probe, f"sensitive; written at {after} (ms), before {before}")

    def holds(self, one: Mapping[str, Any] | None, value: Secret) -> bool | None:
        """Whether *one* has *value*; None for a sensitive one, which nobody can read."""
        if one is None:
            return False
        if text_of(one, "type") == "sensitive":
            return None
        data = self.api.read(f"{PATH}/{segment(str(one.get('id')))}", self.own, _NEEDED)
        shown = data.get("value")
        if data.get("decrypted") is not True or not isinstance(shown, str):
            return None
        return Secret(shown) == value

    def _send(self, id_: str, value: Secret) -> None:
        answer = self.api.effect(
            "PATCH",
            PATH,
            self.own,
            good=(200,),
            repeat=True,
            needed=_NEEDED,
            json={"updates": {id_: {"value": value.reveal_text()}}},
            query=dict(self.api.team),
        )
        self.api.require_taken(mapping(answer), "it")


def _deployed(
    place: _Place, target: Target, written: list[tuple[Mapping[str, Any], Evidence]]
) -> Outcome:
    """See that production of each project takes what was written; the first that a person has to do."""
    names = ", ".join(str(one.get("key")) for one, _seen in written)
    evidence = tuple(seen for _one, seen in written)
    data: dict[str, Json] = {"variables": [str(one.get("key")) for one, _seen in written]}
    at = max(number_of(one, "updatedAt") or 0 for one, _seen in written)
    projects = sorted(
        {
            project
            for one, _seen in written
            if "production" in targets_of(one)
            for project in texts_of(one, "projectId")
        }
    )
    data["projects"] = list(projects)
    outcomes = [
        deploying.see_to_it(place.api, place.own, project, names, at, (), {})
        for project in projects
    ]
    evidence += tuple(seen for one in outcomes for seen in one.evidence)
    waiting = next((one for one in outcomes if not one.status.settled), None)
    if waiting is not None:
        return Outcome(
            waiting.status,
            f"Wrote {names} to {target.place}; {waiting.summary}",
            waiting.reason,
            evidence,
            data,
            waiting.manual,
        )
    said = "; ".join(one.summary for one in outcomes)
    more = said or "it takes effect with the next deployment of its projects"
    return Outcome(Status.DONE, f"Wrote {names} to {target.place}; {more}", "", evidence, data)
