"""What GitLab tells of a token while it lives: whose it is, what it may do, when and from where it was used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.gitlab.probe import Probe, look
from remediate_providers.gitlab.server import Api
from remediate_providers.gitlab.tokens import ACCESS, RUNNER, token_of
from remediate_providers.rest import (
    NO_VALUE,
    mapping,
    number_of,
    objects,
    segment,
    text_of,
    texts_of,
)

ASSOCIATIONS = "/personal_access_tokens/self/associations"
_BOT = re.compile(r"(project|group)_([0-9]+)_bot")
_SHOWN = 50
"""Names of projects and groups that are told one by one."""


def describe(held: Held, vendor: VendorContext) -> Facts:
    """Owner, scopes, dates, last use; for a project's or group's token also its role."""
    token = token_of(held)
    if token is None:
        return _nothing(NO_VALUE)
    with Api(vendor) as api:
        probe = look(api, held.credential.kind, token, leaked=True)
        return _facts(api, held.credential.kind, token, probe)


def preserve(held: Held, vendor: VendorContext) -> Facts:
    """What it reaches: the projects and groups that its owner is a member of. Gone with the token."""
    token = token_of(held)
    if held.credential.kind != ACCESS or token is None or not vendor.use_leaked:
        return Facts()
    with Api(vendor) as api:
        try:
            answer = api.ask(
                "GET", ASSOCIATIONS, token, query={"min_access_level": "10", "per_page": "100"}
            )
        except HttpError as error:
            return Facts(unknown={"reach": api.refusal(error)})
        seen = (api.seen(f"GET {ASSOCIATIONS}", str(answer.status)),)
        data = mapping(answer)
        if answer.status != 200 or not ("projects" in data or "groups" in data):
            return Facts(unknown={"reach": api.refusal(answer)}, evidence=seen)
        known: dict[str, Json] = {}
        for what in ("projects", "groups"):
            listed = objects(data.get(what))
            known[what] = [_name(one) for one in listed[:_SHOWN]]
            known[f"{what}_seen"] = len(listed)
        return Facts(known, evidence=seen)


def home_of(known: Mapping[str, Any]) -> tuple[str, int] | None:
    """Where the token is managed: ("projects", 7), ("groups", 7), ("users", 7); None where not known."""
    what, id_ = text_of(known, "home"), number_of(known, "home_id")
    return (what, id_) if what in ("projects", "groups", "users") and id_ is not None else None


def _facts(api: Api, kind: str, token: Secret, probe: Probe) -> Facts:
    if probe.check.alive is not True or not probe.data:
        reason = probe.check.reason or "it is dead already: GitLab says nothing of it any more"
        return Facts(unknown=_nothing(reason).unknown, evidence=probe.check.evidence)
    data = probe.data
    if kind == RUNNER:
        runner: dict[str, Json] = {"runner_id": number_of(data, "id")}
        ends = text_of(data, "token_expires_at")
        runner |= {"expires": ends} if ends else {}
        return Facts(
            runner, {"owner": "GitLab names it to nobody but its owner"}, probe.check.evidence
        )
    known: dict[str, Json] = {
        "token_id": number_of(data, "id"),
        "name": text_of(data, "name"),
        "user_id": number_of(data, "user_id"),
        "scopes": list(texts_of(data, "scopes")),
        "created": text_of(data, "created_at"),
    }
    unknown: dict[str, str] = {}
    for name, field in (("last_used", "last_used_at"), ("expires", "expires_at")):
        value = text_of(data, field)
        if value:
            known[name] = value
        else:
            unknown[name] = "GitLab names no time"
    if texts_of(data, "last_used_ips"):
        known["last_used_ips"] = list(texts_of(data, "last_used_ips"))
    evidence = list(probe.check.evidence)
    if kind == ACCESS:
        _whose(api, token, known, unknown, evidence)
    return Facts({k: v for k, v in known.items() if v is not None}, unknown, tuple(evidence))


def _whose(
    api: Api,
    token: Secret,
    known: dict[str, Json],
    unknown: dict[str, str],
    evidence: list[Evidence],
) -> None:
    """The user behind it; one named ``project_7_bot…`` stands for project 7.

    https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects
    """
    id_ = known.get("user_id")
    user: Mapping[str, Any] = {}
    asks: list[tuple[str, Secret]] = []
    if api.vendor.use_leaked:
        asks.append(("/user", token))
    if api.own is not None and isinstance(id_, int):
        asks.append((f"/users/{id_}", api.own))
    reason = "nobody could be asked"
    for path, with_ in asks:
        try:
            answer = api.ask("GET", path, with_)
        except HttpError as error:
            reason = api.refusal(error)
            continue
        user = mapping(answer)
        if answer.status == 200 and text_of(user, "username"):
            evidence.append(api.seen(f"GET {path}", "200"))
            break
        reason, user = api.refusal(answer), {}
    owner = text_of(user, "username")
    if owner is None:
        unknown["owner"] = reason
        return
    known["owner"] = owner
    bot = _BOT.match(owner)
    if bot is None:
        known |= {"home": "users", "home_id": id_}
        return
    known |= {"home": f"{bot[1]}s", "home_id": int(bot[2])}
    role = _role(api, known)
    if isinstance(role, int):
        known["access_level"] = role
    else:
        unknown["access_level"] = role


def _role(api: Api, known: Mapping[str, Json]) -> int | str:
    """The role of a project's or group's token, as its owner sees it; else why it is not known."""
    if api.own is None:
        return "only a maintainer or owner sees it, and no GITLAB_TOKEN is set"
    path = f"/{known['home']}/{segment(str(known['home_id']))}/access_tokens/{known['token_id']}"
    try:
        answer = api.ask("GET", path, api.own)
    except HttpError as error:
        return api.refusal(error)
    level = number_of(mapping(answer), "access_level")
    return level if answer.status == 200 and level is not None else api.refusal(answer)


def _name(one: Mapping[str, Any]) -> str:
    return (
        text_of(one, "full_path")
        or text_of(one, "path_with_namespace")
        or text_of(one, "name")
        or "?"
    )


def _nothing(reason: str) -> Facts:
    return Facts(unknown=dict.fromkeys(("owner", "scopes", "expires", "last_used"), reason))
