"""Which Vault or OpenBao is meant, who asks it, and its refusals in plain words.

Plain HTTP over `remediate.http` and no client library: a dozen calls, all JSON, and the rules that hold for
every vendor (time-outs, no redirect to another host, no secret in an exception) come with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from remediate.http import Answer, Http, HttpError, Patience, base_url
from remediate.plugins.context import VendorContext
from remediate.secret import Secret

#: OpenBao's own names go first where both are set: https://openbao.org/docs/commands/#environment-variables
_ADDRESSES = ("BAO_ADDR", "VAULT_ADDR")
_TOKENS = ("BAO_TOKEN", "VAULT_TOKEN")
_NAMESPACES = ("BAO_NAMESPACE", "VAULT_NAMESPACE")
#: Where ``vault login`` and ``bao login`` leave the token.
_FILES = (".bao-token", ".vault-token")

NO_ADDRESS = "no server is named: set VAULT_ADDR (or BAO_ADDR) to the one that issued it"
HOW = "set VAULT_TOKEN (or BAO_TOKEN), or sign in with: vault login"


class NoServerError(Exception):
    """No server is named in the environment. A token does not tell who issued it."""


@dataclass(frozen=True)
class Responder:
    """The responder's own token, and where it was found."""

    token: Secret | None
    every: tuple[Secret, ...] = ()
    """All that were found, the one that is used first."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Responder:
        """From where Vault's own tools look: the environment, then the file in the home folder."""
        found = [Secret(t) for name in _TOKENS if (t := environment.get(name, "").strip())]
        home = environment.get("HOME", "")
        if home:
            for name in _FILES:
                try:
                    text = (Path(home) / name).read_bytes()[:4096].strip()
                except OSError:
                    continue
                found += [Secret(text)] if text else []
        every = tuple(dict.fromkeys(found))
        return cls(next(iter(every), None), every)


class Api:
    """One piece of work's conversation with one server. Raises `NoServerError` where none is named."""

    def __init__(self, vendor: VendorContext) -> None:
        variable = next((n for n in _ADDRESSES if vendor.environment.get(n, "").strip()), None)
        if variable is None:
            raise NoServerError(NO_ADDRESS)
        self.base = base_url(vendor.environment, variable, "")
        self.host = urlsplit(self.base).netloc
        self.responder = Responder.of(vendor.environment)
        self.patience = Patience.of(vendor)
        self.vendor = vendor
        self._namespace = next(
            (v for n in _NAMESPACES if (v := vendor.environment.get(n, "").strip())), ""
        )
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

    def ask(
        self,
        method: str,
        path: str,
        token: Secret,
        *,
        json: object | None = None,
        repeat: bool | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask with patience, as `Http.ask`. *path* stands after ``/v1/``. Raises `HttpError`."""
        headers = {
            "X-Vault-Token": token.reveal_text(),
            # Asked for by agents and proxies that may be in between, and by OpenBao's own clients.
            "X-Vault-Request": "true",
        }
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        return self._http.ask(
            method,
            f"{self.base}/v1/{path}",
            patience=self.patience,
            repeat=repeat,
            headers=headers,
            json=json,
            query=query,
        )

    def refusal(self, answer: Answer | HttpError) -> str:
        """Why this is no good, in one sentence that is fit for the record."""
        if isinstance(answer, HttpError):
            return self.vendor.redact(str(answer))
        words = self.vendor.redact(said(answer))[:200]
        quoted = f' ("{words}")' if words else ""
        if answer.limited:
            return f"{self.host} limits how often it may be asked{quoted}"
        if answer.status in (403, 404):
            return f"{self.host} does not allow it, or has no such thing{quoted}"
        if answer.status == 503:
            return f"{self.host} is sealed, or out of order{quoted}"
        if answer.status >= 500:
            return f"{self.host} is out of order: {answer.status}{quoted}"
        if answer.status < 300:
            return f"{self.host} answered with something that is not its own format"
        return f"{self.host} answered {answer.status}, which was not expected{quoted}"


def said(answer: Answer) -> str:
    """The server's own words, as they came, on one line; empty where there are none."""
    data = answer.json()
    errors = data.get("errors") if isinstance(data, dict) else None
    if not isinstance(errors, list):
        return ""
    return " ".join(" ".join(str(error).split()) for error in errors)


def data_of(answer: Answer, name: str = "data") -> Mapping[str, Any]:
    """The answer's ``data`` (or ``auth``) object; empty where it has none."""
    body = answer.json()
    found = body.get(name) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def down(answer: Answer) -> bool:
    """Whether this answer says nothing about what was asked: out of order, limited, or not its own."""
    return answer.status >= 500 or answer.limited or answer.status < 300


def path_of(*parts: str) -> str:
    """*parts* as one path; each keeps its own slashes, and nothing else gets through unquoted."""
    return "/".join(quote(part, safe="/") for part in parts)
