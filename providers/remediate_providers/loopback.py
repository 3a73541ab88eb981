"""A small HTTP server on loopback for local vendors: what every stand-in needs, whoever it plays.

A vendor's own part is one function from `Request` to `Reply`. Faults are ordered from outside, so that a
test can break off any answer before or after it had its effect.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LARGEST = 1024 * 1024
"""Bytes of a request's body."""


@dataclass(frozen=True)
class Request:
    """One request as it arrived. Its headers and body may hold secrets and are not shown."""

    method: str
    path: str
    """Without the query and the server's own prefix, as it came: not unquoted."""
    query: Mapping[str, Sequence[str]]
    headers: Message = field(repr=False)
    """Case-insensitive."""
    body: bytes = field(repr=False)
    at: float = field(default_factory=time.time)
    """When it arrived, seconds since 1970."""

    def first(self, name: str, default: str = "") -> str:
        """A query parameter's first value."""
        return next(iter(self.query.get(name, ())), default)

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def form(self) -> dict[str, str]:
        """The body as a form's fields."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Reply:
    """An answer: a page where the body is text, raw where it is bytes, else JSON."""

    status: int
    body: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong on purpose, once."""

    status: int | None
    """None: the connection is broken off."""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    """Whether the request takes effect first, and only its answer is lost."""


class Loopback:
    """A server that is up as soon as it is made, until `close`.

    *name*: what it calls itself. *prefix*: where its paths may begin, beside the root.
    """

    def __init__(self, answer: Callable[[Request], Reply], name: str, prefix: str = "") -> None:
        self.prefix = prefix
        self.requests: list[Request] = []
        """Every request so far, in order."""
        self._answer = answer
        self._faults: list[tuple[str, str, Fault]] = []
        self._lock = threading.Lock()
        self._server = _Server(self, name)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path (``*`` as in a shell) go wrong, in order."""
        with self._lock:
            self._faults += [(method, path, fault) for fault in faults]

    def close(self) -> None:
        """Stop, and close what clients keep open."""
        self._server.stop()
        self._thread.join(5)

    def reply(self, request: Request) -> Reply | None:
        """The answer to one request; None where the connection is to be broken off."""
        with self._lock:
            self.requests.append(request)
            fault = self._fault(request)
        if fault is not None and not fault.after:
            return _broken(fault)
        answer = self._answer(request)
        return answer if fault is None else _broken(fault)

    def _fault(self, request: Request) -> Fault | None:
        for at, (method, path, fault) in enumerate(self._faults):
            if method == request.method and fnmatchcase(request.path, path):
                del self._faults[at]
                return fault
        return None


def _broken(fault: Fault) -> Reply | None:
    return None if fault.status is None else Reply(fault.status, fault.body, fault.headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, loopback: Loopback, name: str) -> None:
        self.loopback = loopback
        self.name = name
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        # Remembered, so that no kept connection outlives the server.
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    timeout = 30

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing is written anywhere."""

    def version_string(self) -> str:
        return self.server.name

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdigit() else 0
        if size > LARGEST:
            self.close_connection = True
            self._send(Reply(413, {"message": "too large"}))
            return
        loopback = self.server.loopback
        path = parts.path.removeprefix(loopback.prefix)
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(self.command, path, query, self.headers, self.rfile.read(size))
        reply = loopback.reply(request)
        if reply is None:
            self.close_connection = True
            return
        self._send(reply)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that the base looks for

    def _send(self, reply: Reply) -> None:
        if isinstance(reply.body, str):
            data, kind = reply.body.encode(), "text/html; charset=utf-8"
        elif isinstance(reply.body, bytes):
            data, kind = reply.body, "application/json; charset=utf-8"
        else:
            data = b"" if reply.body is None else json.dumps(reply.body).encode()
            kind = "application/json; charset=utf-8"
        self.send_response(reply.status)
        headers = {"Content-Type": kind, **reply.headers, "Content-Length": str(len(data))}
        for name, value in (reply.headers if reply.status == 204 else headers).items():
            self.send_header(name, value)
        self.end_headers()
        if reply.status != 204:
            self.wfile.write(data)
