"""What went wrong, in words that are fit for the record.

`requests` and urllib3 put URLs, and http.client headers, into their exceptions. So none of their texts
is ever passed on: only the kinds are looked at.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3.exceptions

from remediate.http.error import HttpError
from remediate.http.line import Exchange


def failure(host: str, error: Exception, exchange: Exchange, *, proxied: bool) -> HttpError:
    """*error* on the way to *host*, in one sentence."""
    if exchange.sent:
        return HttpError(f"{host}{_after(error)}", sent=True)
    if isinstance(error, ValueError):
        return HttpError(f"{host}: no fit header or path", sent=False, again=False)
    if _has(error, ssl.SSLCertVerificationError):
        return HttpError(f"{host}: its TLS certificate was not accepted", sent=False, again=False)
    if _has(error, ssl.SSLError, urllib3.exceptions.SSLError):
        return HttpError(f"{host}: no TLS connection could be agreed", sent=False, again=False)
    return HttpError(f"{host}{_before(error, exchange, proxied=proxied)}", sent=False)


def lost(error: Exception) -> bool:
    """Whether the other side closed the connection or broke it off."""
    return _has(error, ConnectionError)


def _before(error: Exception, exchange: Exchange, *, proxied: bool) -> str:
    if _has(error, TimeoutError):
        return f" did not answer within {min(exchange.connecting, exchange.whole):.0f} s"
    if proxied:
        return ": the proxy in the environment did not connect us"
    if _has(error, socket.gaierror):
        return ": its name was not found (is there a network?)"
    if _has(error, ConnectionRefusedError):
        return " refused the connection"
    return ": no connection"


def _after(error: Exception) -> str:
    if _has(error, TimeoutError, urllib3.exceptions.ReadTimeoutError):
        return " did not answer in time"
    if not lost(error) and _has(error, http.client.HTTPException):
        return ": the answer is not HTTP, or ends in the middle"
    if _has(error, OSError):
        return ": the connection was lost"
    return ": the answer is not HTTP, or ends in the middle"


def _has(error: Exception, *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """*error* and what it came from, without `requests`' own, which are all OSErrors.

    Not by ``__context__``: that may be what the caller was handling.
    """
    if not isinstance(error, requests.RequestException):
        yield error
    for cause in {id(one): one for one in (error.__cause__, *error.args)}.values():
        if isinstance(cause, BaseException):
            yield from _causes(cause)
