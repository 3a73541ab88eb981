"""What the local Stripe knows: one connected account with its keys, and a platform that manages them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import string
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from remediate.clock import rfc3339
from remediate.secret import Secret

_ALPHABET = string.ascii_letters + string.digits
DAY = 86400


def random_text(length: int) -> str:
    """Letters and digits, as Stripe's ids and keys are made of."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


@dataclass
class LocalKey:
    """One key of the connected account."""

    id: str
    token: Secret
    name: str
    live: bool
    permissions: tuple[str, ...] = ()
    connect_permissions: tuple[str, ...] = ()
    ip_allowlist: tuple[str, ...] = ()
    note: str | None = None
    expires_at: str | None = None
    created: float = field(default_factory=time.time)
    managed: bool = True
    reads_account: bool = True
    """Whether ``GET /v1/account`` is among what it may do; a restricted key often may not."""
    dies: float | None = None
    """When it stops to work, on the clock of `time.monotonic`; None while it lives."""

    @property
    def ended(self) -> bool:
        """Whether somebody expired or rolled it; it may work on for a moment."""
        return self.dies is not None

    @property
    def works(self) -> bool:
        """Whether it is accepted now."""
        return self.dies is None or time.monotonic() < self.dies

    @property
    def redacted(self) -> str:
        """As the dashboard shows it."""
        text = self.token.reveal_text()
        prefix = "_".join(text.split("_")[:2])
        return f"{prefix}_...{text[-4:]}"


class State:
    """Everything, behind one lock."""

    def __init__(self, *, lag: float, live: bool, managed: bool) -> None:
        self.lock = threading.RLock()
        self.lag = lag
        self.live = live
        self.managed = managed
        """Whether the account has the managed-keys API."""
        self.replays_secret = False
        """Whether a create that is repeated with its idempotency key gives the secret once more."""
        self.algorithm = "RSA-OAEP-256"
        self.body = random_text(14)
        self.account = f"acct_1{self.body}"
        self.platform_account = f"acct_1{random_text(14)}"
        self.platform = Secret(self._token("sk"))
        self.keys: dict[str, LocalKey] = {}
        self.shown: dict[str, Secret] = {}
        """Rolled by hand: old key's id to what the page showed."""
        self.made: dict[str, str] = {}
        """Idempotency key to the id that was made with it."""
        old = time.time() - 400 * DAY
        self.webhooks: list[dict[str, Any]] = [self._webhook("https://shop.example/hooks", old)]
        self.endpoints_made: dict[str, dict[str, Any]] = {}
        """Idempotency key to the answer that it was given, the secret within."""
        self.secrets: dict[str, Secret] = {}
        """Webhook endpoint to its signing secret, which no later call shows."""
        self.secrets[self.webhooks[0]["id"]] = Secret(f"whsec_{random_text(32)}")
        self.transfers: list[dict[str, Any]] = []
        self.refunds: list[dict[str, Any]] = []
        self.payouts: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.external_accounts = [
            {"id": f"ba_{random_text(24)}", "object": "bank_account", "country": "IE",
             "currency": "eur", "status": "new", "last4": "3000"}
        ]  # fmt: skip
        for day in range(3):
            when = time.time() - day * DAY - 3600
            self.event("charge.succeeded", {"id": f"ch_{random_text(24)}"}, when, by_request=True)
        self.payout(time.time() - DAY, automatic=True)

    def issue(
        self, prefix: str = "rk", *, name: str = "", age: float = 0.0, **more: Any
    ) -> LocalKey:
        """A new key; *age* in seconds."""
        kind = "mk" if more.get("managed", True) else "key"
        key = LocalKey(
            id=f"{kind}_1{random_text(24)}",
            token=Secret(self._token(prefix)),
            name=name,
            live=self.live,
            created=time.time() - age,
            **more,
        )
        with self.lock:
            self.keys[key.id] = key
        return key

    def holder(self, token: str) -> LocalKey | None:
        """The key with that value, working or not."""
        wanted = Secret(token)
        with self.lock:
            return next((key for key in self.keys.values() if key.token == wanted), None)

    def end(self, key: LocalKey, lag: float | None = None) -> None:
        """Expire it: refused after a while."""
        with self.lock:
            if key.dies is None:
                key.dies = time.monotonic() + (self.lag if lag is None else lag)

    def roll(self, key: LocalKey) -> Secret:
        """What the dashboard does for a person: the old one ends now, a new one of its rights is shown."""
        with self.lock:
            new = self.issue(
                key.token.reveal_text().split("_")[0],
                name=key.name,
                managed=key.managed,
                permissions=key.permissions,
                connect_permissions=key.connect_permissions,
                reads_account=key.reads_account,
            )
            self.end(key)
            self.shown[key.id] = new.token
        return new.token

    def event(self, kind: str, about: Mapping[str, Any], when: float, *, by_request: bool) -> None:
        """Something that happened, newest first as Stripe lists it."""
        event = {
            "id": f"evt_1{random_text(23)}",
            "object": "event",
            "type": kind,
            "created": int(when),
            "livemode": self.live,
            "data": {"object": dict(about)},
            "request": {"id": f"req_{random_text(14)}" if by_request else None},
        }
        with self.lock:
            self.events = sorted([*self.events, event], key=lambda e: -int(e["created"]))

    def payout(self, when: float, *, automatic: bool) -> None:
        """Money that went out."""
        payout = {
            "id": f"po_1{random_text(23)}",
            "object": "payout",
            "amount": 120_00,
            "currency": "eur",
            "automatic": automatic,
            "created": int(when),
            "destination": self.external_accounts[0]["id"],
            "status": "paid",
        }
        with self.lock:
            self.payouts.insert(0, payout)
        self.event("payout.created", payout, when, by_request=not automatic)

    def burgle(self, when: float) -> None:
        """What a thief with the key would do: a webhook, a bank account of theirs, a payout to it."""
        bank = {"id": f"ba_{random_text(24)}", "object": "bank_account", "country": "LT",
                "currency": "eur", "status": "new"}  # fmt: skip
        with self.lock:
            self.webhooks.insert(0, self._webhook("https://collect.example/in?k=1", when))
            self.external_accounts.insert(0, bank)
        self.event("account.external_account.created", bank, when, by_request=True)
        self.payout(when, automatic=False)

    def sealed(self, key: LocalKey, pem: str) -> str:
        """The key's value as a compact JWE for the holder of *pem*'s private half."""
        public = serialization.load_pem_public_key(pem.encode())
        if not isinstance(public, rsa.RSAPublicKey) or public.key_size < 2048:
            raise ValueError("an RSA key of 2048 bits or more")
        digest = hashes.SHA256() if self.algorithm == "RSA-OAEP-256" else hashes.SHA1()  # noqa: S303
        content = AESGCM.generate_key(256)
        header = {"alg": self.algorithm, "enc": "A256GCM"}
        protected = _base64url(json.dumps(header).encode())
        nonce = os.urandom(12)
        sealed = AESGCM(content).encrypt(nonce, key.token.reveal(), protected.encode())
        wrapped = public.encrypt(
            content, padding.OAEP(padding.MGF1(type(digest)()), digest, label=None)
        )
        parts = (wrapped, nonce, sealed[:-16], sealed[-16:])
        return ".".join([protected, *map(_base64url, parts)])

    def _token(self, prefix: str) -> str:
        # A real one is 107 characters: the mode, 51, the account's own part, and 83 more.
        mode = "live" if self.live else "test"
        return f"{prefix}_{mode}_51{self.body}{random_text(83)}"

    def _webhook(self, url: str, when: float) -> dict[str, Any]:
        return {
            "id": f"we_1{random_text(23)}",
            "object": "webhook_endpoint",
            "url": url,
            "status": "enabled",
            "enabled_events": ["charge.succeeded"],
            "application": None,
            "api_version": None,
            "description": None,
            "livemode": self.live,
            "metadata": {},
            "created": int(when),
        }

    def add_endpoint(self, form: Mapping[str, str], key: str) -> dict[str, Any]:
        """A new endpoint; its secret is in this one answer. The same answer for the same idempotency *key*."""
        with self.lock:
            if key and key in self.endpoints_made:
                return self.endpoints_made[key]
            made = self._webhook(form["url"], time.time())
            made |= {
                "enabled_events": [v for k, v in form.items() if k.startswith("enabled_events[")],
                "api_version": form.get("api_version"),
                "description": form.get("description"),
                "application": f"ca_{random_text(24)}" if form.get("connect") == "true" else None,
                "metadata": {k[9:-1]: v for k, v in form.items() if k.startswith("metadata[")},
            }
            self.webhooks.insert(0, made)
            self.secrets[made["id"]] = Secret(f"whsec_{random_text(32)}")
            shown = {**made, "secret": self.secrets[made["id"]].reveal_text()}
            if key:
                self.endpoints_made[key] = shown
            return shown


def moment(seconds: float) -> str:
    """Seconds since 1970 as v2 writes them."""
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


def since(items: Sequence[dict[str, Any]], earliest: str) -> list[dict[str, Any]]:
    """Those created at or after *earliest* (seconds since 1970; empty: all)."""
    return [item for item in items if not earliest or int(item["created"]) >= int(earliest)]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
