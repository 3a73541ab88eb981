"""What of GitHub's credentials can be listed: your token and SSH keys, a repository's keys and secrets.

Personal access tokens of others are listed by an organisation's owner, in the browser or by a GitHub App
alone (https://docs.github.com/rest/orgs/personal-access-tokens): named as not known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from remediate.errors import UsageError, VendorError
from remediate.plugins.context import VendorContext
from remediate.plugins.lists import Inventory, Listed
from remediate_providers.github import tokens
from remediate_providers.github.host_talk import Talk, repository
from remediate_providers.github.server import Server


def listed(places: Sequence[str], vendor: VendorContext) -> Inventory:
    """Your own, and those of each of *places* that is a repository of this GitHub."""
    found: list[Listed] = []
    unknown: dict[str, str] = {}
    try:
        server = Server.of(vendor.environment)
    except UsageError as error:
        return Inventory(unknown={"GitHub": error.message})
    ours = [place for place in places if repository(place, server) is not None]
    if not ours:
        return Inventory(unknown={"GitHub": "no remote of this clone is a repository there"})
    unknown[f"{server.host}: other people's personal access tokens"] = (
        f"an owner sees them at {server.web}/organizations/ORG/settings/personal-access-tokens/active"
    )

    def learn(name: str, ask: Callable[[], Iterator[Listed]]) -> None:
        try:
            found.extend(ask())
        except VendorError as error:
            unknown[f"{server.host}: {name}"] = error.message

    for number, place in enumerate(ours):
        try:
            with Talk(place, vendor) as talk:
                if number == 0:
                    learn("your token and SSH keys", functools.partial(_own, talk))
                learn(f"deploy keys of {talk}", functools.partial(_deploy_keys, talk))
                learn(f"Actions secrets of {talk}", functools.partial(_secrets, talk))
        except VendorError as error:
            unknown[f"{server.host}: {place}"] = error.message
    return Inventory(tuple(found), unknown)


def _own(talk: Talk) -> Iterator[Listed]:
    answer = talk.ask_at("GET", "/user")
    me = answer.json()
    if answer.status != 200 or not isinstance(me, dict):
        raise VendorError(talk.api.refusal(answer))
    login = str(me.get("login"))
    ends = answer.headers.get("GitHub-Authentication-Token-Expiration")
    yield Listed(
        tokens.PROVIDER,
        "github-pat",
        "the token in use here",
        login,
        last_used=talk.vendor.now(),
        expires=_moment(ends.removesuffix(" UTC").replace(" ", "T") + "Z" if ends else None),
        where=f"{talk.api.server.web}/settings/tokens",
    )
    answer = talk.ask_at("GET", "/user/keys?per_page=100")
    rows = answer.json()
    if answer.status != 200 or not isinstance(rows, list):
        raise VendorError(talk.api.refusal(answer))
    for row in rows:
        yield _key(row, "ssh-key", login, f"{talk.api.server.web}/settings/keys")


def _deploy_keys(talk: Talk) -> Iterator[Listed]:
    for row in talk.every("/keys"):
        write = "" if row.get("read_only") is True else " (may write)"
        where = f"{talk.api.server.web}/{talk}/settings/keys"
        owner = str(row.get("added_by") or talk)
        yield _key(row, f"deploy-key{write}", owner, where)


def _secrets(talk: Talk) -> Iterator[Listed]:
    for row in talk.every("/actions/secrets", within="secrets"):
        yield Listed(
            tokens.PROVIDER,
            "actions-secret",
            str(row.get("name")),
            str(talk),
            # What counts is when the value was put there last.
            created=_moment(row.get("updated_at")),
            use_known=False,
            where=f"{talk.api.server.web}/{talk}/settings/secrets/actions",
        )


def _key(row: dict[str, Any], kind: str, owner: str, where: str) -> Listed:
    return Listed(
        tokens.PROVIDER,
        kind,
        str(row.get("title") or row.get("id")),
        owner,
        created=_moment(row.get("created_at")),
        last_used=_moment(row.get("last_used")),
        where=where,
    )


def _moment(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
