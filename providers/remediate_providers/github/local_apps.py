"""The local GitHub's answers to an app that asks about its users' tokens, as the real one gives them.

https://docs.github.com/rest/apps/oauth-applications. Ending and resetting take effect at once, and a refresh
token has one successor: asking again is ``bad_refresh_token``, with status 200 as all refusals there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from remediate.secret import Secret
from remediate_providers.github import tokens
from remediate_providers.github.local_state import State, Token
from remediate_providers.github.tokens import hashed
from remediate_providers.loopback import Reply, Request

SIGN_IN = "/login/oauth/access_token"


class AppAnswers:
    """Answers to apps; anything else goes on to *others*."""

    def __init__(self, state: State, others: Callable[[Request], Reply]) -> None:
        self.state = state
        self._others = others

    def __call__(self, request: Request) -> Reply:
        """The answer to *request*."""
        if (request.method, request.path) == ("POST", SIGN_IN):
            return self._refresh(request.form())
        found = re.fullmatch(r"/applications/([^/]+)/(token|grant)", request.path)
        if found is None:
            return self._others(request)
        app = unquote(found[1])
        if not self._is(app, request):
            return _said(401, "Requires authentication")
        body = request.json()
        text = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(text, str) or not text:
            return _said(422, "Validation Failed")
        token = self.state.living(Secret(text))
        if token is None or token.app != app or token.kind == tokens.REFRESH:
            return _said(404, "Not Found")
        match request.method, found[2]:
            case "POST", "token":
                return Reply(200, self._shown(token, app))
            case "PATCH", "token":
                new = self.state.issue(
                    token.login, token.kind, token.scopes, token.expires, token.app
                )
                self.state.end_now(token.value)
                return Reply(200, self._shown(self.state.tokens[new], app))
            case "DELETE", "token":
                self.state.end_now(token.value)
                return Reply(204)
            case "DELETE", "grant":
                for one in list(self.state.tokens.values()):
                    if (one.app, one.login) == (app, token.login):
                        self.state.end_now(one.value)
                return Reply(204)
            case _:
                return _said(404, "Not Found")

    def _is(self, app: str, request: Request) -> bool:
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        try:
            name, _, secret = base64.b64decode(text).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return (
            kind.lower() == "basic" and name == app and self.state.apps.get(app) == Secret(secret)
        )

    def _refresh(self, form: dict[str, str]) -> Reply:
        app, secret = form.get("client_id", ""), Secret(form.get("client_secret", ""))
        if self.state.apps.get(app) != secret:
            return Reply(200, {"error": "incorrect_client_credentials"})
        old = self.state.living(Secret(form.get("refresh_token", "")))
        if old is None or old.kind != tokens.REFRESH or old.app != app:
            return Reply(200, {"error": "bad_refresh_token"})
        self.state.end_now(old.value)
        if old.access is not None:
            self.state.end_now(old.access)
        access, refresh = self.state.sign_in(old.login, app)
        return Reply(
            200,
            {
                "access_token": access.reveal_text(),
                "expires_in": 28800,
                "refresh_token": refresh.reveal_text(),
                "refresh_token_expires_in": 15897600,
                "scope": "",
                "token_type": "bearer",
            },
        )

    def _shown(self, token: Token, app: str) -> dict[str, Any]:
        text = token.value.reveal_text()
        return {
            "id": 1,
            "url": "https://api.github.com/authorizations/1",
            "app": {"client_id": app, "name": "Acme Releases", "url": "https://acme.example"},
            "token": text,
            "hashed_token": hashed(token.value),
            "token_last_eight": text[-8:],
            "scopes": list(token.scopes),
            "created_at": self.state.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "updated_at": self.state.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "expires_at": None,
            "note": None,
            "fingerprint": None,
            "user": {"login": token.login, "id": 1, "type": "User"},
        }


def _said(status: int, message: str) -> Reply:
    return Reply(status, {"message": message, "documentation_url": "https://docs.github.com/rest"})
