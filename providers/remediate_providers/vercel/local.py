"""The local Vercel: a stand-in server on loopback that the demo and the tests start."""

from __future__ import annotations

import re
import secrets
import string
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.loopback import Fault, Loopback, Reply, Request
from remediate_providers.vercel.server import PART, PROVIDER

PROJECT = "acme-shop"
TEAM = "team_acme1234"
DAY = 86_400_000
_LETTERS = string.ascii_letters + string.digits


def make_value() -> Secret:
    """A token's value that nobody has."""
    return Secret("vcp_" + "".join(secrets.choice(_LETTERS) for _ in range(56)))


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass
class Token:
    """A token that was issued here."""

    id: str
    value: Secret
    user: str
    name: str
    created: int
    expires: int | None = None
    dies: float = float("inf")
    """On the clock of `time.monotonic`."""

    @property
    def works(self) -> bool:
        """Whether it is accepted now."""
        return self.dies > time.monotonic()

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id, "name": self.name, "type": "oauth2-token", "origin": "manual",
            "scopes": [{"type": "user", "origin": "manual", "createdAt": self.created}],
            "createdAt": self.created, "activeAt": now(),
            **({"expiresAt": self.expires} if self.expires else {}),
        }  # fmt: skip


@dataclass
class State:
    """What it knows."""

    lag: float
    lock: threading.RLock = field(default_factory=threading.RLock)
    tokens: list[Token] = field(default_factory=list)
    variables: list[dict[str, Any]] = field(default_factory=list)
    shared: list[dict[str, Any]] = field(default_factory=list)
    """What the team shares among projects."""
    deployments: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    may_deploy: bool = True

    def issue(self, user: str, name: str = "token", **more: Any) -> Token:
        """A new token."""
        with self.lock:
            made = Token(
                secrets.token_hex(32), make_value(), user, name, more.pop("created", now()), **more
            )
            self.tokens.append(made)
            return made

    def deploy(self) -> dict[str, Any]:
        """A new deployment of production, younger than everything."""
        with self.lock:
            written = [one["updatedAt"] + 1 for one in (*self.variables, *self.shared)]
            newest = max([now(), *written])
            one = {"uid": f"dpl_{secrets.token_hex(12)}", "name": PROJECT, "state": "READY",
                   "target": "production", "createdAt": newest, "created": newest}  # fmt: skip
            self.deployments.append(one)
            return one


class LocalVercel:
    """Starts one. *lag*: seconds for which a deleted token still works."""

    name = PROVIDER

    def __init__(self, lag: float = 0.2) -> None:
        self._lag = lag

    def start(self) -> RunningVercel:
        """Up and answering when this returns."""
        return RunningVercel(State(self._lag))


class RunningVercel:
    """A local Vercel that is up. `state` is its truth; tests look into it and change it."""

    name = PROVIDER

    def __init__(self, state: State) -> None:
        self.state = state
        self.responder = state.issue("ada", "ada's laptop", created=now() - 400 * DAY)
        state.deploy()["createdAt"] = now() - DAY
        self._server = Loopback(self._answer, "Vercel")

    @property
    def url(self) -> str:
        """The base address, of the API and of the pages."""
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order."""
        return list(self._server.requests)

    def environment(self) -> Mapping[str, str]:
        """The base address, and the responder's own token."""
        return {"VERCEL_API_URL": self.url, "VERCEL_TOKEN": self.responder.value.reveal_text()}

    def leak(self, user: str = "ada") -> Token:
        """A token that leaks."""
        return self.state.issue(user, "ci", created=now() - 30 * DAY, expires=now() + 60 * DAY)

    def plant(self) -> Planted:
        """A token in a build script."""
        token = self.leak()
        text = token.value.reveal_text()
        return Planted(
            files={"scripts/release.sh": f"#!/bin/sh\nvercel deploy --prod --token {text}\n"},
            values={PART: token.value},
            policy=(
                "[[credential]]\n"
                f'match = "{PROVIDER}"\n'
                f'stores = ["vercel:{PROJECT}@production#RELEASE_TOKEN"]\n'
            ),
        )

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether every one of *values* is refused now."""
        return not any(t.works for t in self.state.tokens if t.value in values.values())

    def living(self) -> list[Token]:
        """Tokens that live beside the responder's own."""
        return [t for t in self.state.tokens if t.dies == float("inf") and t is not self.responder]

    def person(self, step: ManualStep) -> Secret | None:
        """Do what *step* asks at its page."""
        if not (step.url or "").startswith(self.url):
            return None
        if step.id.startswith("deploy-"):
            self.state.deploy()
            return None
        if step.takes_value:
            return self.state.issue("ada", "by hand").value
        for token in self.living():
            token.dies = 0.0
        return None

    def variable(self, name: str, target: str = "production") -> Secret | None:
        """A variable's value: for tests, a sensitive one too."""
        found = [v for v in self.state.variables if v["key"] == name and target in v["target"]]
        return Secret(str(found[0]["value"])) if found else None

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path (``*`` as in a shell) go wrong, in order."""
        self._server.fail(method, path, *faults)

    def close(self) -> None:
        """Stop."""
        self._server.close()

    # -- answers ---------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        bearer = request.headers.get("Authorization", "").partition(" ")[2]
        token = next((t for t in self.state.tokens if t.value == Secret(bearer) and t.works), None)
        if token is None:
            said = {"code": "forbidden", "message": "Not authorized", "invalidToken": True}
            return Reply(403, {"error": said})
        with self.state.lock:
            return self._for(token, request)

    def _for(self, token: Token, request: Request) -> Reply:
        method, path = request.method, request.path
        if (method, path) == ("GET", "/v5/user/tokens/current"):
            return Reply(200, {"token": token.shown()})
        if (method, path) == ("GET", "/v2/user"):
            return Reply(200, {"user": {"id": f"u_{token.user}", "username": token.user}})
        if path in ("/v6/user/tokens", "/v3/user/tokens"):
            return self._tokens(token, request)
        found = re.fullmatch(r"/v3/user/tokens/([^/]+)", path)
        if found and method == "DELETE":
            return self._end(token, found[1])
        if path == "/v3/events":
            return Reply(200, {"events": self.state.events})
        if path == "/v6/deployments":
            return Reply(200, {"deployments": self.state.deployments[-20:], "pagination": {}})
        if (method, path) == ("POST", "/v13/deployments"):
            if not self.state.may_deploy:
                return _error(403, "forbidden", "You don't have permission to deploy")
            made = self.state.deploy()
            return Reply(200, {"id": made["uid"], "readyState": "QUEUED"})
        if path == "/v1/env" or path.startswith("/v1/env/"):
            return self._shared(request, path.removeprefix("/v1/env").strip("/"))
        found = re.fullmatch(r"/v\d+/projects/([^/]+)/env(?:/([^/]+))?", path)
        if found:
            if unquote(found[1]) != PROJECT:
                return _error(404, "not_found", "Project not found")
            return self._variables(request, found[2])
        return _error(404, "not_found", "Not found")

    def _tokens(self, token: Token, request: Request) -> Reply:
        if request.method == "GET":
            mine = [t.shown() for t in self.state.tokens if t.user == token.user and t.works]
            return Reply(200, {"tokens": mine, "pagination": {"count": len(mine), "next": None}})
        data = request.json()
        if not isinstance(data, dict) or not data.get("name"):
            return _error(400, "bad_request", "name is required")
        made = self.state.issue(token.user, str(data["name"]), expires=data.get("expiresAt"))
        return Reply(200, {"token": made.shown(), "bearerToken": made.value.reveal_text()})

    def _end(self, token: Token, which: str) -> Reply:
        ended = token if which == "current" else next(
            (t for t in self.state.tokens if t.id == which and t.user == token.user and t.works), None
        )  # fmt: skip
        if ended is None:
            return _error(404, "not_found", "Token not found")
        ended.dies = time.monotonic() + (self.state.lag if which == "current" else 0.0)
        return Reply(200, {"tokenId": ended.id})

    def _variables(self, request: Request, id_: str | None) -> Reply:
        data = request.json()
        if request.method == "GET" and id_ is None:
            return Reply(200, {"envs": [{**v, "value": "eyJ2"} for v in self.state.variables]})
        one = next((v for v in self.state.variables if v["id"] == id_), None)
        if request.method == "POST" and isinstance(data, dict):
            return self._create(data)
        if one is None or not (request.method == "GET" or isinstance(data, dict)):
            return _error(404, "not_found", "Env not found")
        if request.method == "PATCH":
            one.update(data, updatedAt=max(now(), one["updatedAt"] + 1))
            return Reply(200, {**one, "value": "eyJ2"})
        if one["type"] == "sensitive":
            return Reply(200, {**one, "value": "", "decrypted": False})
        return Reply(200, {**one, "decrypted": True})

    def _shared(self, request: Request, id_: str) -> Reply:
        if request.first("teamId") != TEAM:
            return _error(403, "forbidden", "You don't have permission to access this resource.")
        if request.method == "GET" and not id_:
            wanted = request.first("search")
            found = [{**v, "value": "eyJ2"} for v in self.state.shared if wanted in v["key"]]
            return Reply(200, {"data": found, "pagination": {"count": len(found), "next": None}})
        if request.method == "GET":
            one = next((v for v in self.state.shared if v["id"] == id_), None)
            if one is None:
                return _error(404, "not_found", "Env not found")
            if one["type"] == "sensitive":
                return Reply(200, {**one, "value": "", "decrypted": False})
            return Reply(200, {**one, "decrypted": True})
        data = request.json()
        updates = data.get("updates") if isinstance(data, dict) else None
        if request.method != "PATCH" or not isinstance(updates, dict):
            return _error(400, "bad_request", "updates is required")
        changed = [v for v in self.state.shared if v["id"] in updates]
        for one in changed:
            one.update(updates[one["id"]], updatedAt=max(now(), one["updatedAt"] + 1))
        missing = set(updates) - {one["id"] for one in changed}
        failed = [{"error": {"code": "not_found", "message": "no such variable"}} for _ in missing]
        return Reply(200, {"updated": [{**v, "value": "eyJ2"} for v in changed], "failed": failed})

    def _create(self, data: Mapping[str, Any]) -> Reply:
        if data["type"] == "sensitive" and "development" in data["target"]:
            said = {"code": "bad_request", "message": "sensitive is not for development"}
            return Reply(201, {"created": {}, "failed": [{"error": said}]})
        same = [
            v
            for v in self.state.variables
            if v["key"] == data["key"] and set(v["target"]) & set(data["target"])
        ]
        stamp = max([now(), *(v["updatedAt"] + 1 for v in same)])
        if same:
            same[0].update(data, updatedAt=stamp)
        else:
            new = {"id": secrets.token_hex(8), "createdAt": stamp, "updatedAt": stamp, **data}
            self.state.variables.append(new)
        return Reply(201, {"created": {"key": data["key"]}, "failed": []})


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}})
