"""Which Entra tenant and Graph are meant, and how the responder signs in.

As Azure's own libraries do by environment (``EnvironmentCredential``): ``AZURE_TENANT_ID``, ``AZURE_CLIENT_ID``,
``AZURE_CLIENT_SECRET``; or a token for Graph in ``AZURE_ACCESS_TOKEN``, as ``az account get-access-token --resource-type
ms-graph`` prints one. A token is for one of Azure's services alone: that of `remediate_providers.azure.roles` is another.
Calls: https://learn.microsoft.com/graph/api/application-addpassword
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remediate.http import Answer, HttpError, base_url
from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Status
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.rest import (
    NO_VALUE,
    NOT_USED,
    Rest,
    Site,
    TroubleError,
    mapping,
    objects,
    own_page,
    own_token,
    segment,
    text_of,
)

PROVIDER = "azure"
PART = "value"
SECRET = "azure-client-secret"  # noqa: S105 - a kind's name
GRAPH = "https://graph.microsoft.com"
LOGIN = "https://login.microsoftonline.com"
WEB = "https://entra.microsoft.com"
PAGE = "/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"
HOW = (
    "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or AZURE_ACCESS_TOKEN to what "
    "az account get-access-token --resource-type ms-graph prints"
)
NEEDED = "Application.ReadWrite.OwnedBy for an application of yours, else Application.ReadWrite.All"
MAX_PAGES = 50
REFUSED = frozenset({7000215, 7000222})
"""AADSTS codes: the secret is none of the application's, or has expired."""

KINDS = (
    Kind(
        SECRET,
        "Microsoft Entra application secret",
        revoke="api",
        reissue="api",
        page=WEB + PAGE,
        check="api",
    ),
)
_LOOKS = re.compile(rb"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Application:
    """An application registration, with the one secret of it that leaked."""

    id: str
    """The object's id, for Graph."""
    app_id: str
    """The client id, for signing in."""
    name: str
    tenant: str
    password: Mapping[str, Any]
    """The entry of ``passwordCredentials``; empty where it is gone."""

    @property
    def key_id(self) -> str | None:
        """What Entra calls the secret."""
        return text_of(self.password, "keyId")


class Api(Rest):
    """A conversation with Graph."""

    def __init__(self, vendor: VendorContext) -> None:
        environment = vendor.environment
        graph = base_url(environment, "AZURE_GRAPH_URL", GRAPH)
        super().__init__(vendor, Site(f"{graph}/v1.0"))
        self._beta = f"{graph}/beta"
        self._graph = audience(graph, GRAPH)
        # Azure's own name for it is a host alone, or an address.
        host = environment.get("AZURE_AUTHORITY_HOST", "").strip()
        given = {"AZURE_AUTHORITY_HOST": host if "://" in host or not host else f"https://{host}"}
        self.login = base_url(given, "AZURE_AUTHORITY_HOST", LOGIN)
        tenant = environment.get("AZURE_TENANT_ID", "").strip()
        self.tenant = tenant if re.fullmatch(r"[A-Za-z0-9.-]{1,253}", tenant) else ""
        self._token: Secret | None = own_token(environment, "AZURE_ACCESS_TOKEN")

    @property
    def page(self) -> str:
        """The page that lists applications."""
        return own_page(self.site, WEB, PAGE)

    def own(self) -> Secret:
        """The responder's token for Graph, signed in for once. Raises `TroubleError`."""
        if self._token is None:
            self._token = self.token_for(self._graph, HOW)
        return self._token

    def token_for(self, service: str, how: str) -> Secret:
        """A token of the responder's own application for *service*, its https address. Raises `TroubleError`.

        *how*: what a person sets, where no application is.
        """
        environment = self.vendor.environment
        client = environment.get("AZURE_CLIENT_ID", "").strip()
        secret = own_token(environment, "AZURE_CLIENT_SECRET")
        if not (client and secret and self.tenant):
            raise TroubleError(f"you are not signed in: {how}", Status.MANUAL)
        answer = self._sign_in(self.tenant, client, secret, service, patient=True)
        token = text_of(mapping(answer), "access_token")
        if answer.status != 200 or token is None:
            down = answer.status >= 500 or answer.limited or answer.status == 200
            raise TroubleError(
                f"signing in with AZURE_CLIENT_ID failed: {self.refusal(answer)}",
                Status.UNREACHABLE if down else Status.REFUSED,
            )
        return Secret(token)

    def _sign_in(
        self, tenant: str, client: str, secret: Secret, service: str, *, patient: bool
    ) -> Answer:
        """Raises `TroubleError` where nobody answers. Asking for a token has no effect."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_secret": secret.reveal_text(),
            "scope": f"{service}/.default",
        }
        path = f"/{segment(tenant)}/oauth2/v2.0/token"
        try:
            return self.ask(
                "POST", path, None, base=self.login, repeat=True, patient=patient, form=form
            )
        except HttpError as error:
            raise TroubleError(self.refusal(error), Status.UNREACHABLE) from None

    def accepts(self, app: Application, secret: Secret, *, patient: bool = True) -> Check:
        """Whether Entra takes *secret* for *app*: it is asked for a token, which is dropped."""
        if not app.tenant:
            return Check(None, reason="which tenant it is of is not known: set AZURE_TENANT_ID")
        try:
            answer = self._sign_in(app.tenant, app.app_id, secret, self._graph, patient=patient)
        except TroubleError as error:
            return Check(None, reason=str(error))
        codes = mapping(answer).get("error_codes")
        codes = codes if isinstance(codes, list) else []
        saw = f"{answer.status} {text_of(mapping(answer), 'error') or ''}".strip()
        saw += "".join(f" AADSTS{code}" for code in codes if isinstance(code, int))
        seen = (self.seen("POST oauth2/v2.0/token", saw),)
        if answer.status == 200 and text_of(mapping(answer), "access_token"):
            return Check(True, seen)
        if answer.status in (400, 401) and REFUSED & {c for c in codes if isinstance(c, int)}:
            return Check(False, seen)
        return Check(None, seen, self.refusal(answer))

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        needed: str = NEEDED,
        beta: bool = False,
    ) -> Mapping[str, Any]:
        """A Graph object; *beta*: of what v1.0 has not. Raises `TroubleError`."""
        base = self._beta if beta else None
        try:
            answer = self.ask("GET", path, self.own(), base=base, query=query)
        except HttpError as error:
            raise TroubleError(self.refusal(error), Status.UNREACHABLE) from None
        data = mapping(answer)
        if answer.status != 200 or not data:
            raise self.trouble(answer, needed)
        return data


def audience(base: str, public: str) -> str:
    """Whom a token is to be for: another cloud's address where one is set, *public* where a stand-in's is."""
    return base if base.startswith("https://") else public


def identify(found: Sequence[Found]) -> list[Identified]:
    """Each of *found* that has the shape of an application's secret. Offline."""
    return [
        Identified(
            Credential(
                id=f"{PROVIDER}:{one.fingerprint[:12]}",
                provider=PROVIDER,
                kind=SECRET,
                parts={PART: one.fingerprint},
            ),
            {one.fingerprint: SECRET},
        )
        for one in found
        if is_secret(one.value)
    ]


def is_secret(value: Secret) -> bool:
    """Whether *value* has the shape that Entra gives to secrets since 2021."""
    return _LOOKS.fullmatch(value.reveal()) is not None


def own_values(environment: Mapping[str, str]) -> list[Secret]:
    """What the responder would sign in with."""
    names = ("AZURE_CLIENT_SECRET", "AZURE_ACCESS_TOKEN", "AZURE_MANAGEMENT_TOKEN")
    return [value for name in names if (value := own_token(environment, name)) is not None]


# -- whose it is ----------------------------------------------------------------------------------


def whose(api: Api, held: Held, known: Mapping[str, Any]) -> Application:
    """The application that the leaked secret is of. Raises `TroubleError`.

    By what was learned before; else by its hint, the first three characters, which Graph shows of each secret
    (https://learn.microsoft.com/graph/api/resources/passwordcredential). Where several have it, Entra is asked
    with the secret itself which one takes it.
    """
    id_, app_id = text_of(known, "object_id"), text_of(known, "app_id")
    if id_ and app_id and _GUID.fullmatch(id_) and known.get("credential") == held.id:
        return _again(api, id_, app_id, known)
    value = held.values.get(PART)
    if value is None:
        raise TroubleError(NO_VALUE, Status.MANUAL)
    hint = value.reveal_text()[:3]
    found = [
        Application(object_id, client, text_of(app, "displayName") or "?", api.tenant, password)
        for app in _applications(api)
        for password in objects(app.get("passwordCredentials"))
        if text_of(password, "hint") == hint
        and (object_id := text_of(app, "id")) is not None
        and (client := text_of(app, "appId")) is not None
    ]
    taking = {app.app_id for app in found} if len(found) > 1 else set()
    if taking:
        if not api.vendor.use_leaked:
            raise TroubleError(
                f"{count(len(found), 'secret')} of this tenant begin alike; {NOT_USED}",
                Status.MANUAL,
            )
        by_app = {app.app_id: app for app in found}
        taking = {id_ for id_, app in by_app.items() if api.accepts(app, value).alive is True}
        found = [app for app in found if app.app_id in taking]
    if len(found) != 1:
        raise TroubleError(
            "no application of this tenant has a living secret that begins like it"
            if not found
            else f"{count(len(found), 'secret')} of {found[0].name} begin alike, and nothing tells them apart",
            Status.MANUAL,
        )
    return found[0]


def _again(api: Api, id_: str, app_id: str, known: Mapping[str, Any]) -> Application:
    data = api.get(f"/applications/{id_}", {"$select": "id,appId,displayName,passwordCredentials"})
    key = text_of(known, "key_id")
    listed = objects(data.get("passwordCredentials"))
    password = next((one for one in listed if text_of(one, "keyId") == key), {})
    name, tenant = text_of(data, "displayName") or "?", text_of(known, "tenant") or api.tenant
    return Application(id_, app_id, name, tenant, password)


def _applications(api: Api) -> list[Mapping[str, Any]]:
    """Every application of the tenant. Raises `TroubleError`."""
    query: dict[str, str] | None = {
        "$select": "id,appId,displayName,passwordCredentials",
        "$top": "100",
    }
    path, found = "/applications", list[Mapping[str, Any]]()
    for _page in range(MAX_PAGES):
        data = api.get(path, query)
        if not isinstance(data.get("value"), list):
            raise TroubleError(f"{api.site.host} gave no list of applications", Status.UNREACHABLE)
        found += objects(data["value"])
        following = text_of(data, "@odata.nextLink")
        if following is None:
            return found
        # Only on the same server: the token goes nowhere else.
        if not following.startswith(f"{api.site.api}/applications?"):
            raise TroubleError("the list goes on at another address", Status.UNREACHABLE)
        path, query = following.removeprefix(api.site.api), None
    raise TroubleError(f"there are more than {MAX_PAGES * 100} applications", Status.MANUAL)


def application_path(app: Application) -> str:
    """The application's path in Graph."""
    return f"/applications/{segment(app.id)}"
