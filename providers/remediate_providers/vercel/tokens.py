"""Ending Vercel tokens and making new ones.

A token ends itself (``DELETE /v3/user/tokens/current``). ``POST /v3/user/tokens`` makes one for whoever asks: so a new one
is made by call only where the responder is the same user as the leaked token's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remediate.clock import parse
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers import making
from remediate_providers.accepting import not_seen, not_taken
from remediate_providers.ending import Asked
from remediate_providers.making import Made
from remediate_providers.rest import (
    NO_VALUE,
    NOT_USED,
    TroubleError,
    mapping,
    segment,
    text_of,
    texts_of,
)
from remediate_providers.vercel.facts import describe, listed_tokens, whose
from remediate_providers.vercel.server import HOW, PAGE, PART, Api, is_token, look

END = "/v3/user/tokens"
MAKE = "/v3/user/tokens"


class Ending:
    """How one is ended: `remediate_providers.ending.Ends`."""

    def __init__(self, held: Held, vendor: VendorContext) -> None:
        self._api = Api(vendor)
        self._held = held
        self.host = self._api.site.host

    def look(self) -> Check:
        """With the token itself."""
        value = self._held.values.get(PART)
        if value is None:
            return Check(None, reason=NO_VALUE)
        return look(self._api, value, leaked=True, patient=False).check

    def ask(self) -> Asked:
        """It ends itself. On what is dead this is refused and harmless."""
        value = self._held.values.get(PART)
        if value is None or not self._api.vendor.use_leaked:
            return Asked(status=Status.MANUAL, reason=NO_VALUE if value is None else NOT_USED)
        try:
            answer = self._api.effect("DELETE", f"{END}/current", value, good=(200,), repeat=True)
        except TroubleError as error:
            return Asked(error.lost, error.status, str(error))
        seen = (self._api.seen(f"DELETE {END}/current", "200"),)
        if text_of(mapping(answer), "tokenId") is None:
            return Asked(True, Status.UNREACHABLE, self._api.refusal(answer), seen)
        return Asked(accepted=True, evidence=seen)

    def step(self, reason: str) -> ManualStep:
        """The page of tokens."""
        return _step(self._api, self._held, "revoke", "Delete the Vercel token", reason)


def before(held: Held, vendor: VendorContext) -> dict[str, Json]:
    """What bears our mark already."""
    api = Api(vendor)
    try:
        way = _way(api, held)
    except TroubleError as error:
        return {"unlisted": str(error)}
    return {} if isinstance(way, str) else making.before(way, held)


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Reissues.reissue`."""
    api = Api(vendor)
    try:
        way = _way(api, held)
    except TroubleError as error:
        text = f"No successor of {held.id} was made"
        return Reissued(Outcome(error.status, text, reason=str(error)))
    if isinstance(way, str):
        return _by_hand(api, held, way)
    return making.make_one(way, held, lambda reason: _by_hand(api, held, reason))


def reconcile(held: Held, known: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Reissues.reconcile_reissue`."""
    api = Api(vendor)
    try:
        way = _way(api, held)
    except TroubleError as error:
        text = f"Whether a successor of {held.id} was made is not known"
        return Outcome(error.status, text, reason=str(error))
    if isinstance(way, str):
        return Outcome(Status.UNCHANGED, f"No successor of {held.id} was made by us")
    return making.reconcile(way, held, known)


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Accepts.accept`."""
    value = Secret(value.reveal().strip())
    if value in held.values.values():
        return not_taken("it is the leaked one itself")
    if not is_token(value):
        return not_taken("it does not look like a Vercel token (vcp_…)")
    api = Api(vendor)
    probe = look(api, value, leaked=False)
    if probe.check.alive is False:
        return not_taken("Vercel refuses it", probe.check.evidence)
    if probe.check.alive is None:
        return not_seen(probe.check, "token")
    user, _why = whose(api, value)
    owner, before_ = text_of(user, "id"), text_of(vendor.known, "user_id")
    if owner and before_ and owner != before_:
        return not_taken(
            f"it is of {text_of(user, 'username')}, and the leaked one of {vendor.known.get('owner')}"
        )
    return Reissued(
        Outcome(Status.DONE, f"Took in a new token for {held.id}", evidence=probe.check.evidence),
        {PART: value},
    )


class Creating:
    """Making one as the same user: `making.Makes`."""

    def __init__(self, api: Api, own: Secret, held: Held, known: Mapping[str, Any]) -> None:
        self._api, self._own, self._held, self._known = api, own, held, known
        self.host = api.site.host

    def make(self, name: str) -> Made:
        """One of the same team, that lives as long as the old one was to."""
        wanted: dict[str, object] = {"name": name}
        until = _until(self._known, self._api.vendor.now())
        if until is not None:
            wanted["expiresAt"] = until
        team = text_of(self._known, "team")
        answer = self._api.effect(
            "POST",
            MAKE,
            self._own,
            good=(200, 201),
            needed="a token with full account access",
            json=wanted,
            query={"teamId": team} if team else None,
        )
        data = mapping(answer)
        token = data.get("token")
        id_ = text_of(token, "id") if isinstance(token, dict) else None
        value = text_of(data, "bearerToken")
        if id_ is None or value is None:
            raise self._api.trouble(answer)
        return Made({PART: Secret(value)}, id_, (self._api.seen(f"POST {MAKE}", "200"),))

    def named(self, beginning: str) -> Mapping[str, str]:
        """Tokens of the same user, by the beginning of their name."""
        found, missing = listed_tokens(self._api, self._own)
        if missing:
            raise TroubleError(missing, Status.UNREACHABLE)
        return {
            id_: name
            for one in found
            if (id_ := text_of(one, "id")) is not None
            and (name := text_of(one, "name") or "").startswith(beginning)
        }

    def end(self, id: str) -> Evidence:  # noqa: A002 - `Makes`
        """Delete one by its id."""
        path = f"{END}/{segment(id)}"
        answer = self._api.effect("DELETE", path, self._own, good=(200, 404), repeat=True)
        return self._api.seen(f"DELETE {path}", str(answer.status))

    def stray(self, name: str) -> ManualStep:
        """A person looks for it."""
        title = f"Look for a token named {name} and delete it"
        why = "the answer to its making was lost, and nobody has its value"
        return _step(self._api, self._held, "stray", title, why)


def _way(api: Api, held: Held) -> Creating | str:
    """Making one as the same user; else why a person has to. Raises `TroubleError`."""
    own = api.own
    if own is None:
        return f"you have no token to make one with: {HOW}"
    if own in held.values.values():
        return "your own VERCEL_TOKEN is the leaked one"
    known = api.vendor.known
    if text_of(known, "user_id") is None:
        known = describe(held, api.vendor).known
    user = text_of(known, "user_id")
    if user is None:
        return "whose it was is not known"
    if any("project" in scope for scope in texts_of(known, "scopes")):
        return "it was for one project, and no call makes such a token"
    mine, why = whose(api, own)
    if why:
        raise TroubleError(why, Status.UNREACHABLE)
    if text_of(mine, "id") != user:
        return (
            f"Vercel makes a token for whoever asks: you are {text_of(mine, 'username')}, and it was "
            f"{text_of(known, 'owner')}'s"
        )
    return Creating(api, own, held, known)


def _until(known: Mapping[str, Any], now: str) -> int | None:
    """When the successor ends, in milliseconds since 1970: it lives as long as the old one was to."""
    created, ends = text_of(known, "created"), text_of(known, "expires")
    if not ends:
        return None
    try:
        whole = parse(ends) - parse(created) if created else timedelta(days=90)
        return int((parse(now) + max(whole, timedelta(days=1))).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return None


def _by_hand(api: Api, held: Held, reason: str) -> Reissued:
    owner = text_of(api.vendor.known, "owner")
    step = _step(
        api,
        held,
        "replace",
        "Create a new Vercel token",
        reason,
        f"Sign in as {owner}." if owner else "Sign in as the user whose token leaked.",
        "Create it with the scope of the old one"
        + (f" ({', '.join(texts_of(api.vendor.known, 'scopes'))})." if owner else "."),
        "Copy it: Vercel shows it once.",
    )
    text = f"The successor of {held.id} has to be made by hand"
    return Reissued(Outcome(Status.MANUAL, text, reason=reason, manual=step))


def _step(api: Api, held: Held, what: str, title: str, why: str, *click: str) -> ManualStep:
    id_ = f"{what}-vercel-{held.credential.parts.get(PART, held.id)[:8]}"
    takes = what == "replace"
    last = f"Hand it in: remediate resume --value {id_}" if takes else "Then: remediate resume"
    return ManualStep(
        id=id_,
        title=title,
        why=f"It can't be done by call: {why}.",
        url=api.page(PAGE),
        instructions=(*(click or ("Find it in the list > … > Delete.",)), last),
        check="remediate asks Vercel with it.",
        takes_value=takes,
    )
