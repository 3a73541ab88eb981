"""What organisations let a token in: their single sign-on's authorisation of it, or their grant to it.

Listed before the kill, with when it was used there last, for the lists forget a dead one. Where GitHub has not
been seen to refuse the token, its access to each is taken away with the responder's own: an owner may do that
of anybody's. https://docs.github.com/enterprise-cloud@latest/rest/orgs/orgs#list-saml-sso-authorizations-for-an-organization,
https://docs.github.com/rest/orgs/personal-access-tokens (GitHub Apps alone).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.outcome import Evidence
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.github.server import Api
from remediate_providers.github.tokens import CLASSIC, FINE_GRAINED, OAUTH, PART, USER, hashed
from remediate_providers.rest import number_of, objects, text_of

ACCESS = "organisation_access"
"""The fact that holds the rows."""
MOST = 10
"""Organisations that are asked."""
PAGES = 10
SIGN_ON = "single sign-on"
GRANT = "grant"
_TYPES = {CLASSIC: "personal access token", OAUTH: "OAuth app token", USER: "GitHub app token"}


@dataclass(frozen=True)
class Row:
    """One organisation that lets a token in."""

    organisation: str
    what: str
    """`SIGN_ON` or `GRANT`."""
    number: int
    title: str
    since: str | None
    last_used: str | None
    sure: bool
    """Whether it is surely this token's, and not just of the same owner."""

    @property
    def path(self) -> str:
        """Where it is taken away."""
        kind = "credential-authorizations" if self.what == SIGN_ON else "personal-access-tokens"
        return f"/orgs/{quote(self.organisation, safe='')}/{kind}/{self.number}"

    def data(self) -> dict[str, Json]:
        """For `Facts.known`."""
        return {
            "organisation": self.organisation,
            "what": self.what,
            "id": self.number,
            "title": self.title,
            "since": self.since,
            "last_used": self.last_used,
            "sure": self.sure,
        }


def known(facts: Mapping[str, Json]) -> list[Row]:
    """The rows that were preserved."""
    rows = facts.get(ACCESS)
    return [
        Row(
            str(row["organisation"]),
            str(row["what"]),
            int(str(row["id"])),
            str(row.get("title") or ""),
            text_of(row, "since"),
            text_of(row, "last_used"),
            row.get("sure") is True,
        )
        for row in (rows if isinstance(rows, Sequence) else ())
        if isinstance(row, Mapping) and str(row.get("id", "")).isdigit()
    ]


def access(
    api: Api, own: Secret, names: Sequence[str], login: str, held: Held
) -> tuple[list[Row], dict[str, str]]:
    """Which of the organisations *names* let it in; and of which it is not known, and why."""
    found: list[Row] = []
    unknown = {f"access to {name}": f"only {MOST} organisations are asked" for name in names[MOST:]}
    for name in names[:MOST]:
        try:
            if held.credential.kind == FINE_GRAINED:
                found += _grants(api, own, name, login, held.values[PART])
            elif held.credential.kind in _TYPES:
                found += _authorised(api, own, name, login, held)
        except _UnreadError as error:
            unknown[f"access to {name}"] = str(error)
    return found, unknown


def withdraw(api: Api, own: Secret, rows: Sequence[Row], at: str) -> tuple[list[Evidence], str]:
    """Take each away that is surely the token's. What was seen; and why it may not have worked, else empty."""
    seen: list[Evidence] = []
    said: list[str] = []
    for row in rows:
        if not row.sure:
            said.append(
                f"{row.organisation} lets in tokens of its owner, and which of them this is was not told"
            )
            continue
        method = "DELETE" if row.what == SIGN_ON else "POST"
        body = None if row.what == SIGN_ON else {"action": "revoke"}
        try:
            # Harmless when repeated: what is gone is 404.
            answer = api.ask(method, row.path, own, repeat=True, json=body)
        except HttpError as error:
            said.append(f"{row.organisation}: {api.refusal(error)}")
            continue
        seen.append(Evidence(f"{method} {row.path} at {api.server.host}", str(answer.status), at))
        if answer.status not in (204, 404):
            said.append(f"{row.organisation}: {api.refusal(answer)}")
    return seen, "; ".join(said)


class _UnreadError(Exception):
    """A list that could not be had, in one sentence."""


def _authorised(api: Api, own: Secret, name: str, login: str, held: Held) -> Iterator[Row]:
    """Those whose last eight characters are the token's own."""
    tail = held.values[PART].reveal_text()[-8:]
    path = f"/orgs/{quote(name, safe='')}/credential-authorizations"
    for one in _pages(api, own, path, {"login": login}, _NO_SIGN_ON):
        number = number_of(one, "credential_id")
        wanted = (tail, _TYPES[held.credential.kind])
        if number is None or (one.get("token_last_eight"), one.get("credential_type")) != wanted:
            continue
        yield Row(
            name,
            SIGN_ON,
            number,
            text_of(one, "authorized_credential_note") or "",
            text_of(one, "credential_authorized_at"),
            text_of(one, "credential_accessed_at"),
            sure=True,
        )


_NO_SIGN_ON = "it has no single sign-on, or does not show it to your token"
_APPS_ALONE = "only a GitHub App's token may list what an organisation granted: yours is none"


def _grants(api: Api, own: Secret, name: str, login: str, token: Secret) -> Iterator[Row]:
    """What it granted to tokens of the owner's; surely this one's where the audit log tells its id."""
    path = f"/orgs/{quote(name, safe='')}/personal-access-tokens"
    listed = list(_pages(api, own, path, {"owner[]": login}, _APPS_ALONE))
    id_ = _token_id(api, own, name, token) if listed else None
    for one in listed:
        number, theirs = number_of(one, "id"), number_of(one, "token_id")
        owner = one.get("owner")
        if (
            number is None
            or (id_ is not None and theirs != id_)
            or (isinstance(owner, dict) and owner.get("login") != login)
        ):
            continue
        yield Row(
            name,
            GRANT,
            number,
            text_of(one, "token_name") or "",
            text_of(one, "access_granted_at"),
            text_of(one, "token_last_used_at"),
            sure=id_ is not None,
        )


def _token_id(api: Api, own: Secret, name: str, token: Secret) -> int | None:
    """GitHub's number for the token, out of an event of its in the audit log; None where there is none."""
    query = {"phrase": f'hashed_token:"{hashed(token)}"', "per_page": "1"}
    try:
        answer = api.ask("GET", f"/orgs/{quote(name, safe='')}/audit-log", own, query=query)
    except HttpError:
        return None
    rows = objects(answer.json()) if answer.status == 200 else []
    return number_of(rows[0], "token_id") if rows else None


def _pages(
    api: Api, own: Secret, path: str, query: Mapping[str, str], refused: str
) -> Iterator[Mapping[str, Any]]:
    for page in range(1, PAGES + 1):
        words = {**query, "per_page": "100", "page": str(page)}
        try:
            answer: Answer = api.ask("GET", path, own, query=words)
        except HttpError as error:
            raise _UnreadError(api.refusal(error)) from None
        rows = answer.json()
        if answer.status != 200 or not isinstance(rows, list):
            plain = answer.status in (403, 404) and not answer.limited
            raise _UnreadError(f"{refused} ({answer.status})" if plain else api.refusal(answer))
        yield from objects(rows)
        if len(rows) < 100:
            return
    raise _UnreadError(f"it lists more than {PAGES * 100}")
