"""The local GitHub's lists of what lets somebody come back: an account's keys, an organisation's webhooks, apps and people.

Whoever lacks the scope sees a 404, as whoever is no owner does; an account's keys are shown to all, without
their titles. People and runners have no times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from remediate.secret import Secret
from remediate_providers.github import tokens
from remediate_providers.github.local_state import State, Token
from remediate_providers.loopback import Reply, Request

Rows = list[dict[str, Any]]

#: Path below the organisation to (field of `Organisation`, the key that the list stands under, scopes).
_OF_ORGANISATIONS: Mapping[str, tuple[str, str | None, frozenset[str]]] = {
    "hooks": ("hooks", None, frozenset({"admin:org_hook"})),
    "installations": ("installations", "installations", frozenset({"read:org", "admin:org"})),
    "invitations": ("invitations", None, frozenset({"admin:org"})),
    "outside_collaborators": (
        "outside_collaborators",
        None,
        frozenset({"read:org", "admin:org"}),
    ),
    "actions/runners": ("runners", "runners", frozenset({"admin:org"})),
}
_OF_ACCOUNTS = {
    "gpg_keys": frozenset({"read:gpg_key", "write:gpg_key", "admin:gpg_key"}),
    "ssh_signing_keys": frozenset(
        {"read:ssh_signing_key", "write:ssh_signing_key", "admin:ssh_signing_key"}
    ),
}


@dataclass
class Organisation:
    """One organisation's lists, each in the API's own shape."""

    hooks: Rows = field(default_factory=list)
    installations: Rows = field(default_factory=list)
    invitations: Rows = field(default_factory=list)
    outside_collaborators: Rows = field(default_factory=list)
    runners: Rows = field(default_factory=list)


class FootholdAnswers:
    """Answers about accounts and organisations; anything else goes on to *others*."""

    def __init__(self, state: State, others: Callable[[Request], Reply]) -> None:
        self.state = state
        self.organisations: dict[str, Organisation] = {}
        self.gpg_keys: dict[str, Rows] = {}
        """Login to its keys."""
        self.ssh_signing_keys: dict[str, Rows] = {}
        self.ssh_keys: dict[str, Rows] = {}
        """Set by whoever keeps them: the same lists as at `/user/keys`."""
        self._others = others

    def __call__(self, request: Request) -> Reply:
        """The answer to *request*."""
        if request.method == "GET":
            theirs = re.fullmatch(r"/users/([^/]+)/(keys|gpg_keys|ssh_signing_keys)", request.path)
            own = re.fullmatch(r"/user/(gpg_keys|ssh_signing_keys)", request.path)
            of = re.fullmatch(rf"/orgs/([^/]+)/({'|'.join(_OF_ORGANISATIONS)})", request.path)
            if (theirs or own or of) and (token := self._token(request)) is None:
                return _said(401, "Bad credentials")
            if theirs:
                return self._public(request, unquote(theirs[1]), theirs[2])
            if own:
                assert token is not None
                return self._own(request, token, own[1])
            if of:
                assert token is not None
                return self._organisation(request, token, unquote(of[1]), of[2])
        return self._others(request)

    def _public(self, request: Request, login: str, path: str) -> Reply:
        if login not in self.state.organisations:
            return _said(404, "Not Found")
        rows: Rows = self._lists(path).get(login, [])
        if path == "keys":
            shown = ("id", "key", "created_at", "last_used")
            rows = [{name: row.get(name) for name in shown} for row in rows]
        return Reply(200, _page(request, rows))

    def _own(self, request: Request, token: Token, path: str) -> Reply:
        wanted = _OF_ACCOUNTS[path]
        if token.kind in (tokens.CLASSIC, tokens.OAUTH) and not wanted & set(token.scopes):
            return _said(404, "Not Found", {"X-Accepted-OAuth-Scopes": ", ".join(sorted(wanted))})
        return Reply(200, _page(request, self._lists(path).get(token.login, [])))

    def _organisation(self, request: Request, token: Token, name: str, path: str) -> Reply:
        attribute, within, wanted = _OF_ORGANISATIONS[path]
        if token.login not in self.state.owners.get(name, frozenset()):
            return _said(404, "Not Found")
        if token.kind == tokens.CLASSIC and not wanted & set(token.scopes):
            more = {"X-Accepted-OAuth-Scopes": ", ".join(sorted(wanted))}
            return _said(404 if path == "hooks" else 403, "Must have admin rights.", more)
        rows: Rows = getattr(self.organisations.get(name, Organisation()), attribute)
        shown = _page(request, rows)
        return Reply(200, shown if within is None else {"total_count": len(rows), within: shown})

    def _lists(self, path: str) -> Mapping[str, Rows]:
        return {
            "keys": self.ssh_keys,
            "gpg_keys": self.gpg_keys,
            "ssh_signing_keys": self.ssh_signing_keys,
        }[path]

    def _token(self, request: Request) -> Token | None:
        value = request.headers.get("Authorization", "").partition(" ")[2]
        return self.state.living(Secret(value)) if value else None


def activity(rows: Sequence[Mapping[str, Any]], actor: str) -> list[Mapping[str, Any]]:
    """``GET /repos/{owner}/{repo}/activity``: pushes by *actor*, the newest first."""
    theirs = [row for row in rows if actor in ("", row["actor"]["login"])]
    return sorted(theirs, key=lambda row: str(row["timestamp"]), reverse=True)


def _page(request: Request, rows: Sequence[Any]) -> list[Any]:
    size = min(int(request.first("per_page", "30")), 100)
    at = (int(request.first("page", "1")) - 1) * size
    return list(rows[at : at + size])


def _said(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = {"message": message, "documentation_url": "https://docs.github.com/rest"}
    return Reply(status, body, headers or {})
