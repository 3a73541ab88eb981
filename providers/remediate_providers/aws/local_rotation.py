"""Rotation of secrets for the local AWS: moto runs the Lambda in a container, which no test has.

As at AWS the versions move by stages, and a rotation that failed leaves ``AWSPENDING`` behind, at a version
that may be empty (https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Lambda = Callable[[str], str | None]
"""The current text to the next one; None where it fails."""


class NotNowError(Exception):
    """``InvalidRequestException``."""


@dataclass
class _Rotated:
    secret: Any
    makes: Lambda
    seconds: float
    unseen: int = 0
    token: str = ""
    ends: float = 0.0
    runs: int = 0
    asked: list[str] = field(default_factory=list)
    """Tokens of what was asked for and is not shown yet."""


@dataclass
class Rotations:
    """The secrets of an account that a Lambda rotates, by name."""

    account: str
    region: str
    _by_name: dict[str, _Rotated] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, name: str, makes: Lambda, seconds: float = 0.0, unseen: int = 0) -> None:
        """Let *makes* rotate the secret *name* from now on, taking so many seconds.

        *unseen*: how often it may be asked for before ``DescribeSecret`` shows anything of it. AWS names no
        time for that, and has the request's token for it: one that it knows makes no second version.
        """
        secret = self._backend().secrets[name]
        secret.rotation_requested = secret.rotation_enabled = True
        where = f"arn:aws:lambda:{self.region}:{self.account}:function"
        secret.rotation_lambda_arn = f"{where}:rotate-{name.replace('/', '-')}"
        self._by_name[name] = _Rotated(secret, makes, seconds, unseen)

    def begin(self, name: str, token: str) -> None:
        """Start a rotation as its schedule would."""
        self.rotate({"SecretId": name, "ClientRequestToken": token})

    def runs(self, name: str) -> int:
        """How often the Lambda was run to its end."""
        return self._by_name[name].runs

    def rotate(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """``RotateSecret``. Raises `NotNowError`; KeyError for a secret that is not there."""
        secret = self._backend().secrets[str(asked["SecretId"])]
        rotated, token = self._by_name.get(secret.name), str(asked["ClientRequestToken"])
        if rotated is None:
            raise NotNowError("No Lambda rotation function ARN is associated with this secret.")
        self.settle()
        with self._lock:
            if rotated.unseen:
                rotated.unseen -= 1
                rotated.asked += [] if token in rotated.asked else [token]
                return {"ARN": secret.arn, "Name": secret.name, "VersionId": token}
            if rotated.asked:
                rotated.asked += [] if token in rotated.asked else [token]
                self._next(rotated)
                return {"ARN": secret.arn, "Name": secret.name, "VersionId": token}
            pending = next(
                (
                    name
                    for name, version in secret.versions.items()
                    if "AWSPENDING" in version["version_stages"]
                ),
                "",
            )
            if not pending and token not in secret.versions:
                _begin(secret, token)
                pending = token
            if pending and not rotated.token:
                rotated.token, rotated.ends = pending, time.monotonic() + rotated.seconds
            if pending not in ("", token):
                raise NotNowError(
                    "A previous rotation isn't complete. That rotation will be reattempted."
                )
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": token}

    def settle(self) -> None:
        """Let every Lambda whose time has come end."""
        with self._lock:
            for rotated in self._by_name.values():
                if rotated.token and time.monotonic() >= rotated.ends:
                    self._end(rotated)

    def _next(self, rotated: _Rotated) -> None:
        """Show and start what was asked for first."""
        token = rotated.asked.pop(0)
        if token not in rotated.secret.versions:
            _begin(rotated.secret, token)
            rotated.token, rotated.ends = token, time.monotonic() + rotated.seconds

    def _end(self, rotated: _Rotated) -> None:
        secret, token = rotated.secret, rotated.token
        rotated.token = ""
        rotated.runs += 1
        current = next(v for v in secret.versions.values() if "AWSCURRENT" in v["version_stages"])
        made = rotated.makes(str(current["secret_string"]))
        if made is None:
            return
        version = secret.versions[token]
        secret.reset_default_version(
            {**version, "secret_string": made, "version_stages": ["AWSCURRENT"]}, token
        )
        if rotated.asked:
            self._next(rotated)

    def _backend(self) -> Any:
        from moto.secretsmanager.models import secretsmanager_backends

        return secretsmanager_backends[self.account][self.region]


def _begin(secret: Any, token: str) -> None:
    secret.versions[token] = {
        "createdate": int(time.time()),
        "version_id": token,
        "version_stages": ["AWSPENDING"],
    }
