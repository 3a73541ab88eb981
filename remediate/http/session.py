"""A vendor's HTTP: asking once, and asking patiently.

Time-outs always, between two bytes and for the whole answer; TLS always, except on loopback; no
redirect followed; an answer of bounded size; nothing taken from ``~/.netrc`` and no cookie kept; a proxy
only where the environment names one; and no secret in an exception, nor in the one that it came from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import remediate
from remediate.http.address import parts_of
from remediate.http.answer import Answer
from remediate.http.error import HttpError
from remediate.http.patience import Patience, backoff

if TYPE_CHECKING:
    from remediate.http.transport import Transport

TIMEOUT = (5.0, 20.0)
"""Seconds to connect, seconds between two bytes."""
WHOLE = 60.0
"""Seconds for one request and its answer, however steadily it drips."""
MAX_BODY = 8 * 1024 * 1024
"""Bytes of an answer that are read at most; a vendor's JSON is never near it."""
ATTEMPTS = 5
"""How often `Http.ask` asks a vendor that is out of order (refused, lost, 5xx), the first included."""

_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})
_SAFE = frozenset({"GET", "HEAD"})
_OUT_OF_ORDER = frozenset({500, 502, 503, 504})


class Http:
    """A session. Not shared between threads; cheap to make. Connections are kept for reading only.

    *environment* is where a proxy is looked up (``https_proxy``, ``no_proxy``), and the certificates to
    believe (``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE``); the process's own by default.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._transport: Transport | None = None

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        if self._transport is not None:
            self._transport.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        patience: Patience,
        repeat: bool | None = None,
        headers: Mapping[str, str] | None = None,
        json: object | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        timeout: tuple[float, float] = TIMEOUT,
        anonymous: bool = False,
    ) -> Answer:
        """Ask until there is an answer worth having, or *patience* is over. Raises `HttpError`.

        Repeated whatever the request: a connection that was never made, and 429 or a 403 that names a
        rate limit (the vendor did not act on it). Repeated only where *repeat* says that it is harmless
        (by default GET and HEAD): a connection lost on the way, and 500, 502, 503, 504. The vendor's
        own time is waited where it names one and it lies within the patience; else back-off with jitter,
        `ATTEMPTS` times at most. The last answer is given back whatever its status.
        """
        again = method.upper() in _SAFE if repeat is None else repeat
        attempt = 0
        while True:
            attempt += 1
            last: Answer | HttpError
            try:
                last = self.send(
                    method,
                    url,
                    headers=headers,
                    json=json,
                    form=form,
                    query=query,
                    timeout=timeout,
                    whole=max(timeout[0], min(WHOLE, patience.left)),
                    anonymous=anonymous,
                )
            except HttpError as error:
                last = error
            pause = _pause(last, attempt, again=again)
            if pause is None or attempt == ATTEMPTS or not patience.wait(pause):
                if isinstance(last, HttpError):
                    raise last
                return last

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        timeout: tuple[float, float] = TIMEOUT,
        whole: float = WHOLE,
        anonymous: bool = False,
    ) -> Answer:
        """One request, sent once, never followed elsewhere. Raises `HttpError`.

        A redirect is an answer like any other (3xx), for the caller to refuse. With *anonymous* nothing
        that could identify the sender goes out: no credential header (ValueError where one is given), and
        no user name for a proxy.
        """
        sent = {"User-Agent": f"remediate/{remediate.__version__}", **(headers or {})}
        if anonymous and any(name.lower() in _CREDENTIALS for name in sent):
            raise ValueError("an anonymous request carries no credential")
        parts = parts_of(url)
        if parts is None:
            raise HttpError("not an address that may be asked", sent=False, again=False)
        # Here and not above: it takes a tenth of a second, and most commands call no vendor.
        from requests import Request

        from remediate.http.transport import Transport

        if self._transport is None:
            self._transport = Transport(self._environment)
        result = self._transport.exchange(
            Request(method, url, headers=sent, json=cast("Any", json), data=form, params=query),
            parts,
            timeout,
            whole,
            MAX_BODY,
            keep=method.upper() in _SAFE and not anonymous,
            anonymous=anonymous,
        )
        if isinstance(result, HttpError):
            raise result
        return result


def _pause(last: Answer | HttpError, attempt: int, *, again: bool) -> float | None:
    """Seconds to wait before asking again; None where the answer stands."""
    if isinstance(last, HttpError):
        return backoff(attempt) if last.again and (again or not last.sent) else None
    if not (last.limited or (again and last.status in _OUT_OF_ORDER)):
        return None
    return backoff(attempt) if last.wait is None else last.wait
