"""What a responder's Vault or OpenBao token may do: ``sys/capabilities-self``.

https://developer.hashicorp.com/vault/api-docs/system/capabilities-self, https://openbao.org/api-docs/system/capabilities-self/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.http import HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.standing import Right, Standing, each
from remediate_providers.vault.server import Api, NoServerError, Responder, data_of, down

_LOOKUP, _REVOKE, _ACCESSOR = "auth/token/lookup", "auth/token/revoke", "auth/token/revoke-accessor"
_CREATE, _ORPHAN = "auth/token/create", "auth/token/create-orphan"
#: What the pipeline does, what that takes, and the paths of which one will do with all of the capabilities.
_RIGHTS: tuple[tuple[str, str, Mapping[str, frozenset[str]]], ...] = (
    (
        "look at a token without using it up",
        f"update on {_LOOKUP}",
        {_LOOKUP: frozenset({"update"})},
    ),
    (
        "end tokens",
        f"update on {_ACCESSOR} or {_REVOKE}; else each ends itself",
        {_ACCESSOR: frozenset({"update"}), _REVOKE: frozenset({"update"})},
    ),
    (
        "make new ones",
        f"sudo and update on {_ORPHAN}, or update on {_CREATE}",
        {_ORPHAN: frozenset({"sudo", "update"}), _CREATE: frozenset({"update"})},
    ),
)
_STORE = ("put new values", "read, create and update on MOUNT/data/PATH")


def standing(vendor: VendorContext) -> Standing | None:
    """Whose it is, and what it may do with tokens. None where there is no token."""
    own = Responder.of(vendor.environment).token
    if own is None:
        return None
    try:
        with Api(vendor) as api:
            answer = api.ask("GET", "auth/token/lookup-self", own)
            if answer.status != 200:
                reason = api.refusal(answer)
                works = None if down(answer) else False
                return Standing(works, reason=reason, rights=_unknown("it could not be asked"))
            who = _who(data_of(answer))
            paths = sorted({path for _, _, ways in _RIGHTS for path in ways})
            told = api.ask("POST", "sys/capabilities-self", own, repeat=True, json={"paths": paths})
            if told.status != 200:
                return Standing(True, who, rights=_unknown(api.refusal(told)))
    except NoServerError as error:
        return Standing(None, reason=str(error), rights=_unknown("it could not be asked"))
    except HttpError as error:
        reason = vendor.redact(str(error))
        return Standing(None, reason=reason, rights=_unknown("it could not be asked"))
    granted = data_of(told) or {}
    rights = [_right(does, needs, ways, granted) for does, needs, ways in _RIGHTS]
    store = each([_STORE], None, "it depends on the path")
    return Standing(True, who, rights=(*rights, *store))


def _who(data: Mapping[str, Any]) -> str:
    policies = data.get("policies")
    named = ", ".join(map(str, policies)) if isinstance(policies, list) else ""
    return f"{data.get('display_name') or 'a token'} ({named or 'no policies'})"


def _right(
    does: str, needs: str, ways: Mapping[str, frozenset[str]], granted: Mapping[str, Any]
) -> Right:
    def may(path: str, wanted: frozenset[str]) -> bool:
        found = granted.get(path)
        has = set(map(str, found)) if isinstance(found, list) else set()
        return "root" in has or wanted <= has

    if any(may(path, wanted) for path, wanted in ways.items()):
        return Right(does, needs, True)
    return Right(does, needs, False, "its policies do not allow it")


def _unknown(why: str) -> tuple[Right, ...]:
    return each([*((does, needs) for does, needs, _ in _RIGHTS), _STORE], None, why)
