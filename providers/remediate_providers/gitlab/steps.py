"""GitLab's pages for what no call does, or not this responder's."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from remediate.model import Json, ManualStep
from remediate.plugins.provider import Held
from remediate_providers.gitlab.facts import home_of
from remediate_providers.gitlab.server import Server
from remediate_providers.gitlab.tokens import (
    ACCESS,
    AGENT,
    DEPLOY,
    FEED,
    MAIL,
    OAUTH,
    PART,
    RUNNER,
    title,
)
from remediate_providers.rest import text_of, texts_of

_WHERE = {
    RUNNER: "The project, group or server that the runner is of: Settings (or Admin), CI/CD, Runners.",
    DEPLOY: "The project or group that it is of: Settings, Repository, Deploy tokens.",
    AGENT: "The project of the agent: Operate, Kubernetes clusters, the agent, Access tokens.",
    OAUTH: "Who registered the application: Applications, under their settings, the group's or Admin.",
    FEED: "Sign in as its owner: Edit profile, Access tokens, Feed token.",
    MAIL: "Sign in as its owner: Edit profile, Access tokens, Incoming email token.",
}
_RENEWED = frozenset({OAUTH, FEED, MAIL})
"""Those of which there is one at a time: renewing ends the old one and shows the new one."""
_TRIGGERS = "The project that it is of: Settings, CI/CD, Pipeline trigger tokens."


def revoke(server: Server, held: Held, why: str, known: Mapping[str, Json]) -> ManualStep:
    """End it by hand."""
    kind = held.credential.kind
    checked = "remediate asks GitLab with the token, and expects it to be refused."
    if kind == RUNNER:
        click: tuple[str, ...] = (
            _WHERE[RUNNER],
            "Open the runner, and delete it or reset its token.",
        )
    elif kind == ACCESS:
        click = (_whose(known), "Find it under Active tokens, and click Revoke.")
    else:
        end = "Renew or reset it." if kind in _RENEWED else "Find it in the list, and revoke it."
        click = (_WHERE.get(kind, _TRIGGERS), end)
        checked = (
            "An administrator's GITLAB_TOKEN can see it (self-managed); else nothing is checked."
        )
    return ManualStep(
        id=f"revoke-gitlab-{_short(held)}",
        title=f"Revoke the {title(kind)}",
        why=_sentence(why),
        url=_page(server, kind, known),
        instructions=(*click, "Then: remediate resume"),
        check=checked,
    )


def replace(server: Server, held: Held, why: str, known: Mapping[str, Json]) -> ManualStep:
    """Make its successor by hand."""
    kind = held.credential.kind
    if kind == ACCESS:
        click: tuple[str, ...] = (
            _whose(known),
            _rights(known),
            "Choose when it expires, create it, and copy it: GitLab shows it once.",
        )
    elif kind == RUNNER:
        click = (
            _WHERE[RUNNER],
            "Create a runner with the tags of the old one, and copy its token.",
        )
    else:
        new = "Add one with the rights of the old one, and copy it."
        click = (_WHERE.get(kind, _TRIGGERS), "Copy the new one." if kind in _RENEWED else new)
    return ManualStep(
        id=f"replace-gitlab-{_short(held)}",
        title=f"Create a new {title(kind)}",
        why=_sentence(why),
        url=_new_page(server, held, known),
        instructions=(
            *click,
            f"Hand it in: remediate resume --value replace-gitlab-{_short(held)}",
        ),
        check="remediate looks at its form, that it is not the old one, and asks GitLab where it can.",
        takes_value=True,
    )


def stray(server: Server, held: Held, what: str, known: Mapping[str, Json]) -> ManualStep:
    """Look for one that may have been made when its answer was lost."""
    return ManualStep(
        id=f"stray-gitlab-{_short(held)}",
        title=f"Look for {what} and revoke it",
        why="The answer to its making was lost, and nobody has its value.",
        url=_page(server, ACCESS, known),
        instructions=(
            _whose(known),
            f"If {what} is under Active tokens: revoke it.",
            "Then: remediate resume",
        ),
        check="remediate makes another one, under another name.",
    )


def _page(server: Server, kind: str, known: Mapping[str, Json]) -> str | None:
    """The page that lists such tokens; None where it depends on a project that is not known."""
    if kind != ACCESS:
        return None
    home = home_of(known)
    if home is not None and home[0] != "users":
        # A project or group is found by its number at these addresses too.
        return (
            f"{server.web}/groups/{home[1]}"
            if home[0] == "groups"
            else (f"{server.web}/projects/{home[1]}")
        )
    return f"{server.web}/-/user_settings/personal_access_tokens"


def _new_page(server: Server, held: Held, known: Mapping[str, Json]) -> str | None:
    page = _page(server, held.credential.kind, known)
    home = home_of(known)
    if page is None or (home is not None and home[0] != "users"):
        return page
    # https://docs.gitlab.com/user/profile/personal_access_tokens/#create-a-personal-access-token
    # takes name and scopes from the address.
    query = {"name": f"Replaces leaked token {_short(held)}"}
    scopes = texts_of(known, "scopes")
    if scopes:
        query["scopes"] = ",".join(scopes)
    return f"{page}?{urlencode(query, safe=',')}"


def _whose(known: Mapping[str, Json]) -> str:
    home = home_of(known)
    owner = text_of(known, "owner")
    if home is not None and home[0] != "users":
        return f"Open {home[0].removesuffix('s')} {home[1]}: Settings, Access tokens."
    return (
        f"Sign in as {owner}: Edit profile, Access tokens."
        if owner
        else "Sign in as the token's owner: Edit profile, Access tokens. "
        "One of a project or group is under its Settings, Access tokens."
    )


def _rights(known: Mapping[str, Json]) -> str:
    scopes = texts_of(known, "scopes")
    if scopes:
        return f"Give it the scopes of the old one ({', '.join(scopes)}), and no more."
    return "Give it the scopes that the application needs, and no more."


def _short(held: Held) -> str:
    return held.credential.parts.get(PART, held.id)[:8]


def _sentence(why: str) -> str:
    return f"It can't be done by call: {why}."
