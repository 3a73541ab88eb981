"""Managed keys: ``/v2/iam/api_keys``, where the account has it.

A private preview. Only the platform of an installed Stripe App may use it: its own secret key in
``STRIPE_API_KEY`` and the account in ``STRIPE_CONTEXT``. Every other account gets 400, 403 or 404, and a
person rolls the key on the dashboard. In test mode a list holds every key of the account in plain text,
so its bodies are read here and go no further.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.outcome import Evidence, Status
from remediate.secret import Secret
from remediate_providers.stripe.server import (
    MAX_PAGES,
    PAGE,
    PREVIEW,
    Api,
    as_json,
    mapping,
    objects,
    segment,
    text_of,
    texts_of,
)

KEYS = "/v2/iam/api_keys"
MARK = "remediate-"
"""What the names of keys that remediate makes begin with."""
_ABSENT = frozenset({400, 401, 403, 404})
#: What stands for the hidden part in a redacted key.
_HIDDEN = re.compile(r"\*+|\.{2,}|…+|•+")
_VISIBLE = 4
"""Characters of a key's own that must show before a redacted form tells it from others."""
_PREFIX = re.compile(r"(?:sk|rk)_(?:org_)?(?:live|test)_")


class AbsentError(Exception):
    """The account has no managed keys, or not for this responder: a person has to do it."""


class TroubleError(Exception):
    """Stripe did not answer as it should."""

    def __init__(self, reason: str, status: Status = Status.UNREACHABLE) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class ManagedKey:
    """One key as Stripe lists it."""

    id: str
    name: str
    active: bool
    live: bool | None
    created: str | None
    last_used: str | None
    expires_at: str | None
    permissions: tuple[str, ...]
    connect_permissions: tuple[str, ...]
    ip_allowlist: tuple[str, ...]
    token: Secret | None = None
    """The key itself: test mode only."""
    redacted: str = field(default="", repr=False)
    """Parts of the key: never shown."""

    def public(self) -> dict[str, Json]:
        """What may stand in the record, and what a successor is made after."""
        return as_json(
            {
                "key_id": self.id,
                "key_name": self.name or None,
                "created": self.created,
                "last_used": self.last_used,
                "expires_at": self.expires_at,
                "scopes": list(self.permissions),
                "connect_scopes": list(self.connect_permissions),
                "ip_allowlist": list(self.ip_allowlist) or None,
            }
        )


def usable(api: Api, live: bool | None) -> Secret:
    """The responder's key for managed keys of that mode. Raises `AbsentError` with what is missing."""
    own = api.responder
    if own.key is None:
        raise AbsentError("no STRIPE_API_KEY of a platform is set")
    if not own.context:
        raise AbsentError("no STRIPE_CONTEXT is set, the account whose keys are managed")
    if live is not None and own.live is not None and own.live != live:
        have, need = ("live", "test") if own.live else ("test", "live")
        raise AbsentError(f"STRIPE_API_KEY is a {have} key and the leaked one a {need} key")
    return own.key


def keys(api: Api, live: bool | None, *, expired: bool = False) -> list[ManagedKey]:
    """Every managed secret key of the account. Raises `AbsentError`, `TroubleError`.

    The next page's address is followed only where it is this very list's: the responder's key goes
    nowhere else. A list that can't be read to its end is trouble, for then no match is the only one.
    """
    own = usable(api, live)
    path = f"{KEYS}?limit={PAGE}" + ("&include_expired=true" if expired else "")
    found: list[ManagedKey] = []
    for _page in range(MAX_PAGES):
        answer = _asked(api, "GET", path, own)
        items = objects(answer)
        if answer.status in _ABSENT:
            raise AbsentError(f"managed keys can't be used here; {api.refusal(answer)}")
        if items is None:
            raise TroubleError(api.refusal(answer))
        found += [key for item in items if (key := _read(item)) is not None]
        following = text_of(mapping(answer), "next_page_url")
        if following is None:
            return found
        path = _next(api, following)
    raise TroubleError(f"there are more than {MAX_PAGES * PAGE} keys")


def match(among: Iterable[ManagedKey], value: Secret) -> ManagedKey | None:
    """The one key of *among* that is *value*; None where none is, or more than one could be."""
    candidates = list(among)
    exact = [key for key in candidates if key.token == value]
    if exact:
        return exact[0] if len(exact) == 1 else None
    like = [key for key in candidates if key.token is None and _fits(key.redacted, value)]
    return like[0] if len(like) == 1 else None


def expire(api: Api, live: bool | None, key_id: str, idempotency: str) -> Evidence:
    """Ask Stripe to end a key; it takes seconds to bite. A key that is gone already is well too.

    Raises `AbsentError`, `TroubleError`.
    """
    own = usable(api, live)
    path = f"{KEYS}/{segment(key_id)}/expire"
    answer = _asked(api, "POST", path, own, json={}, idempotency=idempotency)
    seen = Evidence(f"POST {KEYS}/{key_id}/expire", str(answer.status), api.vendor.now())
    if answer.status in (200, 404):
        return seen
    raise _trouble(api, answer)


def gone(api: Api, live: bool | None, key_id: str) -> Evidence | None:
    """What shows that Stripe's own list has the key no more, or as expired; None where it is there.

    Raises `AbsentError`, `TroubleError`.
    """
    own = usable(api, live)
    answer = _asked(api, "GET", f"{KEYS}/{segment(key_id)}", own)
    probe = f"GET {KEYS}/{key_id}"
    if answer.status == 404:
        return Evidence(probe, "404", api.vendor.now())
    key = _read(mapping(answer)) if answer.status == 200 else None
    if key is None:
        raise _trouble(api, answer)
    return None if key.active else Evidence(probe, "status expired", api.vendor.now())


def create(
    api: Api, live: bool | None, body: Mapping[str, object], idempotency: str
) -> tuple[ManagedKey, Mapping[str, Any], Evidence]:
    """Make a key: it, its ``secret_key`` object, and what was seen.

    Raises `AbsentError` (refused), `TroubleError`; with `Status.UNKNOWN` where one may have been made.
    """
    own = usable(api, live)
    try:
        answer = _asked(api, "POST", KEYS, own, json=body, idempotency=idempotency)
    except TroubleError as error:
        raise TroubleError(str(error), Status.UNKNOWN) from None
    if answer.status in _ABSENT:
        raise AbsentError(f"Stripe made no key: {api.refusal(answer)}")
    data = mapping(answer)
    key = _read(data) if answer.status in (200, 201) else None
    if key is None:
        unclear = answer.status == 200 or answer.status >= 500
        raise TroubleError(api.refusal(answer), Status.UNKNOWN if unclear else Status.UNREACHABLE)
    secret = data.get("secret_key")
    seen = Evidence(f"POST {KEYS}", f"{answer.status} {key.id}", api.vendor.now())
    return key, secret if isinstance(secret, dict) else {}, seen


def _asked(
    api: Api, method: str, path: str, own: Secret, *, json: object = None, idempotency: str = ""
) -> Answer:
    try:
        return api.ask(
            method,
            path,
            own,
            context=api.responder.context,
            json=json,
            version=PREVIEW,
            idempotency=idempotency,
        )
    except HttpError as error:
        raise TroubleError(api.refusal(error)) from None


def _trouble(api: Api, answer: Answer) -> TroubleError:
    down = answer.status >= 500 or answer.limited or answer.status == 200
    return TroubleError(api.refusal(answer), Status.UNREACHABLE if down else Status.REFUSED)


def _next(api: Api, following: str) -> str:
    here = urlsplit(api.server.api + KEYS)
    there = urlsplit(urljoin(api.server.api + KEYS, following))
    if (there.scheme, there.netloc, there.path) != (here.scheme, here.netloc, here.path):
        raise TroubleError("the list of keys goes on at another address, which is not followed")
    return f"{KEYS}?{there.query}"


def _read(item: Mapping[str, Any]) -> ManagedKey | None:
    """A key out of a list; None for a publishable one, and for what is no key."""
    key_id = text_of(item, "id")
    if key_id is None or item.get("type", "secret_key") != "secret_key":
        return None
    secret = item.get("secret_key")
    secret = secret if isinstance(secret, dict) else {}
    token = text_of(secret, "token")
    live = item.get("livemode")
    return ManagedKey(
        id=key_id,
        name=text_of(item, "name") or "",
        active=item.get("status") == "active",
        live=live if isinstance(live, bool) else None,
        created=text_of(item, "created"),
        last_used=text_of(item, "last_used"),
        expires_at=text_of(item, "expires_at"),
        permissions=texts_of(item, "permissions"),
        connect_permissions=texts_of(item, "connect_permissions"),
        ip_allowlist=texts_of(item, "ip_allowlist"),
        token=Secret(token) if token else None,
        redacted=text_of(secret, "secret_token_redacted") or "",
    )


def _fits(redacted: str, value: Secret) -> bool:
    """Whether *value* shows the same ends as *redacted*, and enough of them to mean something."""
    ends = _HIDDEN.split(redacted)
    if len(ends) != 2:
        return False
    first, last = ends
    text = value.reveal_text()
    own = len(_PREFIX.sub("", first, count=1)) + len(last)
    return (
        own >= _VISIBLE
        and len(text) > len(first) + len(last)
        and text.startswith(first)
        and text.endswith(last)
    )
