"""The local Slack: a stand-in server on loopback that the demo and the tests start."""

from __future__ import annotations

import secrets
import string
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.loopback import Fault, Loopback, Reply, Request
from remediate_providers.slack import tokens

API = "/api"
TEAM = "T0ACME0000"
USER = "U0DEPLOYER"
SCOPES = "chat:write,channels:read"
_LETTERS = string.ascii_letters + string.digits


def make_value(kind: str = tokens.TOKEN, form: str = "xoxb") -> Secret:
    """A value of that kind which nobody has."""
    tail = "".join(secrets.choice(_LETTERS) for _ in range(24))
    if kind == tokens.APP:
        return Secret(f"xapp-1-A0{secrets.token_hex(4).upper()}-1234567890-{tail}")
    if kind == tokens.WEBHOOK:
        return Secret(f"{tokens.HOOKS}/services/{TEAM}/B0{secrets.token_hex(4).upper()}/{tail}")
    return Secret(
        f"{form}-{secrets.randbelow(10**12):012d}-{secrets.randbelow(10**12):012d}-{tail}"
    )


@dataclass
class State:
    """What it knows."""

    lag: float
    lock: threading.RLock = field(default_factory=threading.RLock)
    living: dict[Secret, float] = field(default_factory=dict)
    """Value to when it dies, on the clock of `time.monotonic`."""
    ended: set[Secret] = field(default_factory=set)
    closed_to_here: bool = False
    """Whether the app allows no requests from this address."""
    app: tuple[str, str] = ("123.456", secrets.token_hex(16))
    """The client id and secret of the app whose refresh tokens are not configuration tokens'."""
    refresh: dict[Secret, tuple[bool, Secret]] = field(default_factory=dict)
    """Refresh token to whether it is an app's, and the access token that it came with."""
    rotating: bool = False
    """Whether that app has token rotation, which can't be switched off again."""
    installed: dict[Secret, Secret] = field(default_factory=dict)
    """Each token that came of a long-lived one by exchange, to that one."""
    exchanged: set[Secret] = field(default_factory=set)
    """Long-lived tokens that were exchanged: each is once."""
    logins: list[dict[str, Any]] = field(default_factory=list)

    def issue(self, kind: str = tokens.TOKEN, form: str = "xoxb") -> Secret:
        """A new one."""
        value = make_value(kind, form)
        with self.lock:
            self.living[value] = float("inf")
        return value

    def pair(self, *, of_app: bool) -> tuple[Secret, Secret]:
        """An expiring access token and its refresh token."""
        access = self.issue(form="xoxe.xoxb" if of_app else "xoxe.xoxp")
        new = Secret(f"xoxe-1-{secrets.token_hex(40)}")
        with self.lock:
            self.refresh[new] = (of_app, access)
        return access, new

    def trade(self, old: Secret, *, of_app: bool) -> tuple[Secret, Secret] | None:
        """The next pair; the old refresh token is revoked with it. None for one that is none here."""
        with self.lock:
            if self.refresh.get(old, (None, old))[0] is not of_app:
                return None
            del self.refresh[old]
            return self.pair(of_app=of_app)

    def exchange(self, old: Secret) -> tuple[Secret, Secret]:
        """A pair in place of a long-lived token, which lives on."""
        with self.lock:
            pair = self.pair(of_app=True)
            self.exchanged.add(old)
            self.installed |= dict.fromkeys(pair, old)
            return pair

    def renew(self, refresh: Secret) -> tuple[Secret, Secret] | None:
        """The next pair of such; the first time the long-lived one is expired. None for one that is none here."""
        with self.lock:
            old = self.installed.pop(refresh, None)
            if old is None or self.refresh.pop(refresh, None) is None:
                return None
            self.end(old)
            return self.exchange(old)

    def uninstall(self, old: Secret) -> None:
        """End everything that came of a long-lived token."""
        with self.lock:
            for value in [one for one, of in self.installed.items() if of == old]:
                del self.installed[value]
                self.refresh.pop(value, None)
                if value in self.living:
                    self.end(value)

    def end(self, value: Secret) -> None:
        """It dies after the lag."""
        with self.lock:
            self.ended.add(value)
            self.living[value] = min(self.living.get(value, 0.0), time.monotonic() + self.lag)

    def works(self, value: Secret) -> bool:
        """Whether it is accepted now."""
        return value in self.refresh or self.living.get(value, 0.0) > time.monotonic()


class LocalSlack:
    """Starts one. *lag*: seconds for which a revoked token still works."""

    name = "slack"

    def __init__(self, lag: float = 0.2) -> None:
        self._lag = lag

    def start(self) -> RunningSlack:
        """Up and answering when this returns."""
        return RunningSlack(State(self._lag))


class RunningSlack:
    """A local Slack that is up. `state` is its truth; tests look into it and change it."""

    name = "slack"

    def __init__(self, state: State) -> None:
        self.state = state
        self.responder = state.issue(form="xoxp")
        self._server = Loopback(self._answer, "Apache")

    @property
    def url(self) -> str:
        """The base address, without ``/api``."""
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order."""
        return list(self._server.requests)

    def environment(self) -> Mapping[str, str]:
        """The base address, and the responder's own token."""
        return {"SLACK_API_URL": self.url + API, "SLACK_TOKEN": self.responder.reveal_text()}

    def plant(self) -> Planted:
        """A bot's token in a settings file."""
        value = self.state.issue()
        return Planted(
            files={
                "bot/config.yml": f"slack:\n  # posts the builds\n  token: {value.reveal_text()}\n"
            },
            values={tokens.PART: value},
            policy=(
                "[[credential]]\n"
                f'match = "{tokens.PROVIDER}"\n'
                'stores = ["dotenv:.env.bot#SLACK_TOKEN"]\n'
            ),
        )

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether every one of *values* is refused now."""
        return not any(self.state.works(value) for value in values.values())

    def person(self, step: ManualStep) -> Secret | None:
        """Do what *step* asks at the app's page."""
        if not (step.url or "").startswith(f"{self.url}/apps"):
            return None
        if step.takes_value:
            kind = next((k.name for k in tokens.KINDS if k.title in step.title), tokens.TOKEN)
            return self.state.issue(kind)
        for value in list(self.state.living):
            if value != self.responder:
                self.state.end(value)
        return None

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path (``*`` as in a shell) go wrong, in order."""
        self._server.fail(method, path, *faults)

    def close(self) -> None:
        """Stop."""
        self._server.close()

    # -- answers ---------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith("/services/"):
            return self._hook(request)
        if not request.path.startswith(f"{API}/"):
            return Reply(404, "not found")
        method = request.path.removeprefix(f"{API}/")
        if method in ("oauth.v2.access", "tooling.tokens.rotate"):
            return self._rotate(request.form(), of_app=method.startswith("oauth"))
        if method == "oauth.v2.exchange":
            return self._exchange(request.form())
        bearer = request.headers.get("Authorization", "").partition(" ")[2]
        value = Secret(bearer or request.form().get("token", ""))
        wrong = self._refused(value)
        if wrong:
            return Reply(200, {"ok": False, "error": wrong})
        if method == "auth.test":
            data = {"ok": True, "url": "https://acme.slack.com/", "team": "Acme", "user": "deployer",
                    "team_id": TEAM, "user_id": USER, "is_enterprise_install": False}  # fmt: skip
            return Reply(200, data, {"x-oauth-scopes": SCOPES})
        if method == "auth.revoke":
            self.state.end(value)
            self.state.uninstall(value)
            return Reply(200, {"ok": True, "revoked": True})
        if method == "team.accessLogs":
            if value != self.responder:
                return Reply(200, {"ok": False, "error": "missing_scope"})
            paging = {"count": 100, "total": len(self.state.logins), "page": 1, "pages": 1}
            return Reply(200, {"ok": True, "logins": self.state.logins, "paging": paging})
        return Reply(200, {"ok": False, "error": "unknown_method"})

    def _rotate(self, form: Mapping[str, str], *, of_app: bool) -> Reply:
        given = (form.get("client_id", ""), form.get("client_secret", ""))
        if of_app and given != self.state.app:
            return Reply(200, {"ok": False, "error": "bad_client_secret"})
        asked = Secret(form.get("refresh_token", ""))
        pair = (self.state.renew(asked) if of_app else None) or self.state.trade(
            asked, of_app=of_app
        )
        if pair is None:
            return Reply(200, {"ok": False, "error": "invalid_refresh_token"})
        name = "access_token" if of_app else "token"
        texts = {name: pair[0].reveal_text(), "refresh_token": pair[1].reveal_text()}
        return Reply(200, {"ok": True, **texts, "team_id": TEAM})

    def _exchange(self, form: Mapping[str, str]) -> Reply:
        old = Secret(form.get("token", ""))
        wrong = ""
        if form.get("client_id") != self.state.app[0]:
            wrong = "invalid_client_id"
        elif form.get("client_secret") != self.state.app[1]:
            wrong = "bad_client_secret"
        elif not old.reveal().startswith((b"xoxb-", b"xoxp-")):
            wrong = "invalid_token"
        elif not self.state.rotating:
            wrong = "token_rotation_not_enabled"
        elif old in self.state.exchanged:
            wrong = "token_already_exchanged"
        elif not self.state.works(old):
            wrong = "authorization_not_found"
        if wrong:
            return Reply(200, {"ok": False, "error": wrong})
        access, refresh = self.state.exchange(old)
        texts = {"access_token": access.reveal_text(), "refresh_token": refresh.reveal_text()}
        return Reply(200, {"ok": True, **texts, "expires_in": 43200, "token_type": "bot"})

    def _refused(self, value: Secret) -> str:
        """Slack's error for *value*; empty where it is accepted."""
        if not value:
            return "not_authed"
        if self.state.closed_to_here or value not in self.state.living:
            return "invalid_auth"
        return "" if self.state.works(value) else "token_revoked"

    def _hook(self, request: Request) -> Reply:
        if not self.state.works(Secret(tokens.HOOKS + request.path)):
            return Reply(404, b"no_service", {"Content-Type": "text/html"})
        data = request.json()
        if not isinstance(data, dict) or not data.get("text"):
            return Reply(400, b"no_text", {"Content-Type": "text/html"})
        return Reply(200, b"ok", {"Content-Type": "text/html"})
