"""What Vercel tells of a token, what its owner did, and what else was made since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.clock import parse
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.making import MARK
from remediate_providers.rest import NO_VALUE, mapping, objects, text_of
from remediate_providers.vercel.server import HOW, PART, Api, look, moment

USER = "/v2/user"
EVENTS = "/v3/events"
_READING = "a token of its owner's, or of the team's, that may read its activity"
TOKENS = "/v6/user/tokens"
PAGE = 100
MAX_PAGES = 10

SUSPICIOUS = ("token", "env", "secret", "integration", "member", "domain", "deploy-hook", "webhook")
"""Parts of an event's type that a thief's work shows in."""


def describe(held: Held, vendor: VendorContext) -> Facts:
    """Its name, scopes, dates and last use, and whose it is."""
    value = held.values.get(PART)
    if value is None:
        return _nothing(NO_VALUE)
    api = Api(vendor)
    probe = look(api, value, leaked=True)
    if probe.check.alive is not True:
        reason = probe.check.reason or "it is dead already: Vercel says nothing of it any more"
        return Facts(unknown=_nothing(reason).unknown, evidence=probe.check.evidence)
    told = probe.token
    known: dict[str, Json] = {
        "token_id": text_of(told, "id"),
        "name": text_of(told, "name"),
        "origin": text_of(told, "origin"),
        "scopes": [_scope(one) for one in objects(told.get("scopes"))],
        "last_used": moment(told, "activeAt"),
        "created": moment(told, "createdAt"),
        "expires": moment(told, "expiresAt"),
    }
    teams = [one.get("teamId") for one in objects(told.get("scopes"))]
    known["team"] = next((team for team in teams if isinstance(team, str)), None)
    unknown: dict[str, str] = {}
    evidence = list(probe.check.evidence)
    user, why = whose(api, value)
    if why:
        unknown["owner"] = why
    else:
        known |= {"owner": text_of(user, "username"), "user_id": text_of(user, "id")}
        evidence.append(api.seen(f"GET {USER}", "200"))
    return Facts({k: v for k, v in known.items() if v is not None}, unknown, tuple(evidence))


def whose(api: Api, token: Secret) -> tuple[Mapping[str, Any], str]:
    """The user of *token*; else why that is not known."""
    try:
        answer = api.ask("GET", USER, token)
    except HttpError as error:
        return {}, api.refusal(error)
    user = mapping(answer).get("user")
    if answer.status != 200 or not isinstance(user, dict):
        return {}, api.refusal(answer)
    return user, ""


def listed_tokens(api: Api, own: Secret) -> tuple[list[Mapping[str, Any]], str]:
    """Every token of the responder's own user; and why it may not be all."""
    found: list[Mapping[str, Any]] = []
    query = {"limit": str(PAGE)}
    for _page in range(MAX_PAGES):
        try:
            answer = api.ask("GET", TOKENS, own, query=query)
        except HttpError as error:
            return found, api.refusal(error)
        data = mapping(answer)
        if answer.status != 200 or not isinstance(data.get("tokens"), list):
            return found, api.refusal(answer)
        found += objects(data["tokens"])
        paging = data.get("pagination")
        following = paging.get("next") if isinstance(paging, dict) else None
        if not isinstance(following, int | str):
            return found, ""
        query = {"limit": str(PAGE), "until": str(following)}
    return found, f"there are more than {MAX_PAGES * PAGE}"


def investigate(_held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Investigates.investigate`."""
    known: dict[str, Json] = {"events": []}
    unknown = {"from": "Vercel's events name no address and no token; its log drains may"}
    used = text_of(vendor.known, "last_used")
    if used:
        known |= {"last_used": used, "used_while_out": since is None or _after(used, since)}
    else:
        unknown["last_used"] = "it was not known when it died"
    api = Api(vendor)
    user = text_of(vendor.known, "user_id")
    if api.own is None or user is None:
        why = HOW if api.own is None else "whose it was is not known"
        return Facts(known, {**unknown, "events": f"nobody looked: {why}"})
    query = {"limit": str(PAGE), "withPayload": "false", **api.team}
    if since:
        query["since"] = since
    try:
        answer = api.ask("GET", EVENTS, api.own, query=query)
    except HttpError as error:
        return Facts(known, {**unknown, "events": api.refusal(error)})
    events = mapping(answer).get("events")
    if answer.status != 200 or not isinstance(events, list):
        return Facts(
            known, {**unknown, "events": f"no evidence to be had: {api.refusal(answer, _READING)}"}
        )
    vendor.keep(f"GET {EVENTS}", answer.body)
    told = [_event(one) for one in objects(events) if one.get("userId") == user]
    if len(events) >= PAGE:
        unknown["events_before"] = f"only the newest {PAGE} events were read"
    known["events"] = [*sorted(told, key=lambda one: str(one.get("at") or ""))]
    return Facts(known, unknown, (api.seen(f"GET {EVENTS}", f"{len(told)} of its owner"),))


def triage(_held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Triages.triage`: tokens of the same user made since."""
    api = Api(vendor)
    own, user = api.own, text_of(vendor.known, "user_id")
    if own is None or user is None or since is None:
        why = HOW if own is None else "whose it was, or since when it was out, is not known"
        return Facts({"footholds": []}, {"footholds": f"nobody looked: {why}"})
    mine, why = whose(api, own)
    if why or text_of(mine, "id") != user:
        reason = why or "a token of yours lists your own tokens alone, and this one was another's"
        return Facts({"footholds": []}, {"footholds": reason})
    found, missing = listed_tokens(api, own)
    # The one that we ask with may have been made for this very incident.
    ours = {text_of(vendor.known, "token_id"), text_of(look(api, own, leaked=False).token, "id")}
    footholds: list[dict[str, Json]] = [
        {
            "what": "Vercel token",
            "id": text_of(one, "id"),
            "at": moment(one, "createdAt"),
            "why": "it was made after the leak",
        }
        for one in found
        if _after(moment(one, "createdAt"), since)
        and text_of(one, "id") not in ours
        and not (text_of(one, "name") or "").startswith(MARK)
    ]
    seen: tuple[Evidence, ...] = (api.seen(f"GET {TOKENS}", f"{len(found)} found"),)
    return Facts({"footholds": footholds}, {"tokens": missing} if missing else {}, seen)


def _event(one: Mapping[str, Any]) -> dict[str, Json]:
    kind = text_of(one, "type") or text_of(one, "text") or "?"
    bad = any(part in kind for part in SUSPICIOUS)
    told: dict[str, Json] = {
        "at": moment(one, "createdAt"),
        "what": kind[:120],
        "who": text_of(one, "userId"),
        "from": None,
        "suspicious": bad,
        "id": text_of(one, "id"),
    }
    return told | ({"why": "it changes who gets in, or what runs"} if bad else {})


def _scope(one: Mapping[str, Any]) -> str:
    team = text_of(one, "teamId")
    return " ".join(part for part in (text_of(one, "type") or "?", team) if part)


def _after(moment_: str | None, since: str) -> bool:
    """Whether it is not before *since*; what can't be told counts."""
    try:
        return moment_ is None or parse(moment_) >= parse(since)
    except (ValueError, TypeError):
        return True


def _nothing(reason: str) -> Facts:
    return Facts(unknown=dict.fromkeys(("owner", "scopes", "expires", "last_used"), reason))
