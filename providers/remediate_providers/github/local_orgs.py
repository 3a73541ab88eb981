"""The local GitHub's answers about whom an organisation lets in, as the real one gives them.

Fine-grained grants are shown to the tokens of GitHub Apps alone; an organisation without single sign-on has no
list of authorisations, and neither is shown to anybody but an owner.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from remediate.secret import Secret
from remediate_providers.github import tokens
from remediate_providers.github.local_state import State, Token
from remediate_providers.loopback import Reply, Request

_SIGN_ON = r"/orgs/([^/]+)/credential-authorizations(?:/(\d+))?"
_GRANTS = r"/orgs/([^/]+)/personal-access-tokens(?:/(\d+))?"


class OrganisationAnswers:
    """Answers about who is let in; anything else goes on to *others*."""

    def __init__(self, state: State, others: Callable[[Request], Reply]) -> None:
        self.state = state
        self.authorised: dict[str, list[dict[str, Any]]] = {}
        """Organisation with single sign-on to what its members authorised."""
        self.granted: dict[str, list[dict[str, Any]]] = {}
        self._others = others
        self._next = 5000

    def authorise(self, organisation: str, value: Secret) -> int:
        """Let a token through an organisation's single sign-on; the authorisation's number."""
        token = self.state.tokens[value]
        names = {tokens.CLASSIC: "personal access token", tokens.OAUTH: "OAuth app token"}
        self._next += 1
        self.authorised.setdefault(organisation, []).append(
            {
                "login": token.login,
                "credential_id": self._next,
                "credential_type": names.get(token.kind, "GitHub app token"),
                "token_last_eight": value.reveal_text()[-8:],
                "credential_authorized_at": "2026-01-02T03:04:05Z",
                "credential_accessed_at": "2026-02-03T04:05:06Z",
                "authorized_credential_id": self._next + 1000,
                "authorized_credential_note": "deploy",
                "scopes": list(token.scopes),
            }
        )
        return self._next

    def grant(self, organisation: str, value: Secret, token_id: int) -> int:
        """Let a fine-grained token in; the grant's number."""
        self._next += 1
        self.granted.setdefault(organisation, []).append(
            {
                "id": self._next,
                "owner": {"login": self.state.tokens[value].login, "id": 1},
                "repository_selection": "all",
                "permissions": {"repository": {"contents": "write"}},
                "access_granted_at": "2026-01-02T03:04:05Z",
                "token_id": token_id,
                "token_name": "deploy",
                "token_expired": False,
                "token_expires_at": None,
                "token_last_used_at": "2026-02-03T04:05:06Z",
            }
        )
        return self._next

    def __call__(self, request: Request) -> Reply:
        """The answer to *request*."""
        for pattern, lists, ends in (
            (_SIGN_ON, self.authorised, "DELETE"),
            (_GRANTS, self.granted, "POST"),
        ):
            found = re.fullmatch(pattern, request.path)
            if found is not None:
                return self._list(request, unquote(found[1]), found[2], lists, ends)
        return self._others(request)

    def _list(
        self,
        request: Request,
        name: str,
        number: str | None,
        lists: dict[str, list[dict[str, Any]]],
        ends: str,
    ) -> Reply:
        token = self._token(request)
        if token is None:
            return _said(401, "Bad credentials")
        app = token.kind in (tokens.INSTALLATION, tokens.USER)
        if lists is self.granted and not app:
            return _said(403, "Resource only accessible by GitHub Apps")
        if name not in lists or (not app and token.login not in self.state.owners.get(name, ())):
            return _said(404, "Not Found")
        wanted = {"read:org", "admin:org"} if number is None else {"admin:org"}
        if not app and not wanted & set(token.scopes):
            more = {"X-Accepted-OAuth-Scopes": ", ".join(sorted(wanted))}
            return _said(403, "Must have admin rights to Organization.", more)
        key = "credential_id" if lists is self.authorised else "id"
        rows = lists[name]
        if number is None and request.method == "GET":
            login = request.first("login") or request.first("owner[]")
            shown = [one for one in rows if login in ("", _login(one))]
            at = (int(request.first("page", "1")) - 1) * 100
            return Reply(200, shown[at : at + 100])
        kept = [one for one in rows if str(one[key]) != number]
        if request.method != ends or len(kept) == len(rows):
            return _said(404, "Not Found")
        if ends == "POST" and request.json() != {"action": "revoke"}:
            return _said(422, "Validation Failed")
        rows[:] = kept
        return Reply(204)

    def _token(self, request: Request) -> Token | None:
        value = request.headers.get("Authorization", "").partition(" ")[2]
        return self.state.living(Secret(value)) if value else None


def _login(row: dict[str, Any]) -> str:
    return str(row["login"] if "login" in row else row["owner"]["login"])


def _said(status: int, message: str, headers: dict[str, str] | None = None) -> Reply:
    body = {"message": message, "documentation_url": "https://docs.github.com/rest"}
    return Reply(status, body, headers or {})
