"""The local Google: a stand-in for signing in, IAM, Activity Analyzer and Logging, on loopback.

It checks signatures as the real one does: a key that is disabled or deleted gets "Invalid JWT Signature."
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from remediate.clock import rfc3339
from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.google.keys import FILE, PROVIDER, file_of
from remediate_providers.google.server import GRANT
from remediate_providers.google.signing import AUDIENCE
from remediate_providers.loopback import Fault, Loopback, Reply, Request

PROJECT = "acme-prod"
EMAIL = f"deployer@{PROJECT}.iam.gserviceaccount.com"
_ACCOUNT = rf"/v1/projects/{PROJECT}/serviceAccounts/{re.escape(EMAIL).replace('@', '(?:@|%40)')}"
MOST = 10
"""Keys that an account may have."""


@functools.cache
def pair(which: int) -> rsa.RSAPrivateKey:
    """One of a few keys that are made once: making one takes a tenth of a second."""
    assert which >= 0
    return rsa.generate_private_key(65537, 2048)


@dataclass
class LocalKey:
    """One key of the account."""

    id: str
    public: rsa.RSAPublicKey
    certificate: bytes
    uploaded: bool
    created: datetime
    disabled: bool = False
    dies: float = float("inf")
    """When it is refused, on the clock of `time.monotonic`; a disabled one takes a while."""

    def shown(self) -> dict[str, Any]:
        """As IAM shows it."""
        data = {
            "name": f"projects/{PROJECT}/serviceAccounts/{EMAIL}/keys/{self.id}",
            "validAfterTime": rfc3339(self.created),
            "validBeforeTime": "9999-12-31T23:59:59Z",
            "keyAlgorithm": "KEY_ALG_RSA_2048",
            "keyOrigin": "USER_PROVIDED" if self.uploaded else "GOOGLE_PROVIDED",
            "keyType": "USER_MANAGED",
        }
        return data | (
            {"disabled": True, "disableReason": "USER_INITIATED"} if self.disabled else {}
        )


@dataclass
class State:
    """What it knows."""

    lag: float
    lock: threading.RLock = field(default_factory=threading.RLock)
    keys: list[LocalKey] = field(default_factory=list)
    gone: list[LocalKey] = field(default_factory=list)
    own: Secret = field(default_factory=lambda: Secret(f"ya29.{secrets.token_urlsafe(40)}"))
    entries: list[dict[str, Any]] = field(default_factory=list)
    bindings: list[dict[str, Any]] = field(default_factory=list)
    """The project's policy."""
    on_it: list[dict[str, Any]] = field(default_factory=list)
    """The account's own policy: who may act as it."""
    allowed: frozenset[str] = frozenset()
    """What the account may do on its project."""
    may_upload: bool = True
    """Whether the organisation's policy allows it."""


class LocalGoogle:
    """Starts one. *lag*: seconds for which a disabled key still works."""

    name = PROVIDER

    def __init__(self, lag: float = 0.2) -> None:
        self._lag = lag

    def start(self) -> RunningGoogle:
        """Up and answering when this returns."""
        return RunningGoogle(State(self._lag))


class RunningGoogle:
    """A local Google that is up. `state` is its truth; tests look into it and change it."""

    name = PROVIDER

    def __init__(self, state: State) -> None:
        self.state = state
        self._server = Loopback(self._answer, "ESF")

    @property
    def url(self) -> str:
        """The base address, of every API and of the console."""
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order."""
        return list(self._server.requests)

    def environment(self) -> Mapping[str, str]:
        """The base address, and the responder's own token."""
        return {
            "GOOGLE_API_URL": self.url,
            "GOOGLE_OAUTH_ACCESS_TOKEN": self.state.own.reveal_text(),
        }

    def issue(self, which: int = 0, *, age: int = 0, flat: bool = False) -> Secret:
        """A new key, as Google makes one: its file, on one line where *flat*. *age* in days."""
        key = pair(which)
        id_ = secrets.token_hex(20)
        made = datetime.now(UTC) - timedelta(days=age)
        self.state.keys.append(LocalKey(id_, key.public_key(), b"", False, made))
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        file = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": id_,
            "private_key": pem,
            "client_email": EMAIL,
            "client_id": "104857600000000000000",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com",
        }
        return Secret(json.dumps(file) if flat else json.dumps(file, indent=2))

    def plant(self) -> Planted:
        """A key's file in a variable, as CI systems want it, and what a thief did with it."""
        value = self.issue(age=90, flat=True)
        key_id = self.state.keys[-1].id
        self.misuse(key_id)
        return Planted(
            files={"deploy/gcp.env": f"GOOGLE_CREDENTIALS={value.reveal_text()}\n"},
            values={FILE: value},
            policy=(
                "[[credential]]\n"
                f'match = "{PROVIDER}"\n'
                'stores = ["dotenv:.env.gcp#GOOGLE_CREDENTIALS"]\n'
            ),
        )

    def misuse(
        self,
        key_id: str | None,
        method: str = "google.iam.admin.v1.CreateServiceAccountKey",
        *,
        by: str = EMAIL,
        on: str = EMAIL,
        at: datetime | None = None,
        **payload: Any,
    ) -> None:
        """An entry of the audit log, by that key; None: by another way of signing in."""
        name = f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{EMAIL}/keys/{key_id}"
        who = {"principalEmail": by} | ({"serviceAccountKeyName": name} if key_id else {})
        told = {
            "methodName": method,
            "authenticationInfo": who,
            "requestMetadata": {"callerIp": "203.0.113.77"},
            **payload,
        }
        labels = {"email_id": on, "project_id": PROJECT}
        self.state.entries.append(
            {
                "timestamp": rfc3339(at or datetime.now(UTC)),
                "insertId": f"e{len(self.state.entries) + 1}",
                "resource": {"type": "service_account", "labels": labels},
                "protoPayload": told,
            }
        )

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether every key in *values* is refused now."""
        ids = {str(data["private_key_id"]) for v in values.values() if (data := file_of(v))}
        return not any(k.id in ids and self._works(k) for k in [*self.state.keys, *self.state.gone])

    def made(self) -> list[LocalKey]:
        """The keys that were uploaded and are there."""
        return [key for key in self.state.keys if key.uploaded]

    def person(self, step: ManualStep) -> Secret | None:
        """Do what *step* asks at the account's page."""
        if not (step.url or "").startswith(self.url):
            return None
        if step.takes_value:
            return self.issue(1)
        for key in self.state.keys:
            self._disable(key)
        return None

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path (``*`` as in a shell) go wrong, in order."""
        self._server.fail(method, path, *faults)

    def close(self) -> None:
        """Stop."""
        self._server.close()

    # -- answers ---------------------------------------------------------------------------------

    def _works(self, key: LocalKey) -> bool:
        return key.dies > time.monotonic()

    def _disable(self, key: LocalKey) -> None:
        key.disabled, key.dies = True, min(key.dies, time.monotonic() + self.state.lag)

    def _answer(self, request: Request) -> Reply:
        with self.state.lock:
            if request.path == "/token":
                return self._token(request.form())
            bearer = request.headers.get("Authorization", "").partition(" ")[2]
            if Secret(bearer) != self.state.own:
                return _error(
                    401, "UNAUTHENTICATED", "Request had invalid authentication credentials."
                )
            return self._api(request)

    def _token(self, form: Mapping[str, str]) -> Reply:
        if form.get("grant_type") != GRANT or not self._signed(form.get("assertion", "")):
            said = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return Reply(400, said)
        return Reply(200, {"access_token": self.state.own.reveal_text(), "expires_in": 3599,
                           "token_type": "Bearer"})  # fmt: skip

    def _signed(self, token: str) -> bool:
        """Whether a key that works signed it (RS256)."""
        try:
            head, claims, signature = token.split(".")
            asked, said = json.loads(_decoded(head)), json.loads(_decoded(claims))
        except (ValueError, binascii.Error):
            return False
        key = next(
            (k for k in [*self.state.keys, *self.state.gone] if k.id == asked.get("kid")), None
        )
        if key is None or not self._works(key) or said.get("aud") != AUDIENCE:
            return False
        try:
            key.public.verify(
                _decoded(signature),
                f"{head}.{claims}".encode(),
                padding.PKCS1v15(),
                hashes.SHA256(),
            )
        except InvalidSignature:
            return False
        return bool(said.get("iss") == EMAIL)

    def _api(self, request: Request) -> Reply:
        method, path = request.method, request.path
        if path == f"/v1/projects/{PROJECT}:getIamPolicy" and method == "POST":
            return Reply(200, {"version": 3, "bindings": self.state.bindings, "etag": "BwY"})
        if path == f"/v1/projects/{PROJECT}:testIamPermissions" and method == "POST":
            asked = request.json()
            wanted = asked.get("permissions", []) if isinstance(asked, dict) else []
            allowed = [one for one in wanted if one in self.state.allowed]
            return Reply(200, {"permissions": allowed} if allowed else {})
        if path == "/v2/entries:list":
            asked = request.json()
            wanted = str(asked.get("filter", "")) if isinstance(asked, dict) else ""
            told = [one for one in self.state.entries if fits(one, wanted)]
            return Reply(200, {"entries": told} if told else {})
        if re.fullmatch(rf"{_ACCOUNT}:getIamPolicy", path) and method == "POST":
            # A policy without a binding has no such field.
            bindings = {"bindings": self.state.on_it} if self.state.on_it else {}
            return Reply(200, {"etag": "ACAB", **bindings})
        if path.endswith("/activities:query"):
            day = {"lastAuthenticatedTime": "2026-11-20T07:00:00Z"}
            name = request.first("filter").partition('"')[2].rstrip('"')
            return Reply(200, {"activities": [{"fullResourceName": name, "activity": day}]})
        found = re.fullmatch(rf"{_ACCOUNT}/keys(:upload|/[^/:]+)?(:disable)?", path)
        if found is None:
            return _error(404, "NOT_FOUND", "Unknown service account.")
        if found[1] is None and method == "GET":
            return Reply(
                200, {"keys": [k.shown() for k in self.state.keys]} if self.state.keys else {}
            )
        if found[1] == ":upload" and method == "POST":
            return self._upload(request.json())
        key = next((k for k in self.state.keys if k.id == (found[1] or "").strip("/")), None)
        if key is None:
            return _error(404, "NOT_FOUND", "Service account key does not exist.")
        if found[2] and method == "POST":
            self._disable(key)
            return Reply(200, {})
        if method == "DELETE":
            self.state.keys.remove(key)
            self.state.gone.append(key)
            key.dies = min(key.dies, time.monotonic() + self.state.lag)
            return Reply(200, {})
        shown = base64.b64encode(key.certificate).decode()
        return Reply(200, {**key.shown(), "publicKeyData": shown})

    def _upload(self, data: object) -> Reply:
        if not self.state.may_upload:
            said = "Key upload is not allowed on this service account."
            return _error(400, "FAILED_PRECONDITION", said)
        if len(self.state.keys) >= MOST:
            return _error(429, "RESOURCE_EXHAUSTED", "Maximum number of keys on account reached.")
        try:
            text = base64.b64decode(str(data["publicKeyData"]))  # type: ignore[index]
            public = x509.load_pem_x509_certificate(text).public_key()
        except (KeyError, TypeError, ValueError):
            return _error(400, "INVALID_ARGUMENT", "The public key is invalid.")
        assert isinstance(public, rsa.RSAPublicKey)
        made = LocalKey(secrets.token_hex(20), public, text, True, datetime.now(UTC))
        self.state.keys.append(made)
        return Reply(200, made.shown())


def fits(entry: Mapping[str, Any], wanted: str) -> bool:
    """Whether an entry fits a filter: as much of Logging's language as is used here."""
    payload = entry["protoPayload"]
    who = payload["authenticationInfo"]
    since = re.search(r'timestamp>="([^"]+)"', wanted)
    method = re.search(r'methodName=~"([^"]+)"', wanted)
    if since and entry["timestamp"] < since[1]:
        return False
    if method and not re.search(method[1], payload["methodName"]):
        return False
    named = {
        "serviceAccountKeyName": who.get("serviceAccountKeyName"),
        "principalEmail": who["principalEmail"],
        "resource.labels.email_id": entry["resource"]["labels"]["email_id"],
    }
    asked = [
        (name, found[1])
        for name in named
        if (found := re.search(rf'{re.escape(name)}="([^"]+)"', wanted))
    ]
    return any(named[name] == value for name, value in asked) or not asked


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": status, "status": code, "message": message}})
