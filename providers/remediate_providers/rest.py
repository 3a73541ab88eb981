"""Asking a vendor that speaks JSON and takes a bearer token: what each such provider needs, once.

A vendor's own part is a `Site` (where it is, how it words a refusal) and the paths that it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

from remediate.http import Answer, Http, HttpError, Patience
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Status
from remediate.secret import Secret

NOT_USED = "policy says that the leaked credential is not to be used (use_leaked = false)"
NO_VALUE = "its value is not at hand"


def message_or_error(answer: Answer) -> str:
    """The usual places of a vendor's own words: ``message``, ``error_description``, ``error``."""
    data = mapping(answer)
    for name in ("message", "error_description", "error"):
        value = data.get(name)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, str) and value:
            return value
    return ""


@dataclass(frozen=True)
class Site:
    """One vendor's server."""

    api: str
    """Base address, without a trailing slash."""
    words: Callable[[Answer], str] = field(default=message_or_error)
    """The vendor's own words in an answer; empty where there are none."""

    @property
    def host(self) -> str:
        """The API's host, for evidence: a refusal proves something about this host alone."""
        return urlsplit(self.api).netloc


class TroubleError(Exception):
    """A call that came to nothing, in one sentence that is fit for the record."""

    def __init__(self, reason: str, status: Status, *, lost: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        """How the effect ends because of it."""
        self.lost = lost
        """Whether it may have worked all the same."""


class Rest:
    """One piece of work's conversation with one vendor. Not shared between threads."""

    def __init__(self, vendor: VendorContext, site: Site) -> None:
        self.vendor = vendor
        self.site = site
        self.patience = Patience.of(vendor)
        self._http = Http(vendor.environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        token: Secret | None,
        *,
        repeat: bool | None = None,
        patient: bool = True,
        base: str | None = None,
        json: object | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask with patience, as `Http.ask`, or once where not *patient*. Raises `HttpError`."""
        sent = {"Accept": "application/json", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token.reveal_text()}"
        url = (self.site.api if base is None else base) + path
        if not patient:
            return self._http.send(method, url, headers=sent, json=json, form=form, query=query)
        return self._http.ask(
            method,
            url,
            patience=self.patience,
            repeat=repeat,
            headers=sent,
            json=json,
            form=form,
            query=query,
        )

    def effect(
        self,
        method: str,
        path: str,
        token: Secret | None,
        *,
        good: tuple[int, ...],
        repeat: bool | None = None,
        needed: str = "",
        **more: Any,
    ) -> Answer:
        """Ask for something that has an effect. Raises `TroubleError` unless the status is in *good*.

        *needed*: what the caller's token has to be allowed, told where it is refused.
        """
        try:
            answer = self.ask(method, path, token, repeat=repeat, **more)
        except HttpError as error:
            reason = self.refusal(error)
            raise TroubleError(reason, Status.UNREACHABLE, lost=error.sent) from None
        if answer.status not in good:
            raise self.trouble(answer, needed)
        return answer

    def trouble(self, answer: Answer, needed: str = "") -> TroubleError:
        """*answer* as what stops the work."""
        down = answer.status >= 500 or answer.limited or answer.status in (200, 201)
        return TroubleError(
            self.refusal(answer, needed),
            Status.UNREACHABLE if down else Status.REFUSED,
            lost=answer.status >= 500 or answer.status in (200, 201),
        )

    def refusal(self, answer: Answer | HttpError, needed: str = "") -> str:
        """Why this is no good, in one sentence: what it means, what is missing, the vendor's own words."""
        if isinstance(answer, HttpError):
            return self.vendor.redact(str(answer))
        host = self.site.host
        words = self.vendor.redact(self.site.words(answer))[:200]
        said = f' ("{words}")' if words else ""
        wanted = f": needed is {needed}" if needed else ""
        if answer.limited:
            wait = "" if answer.wait is None else f"; it asks to wait {answer.wait:.0f} s"
            return f"{host} limits how often it may be asked{wait}{said}"
        if answer.status == 401:
            return f"{host} refused the token it was asked with{said}"
        if answer.status == 403:
            return f"{host} does not allow it{wanted}{said}"
        if answer.status == 404:
            return f"{host} has no such thing, or does not show it to this token{wanted}{said}"
        if 300 <= answer.status < 400:
            return f"{host} sends us elsewhere, which is not followed{said}"
        if answer.status >= 500:
            return f"{host} is out of order: {answer.status}{said}"
        if answer.status in (200, 201):
            return f"{host} answered with something that is not its own format"
        return f"{host} answered {answer.status}, which was not expected{said}"

    def seen(self, probe: str, saw: str) -> Evidence:
        """What *probe* (``GET /user``) was answered at this host, now."""
        return Evidence(f"{probe} at {self.site.host}", self.vendor.redact(saw), self.vendor.now())


def mapping(answer: Answer) -> Mapping[str, Any]:
    """The answer's JSON object; empty where it has none."""
    data = answer.json()
    return data if isinstance(data, dict) else {}


def objects(data: object) -> list[Mapping[str, Any]]:
    """The JSON objects of what should be a list of them."""
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def text_of(data: Mapping[str, Any], name: str) -> str | None:
    """A field that should be text; None where it is not, or is empty."""
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def texts_of(data: Mapping[str, Any], name: str) -> list[str]:
    """A field that should be a list of texts; empty where it is not."""
    value = data.get(name)
    return [v for v in value if isinstance(v, str)] if isinstance(value, list | tuple) else []


def number_of(data: Mapping[str, Any], name: str) -> int | None:
    """A field that should be a whole number; None where it is not."""
    value = data.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def segment(text: str | int) -> str:
    """*text* as one segment of a path: an id out of an answer leads nowhere else."""
    return quote(str(text), safe="")


def own_token(environment: Mapping[str, str], *names: str) -> Secret | None:
    """The first of the variables *names* that is set."""
    found = (environment.get(name, "").strip() for name in names)
    return next((Secret(text) for text in found if text), None)


def own_page(site: Site, public: str, page: str) -> str:
    """*page* (a path) at the vendor's own pages, or at a stand-in's where the API is on loopback."""
    parts = urlsplit(site.api)
    local = (parts.hostname or "").startswith("127.") or parts.hostname == "localhost"
    return (f"{parts.scheme}://{parts.netloc}" if local else public) + page
