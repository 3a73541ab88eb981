"""What was done as the token's owner while it was out, and what was left behind.

No list names the token that did something: events are those of its owner. Last-used times and addresses (the
last five, from 17.9 on) are the token's own, and were asked for while it lived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from remediate.clock import parse
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.gitlab.facts import home_of
from remediate_providers.gitlab.server import HOW, Api
from remediate_providers.gitlab.tokens import ACCESS
from remediate_providers.rest import number_of, objects, segment, text_of, texts_of

PAGE = 100
_READING = "the Maintainer role there (for audit events Owner), and the scope read_api or api"
MAX_PAGES = 10

SUSPICIOUS = {
    "created": "something was created",
    "deleted": "something was deleted",
    "removed": "something was deleted",
    "pushed new": "a new branch or tag was pushed",
    "joined": "somebody was made a member",
    "imported": "a project was imported",
    "destroyed": "something was destroyed",
}
"""Actions that a thief's work shows in. https://docs.gitlab.com/user/profile/contributions_calendar/"""

#: What can be left in a project, group or account: path below it, and what it is.
_LEFT = {
    "projects": {
        "access_tokens": "project access token",
        "deploy_keys": "deploy key",
        "deploy_tokens": "deploy token",
        "hooks": "webhook",
        "triggers": "pipeline trigger token",
    },
    "groups": {"access_tokens": "group access token", "deploy_tokens": "deploy token"},
    "users": {"keys": "SSH key", "gpg_keys": "GPG key"},
}


def investigate(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Investigates.investigate`."""
    known: dict[str, Json] = {"events": []}
    unknown: dict[str, str] = {}
    if held.credential.kind != ACCESS:
        return Facts(known, {"events": "no evidence kept: GitLab logs nothing by such a token"})
    used = text_of(vendor.known, "last_used")
    if used:
        known["last_used"] = used
        known["used_while_out"] = since is None or _after(used, since)
    else:
        unknown["last_used"] = "it was not known when it died"
    addresses = texts_of(vendor.known, "last_used_ips")
    if addresses:
        known["last_used_ips"] = list(addresses)
    unknown["from"] = (
        "GitLab's events name no address; it keeps the last five that a token was used from "
        f"({', '.join(addresses) if addresses else 'none is known'})"
    )
    user = number_of(vendor.known, "user_id")
    with Api(vendor) as api:
        if api.own is None or user is None:
            missing = f"nobody looked: {HOW}" if api.own is None else "whose it was is not known"
            if known.get("used_while_out") is True:
                known["events"] = [_last_use(used, addresses)]
            return Facts(known, {**unknown, "events": missing, "audit_events": missing})
        seen: list[Evidence] = []
        query = {"after": since[:10]} if since else {}
        events, missing = _listed(api, f"/users/{user}/events", query, seen)
        told: list[dict[str, Json]] = [
            _event(one) for one in events if since is None or _after(_at(one), since)
        ]
        if missing:
            unknown["events"] = missing
        home = home_of(vendor.known)
        if home is not None and home[0] != "users":
            path = f"/{home[0]}/{home[1]}/audit_events"
            audit, why = _listed(api, path, {"created_after": since} if since else {}, seen)
            told += [_audit(one) for one in audit if number_of(one, "author_id") == user]
            if why:
                unknown["audit_events"] = f"{why} (a Premium feature)"
        else:
            unknown["audit_events"] = "a person's are for an administrator, in the server's own log"
        if known.get("used_while_out") is True:
            told.append(_last_use(used, addresses))
        known["events"] = [*sorted(told, key=_by_time)]
        unknown["whose"] = (
            "events are of the token's owner: which token did it, GitLab does not say"
        )
        return Facts(known, unknown, tuple(seen))


def triage(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Triages.triage`: keys, tokens and hooks made since."""
    home = home_of(vendor.known)
    with Api(vendor) as api:
        if held.credential.kind != ACCESS or home is None or api.own is None:
            why = f"nobody looked: {HOW}" if api.own is None else "whose it was is not known"
            return Facts({"footholds": []}, {"footholds": why})
        seen: list[Evidence] = []
        unknown: dict[str, str] = {}
        footholds: list[dict[str, Json]] = []
        for below, what in _LEFT[home[0]].items():
            found, missing = _listed(api, f"/{home[0]}/{home[1]}/{below}", {}, seen)
            if missing:
                unknown[below] = missing
            footholds += [
                {
                    "what": what,
                    "id": number_of(one, "id"),
                    "at": _at(one),
                    "why": "it was made after the leak",
                }
                for one in found
                if since is not None
                and _after(_at(one), since)
                and one.get("revoked") is not True
                and not (text_of(one, "name") or "").startswith("remediate-")
                and number_of(one, "id") != number_of(vendor.known, "token_id")
            ]
        if since is None:
            unknown["footholds"] = "since when it was out is not known"
        return Facts({"footholds": footholds}, unknown, tuple(seen))


def _listed(
    api: Api, path: str, query: Mapping[str, str], seen: list[Evidence]
) -> tuple[list[Mapping[str, Any]], str]:
    """All of a list, and why it may not be all."""
    found: list[Mapping[str, Any]] = []
    for page in range(1, MAX_PAGES + 1):
        asked = {**query, "per_page": str(PAGE), "page": segment(page)}
        try:
            answer = api.ask("GET", path, api.own, query=asked)
        except HttpError as error:
            return found, api.refusal(error)
        data = answer.json()
        if answer.status != 200 or not isinstance(data, list):
            return found, api.refusal(answer, _READING)
        api.vendor.keep(f"GET {path} page {page}", answer.body)
        found += objects(data)
        if len(data) < PAGE:
            seen.append(api.seen(f"GET {path}", f"{len(found)} found"))
            return found, ""
    return found, f"there are more than {MAX_PAGES * PAGE}"


def _by_time(one: Mapping[str, Json]) -> str:
    return str(one.get("at") or "")


def _last_use(at: str | None, addresses: Sequence[str]) -> dict[str, Json]:
    """The one thing that is the token's own, and not its owner's."""
    return {
        "at": at,
        "what": "the token itself was used, the last time that is known",
        "who": None,
        "from": ", ".join(addresses) or None,
        "suspicious": False,
    }


def _event(one: Mapping[str, Any]) -> dict[str, Json]:
    action = text_of(one, "action_name") or "?"
    author = one.get("author")
    why = SUSPICIOUS.get(action)
    told: dict[str, Json] = {
        "at": _at(one),
        "what": " ".join(part for part in (action, text_of(one, "target_type")) if part),
        "who": text_of(author, "username") if isinstance(author, dict) else None,
        "from": None,
        "suspicious": why is not None,
        "id": number_of(one, "id"),
    }
    return told | ({"why": why} if why else {})


def _audit(one: Mapping[str, Any]) -> dict[str, Json]:
    details = one.get("details")
    inner: Mapping[str, Any] = details if isinstance(details, dict) else {}
    what = text_of(one, "event_name") or text_of(inner, "custom_message") or "audit event"
    return {
        "at": _at(one),
        "what": what,
        "who": text_of(inner, "author_name"),
        "from": text_of(inner, "ip_address"),
        "suspicious": True,
        "why": "a change that GitLab writes into the audit log",
        "id": number_of(one, "id"),
    }


def _at(one: Mapping[str, Any]) -> str | None:
    return text_of(one, "created_at")


def _after(moment: str | None, since: str) -> bool:
    """Whether *moment* is not before *since*; what can't be told counts."""
    try:
        return moment is None or _moment(moment) >= _moment(since)
    except (ValueError, TypeError):
        return True


def _moment(text: str) -> datetime:
    return parse(text)
