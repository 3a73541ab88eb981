"""The local Stripe's answers, as the real one gives them to these calls.

Measured against a real sandbox on 2026-09-17 (Infisical's notes on this API): expiring takes some 9
seconds to bite, expiring again is a 404, lists give secrets in plain text in test mode, a page of more
than 100 is a 400, and new keys are ``rk_`` ones.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import unquote

from remediate_providers.loopback import Reply, Request
from remediate_providers.stripe.local_state import DAY, LocalKey, State, moment, since

KEYS = "/v2/iam/api_keys"
_WEBHOOKS = "/v1/webhook_endpoints"
_CREATE = frozenset(
    {"type", "name", "note", "permissions", "connect_permissions", "expires_at", "public_key"}
)
SHOWN = "new-key"


class StripeError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.reply = Reply(
            status,
            {"error": {"type": "invalid_request_error", "message": message, **more}},
            {"Request-Id": "req_local"},
        )


class Answers:
    """One local Stripe's answers."""

    def __init__(self, state: State) -> None:
        self.state = state

    def __call__(self, request: Request) -> Reply:
        """The answer to *request*."""
        try:
            if request.path.startswith(("/apikeys", "/test/apikeys")):
                return self._dashboard(request)
            if request.path == KEYS or request.path.startswith(f"{KEYS}/"):
                return self._managed(request)
            return self._v1(request)
        except StripeError as error:
            return error.reply

    # -- who asks --------------------------------------------------------------------------------

    def _bearer(self, request: Request) -> LocalKey | None:
        """The account's key that asks; None for the platform. Refuses everybody else."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise StripeError(401, "You did not provide an API key.")
        if token == self.state.platform.reveal_text():
            return None
        shown = f"{token[:8]}{'*' * 12}{token[-4:]}"
        key = self.state.holder(token)
        if key is None:
            raise StripeError(401, f"Invalid API Key provided: {shown}")
        if not key.works:
            raise StripeError(401, f"Expired API Key provided: {shown}", code="api_key_expired")
        return key

    def _acting_on(self, request: Request) -> str:
        """The account that the request is about."""
        key = self._bearer(request)
        context = request.headers.get("stripe-context", "")
        if key is not None:
            return self.state.account
        if context not in ("", self.state.account):
            raise StripeError(403, "The provided key does not have access to this account.")
        return context or self.state.platform_account

    # -- v1 --------------------------------------------------------------------------------------

    def _v1(self, request: Request) -> Reply:
        account = self._acting_on(request)
        key = self._bearer(request)
        state = self.state
        if request.path.startswith(f"{_WEBHOOKS}/") or (request.method, request.path) == (
            "POST",
            _WEBHOOKS,
        ):
            if key is not None and key.permissions:
                raise StripeError(403, "The provided key does not have the required permissions.")
            return self._endpoint(request)
        if request.method != "GET":
            raise StripeError(404, f"Unrecognized request URL ({request.method}: {request.path}).")
        if request.path == "/v1/account":
            if key is not None and not key.reads_account:
                raise StripeError(
                    403, "The provided key does not have the required permissions: account_read."
                )
            name = {"name": "Acme Shop" if account == state.account else "Acme Platform"}
            return Reply(
                200,
                {"id": account, "object": "account", "country": "IE", "business_profile": name},
            )
        if key is not None and key.permissions:
            raise StripeError(403, "The provided key does not have the required permissions.")
        ours = account == state.account
        lists: Mapping[str, list[dict[str, Any]]] = {
            "/v1/events": state.events,
            "/v1/webhook_endpoints": state.webhooks,
            "/v1/payouts": state.payouts,
            "/v1/refunds": state.refunds,
            "/v1/transfers": state.transfers,
            f"/v1/accounts/{state.account}/external_accounts": state.external_accounts,
        }
        if request.path not in lists:
            raise StripeError(404, f"Unrecognized request URL (GET: {request.path}).")
        items = lists[request.path] if ours else []
        if request.path == "/v1/events":
            items = since(items, str(int(time.time() - 30 * DAY)))  # no longer kept
        wanted = request.query.get("types[]", ())
        items = [item for item in items if not wanted or item.get("type") in wanted]
        return _page_v1(request, since(items, request.first("created[gte]")))

    def _endpoint(self, request: Request) -> Reply:
        """One webhook endpoint: made, looked at, changed, deleted."""
        state = self.state
        if request.path == _WEBHOOKS:
            form = request.form()
            if not form.get("url") or "enabled_events[0]" not in form:
                raise StripeError(400, "Missing required param: url or enabled_events.")
            made = state.add_endpoint(form, request.headers.get("idempotency-key", ""))
            return Reply(200, made)
        name = unquote(request.path.removeprefix(f"{_WEBHOOKS}/"))
        found = next((one for one in state.webhooks if one["id"] == name), None)
        if found is None:
            raise StripeError(404, f"No such webhook endpoint: '{name}'", code="resource_missing")
        if request.method == "DELETE":
            with state.lock:
                state.webhooks.remove(found)
            return Reply(200, {"id": name, "object": "webhook_endpoint", "deleted": True})
        if request.method == "POST" and (change := request.form().get("disabled")):
            found["status"] = "disabled" if change == "true" else "enabled"
        return Reply(200, found)

    # -- managed keys ----------------------------------------------------------------------------

    def _managed(self, request: Request) -> Reply:
        state = self.state
        caller = self._bearer(request)
        if not state.managed:
            raise StripeError(404, f"Unrecognized request URL ({request.method}: {request.path}).")
        if not request.headers.get("stripe-version", "").endswith(".preview"):
            raise StripeError(400, "This API needs a preview version.")
        if caller is not None or request.headers.get("stripe-context") != state.account:
            raise StripeError(403, "Only an installed app with api_key_write may do this.")
        rest = [unquote(part) for part in request.path.removeprefix(KEYS).split("/") if part]
        with state.lock:
            if not rest:
                return self._create(request) if request.method == "POST" else self._list(request)
            key = state.keys.get(rest[0])
            if key is None or not key.managed or key.ended:
                raise StripeError(404, f"No such API key: {rest[0]}")
            if rest[1:] == ["expire"] and request.method == "POST":
                if request.json() != {}:
                    raise StripeError(400, "expire takes no parameters")
                state.end(key)
                return Reply(200, self._shown(key))
            if rest[1:] == ["rotate"] and request.method == "POST":
                state.end(key, 0.0)
                return self._create(request, key)
            if len(rest) == 1 and request.method == "GET":
                return Reply(200, self._shown(key))
        raise StripeError(404, f"Unrecognized request URL ({request.method}: {request.path}).")

    def _list(self, request: Request) -> Reply:
        limit = int(request.first("limit", "10"))
        if limit > 100:
            raise StripeError(400, "limit: The maximum page limit is 100")
        expired = request.first("include_expired") == "true"
        keys = [k for k in self.state.keys.values() if k.managed and (expired or not k.ended)]
        at = int(request.first("page", "0"))
        more = f"{KEYS}?limit={limit}&page={at + limit}" + "&include_expired=true" * expired
        return Reply(
            200,
            {
                "data": [self._shown(key) for key in keys[at : at + limit]],
                "next_page_url": more if at + limit < len(keys) else None,
                "previous_page_url": None,
            },
        )

    def _create(self, request: Request, like: LocalKey | None = None) -> Reply:
        state = self.state
        body = request.json()
        if not isinstance(body, dict):
            raise StripeError(400, "a JSON object is needed")
        known = _CREATE if like is None else {"public_key", "expire_current_key_in_minutes"}
        for name in body:
            if name not in known:
                raise StripeError(400, f"{name}: Unknown field.")
        pem = body.get("public_key", {}).get("pem_key", {}).get("data", "")
        if state.live and "BEGIN PUBLIC KEY" not in pem:
            raise StripeError(400, "public_key: Required for secret keys.")
        before = state.made.get(request.headers.get("idempotency-key", ""))
        if before is not None:
            key = state.keys[before]
            return Reply(200, self._shown(key, pem if state.replays_secret else ""))
        key = state.issue(
            name=body.get("name", "") if like is None else like.name,
            note=body.get("note"),
            permissions=tuple(body.get("permissions", ()) if like is None else like.permissions),
            connect_permissions=tuple(body.get("connect_permissions", ())),
            expires_at=body.get("expires_at"),
        )
        if request.headers.get("idempotency-key"):
            state.made[request.headers["idempotency-key"]] = key.id
        return Reply(200, self._shown(key, pem))

    def _shown(self, key: LocalKey, pem: str = "") -> dict[str, Any]:
        secret: dict[str, Any] = {"secret_token_redacted": key.redacted}
        if not self.state.live:
            secret["token"] = key.token.reveal_text()
        elif pem:
            try:
                sealed = self.state.sealed(key, pem)
            except ValueError as error:
                raise StripeError(400, f"public_key: {error}") from None
            secret["encrypted_secret"] = {"ciphertext": sealed, "format": "jwe_compact"}
        return {
            "id": key.id,
            "object": "v2.iam.api_key",
            "type": "secret_key",
            "status": "expired" if key.ended else "active",
            "name": key.name,
            "note": key.note,
            "livemode": key.live,
            "created": moment(key.created),
            "last_used": None,
            "expires_at": key.expires_at,
            "permissions": list(key.permissions),
            "connect_permissions": list(key.connect_permissions),
            "ip_allowlist": list(key.ip_allowlist),
            "secret_key": secret,
        }

    # -- the dashboard ---------------------------------------------------------------------------

    def _dashboard(self, request: Request) -> Reply:
        prefix = "" if self.state.live else "/test"
        found = re.fullmatch(rf"{prefix}/apikeys(?:/([^/]+)/roll)?", request.path)
        if found is None:
            return Reply(404, _page("Not here", "<p>This account has no keys of that mode.</p>"))
        if found[1] is None:
            return Reply(200, _page("API keys", self._table(prefix)))
        with self.state.lock:
            key = self.state.keys.get(found[1])
            if request.method != "POST" or key is None or key.ended:
                return Reply(404, _page("Not here", "<p>There is no such key any more.</p>"))
            if request.form().get("expiration") != "now":
                return Reply(400, _page("Not so", "<p>Choose when the old key ends.</p>"))
            value = self.state.roll(key).reveal_text()
        shown = f'<p>It is shown once.</p><p><code id="{SHOWN}">{escape(value)}</code></p>'
        return Reply(200, _page("Your new key", shown))

    def _table(self, prefix: str) -> str:
        rows = [
            f"<tr><td>{escape(key.name or 'Secret key')}<td><code>{escape(key.redacted)}</code><td>"
            f'<form method="post" action="{prefix}/apikeys/{escape(key.id, quote=True)}/roll">'
            '<select name="expiration"><option value="now">now</select>'
            "<button>Roll API key</button></form>"
            for key in self.state.keys.values()
            if not key.ended
        ]
        return f"<table>{''.join(rows)}</table>"


def _page_v1(request: Request, items: list[dict[str, Any]]) -> Reply:
    limit = int(request.first("limit", "10"))
    after = request.first("starting_after")
    ids = [item["id"] for item in items]
    at = ids.index(after) + 1 if after in ids else 0
    page = items[at : at + limit]
    more = at + limit < len(items)
    return Reply(200, {"object": "list", "data": page, "has_more": more, "url": request.path})


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:16px/1.5 system-ui;max-width:44rem;margin:3rem auto;padding:0 1rem}"
        "td{padding:.3rem 1rem .3rem 0}code{word-break:break-all}</style>"
        f"<h1>{title}</h1><p>This is the demo's own stand-in for Stripe. Nothing here leaves this "
        f"machine.</p>{body}</html>"
    )
