"""What the local GitLab knows: users, tokens and their families, a project's variables, a runner."""

from __future__ import annotations

import secrets
import string
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from remediate.clock import rfc3339
from remediate.secret import Secret
from remediate_providers.gitlab.tokens import (
    ACCESS,
    AGENT,
    DEPLOY,
    FEED,
    MAIL,
    OAUTH,
    RUNNER,
    TRIGGER,
)

_LETTERS = string.ascii_letters + string.digits
_FORMS = {
    ACCESS: ("glpat-", 20),
    RUNNER: ("glrt-", 20),
    DEPLOY: ("gldt-", 20),
    AGENT: ("glagent-", 50),
    FEED: ("glft-", 20),
    MAIL: ("glimt-", 25),
}


def make_value(kind: str) -> Secret:
    """A value of that kind which nobody has."""
    if kind == TRIGGER:
        return Secret(f"glptt-{secrets.token_hex(20)}")
    if kind == OAUTH:
        return Secret(f"gloas-{secrets.token_hex(32)}")
    prefix, length = _FORMS[kind]
    return Secret(prefix + "".join(secrets.choice(_LETTERS) for _ in range(length)))


@dataclass
class Token:
    """A token that was issued here."""

    id: int
    value: Secret
    kind: str
    user: int
    name: str
    scopes: tuple[str, ...]
    created: datetime
    expires: str | None = None
    home: tuple[str, int] | None = None
    """("projects", 7) for a project's token; None for a person's."""
    access_level: int = 40
    revoked: bool = False
    dies: float = float("inf")
    """When a revoked one stops to work, on the clock of `time.monotonic`."""
    family: int = 0
    used: datetime | None = None

    @property
    def works(self) -> bool:
        """Whether it is accepted now."""
        return not self.revoked or time.monotonic() < self.dies


@dataclass
class State:
    """Everything, behind one lock."""

    lag: float
    now: Callable[[], datetime]
    lock: threading.RLock = field(default_factory=threading.RLock)
    users: dict[int, str] = field(default_factory=dict)
    admins: set[int] = field(default_factory=set)
    maintainers: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    """Project or group to the users that own it."""
    tokens: list[Token] = field(default_factory=list)
    variables: list[dict[str, Any]] = field(default_factory=list)
    group_variables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Group's path to its variables."""
    instance_variables: list[dict[str, Any]] = field(default_factory=list)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """Pipeline to its jobs."""
    configured: dict[str, str] = field(default_factory=dict)
    """Commit to its CI/CD configuration, includes and all; under "" that of the default branch."""
    projects: list[dict[str, Any]] = field(default_factory=list)
    """Further projects of the group."""
    without_ci: set[int] = field(default_factory=set)
    """Users to whom no pipeline is shown."""
    events: list[dict[str, Any]] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    left: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """``deploy_keys``, ``deploy_tokens``, ``triggers`` of the project, the responder's ``keys``."""
    runner: int = 12345
    premium: bool = False

    def user(self, name: str, *, admin: bool = False) -> int:
        """A new user."""
        id_ = 100 + len(self.users)
        self.users[id_] = name
        if admin:
            self.admins.add(id_)
        return id_

    def issue(
        self,
        user: int,
        *,
        kind: str = ACCESS,
        scopes: tuple[str, ...] = ("api",),
        **more: Any,
    ) -> Token:
        """A new token."""
        with self.lock:
            id_ = 1000 + len(self.tokens)
            given = {"name": "token", "created": self.now(), "family": id_, **more}
            token = Token(id_, make_value(kind), kind, user, scopes=scopes, **given)
            self.tokens.append(token)
            return token

    def issue_for(self, home: tuple[str, int], **more: Any) -> Token:
        """A new token of a project or group, with a bot of its own behind it."""
        bot = self.user(f"{home[0].removesuffix('s')}_{home[1]}_bot_{secrets.token_hex(8)}")
        return self.issue(bot, home=home, **more)

    def find(self, value: Secret) -> Token | None:
        """The token with that value, dead or alive."""
        with self.lock:
            return next((token for token in self.tokens if token.value == value), None)

    def revoke(self, token: Token) -> None:
        """It dies after the lag."""
        with self.lock:
            if not token.revoked:
                token.revoked, token.dies = True, time.monotonic() + self.lag

    def rotate(self, token: Token, expires: str | None) -> Token | None:
        """The next of its family; None for a dead one, whose whole family dies with the attempt.

        https://docs.gitlab.com/api/personal_access_tokens/#automatic-reuse-detection
        """
        with self.lock:
            if token.revoked:
                for one in self.tokens:
                    if one.family == token.family:
                        self.revoke(one)
                        one.dies = 0.0
                return None
            token.revoked, token.dies = True, 0.0
            # A week, where nothing is said.
            until = expires or (self.now() + timedelta(days=7)).date().isoformat()
            return self.issue(
                token.user,
                scopes=token.scopes,
                name=token.name,
                expires=until,
                home=token.home,
                access_level=token.access_level,
                family=token.family,
            )

    def shown(self, token: Token, *, value: bool = False) -> Mapping[str, Any]:
        """A token as the API shows it."""
        data: dict[str, Any] = {
            "id": token.id,
            "name": token.name,
            "revoked": token.revoked,
            "active": not token.revoked,
            "created_at": rfc3339(token.created),
            "description": None,
            "scopes": list(token.scopes),
            "user_id": token.user,
            "last_used_at": rfc3339(token.used) if token.used else None,
            "last_used_ips": ["203.0.113.77"] if token.used else [],
            "expires_at": token.expires,
        }
        if token.home is not None:
            data["access_level"] = token.access_level
        return data | ({"token": token.value.reveal_text()} if value else {})

    def event(self, user: int, action: str, target: str | None) -> None:
        """Something that a user did."""
        self.events.append(
            {
                "id": len(self.events) + 1,
                "action_name": action,
                "target_type": target,
                "author_id": user,
                "author": {"username": self.users[user]},
                "created_at": rfc3339(self.now()),
            }
        )


def utc() -> datetime:
    """Now."""
    return datetime.now(UTC)
