"""A new GitLab token in place of the leaked one.

Created by the responder where they may (a project's, a group's, or as an administrator a person's), under a
name of its own, so that one whose answer was lost is found. Else rotated by the leaked token itself while it
lives. Rotation is asked for once and never again: rotating a token that was rotated already revokes its whole
family, the new one too (https://docs.gitlab.com/api/personal_access_tokens/#automatic-reuse-detection). That
very rule is used to end a new one that nobody has the value of.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remediate.clock import parse
from remediate.http import HttpError
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers import making
from remediate_providers.gitlab import steps
from remediate_providers.gitlab.facts import describe, home_of
from remediate_providers.gitlab.probe import SELF, look
from remediate_providers.gitlab.server import HOW, Api
from remediate_providers.gitlab.tokens import ACCESS, PART, RUNNER, kind_of, token_of
from remediate_providers.making import Made
from remediate_providers.rest import (
    TroubleError,
    mapping,
    number_of,
    objects,
    segment,
    text_of,
    texts_of,
)

ROTATE = f"{SELF}/rotate"
LONGEST_DAYS = 365
"""A token lives for a year at most, unless the server's owner allows more."""
_MAKER = "maintainer or owner there with a personal access token of the scope api"


def before(held: Held, vendor: VendorContext) -> dict[str, Json]:
    """What there is with our mark, and whether the old one lives: a dead one afterwards was rotated."""
    with Api(vendor) as api:
        way = _way(api, held)
        known = making.before(way, held) if way is not None else {}
        token = token_of(held)
        if held.credential.kind == ACCESS and token is not None and vendor.use_leaked:
            known["alive"] = look(api, ACCESS, token, leaked=True).check.alive
        return known


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Reissues.reissue`."""
    with Api(vendor) as api:
        if held.credential.kind == RUNNER:
            return _reset(api, held)
        if held.credential.kind != ACCESS:
            return _by_hand(api, held, "GitLab tells nobody which project such a token is of")
        way = _way(api, held)
        if way is None:
            return _rotated(api, held, f"you have no token to create one with: {HOW}")
        return making.make_one(way, held, lambda reason: _rotated(api, held, reason))


def reconcile(held: Held, known: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Reissues.reconcile_reissue`."""
    with Api(vendor) as api:
        if held.credential.kind == RUNNER:
            return Outcome(
                Status.UNCHANGED,
                f"One that was made in place of {held.id} and lost ends with the next reset",
            )
        if held.credential.kind != ACCESS:
            return Outcome(Status.UNCHANGED, f"No call of ours makes a successor of {held.id}")
        if known.get("alive") is True:
            ended = _family(api, held)
            if ended is not None:
                return ended
        way = _way(api, held)
        if way is None:
            return Outcome(Status.UNCHANGED, f"No successor of {held.id} had been made")
        return making.reconcile(way, held, known)


class Creating:
    """Creating one as the owner of a project or group, or as an administrator: `making.Makes`."""

    def __init__(self, api: Api, own: Secret, held: Held, known: Mapping[str, Any]) -> None:
        home = home_of(known)
        assert home is not None
        self._api, self._own, self._held, self._known = api, own, held, known
        self._home, self._id = home
        self.host = api.site.host

    @property
    def _path(self) -> str:
        kind = "personal_access_tokens" if self._home == "users" else "access_tokens"
        return f"/{self._home}/{segment(self._id)}/{kind}"

    @property
    def _needed(self) -> str:
        return "an administrator's token" if self._home == "users" else _MAKER

    def make(self, name: str) -> Made:
        """Create one with the scopes, the role and the lifetime of the old one."""
        scopes = texts_of(self._known, "scopes")
        wanted: dict[str, object] = {
            "name": name,
            "scopes": list(scopes),
            "expires_at": expiry(self._known, self._api.vendor.now()),
            "description": f"Made by remediate in place of token {self._known.get('token_id')}",
        }
        level = number_of(self._known, "access_level")
        if level is not None:
            wanted["access_level"] = level
        answer = self._api.effect(
            "POST", self._path, self._own, good=(201,), needed=self._needed, json=wanted
        )
        data = mapping(answer)
        value, id_ = text_of(data, "token"), number_of(data, "id")
        if value is None or id_ is None or kind_of(Secret(value)) != ACCESS:
            raise self._api.trouble(answer)
        return Made(
            {PART: Secret(value)},
            str(id_),
            (self._api.seen(f"POST {self._path}", "201"),),
            f"Created token {id_} of {self._home.removesuffix('s')} {self._id}",
            {"scopes": list(scopes), "expires": text_of(data, "expires_at")},
        )

    def named(self, beginning: str) -> Mapping[str, str]:
        """Living tokens of the same owner, by the beginning of their name."""
        if self._home == "users":
            path, query = "/personal_access_tokens", {"user_id": str(self._id)}
        else:
            path, query = self._path, {}
        answer = self._api.effect(
            "GET",
            path,
            self._own,
            good=(200,),
            needed=self._needed,
            query={**query, "state": "active", "search": beginning, "per_page": "100"},
        )
        data = answer.json()
        if not isinstance(data, list):
            raise self._api.trouble(answer)
        return {
            str(id_): name
            for one in objects(data)
            if (id_ := number_of(one, "id")) is not None
            and (name := text_of(one, "name") or "").startswith(beginning)
            and one.get("revoked") is not True
        }

    def end(self, id: str) -> Evidence:  # noqa: A002 - `Makes`
        """Revoke one by its id."""
        base = "/personal_access_tokens" if self._home == "users" else self._path
        path = f"{base}/{segment(id)}"
        answer = self._api.effect(
            "DELETE", path, self._own, good=(204, 404), repeat=True, needed=self._needed
        )
        return self._api.seen(f"DELETE {path}", str(answer.status))

    def stray(self, name: str) -> ManualStep:
        """A person looks for it."""
        return steps.stray(self._api.server, self._held, f"a token named {name}", self._known)


def expiry(known: Mapping[str, Any], now: str) -> str:
    """The last day of a successor that lives as long as the old one was to, a year at most: YYYY-MM-DD.

    Without it GitLab gives a rotated token a week.
    """
    days = LONGEST_DAYS
    created, ends = text_of(known, "created"), text_of(known, "expires")
    try:
        if created and ends:
            days = (parse(ends[:10]) - parse(created[:10])).days
    except ValueError:
        days = LONGEST_DAYS
    return (parse(now) + timedelta(days=min(max(days, 1), LONGEST_DAYS))).date().isoformat()


def _way(api: Api, held: Held) -> Creating | None:
    """Creating, where there is a token of the responder's to do it with, and it is known for whom."""
    if held.credential.kind != ACCESS or api.own is None or api.own == token_of(held):
        return None
    known = _known(api, held)
    return (
        Creating(api, api.own, held, known)
        if home_of(known) and texts_of(known, "scopes")
        else None
    )


def _known(api: Api, held: Held) -> Mapping[str, Any]:
    """What was learned of the old one; asked again where nothing was."""
    known = api.vendor.known
    return known if home_of(known) is not None else describe(held, api.vendor).known


# -- rotation -------------------------------------------------------------------------------------


def _rotated(api: Api, held: Held, reason: str) -> Reissued:
    """Let the leaked token rotate itself, once, where it lives and policy allows its use."""
    token = token_of(held)
    if token is None or not api.vendor.use_leaked:
        return _by_hand(api, held, reason)
    probe = look(api, ACCESS, token, leaked=True)
    if probe.check.alive is None:
        return Reissued(
            Outcome(
                Status.UNREACHABLE,
                f"No successor of {held.id} was made",
                reason=probe.check.reason,
                evidence=probe.check.evidence,
            )
        )
    scopes = texts_of(probe.data, "scopes")
    if probe.check.alive is False or not {"api", "self_rotate"} & set(scopes):
        return _by_hand(api, held, reason)
    dates = {
        "created": text_of(probe.data, "created_at"),
        "expires": text_of(probe.data, "expires_at"),
    }
    wanted = {"expires_at": expiry(dates, api.vendor.now())}
    try:
        # Never repeated: see above.
        answer = api.effect("POST", ROTATE, token, good=(200, 201), repeat=False, json=wanted)
        data = mapping(answer)
        value, id_ = text_of(data, "token"), number_of(data, "id")
        if value is None or id_ is None:
            raise api.trouble(answer)
    except TroubleError as error:
        return _rotation_lost(api, held, error) if error.lost else _by_hand(api, held, str(error))
    return Reissued(
        Outcome(
            Status.DONE,
            f"Rotated {held.id} into token {id_}; the old one died with that",
            evidence=(api.seen(f"POST {ROTATE}", str(answer.status)),),
            data={"scopes": list(scopes), "expires": text_of(data, "expires_at")},
        ),
        {PART: Secret(value)},
        public_id=str(id_),
    )


def _rotation_lost(api: Api, held: Held, error: TroubleError) -> Reissued:
    """The answer never came: did it rotate? The old token itself tells."""
    token = token_of(held)
    assert token is not None
    check = look(api, ACCESS, token, leaked=True).check
    if check.alive is True:
        return Reissued(
            Outcome(Status.UNREACHABLE, f"{held.id} was not rotated", reason=str(error))
        )
    if check.alive is None:
        return Reissued(
            Outcome(
                Status.UNKNOWN,
                f"Asked to rotate {held.id}; whether it was is not known",
                reason=f"{error}; and then: {check.reason}",
                manual=steps.stray(api.server, held, "the rotated token", api.vendor.known),
            )
        )
    ended = _family(api, held)
    gone = ended is not None and ended.status is Status.DONE
    reason = f"{error}. It was rotated and nobody has the new value" + (
        "; the family was revoked, the new one with it" if gone else ""
    )
    made = _by_hand(api, held, reason)
    return Reissued(
        Outcome(
            Status.MANUAL,
            made.outcome.summary,
            reason=reason,
            evidence=ended.evidence if ended is not None else (),
            data={"deleted": ["the rotated token"]} if gone else {},
            manual=made.outcome.manual,
        )
    )


def _family(api: Api, held: Held) -> Outcome | None:
    """End what came of a rotation whose answer was lost; None where the old one was not rotated.

    Rotating the dead one once more is refused, and revokes every living token that came of it (GitLab 16.3).
    """
    token = token_of(held)
    if token is None or not api.vendor.use_leaked:
        return None
    check = look(api, ACCESS, token, leaked=True).check
    if check.alive is True:
        return None
    if check.alive is None:
        summary = f"Whether {held.id} was rotated is not known"
        return Outcome(Status.UNREACHABLE, summary, reason=check.reason)
    try:
        answer = api.ask("POST", ROTATE, token, repeat=True)
    except HttpError as error:
        summary = f"Whether what came of {held.id} lives is not known"
        return Outcome(Status.UNREACHABLE, summary, reason=api.refusal(error))
    seen = api.seen(f"POST {ROTATE}", f"{answer.status}, so that its family is revoked")
    if answer.status != 401:
        return Outcome(
            Status.UNREACHABLE if answer.status >= 500 or answer.limited else Status.UNKNOWN,
            f"Whether what came of {held.id} lives is not known",
            reason=api.refusal(answer),
            evidence=(seen,),
        )
    return Outcome(
        Status.DONE,
        f"Revoked whatever had come of {held.id} by rotation",
        evidence=(*check.evidence, seen),
        data={"deleted": ["the rotated token"]},
    )


# -- runners --------------------------------------------------------------------------------------


def _runner_path(api: Api) -> str | None:
    id_ = number_of(api.vendor.known, "runner_id")
    return None if id_ is None else f"/runners/{id_}/reset_authentication_token"


def _reset(api: Api, held: Held) -> Reissued:
    """Reset the runner's token. Each reset ends the one before, so it may be repeated: one lives."""
    path = _runner_path(api)
    if path is None:
        return _by_hand(api, held, "which runner it was of is not known")
    if api.own is None:
        return _by_hand(api, held, f"you have no token to reset it with: {HOW}")
    try:
        answer = api.effect(
            "POST",
            path,
            api.own,
            good=(200, 201),
            repeat=True,
            needed="the runner's owner, scope api",
        )
        value = text_of(mapping(answer), "token")
        if value is None:
            raise api.trouble(answer)
    except TroubleError as error:
        if error.status is Status.UNREACHABLE:
            summary = f"No successor of {held.id} is at hand"
            return Reissued(Outcome(error.status, summary, reason=str(error)))
        return _by_hand(api, held, str(error))
    return Reissued(
        Outcome(
            Status.DONE,
            f"Reset the token of runner {api.vendor.known['runner_id']}",
            evidence=(api.seen(f"POST {path}", str(answer.status)),),
            data={"expires": text_of(mapping(answer), "token_expires_at")},
        ),
        {PART: Secret(value)},
    )


def _by_hand(api: Api, held: Held, reason: str) -> Reissued:
    return Reissued(
        Outcome(
            Status.MANUAL,
            f"The successor of {held.id} has to be made by hand",
            reason=reason,
            manual=steps.replace(api.server, held, reason, api.vendor.known),
        )
    )
