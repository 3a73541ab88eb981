"""One exchange over `requests`: what it may do, and nothing that it would do by itself.

Nothing is read from ``~/.netrc`` or the process's environment, no cookie goes back, no redirect is
followed, no answer is read beyond its bound or its time, and nothing is asked twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from remediate.http.answer import Answer
from remediate.http.error import HttpError
from remediate.http.failures import failure, lost
from remediate.http.line import Exchange, Line, Plain, Secure
from remediate.http.surroundings import is_plain_proxy, proxy_for, trusted, without_user

PIECE = 64 * 1024
"""Bytes of a body that are read at once."""


class Transport:
    """The way out, as one environment has it. Connections are kept for reading only."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._reading = _Session()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._reading.close()

    def exchange(
        self,
        request: requests.Request,
        address: SplitResult,
        timeout: tuple[float, float],
        whole: float,
        most: int,
        *,
        keep: bool,
        anonymous: bool,
    ) -> Answer | HttpError:
        """Send *request* to *address* and read at most *most* bytes of its answer.

        An error is given back and not raised, so that it is not raised from one that holds a header or
        the URL. *keep*: over a connection that was used before, and may be used again.
        """
        host = address.hostname or ""
        prepared = _prepared(request)
        if prepared is None:
            return HttpError(f"{host}: no fit header or path", sent=False, again=False)
        way = self._way(host, secure=address.scheme == "https", anonymous=anonymous)
        if isinstance(way, HttpError):
            return way
        session = self._reading if keep else _Session()
        try:
            while True:
                one = Exchange(*timeout, whole)
                try:
                    with session.once(prepared, one, **way) as response:
                        return _answer(host, response, most)
                except (OSError, HTTPError, ValueError) as error:
                    if one.fresh or not (one.sent and lost(error)):
                        return failure(host, error, one, proxied=bool(way["proxies"]))
                # A kept connection that the vendor has closed meanwhile: reading again is harmless.
                session.close()
        finally:
            if not keep:
                session.close()

    def _way(self, host: str, *, secure: bool, anonymous: bool) -> dict[str, Any] | HttpError:
        """The proxy and the certificates, as `requests` takes them."""
        if not secure:
            return {"proxies": {}, "verify": True}
        verify = trusted(self._environment)
        if isinstance(verify, str) and not Path(verify).exists():
            return HttpError(
                f"{host}: the certificates that the environment names (REQUESTS_CA_BUNDLE, "
                "SSL_CERT_FILE) are not there",
                sent=False,
                again=False,
            )
        proxy = proxy_for(host, self._environment)
        if proxy is None:
            return {"proxies": {}, "verify": verify}
        if not is_plain_proxy(proxy):
            return HttpError(f"{host}: the proxy in the environment did not connect us", sent=False)
        return {
            "proxies": {"https": without_user(proxy) if anonymous else proxy},
            "verify": verify,
        }


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self._line = Line()
        adapter = _Adapter(self._line)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def once(
        self, prepared: requests.PreparedRequest, exchange: Exchange, **way: Any
    ) -> requests.Response:
        """Send *prepared*; its answer's body is not read yet."""
        self._line.exchange = exchange
        timeout = (exchange.left(), exchange.idle)
        return self.send(prepared, stream=True, allow_redirects=False, timeout=timeout, **way)

    def get_redirect_target(self, _resp: requests.Response) -> str | None:
        """None: even where it follows none, `requests` would read the whole body of a redirect."""
        return None


class _Adapter(HTTPAdapter):
    def __init__(self, line: Line) -> None:
        super().__init__(max_retries=0)
        self._line = line

    def get_connection_with_tls_context(self, *given: Any, **named: Any) -> Any:
        """The pool for a request, whose connections end with the exchange."""
        pool: Any = super().get_connection_with_tls_context(*given, **named)
        pool.ConnectionCls = partial(Secure if pool.scheme == "https" else Plain, line=self._line)
        return pool


def _prepared(request: requests.Request) -> requests.PreparedRequest | None:
    """*request* as it will go out; None where a line of it would break HTTP.

    Prepared by itself and not by the session, which would add its own headers and cookies.
    """
    try:
        return request.prepare()
    except requests.RequestException:
        return None


def _answer(host: str, response: requests.Response, most: int) -> Answer | HttpError:
    body = bytearray()
    while piece := response.raw.read(PIECE, decode_content=False):
        body += piece
        if len(body) > most:
            said = f"{host}: the answer is over {most // 1024 // 1024} MB"
            return HttpError(said, sent=True, again=False)
    return Answer(response.status_code, response.headers, bytes(body))


def _mute() -> None:
    """Let urllib3 log nothing: its lines show addresses with their query, and headers that are odd."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "urllib3":
            logging.getLogger(name).addFilter(lambda _record: False)


_mute()
