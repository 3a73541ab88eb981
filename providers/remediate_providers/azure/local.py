"""The local Entra: a stand-in for Graph and for signing in, on loopback, that the demo and the tests start."""

from __future__ import annotations

import re
import secrets
import string
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from remediate.clock import rfc3339
from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.azure.local_management import PRINCIPAL, Management
from remediate_providers.azure.roles import MANAGEMENT
from remediate_providers.azure.server import GRAPH, PART, PROVIDER
from remediate_providers.loopback import Fault, Loopback, Reply, Request

TENANT = "acme.onmicrosoft.com"
PAGE = 2
"""Applications a page, so that a list of three goes on."""
_LETTERS = string.ascii_letters + string.digits


def make_value(hint: str = "") -> Secret:
    """A secret's value that nobody has."""
    hint = hint or "".join(secrets.choice(_LETTERS) for _ in range(3))
    return Secret(f"{hint}8Q~" + "".join(secrets.choice(_LETTERS) for _ in range(34)))


@dataclass
class Password:
    """One secret of an application."""

    key_id: str
    value: Secret
    name: str
    begins: datetime
    ends: datetime
    dies: float = float("inf")
    """When it is refused, on the clock of `time.monotonic`; replicas take a while."""

    def shown(self) -> dict[str, Any]:
        """As Graph lists it."""
        return {
            "keyId": self.key_id,
            "displayName": self.name,
            "hint": self.value.reveal_text()[:3],
            "secretText": None,
            "startDateTime": rfc3339(self.begins),
            "endDateTime": rfc3339(self.ends),
        }


@dataclass
class Application:
    """An application registration."""

    name: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    app_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    passwords: list[Password] = field(default_factory=list)
    removed: list[Password] = field(default_factory=list)
    owners: list[dict[str, Any]] = field(default_factory=list)
    federated: list[dict[str, Any]] = field(default_factory=list)
    """Of neither does Graph tell since when."""

    def add(
        self, name: str = "", *, hint: str = "", age: int = 0, ends: datetime | None = None
    ) -> Password:
        """A new secret; *age* in days."""
        now = datetime.now(UTC) - timedelta(days=age)
        until = ends or now + timedelta(days=180)
        made = Password(str(uuid.uuid4()), make_value(hint), name, now, until)
        self.passwords.append(made)
        return made

    def shown(self) -> dict[str, Any]:
        """As Graph shows it."""
        listed = [one.shown() for one in self.passwords]
        return {"id": self.id, "appId": self.app_id, "displayName": self.name,
                "passwordCredentials": listed, "keyCredentials": []}  # fmt: skip


@dataclass
class State:
    """What it knows."""

    lag: float
    lock: threading.RLock = field(default_factory=threading.RLock)
    applications: list[Application] = field(default_factory=list)
    tokens: dict[Secret, tuple[Application, str]] = field(default_factory=dict)
    """Access tokens, each for one service alone; they outlive the secret that made them."""
    management: Management = field(default_factory=Management)
    at_principal: list[dict[str, Any]] = field(default_factory=list)
    """Secrets of the shop's service principal itself, which its application does not list."""
    member_of: list[dict[str, Any]] = field(default_factory=list)
    """Directory roles and groups of the shop's service principal."""
    sign_ins: list[dict[str, Any]] | None = None
    """None: the tenant has no licence for them."""
    audits: list[dict[str, Any]] | None = field(default_factory=list)
    """What was changed in the directory; None: not for this responder."""


class LocalAzure:
    """Starts one. *lag*: seconds for which a removed secret still works."""

    name = PROVIDER

    def __init__(self, lag: float = 0.2) -> None:
        self._lag = lag

    def start(self) -> RunningAzure:
        """Up and answering when this returns."""
        return RunningAzure(State(self._lag))


class RunningAzure:
    """A local Entra that is up. `state` is its truth; tests look into it and change it."""

    name = PROVIDER

    def __init__(self, state: State) -> None:
        self.state = state
        self.responder = Application("incident response")
        self.shop = Application("shop backend")
        self.wiki = Application("wiki")
        state.applications += [self.wiki, self.responder, self.shop]
        self._own = self.responder.add("responder")
        self.shop.add("another one", age=20)
        self._server = Loopback(self._answer, "Microsoft-HTTPAPI/2.0")

    @property
    def url(self) -> str:
        """The base address, of Graph and of signing in."""
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order."""
        return list(self._server.requests)

    def environment(self) -> Mapping[str, str]:
        """The base addresses, and the responder's own application."""
        return {
            "AZURE_GRAPH_URL": self.url,
            "AZURE_AUTHORITY_HOST": self.url,
            "AZURE_MANAGEMENT_URL": f"{self.url}/arm",
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": self.responder.app_id,
            "AZURE_CLIENT_SECRET": self._own.value.reveal_text(),
        }

    def token(self, service: str) -> Secret:
        """The responder's token for *service*, as Azure's command line prints one."""
        made = Secret(f"eyJ.{secrets.token_urlsafe(40)}")
        self.state.tokens[made] = (self.responder, service)
        return made

    def leak(self, hint: str = "") -> Password:
        """A secret that leaks."""
        return self.shop.add("production", hint=hint, age=80)

    def plant(self) -> Planted:
        """A secret in a settings file, with what it belongs to."""
        value = self.leak().value
        text = f"AZURE_CLIENT_ID={self.shop.app_id}\nAZURE_TENANT_ID={TENANT}\n"
        return Planted(
            files={"infra/terraform.env": f"{text}AZURE_CLIENT_SECRET={value.reveal_text()}\n"},
            values={PART: value},
            policy=(
                "[[credential]]\n"
                f'match = "{PROVIDER}"\n'
                'stores = ["dotenv:.env.terraform#AZURE_CLIENT_SECRET"]\n'
            ),
        )

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether every one of *values* is refused now."""
        return not any(
            self._works(app, v) for app in self.state.applications for v in values.values()
        )

    def made(self) -> list[Password]:
        """The secrets of the shop that bear our mark."""
        return [one for one in self.shop.passwords if one.name.startswith("remediate-")]

    def person(self, step: ManualStep) -> Secret | None:
        """Do what *step* asks at the application's page."""
        if not (step.url or "").startswith(self.url):
            return None
        if step.takes_value:
            return self.shop.add("by hand").value
        for one in [p for p in self.shop.passwords if p.name == "production"]:
            self._remove(self.shop, one)
        return None

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path (``*`` as in a shell) go wrong, in order."""
        self._server.fail(method, path, *faults)

    def close(self) -> None:
        """Stop."""
        self._server.close()

    # -- answers ---------------------------------------------------------------------------------

    def _works(self, app: Application, value: Secret) -> bool:
        every = [*app.passwords, *app.removed]
        return any(one.value == value and one.dies > time.monotonic() for one in every)

    def _remove(self, app: Application, one: Password) -> None:
        app.passwords.remove(one)
        app.removed.append(one)
        one.dies = time.monotonic() + self.state.lag

    def _answer(self, request: Request) -> Reply:
        with self.state.lock:
            if request.path == f"/{TENANT}/oauth2/v2.0/token":
                return self._token(request.form())
            bearer = request.headers.get("Authorization", "").partition(" ")[2]
            arm = request.path.startswith("/arm/")
            service = MANAGEMENT if arm else GRAPH
            if self.state.tokens.get(Secret(bearer)) != (self.responder, service):
                return _error(401, "InvalidAuthenticationToken", "Access token is empty or wrong.")
            return self.state.management.answer(request) if arm else self._graph(request)

    def _token(self, form: Mapping[str, str]) -> Reply:
        app = next((a for a in self.state.applications if a.app_id == form.get("client_id")), None)
        if app is None:
            return _login_error(400, "unauthorized_client", 700016)
        if not self._works(app, Secret(form.get("client_secret", ""))):
            return _login_error(401, "invalid_client", 7000215)
        token = Secret(f"eyJ.{secrets.token_urlsafe(40)}")
        self.state.tokens[token] = (app, form.get("scope", "").removesuffix("/.default"))
        data = {"token_type": "Bearer", "expires_in": 3599, "access_token": token.reveal_text()}
        return Reply(200, data)

    def _graph(self, request: Request) -> Reply:
        beta = request.path.startswith("/beta/")
        path = request.path.removeprefix("/v1.0").removeprefix("/beta")
        if path == "/applications":
            return self._list(request)
        if path == "/auditLogs/signIns":
            if self.state.sign_ins is None:
                said = "Neither tenant is B2C or tenant doesn't have premium license"
                return _error(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", said)
            # v1.0 has people's sign-ins alone.
            return Reply(200, {"value": self.state.sign_ins if beta else []})
        if path == "/auditLogs/directoryAudits":
            return self._audits(request.first("$filter"))
        if re.fullmatch(r"/servicePrincipals\(appId='[^']+'\)", path):
            added = {"passwordCredentials": self.state.at_principal, "keyCredentials": []}
            return Reply(200, {"id": PRINCIPAL, **added})
        if path == f"/servicePrincipals/{PRINCIPAL}/appRoleAssignments":
            role = {"resourceDisplayName": "Microsoft Graph", "appRoleId": "9a5d"}
            return Reply(200, {"value": [{**role, "resourceId": "77aa"}]})
        if path == "/servicePrincipals/77aa":
            return Reply(200, {"appRoles": [{"id": "9a5d", "value": "Mail.Read"}]})
        if path == f"/servicePrincipals/{PRINCIPAL}/transitiveMemberOf":
            return Reply(200, {"value": self.state.member_of})
        found = re.fullmatch(r"/applications/([^/]+)(?:/([A-Za-z]+))?", path)
        app = next((a for a in self.state.applications if found and a.id == found[1]), None)
        if found is None or app is None:
            return _error(404, "Request_ResourceNotFound", "Resource does not exist.")
        if found[2] is None:
            return Reply(200, app.shown())
        if found[2] in ("owners", "federatedIdentityCredentials"):
            return Reply(200, {"value": app.owners if found[2] == "owners" else app.federated})
        if found[2] not in ("addPassword", "removePassword"):
            return _error(400, "BadRequest", "Resource not found for the segment.")
        data = request.json()
        return self._change(app, found[2], data if isinstance(data, dict) else {})

    def _change(self, app: Application, what: str, data: Mapping[str, Any]) -> Reply:
        if what == "addPassword":
            wanted = data.get("passwordCredential") or {}
            ends = wanted.get("endDateTime")
            made = app.add(
                str(wanted.get("displayName", "")),
                ends=datetime.fromisoformat(ends) if ends else None,
            )
            return Reply(200, {**made.shown(), "secretText": made.value.reveal_text()})
        one = next((p for p in app.passwords if p.key_id == data.get("keyId")), None)
        if one is None:
            return _error(400, "Request_BadRequest", "No password credential found with keyId.")
        self._remove(app, one)
        return Reply(204)

    def _audits(self, wanted: str) -> Reply:
        """Those that fit: by who did it, by target (which an owner's entry does not name), or by activity."""
        if self.state.audits is None:
            return _error(403, "Authorization_RequestDenied", "Insufficient privileges.")
        by = re.search(r"initiatedBy/app/appId eq '([^']+)'", wanted)
        target = re.search(r"t/id eq '([^']+)'", wanted)
        activity = re.search(r"activityDisplayName(?:, '| eq ')([^']+)'", wanted)

        def fits(one: Mapping[str, Any]) -> bool:
            if by:
                app = one.get("initiatedBy", {}).get("app") or {}
                return bool(app.get("appId") == by[1])
            if target:
                return any(t["id"] == target[1] for t in one["targetResources"])
            return bool(activity and one["activityDisplayName"].startswith(activity[1]))

        return Reply(200, {"value": [one for one in self.state.audits if fits(one)]})

    def _list(self, request: Request) -> Reply:
        at = int(request.first("$skiptoken") or 0)
        shown = [app.shown() for app in self.state.applications[at : at + PAGE]]
        data: dict[str, Any] = {"value": shown}
        if at + PAGE < len(self.state.applications):
            host = request.headers["Host"]
            data["@odata.nextLink"] = f"http://{host}/v1.0/applications?$skiptoken={at + PAGE}"
        return Reply(200, data)


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}})


def _login_error(status: int, error: str, code: int) -> Reply:
    said = f"AADSTS{code}: refused."
    return Reply(status, {"error": error, "error_description": said, "error_codes": [code]})
