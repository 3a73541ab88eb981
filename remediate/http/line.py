"""urllib3's connections, with an end to every exchange and a record of how far it came.

A time-out of `requests` is one between two bytes: a server that sends a byte a second is read for ever.
Here every read and every write of one exchange has to end before the exchange does, in the proxy's
answer, the headers and the body alike.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection


@dataclass
class Exchange:
    """One request on its way and its answer."""

    connecting: float
    """Seconds between two bytes until there is a connection."""
    idle: float
    """Seconds between two bytes after that."""
    whole: float
    """Seconds in all, from now."""
    begun: float = field(default_factory=time.monotonic)
    fresh: bool = False
    """Whether it made its own connection."""
    sent: bool = False
    """Whether anything of the request may have left."""

    def left(self) -> float:
        """Seconds that the next read or write may take. Raises TimeoutError when the time is over."""
        left = self.begun + self.whole - time.monotonic()
        if left <= 0:
            raise TimeoutError("the exchange took too long")
        return min(left, self.idle if self.sent else self.connecting)


@dataclass
class Line:
    """The exchange that goes on now, for the connections that carry it."""

    exchange: Exchange = field(default_factory=lambda: Exchange(0, 0, 0))


class _Reader(io.RawIOBase):
    """A socket's bytes, within the time of one exchange."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        super().__init__()
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._exchange.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Source:
    """As much of a socket as `http.client.HTTPResponse` asks for."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._parts = (sock, exchange)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(*self._parts))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *given: Any, line: Line, **named: Any) -> None:
        super().__init__(cast("socket.socket", _Source(sock, line.exchange)), *given, **named)


class Plain(HTTPConnection):
    """A connection in the clear, which only this machine gets."""

    debuglevel = 0  # http.client prints headers where somebody has set its own to 1

    def __init__(self, *given: Any, line: Line, **named: Any) -> None:
        super().__init__(*given, **named)
        self._line = line
        self._made = False
        self.response_class = cast("Any", partial(_Response, line=line))

    def connect(self) -> None:
        """Connect, through the proxy too where there is one. Nothing of the request is in it."""
        self._made = False
        super().connect()
        self._made = True
        self._line.exchange.fresh = True

    def send(self, data: Any) -> None:
        """Send some of the request, or of what the proxy is asked."""
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self._line.exchange.left())
        self._line.exchange.sent = self._made
        super().send(data)


class Secure(Plain, HTTPSConnection):
    """A connection over TLS."""
