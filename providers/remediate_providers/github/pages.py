"""GitHub's pages for what no API does: creating a token, and revoking one by hand.

Both pages for a new token take its details from the address: classic ``description`` and ``scopes`` (not
documented, used by many tools), fine-grained ``name``, ``description``, ``expires_in`` (days) and more
(https://docs.github.com/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from remediate.model import Json, ManualStep
from remediate.plugins.provider import Held
from remediate.wording import sentence
from remediate_providers.github.server import Server
from remediate_providers.github.tokens import (
    CLASSIC,
    FINE_GRAINED,
    INSTALLATION,
    OAUTH,
    PART,
    REFRESH,
    kind_title,
)

ENDED = "ended"
"""What `authorisation` in the policy's ``with`` says of an app that its user let in no more."""
DAYS = 90
"""How long the page suggests that a new fine-grained token lives."""

_LISTS = {
    CLASSIC: "/settings/tokens",
    FINE_GRAINED: "/settings/personal-access-tokens",
    OAUTH: "/settings/applications",
    INSTALLATION: "/settings/installations",
}


def short(held: Held) -> str:
    """The eight digits that a credential's manual steps are named for."""
    return held.credential.parts.get(PART, held.id)[:8]


def listing(server: Server, kind: str) -> str:
    """The page where the owner of a token sees and deletes it."""
    return server.web + _LISTS.get(kind, "/settings/apps/authorizations")


def revoke_step(server: Server, held: Held, why: str) -> ManualStep:
    """For the token's owner: end it on their own page."""
    kind = held.credential.kind
    if kind == REFRESH:
        return _end_authorisation(server, held, why)
    click = {
        CLASSIC: "Find the token in the list, and click Delete.",
        FINE_GRAINED: "Find the token in the list, open it, and click Delete.",
        OAUTH: "Find the app in the list, and click Revoke.",
        INSTALLATION: "Open the app, and click Suspend (or do nothing: it ends within the hour).",
    }.get(kind, "Find the app in the list, and click Revoke.")
    return ManualStep(
        id=f"revoke-github-{short(held)}",
        title=f"Revoke the {kind_title(kind)}",
        why=sentence(why),
        url=listing(server, kind),
        instructions=("Sign in as the account that the token belongs to.", click),
        check="remediate asks GitHub with the token, and expects 401 Bad credentials.",
    )


def unseen_step(server: Server, held: Held, why: str) -> ManualStep:
    """For the owner of a token that was handed in and may not be looked at: see that it is gone."""
    step = revoke_step(server, held, why)
    if held.credential.kind == REFRESH:
        return step
    return replace(
        step,
        title=f"See that the {kind_title(held.credential.kind)} is revoked",
        instructions=(
            "Sign in as the account that the token belongs to.",
            "It should be gone from the list, and GitHub has written to you of it. If it is there: end it.",
            "To let remediate see it refused: use_leaked = true in its [[credential]] table, remediate resume",
        ),
    )


def _end_authorisation(server: Server, held: Held, why: str) -> ManualStep:
    """For the owner of a refresh token: end what it is part of, for nothing tells whether it is dead."""
    return ManualStep(
        id=f"revoke-github-{short(held)}",
        title="End the app's authorisation, and with it the refresh token",
        why=f"{sentence(why)} Nothing shows what somebody traded it for before.",
        url=listing(server, held.credential.kind),
        instructions=(
            "Sign in as the account that the token belongs to.",
            "Find the app in the list, and click Revoke: that ends every token which it has of you.",
            'When it is done, say so in remediate.toml, in a table with match = "github-refresh-token":',
            f'provider = "github-app" and with = {{ authorisation = "{ENDED}" }}',
            "Then: remediate resume",
        ),
        check="Nothing can look there: the record has it from you.",
    )


def replace_step(server: Server, held: Held, known: Mapping[str, Json]) -> ManualStep:
    """For the token's owner: make its successor, on the page prefilled as far as it allows."""
    kind = held.credential.kind
    owner = known.get("owner")
    sign_in = (
        f"Sign in as {owner}."
        if isinstance(owner, str) and owner
        else ("Sign in as the account that the leaked token belonged to.")
    )
    check = (
        "remediate asks GitHub with the new token (GET /user): accepted, of the same account, not the old "
        "one; it names scopes that are missing or new."
    )
    if kind not in (CLASSIC, FINE_GRAINED):
        return ManualStep(
            id=f"replace-github-{short(held)}",
            title=f"Sign in again to the app that used the {kind_title(kind)}",
            why="Only the app itself can ask GitHub for another token of this kind.",
            url=listing(server, kind),
            instructions=(
                sign_in,
                "See on this page which app it was, and sign in to that app again.",
                "For GitHub's own command line that is: gh auth login",
                "If the token is kept somewhere by hand, copy the new one from the app.",
            ),
            check=check,
            takes_value=True,
        )
    classic = kind == CLASSIC
    scopes = (
        [str(s) for s in value] if isinstance(value := known.get("scopes"), list | tuple) else []
    )
    return ManualStep(
        id=f"replace-github-{short(held)}",
        title="Create a new personal access token"
        if classic
        else "Create a new fine-grained personal access token",
        why="GitHub has no API that creates a personal access token.",
        url=_new_classic(server, held, scopes) if classic else _new_fine_grained(server, held),
        instructions=(
            sign_in,
            *(_classic(scopes) if classic else _fine_grained()),
            "Choose when it expires, and click Generate token.",
            *_single_sign_on(known),
            "Copy the token: GitHub shows it once.",
        ),
        check=check,
        takes_value=True,
    )


def _new_classic(server: Server, held: Held, scopes: list[str]) -> str:
    query = {"description": _name(held)}
    if scopes:
        query["scopes"] = ",".join(scopes)
    return f"{server.web}/settings/tokens/new?{urlencode(query, safe=',:')}"


def _new_fine_grained(server: Server, held: Held) -> str:
    query = {
        "name": _name(held),
        "description": "Made by hand while a leak was being remediated",
        "expires_in": str(DAYS),
    }
    return f"{server.web}/settings/personal-access-tokens/new?{urlencode(query)}"


def _name(held: Held) -> str:
    # At most 40 characters: longer names are refused for fine-grained tokens.
    return f"Replaces leaked token {short(held)}"


def _classic(scopes: list[str]) -> tuple[str, ...]:
    if scopes:
        return (
            f"The scopes of the old token are ticked ({', '.join(scopes)}): take away what is not needed.",
        )
    return ("Tick the scopes that the application needs, and no more.",)


def _fine_grained() -> tuple[str, ...]:
    return (
        "Choose the resource owner, the repositories and the permissions of the old token.",
        "GitHub does not tell what they were: give what the application needs, and no more.",
    )


def _single_sign_on(known: Mapping[str, Json]) -> tuple[str, ...]:
    names = known.get("organisations")
    if not isinstance(names, list | tuple) or not names:
        return ()
    some = ", ".join(str(name) for name in names[:5])
    return (f"If {some} use single sign-on: Configure SSO, Authorize.",)
