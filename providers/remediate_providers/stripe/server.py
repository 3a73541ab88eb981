"""Which Stripe is meant, who asks it, and its refusals in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from remediate.http import Answer, Http, HttpError, Patience, base_url, is_loopback
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.secret import Secret
from remediate_providers.stripe.kinds import DASHBOARD, shape_of

PUBLIC = "https://api.stripe.com"
PREVIEW = "2026-10-14.preview"
"""The version that describes /v2/iam/api_keys: Stripe's Python library 16.1.0a4, its preview channel."""
PAGE = 100
"""Objects a page; more is a 400."""
MAX_PAGES = 20

Query = Mapping[str, "str | int | Sequence[str]"]


@dataclass(frozen=True)
class Server:
    """One Stripe."""

    api: str
    """Base address of its API, without a trailing slash."""
    dashboard: str
    """Base address of its pages."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Server:
        """The one that ``STRIPE_API_BASE`` names; Stripe's own by default. Raises `UsageError`."""
        api = base_url(environment, "STRIPE_API_BASE", PUBLIC)
        parts = urlsplit(api)
        local = is_loopback(parts.hostname)
        return cls(api, f"{parts.scheme}://{parts.netloc}" if local else DASHBOARD)

    @property
    def host(self) -> str:
        """The API's host, for evidence: a 401 proves something about this host alone."""
        return urlsplit(self.api).netloc

    def page(self, name: str, live: bool | None) -> str:
        """A page of the dashboard; test mode's lie under ``/test``."""
        return f"{self.dashboard}{'/test' if live is False else ''}/{name}"


@dataclass(frozen=True)
class Responder:
    """The responder's own key: ``STRIPE_API_KEY``, and the account that it acts on."""

    key: Secret | None
    context: str
    """``STRIPE_CONTEXT``, an ``acct_…``; empty: the key's own account."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Responder:
        """From where Stripe's own tools look."""
        text = environment.get("STRIPE_API_KEY", "").strip()
        return cls(Secret(text) if text else None, environment.get("STRIPE_CONTEXT", "").strip())

    @property
    def live(self) -> bool | None:
        """The mode of the key, which is all that it can see."""
        shape = shape_of(self.key) if self.key is not None else None
        return shape.live if shape else None


class Api:
    """One piece of work's conversation with one Stripe."""

    def __init__(self, vendor: VendorContext) -> None:
        self.server = Server.of(vendor.environment)
        self.responder = Responder.of(vendor.environment)
        self.patience = Patience.of(vendor)
        self.vendor = vendor
        self._http = Http(vendor.environment)

    def once(self, path: str, key: Secret, context: str = "") -> Answer:
        """GET, asked once. Raises `HttpError`."""
        return self._http.send("GET", self.server.api + path, headers=_headers(key, context))

    def ask(
        self,
        method: str,
        path: str,
        key: Secret,
        *,
        context: str = "",
        query: Query | None = None,
        json: object | None = None,
        form: Mapping[str, str] | None = None,
        version: str = "",
        idempotency: str = "",
        repeat: bool | None = None,
    ) -> Answer:
        """Ask with patience, as `Http.ask`; again after a lost answer where *idempotency* allows it.

        Stripe repeats nothing that has worked where the key is the same
        (https://docs.stripe.com/api/idempotent_requests). Raises `HttpError`.
        """
        headers = _headers(key, context)
        if version:
            headers["Stripe-Version"] = version
        if idempotency:
            headers["Idempotency-Key"] = idempotency
        pairs = urlencode({**(query or {})}, doseq=True)
        return self._http.ask(
            method,
            f"{self.server.api}{path}{'?' if pairs else ''}{pairs}",
            patience=self.patience,
            repeat=True if idempotency else repeat,
            headers=headers,
            json=json,
            form=form,
        )

    def refusal(self, answer: Answer | HttpError) -> str:
        """Why this is no good, in one sentence that is fit for the record."""
        return _refusal(self.server, answer, self.vendor)

    def listed(self, path: str, query: Query | None = None) -> Listed:
        """All of a v1 list, newest first, seen with the responder's key; as far as it can be read."""
        key = self.responder.key
        if key is None:
            return Listed((), "no STRIPE_API_KEY is set to look with")
        found: list[Mapping[str, Any]] = []
        cursor: dict[str, str] = {}
        for _page in range(MAX_PAGES):
            asked = {**(query or {}), "limit": PAGE, **cursor}
            try:
                answer = self.ask("GET", path, key, context=self.responder.context, query=asked)
            except HttpError as error:
                return Listed(tuple(found), self.refusal(error))
            items = objects(answer)
            if items is None:
                return Listed(tuple(found), self.refusal(answer))
            found += items
            last = items[-1].get("id") if items else None
            if not mapping(answer).get("has_more") or not isinstance(last, str):
                return Listed(tuple(found))
            cursor = {"starting_after": last}
        return Listed(tuple(found), f"there are more than {MAX_PAGES * PAGE}")


@dataclass(frozen=True)
class Listed:
    """What could be read of a list."""

    items: tuple[Mapping[str, Any], ...]
    missing: str = ""
    """Why this is not all of it; empty where it is."""


def _headers(key: Secret, context: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {key.reveal_text()}", "Accept": "application/json"}
    return headers | ({"Stripe-Context": context} if context else {})


def mapping(answer: Answer) -> Mapping[str, Any]:
    """The answer's JSON object; empty where it has none."""
    data = answer.json()
    return data if isinstance(data, dict) else {}


def objects(answer: Answer) -> list[Mapping[str, Any]] | None:
    """The objects of a list's page; None where the answer is no such page."""
    data = mapping(answer).get("data")
    if answer.status != 200 or not isinstance(data, list):
        return None
    return [item for item in data if isinstance(item, dict)]


def error_of(answer: Answer) -> Mapping[str, Any]:
    """Stripe's error object; empty where the answer is not Stripe's."""
    error = mapping(answer).get("error")
    return error if isinstance(error, dict) else {}


def text_of(data: Mapping[str, Any], name: str) -> str | None:
    """A field that should be text; None where it is not."""
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def texts_of(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A field that should be a list of texts; empty where it is not."""
    value = data.get(name)
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list | tuple) else ()


def as_json(data: Mapping[str, Json | None]) -> dict[str, Json]:
    """*data* without what is not known."""
    return {name: value for name, value in data.items() if value is not None}


def segment(text: str) -> str:
    """*text* as one segment of a path: an id out of an answer leads nowhere else."""
    return quote(text, safe="")


def _refusal(server: Server, answer: Answer | HttpError, vendor: VendorContext) -> str:
    if isinstance(answer, HttpError):
        return vendor.redact(str(answer))
    words = vendor.redact(text_of(error_of(answer), "message") or "")[:200]
    said = f' ("{words}")' if words else ""
    if answer.limited:
        return f"{server.host} limits how often it may be asked{said}"
    if answer.status == 401:
        return f"{server.host} refused the key it was asked with{said}"
    if answer.status in (403, 404):
        return f"{server.host} has no such thing for this key: {answer.status}{said}"
    if answer.status >= 500:
        return f"{server.host} is out of order: {answer.status}{said}"
    if answer.status == 200:
        return f"{server.host} answered with something that is not its own format"
    return f"{server.host} answered {answer.status}, which was not expected{said}"
