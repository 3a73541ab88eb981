"""What the local GitHub knows: accounts, tokens, repositories and their secrets, audit logs.

It keeps no more than the calls of this provider need, with the quirks of the real one: a revoked token lives
on for a moment, a stored secret is shown to nobody, an unknown token in a revocation is passed over.
"""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from nacl.public import PrivateKey, SealedBox

from remediate.secret import Secret
from remediate_providers.github import tokens
from remediate_providers.github.tokens import checksum, hashed
from remediate_providers.loopback import Request

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SHORT = {
    tokens.CLASSIC: "ghp_",
    tokens.OAUTH: "gho_",
    tokens.USER: "ghu_",
    tokens.INSTALLATION: "ghs_",
    tokens.REFRESH: "ghr_",
}
#: What the revocation endpoint takes; an installation token is passed over like an unknown one.
BULK = frozenset({tokens.CLASSIC, tokens.FINE_GRAINED, tokens.OAUTH, tokens.USER, tokens.REFRESH})

UNAUTHENTICATED = 60
"""Requests an hour without authentication."""


def make_value(kind: str) -> Secret:
    """A new value of that kind, with GitHub's own checksum where its kind has one."""

    def some(length: int) -> str:
        return "".join(secrets.choice(_LETTERS) for _ in range(length))

    if kind == tokens.FINE_GRAINED:
        return Secret(f"github_pat_{some(22)}_{some(59)}")
    body = some(30)
    return Secret(_SHORT[kind] + body + checksum(body.encode()).decode())


@dataclass
class Token:
    """A token that was issued here."""

    value: Secret
    kind: str
    login: str
    scopes: tuple[str, ...]
    expires: datetime | None = None
    app: str = ""
    """The client id of the OAuth app or GitHub App that it was made for."""
    access: Secret | None = None
    """The access token that a refresh token came with."""
    dies: float | None = None
    """When it stops working, on `time.monotonic`; None while nobody revoked it."""

    @property
    def dead(self) -> bool:
        """Whether it is refused now."""
        over = self.expires is not None and self.expires <= datetime.now(UTC)
        return over or (self.dies is not None and self.dies <= time.monotonic())


@dataclass
class Stored:
    """A secret as it lies here: sealed."""

    sealed: bytes
    created_at: str
    updated_at: str
    visibility: str | None = None
    """Who may read an organisation's: all, private, selected; None for a repository's own."""
    repositories: tuple[int, ...] = ()
    """The selected ones."""


@dataclass
class Place:
    """A repository or an environment: a key pair, and secrets sealed with it."""

    key: PrivateKey = field(default_factory=PrivateKey.generate)
    key_id: str = field(default_factory=lambda: str(secrets.randbelow(10**18)))
    secrets: dict[str, Stored] = field(default_factory=dict)

    def public_key(self) -> dict[str, str]:
        """What ``…/public-key`` answers."""
        return {
            "key_id": self.key_id,
            "key": base64.b64encode(bytes(self.key.public_key)).decode(),
        }

    def value(self, name: str) -> Secret:
        """A stored value, opened: for tests, and shown to nobody."""
        return Secret(SealedBox(self.key).decrypt(self.secrets[name].sealed))


class State:
    """Everything, behind one lock."""

    def __init__(self, lag: float, now: Callable[[], datetime]) -> None:
        self.lag = lag
        self.now = now
        self.lock = threading.RLock()
        self.tokens: dict[Secret, Token] = {}
        self.organisations: dict[str, tuple[str, ...]] = {}
        """Login to the organisations that it belongs to."""
        self.owners: dict[str, frozenset[str]] = {}
        """Organisation to the logins that own it."""
        self.writers: dict[str, frozenset[str]] = {}
        """Repository to the logins that may administer it."""
        self.places: dict[str, Place] = {}
        """``OWNER/REPO``, ``OWNER/REPO@ENVIRONMENT`` or ``ORG`` to what lies there; ``:dependabot`` and
        ``:codespaces`` after it for theirs."""
        self.audit: dict[str, list[dict[str, object]]] = {}
        self.runs: dict[str, list[dict[str, object]]] = {}
        """Repository to its workflow runs."""
        self.without_actions: set[str] = set()
        """Logins whose tokens lack the permission Actions: read."""
        self.apps: dict[str, Secret] = {}
        """Client id to client secret."""
        self.files: dict[str, dict[str, str]] = {}
        """Repository to its files on the default branch, by path; ``OWNER/REPO@COMMIT`` to those as of one."""
        self.unauthenticated_left = UNAUTHENTICATED
        self.limit_ends = now() + timedelta(hours=1)
        self.requests: list[Request] = []
        """Every request so far, in order."""

    def issue(
        self,
        login: str,
        kind: str = tokens.CLASSIC,
        scopes: Sequence[str] = (),
        expires: datetime | None = None,
        app: str = "",
    ) -> Secret:
        """A new token for *login*."""
        value = make_value(kind)
        with self.lock:
            self.tokens[value] = Token(value, kind, login, tuple(scopes), expires, app)
            self.organisations.setdefault(login, ())
        return value

    def register(self, client_id: str = "Ov23liLocalExample00") -> str:
        """An app with a client secret; its client id."""
        self.apps[client_id] = Secret(secrets.token_hex(20))
        return client_id

    def sign_in(self, login: str, app: str) -> tuple[Secret, Secret]:
        """A GitHub App's pair for *login*: an access token, and a refresh token."""
        access = self.issue(login, tokens.USER, app=app)
        refresh = self.issue(login, tokens.REFRESH, app=app)
        self.tokens[refresh].access = access
        return access, refresh

    def end_now(self, value: Secret) -> None:
        """Let *value* die at once."""
        with self.lock:
            self.tokens[value].dies = time.monotonic()

    def revoke(self, value: Secret) -> None:
        """Let *value* die after the lag; an unknown one is passed over."""
        with self.lock:
            token = self.tokens.get(value)
            if token is not None and token.dies is None:
                token.dies = time.monotonic() + self.lag

    def living(self, value: Secret) -> Token | None:
        """The token, where it is one of ours and works."""
        with self.lock:
            token = self.tokens.get(value)
            return None if token is None or token.dead else token

    def store(
        self,
        place: Place,
        name: str,
        sealed: bytes,
        visibility: str | None = None,
        repositories: Sequence[int] = (),
    ) -> bool:
        """Keep a sealed value; True where it is new. Times count whole seconds, as GitHub's do."""
        stamp = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        with self.lock:
            old = place.secrets.get(name)
            created = old.created_at if old else stamp
            place.secrets[name] = Stored(sealed, created, stamp, visibility, tuple(repositories))
        return old is None

    def log(
        self, organisation: str, value: Secret, login: str, action: str, **more: object
    ) -> None:
        """An event of an organisation's audit log, done with *value*."""
        with self.lock:
            self.audit.setdefault(organisation, []).append(
                {
                    "@timestamp": int(self.now().timestamp() * 1000),
                    "action": action,
                    "actor": login,
                    "org": organisation,
                    "hashed_token": hashed(value),
                    "programmatic_access_type": "Personal access token (classic)",
                    **more,
                }
            )

    def spend_unauthenticated(self) -> int:
        """Count a request without authentication; how many are left, negative for none."""
        with self.lock:
            if self.now() >= self.limit_ends:
                self.unauthenticated_left = UNAUTHENTICATED
                self.limit_ends = self.now() + timedelta(hours=1)
            self.unauthenticated_left -= 1
            return self.unauthenticated_left
