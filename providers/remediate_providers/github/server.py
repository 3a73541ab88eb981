"""Which GitHub is meant, and asking it: addresses, headers, and its refusals in plain words."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

from remediate.http import Answer, Http, HttpError, Patience, base_url, is_loopback
from remediate.plugins.context import VendorContext
from remediate.secret import Secret

PUBLIC = "https://api.github.com"
VERSION = "2022-11-28"
"""Served by github.com until 2028 at least, and by every supported GitHub Enterprise Server; the newer
2026-03-10 is not (https://docs.github.com/rest/about-the-rest-api/api-versions)."""


@dataclass(frozen=True)
class Server:
    """One GitHub."""

    api: str
    """Base address of its REST API, without a trailing slash."""
    web: str
    """Base address of its pages."""
    self_hosted: bool
    """GitHub Enterprise Server: no unauthenticated bulk revocation there."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Server:
        """The one that ``GITHUB_API_URL`` names; github.com by default. Raises `UsageError`."""
        api = base_url(environment, "GITHUB_API_URL", PUBLIC)
        parts = urlsplit(api)
        host = parts.hostname or ""
        if is_loopback(host):
            return cls(api, f"{parts.scheme}://{parts.netloc}", self_hosted=False)
        if host == "api.github.com" or (host.startswith("api.") and host.endswith(".ghe.com")):
            return cls(api, f"https://{host.removeprefix('api.')}", self_hosted=False)
        return cls(api, f"{parts.scheme}://{parts.netloc}", self_hosted=True)

    @property
    def host(self) -> str:
        """The API's host, for evidence: a 401 proves something about this host alone."""
        return urlsplit(self.api).netloc

    @property
    def graphql(self) -> str:
        """Address of its GraphQL API (a server of one's own has it beside ``/api/v3``)."""
        return f"{self.api.removesuffix('/v3')}/graphql"

    @property
    def public(self) -> bool:
        """Whether this is github.com itself."""
        return self.api == PUBLIC

    @property
    def loopback(self) -> bool:
        """Whether it runs on this machine."""
        return is_loopback(urlsplit(self.api).hostname)


class Api:
    """One piece of work's conversation with one GitHub."""

    def __init__(self, vendor: VendorContext) -> None:
        self.server = Server.of(vendor.environment)
        self.patience = Patience.of(vendor)
        self._vendor = vendor
        self._http = Http(vendor.environment)

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._http.close()

    def once(self, path: str, token: Secret) -> Answer:
        """GET, asked once. Raises `HttpError`."""
        return self._http.send("GET", self.server.api + path, headers=headers(token))

    def ask(
        self,
        method: str,
        path: str,
        token: Secret | None,
        *,
        repeat: bool | None = None,
        json: object | None = None,
        query: Mapping[str, str] | None = None,
        app: tuple[str, Secret] | None = None,
    ) -> Answer:
        """Ask with patience, as `Http.ask`. Without *token* nothing identifies the sender at all.

        *app*: an app's client id and secret, to ask as the app itself instead.
        """
        sent = headers(token)
        if app is not None:
            pair = f"{app[0]}:{app[1].reveal_text()}"
            sent["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return self._http.ask(
            method,
            self.server.api + path,
            patience=self.patience,
            repeat=repeat,
            headers=sent,
            json=json,
            query=query,
            anonymous=token is None and app is None,
        )

    def graph(self, query: str, variables: Mapping[str, object], token: Secret) -> Answer:
        """Ask in GraphQL. Repeated: no call of ours does harm when it is made twice."""
        return self._http.ask(
            "POST",
            self.server.graphql,
            patience=self.patience,
            repeat=True,
            headers=headers(token),
            json={"query": query, "variables": dict(variables)},
        )

    def sign_in(self, form: Mapping[str, str]) -> Answer:
        """``POST /login/oauth/access_token``, where GitHub's pages are, and not its API. Asked once: a lost answer
        takes the new tokens with it, which the caller has to know."""
        return self._http.ask(
            "POST",
            f"{self.server.web}/login/oauth/access_token",
            patience=self.patience,
            repeat=False,
            headers={"Accept": "application/json"},
            form=form,
        )

    def refusal(self, answer: Answer | HttpError) -> str:
        """Why this is no good, in one sentence that is fit for the record."""
        return refusal(self.server, answer, self._vendor)


def headers(token: Secret | None) -> dict[str, str]:
    """What GitHub's documentation asks every client to send, and the token as a bearer's."""
    common = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": VERSION}
    if token is not None:
        common["Authorization"] = f"Bearer {token.reveal_text()}"
    return common


def message(answer: Answer) -> str:
    """GitHub's own words, as they came; empty where there are none."""
    data = answer.json()
    text = data.get("message") if isinstance(data, dict) else None
    return text if isinstance(text, str) else ""


def refusal(server: Server, answer: Answer | HttpError, vendor: VendorContext) -> str:
    """*answer* in one sentence: what it means, what is missing, and GitHub's own words, redacted."""
    if isinstance(answer, HttpError):
        return vendor.redact(str(answer))
    words = vendor.redact(message(answer))[:200]
    said = f' ("{words}")' if words else ""
    if answer.limited:
        wait = "" if answer.wait is None else f"; it asks to wait {answer.wait:.0f} s"
        return f"{server.host} limits how often it may be asked{wait}{said}"
    if answer.status == 401:
        return f"{server.host} refused the token it was asked with{said}"
    if answer.status == 403:
        return f"{server.host} does not allow it{_missing(answer)}{said}"
    if answer.status == 404:
        return f"{server.host} has no such thing, or does not show it to this token{said}"
    if 300 <= answer.status < 400:
        return f"{server.host} sends us elsewhere, which is not followed (was it renamed?){said}"
    if answer.status >= 500:
        return f"{server.host} is out of order: {answer.status}{said}"
    return f"{server.host} answered {answer.status}, which was not expected{said}"


def _missing(answer: Answer) -> str:
    """The permission that a 403 names in its headers."""
    if answer.headers.get("X-GitHub-SSO", "").startswith("required"):
        return ": the token has to be authorised for the organisation's single sign-on first"
    wanted = answer.headers.get("X-Accepted-GitHub-Permissions", "")
    scopes = answer.headers.get("X-Accepted-OAuth-Scopes", "")
    parts = [
        text
        for text in (
            f"permission {wanted}" if wanted else "",
            f"for a classic token one of the scopes {scopes}" if scopes else "",
        )
        if text
    ]
    return f": needed is {'; '.join(parts)}" if parts else ""
