"""A proxy in front of a local vendor that lets one call go wrong, over real sockets.

Each request is handed on as it came and counted. `FaultyLine.arm` chooses which call goes wrong and how;
everything else reaches the vendor. The client under test is the same as in front of the real vendor, whatever
library it uses, as long as it speaks HTTP/1.1 in the clear.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_LARGEST = 64 * 1024
#: Headers that are about one connection alone (RFC 9110, 7.6.1), set anew on the way.
_CONNECTION = re.compile(rb"(?im)^(?:connection|keep-alive|proxy-connection):[^\r\n]*\r\n")
_PAGE = b"<!doctype html><title>502</title><p>{ this is not the vendor's own format"


class Trouble(Enum):
    """What goes wrong with one call."""

    TIMEOUT_BEFORE = "time-out before the effect"
    """The vendor never sees the call, and no answer comes."""
    TIMEOUT_AFTER = "time-out after the effect"
    """The vendor does what was asked, and its answer is lost."""
    LIMITED = "429 with Retry-After"
    LIMITED_BARE = "429 without Retry-After"
    OUT_OF_ORDER = "500 three times, then fine"
    OUT_OF_ORDER_AFTER = "502 after the effect"
    """A gateway gives up on a call that the vendor did."""
    MALFORMED = "malformed body after the effect"
    """The vendor does what was asked; what arrives is a page that is not its own, under its status."""
    REFUSED = "refused connection"
    """Nobody listens any more, from this call on until `FaultyLine.heal`."""
    CRASH = "the end of the process after the effect"
    """The vendor does what was asked, no answer comes, and nothing is answered until `FaultyLine.heal`."""


@dataclass(frozen=True)
class Call:
    """One request as it went through."""

    method: str
    path: str
    """Without the query, which may hold what is not to be shown."""
    operation: str = ""
    """What is asked for, at a vendor whose calls all go to one path."""

    def __str__(self) -> str:
        return " ".join(part for part in (self.method, self.path, self.operation) if part)


class FaultyLine:
    """A line to *upstream*, a base address on loopback. Up when it is made, until `close`.

    *operation*: tells from a whole request what is asked for, where method and path don't.
    """

    def __init__(
        self, upstream: str, operation: Callable[[bytes], str] = lambda _request: ""
    ) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or parts.hostname is None or parts.port is None:
            raise ValueError("a line leads to http://127.0.0.1:PORT")
        self.upstream = upstream.rstrip("/")
        self.calls: list[Call] = []
        """Every call since `arm`, in order; those that went wrong too, refused connections not."""
        self.watch: Callable[[], object] | None = None
        """Called at each call before anything comes of it: whoever asks is waiting for its answer then."""
        self._operation = operation
        self._to = (parts.hostname, parts.port)
        self._lock = threading.Lock()
        self._trouble: Trouble | None = None
        self._at = 0
        self._left = 0
        self._key: Call | None = None
        # Holds the port while nobody listens on it, so that nobody else gets it.
        self._placeholder = _bound(0)
        self._port: int = self._placeholder.getsockname()[1]
        self._listener: socket.socket | None = None
        self.heal()

    def __enter__(self) -> FaultyLine:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The base address that the client under test is given."""
        return f"http://{LOOPBACK}:{self._port}"

    def through(self, environment: Mapping[str, str]) -> dict[str, str]:
        """*environment* with the vendor's address replaced by the line's, wherever it stands."""
        return {name: value.replace(self.upstream, self.url) for name, value in environment.items()}

    def arm(self, trouble: Trouble | None, at: int = 0) -> None:
        """Begin to count anew; let call number *at* (from 0) go wrong. None: nothing goes wrong."""
        self.heal()
        with self._lock:
            self.calls = []
            self._trouble, self._at, self._key = trouble, at, None
            self._left = 3 if trouble is Trouble.OUT_OF_ORDER else 1
        if trouble is Trouble.REFUSED and at == 0:
            self._deafen()

    def heal(self) -> None:
        """Answer everything again."""
        with self._lock:
            self._trouble = None
            if self._listener is None:
                self._listener = _bound(self._port)
                self._listener.listen(64)
                threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Stop. What is on its way ends by itself."""
        self._deafen()
        self._placeholder.close()

    # -- one call ------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            request = _read_request(connection)
            if request is None:
                return
            answer = self._answer(request)
            if answer is None:
                # To a client, a line that breaks and one that is silent to the end of its patience are
                # one: an answer that never comes. This one takes no time.
                return
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)

    def _answer(self, request: bytes) -> bytes | None:
        """What goes back for *request*; None for nothing."""
        method, target, _ = request.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        call = Call(method, urlsplit(target).path, self._operation(request))
        if self.watch is not None:
            self.watch()
        trouble, next_refused = self._take(call)
        before = _before(trouble)
        if trouble is Trouble.TIMEOUT_BEFORE or before is not None:
            return before
        answer = self._forward(request)
        if trouble is Trouble.CRASH or next_refused:
            # Before the answer is back, so that the next call finds nobody.
            self._deafen()
        return _after(trouble, answer)

    def _take(self, call: Call) -> tuple[Trouble | None, bool]:
        """Count *call*: what goes wrong with it, and whether the next one is to find nobody."""
        with self._lock:
            number = len(self.calls)
            self.calls.append(call)
            if self._trouble is Trouble.REFUSED:
                return None, number + 1 == self._at
            if number == self._at:
                self._key = call
            # A call that is repeated goes wrong again, where it is to go wrong more than once.
            hit = number >= self._at and call == self._key and self._left > 0
            if self._trouble is None or not hit:
                return None, False
            self._left -= 1
            return self._trouble, False

    def _forward(self, request: bytes) -> bytes:
        """The vendor's answer, whole: its line, headers and body."""
        head, _, body = request.partition(b"\r\n\r\n")
        head = _CONNECTION.sub(b"", head + b"\r\n") + b"Connection: close\r\n"
        with socket.create_connection(self._to, 30) as up:
            up.sendall(head + b"\r\n" + body)
            pieces = []
            while piece := up.recv(_LARGEST):
                pieces.append(piece)
        answer_head, _, answer_body = b"".join(pieces).partition(b"\r\n\r\n")
        answer_head = _CONNECTION.sub(b"", answer_head + b"\r\n") + b"Connection: close\r\n"
        return answer_head + b"\r\n" + answer_body

    def _deafen(self) -> None:
        """Listen no more: a connection is refused from now on."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone does not wake whoever waits in accept().
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def _before(trouble: Trouble | None) -> bytes | None:
    """The answer to a call that the vendor does not see; None where it does, or none is given."""
    if trouble is Trouble.LIMITED:
        return _reply("429 Too Many Requests", b"{}", b"Retry-After: 1\r\n")
    if trouble is Trouble.LIMITED_BARE:
        return _reply("429 Too Many Requests", b"{}")
    if trouble is Trouble.OUT_OF_ORDER:
        return _reply("500 Internal Server Error", b"")
    return None


def _after(trouble: Trouble | None, answer: bytes) -> bytes | None:
    """What is left of the vendor's *answer*; None for nothing."""
    if trouble in (Trouble.TIMEOUT_AFTER, Trouble.CRASH):
        return None
    if trouble is Trouble.OUT_OF_ORDER_AFTER:
        return _reply("502 Bad Gateway", _PAGE)
    if trouble is Trouble.MALFORMED:
        status = answer.split(b"\r\n", 1)[0].split(b" ", 1)[1].decode("latin-1")
        # A 204 has no body that could be malformed.
        return _reply("200 OK" if status.startswith("204") else status, _PAGE)
    return answer


def _reply(status: str, body: bytes, headers: bytes = b"") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n".encode()
        + headers
        + b"\r\n"
        + body
    )


def _bound(port: int) -> socket.socket:
    """A socket on loopback that holds *port*, 0 for any, and does not listen yet."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((LOOPBACK, port))
    return made


def _read_request(connection: socket.socket) -> bytes | None:
    """One request with its body; None where the client went away before."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(_LARGEST)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    if re.search(rb"(?im)^expect: *100-continue", head):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    chunked = re.search(rb"(?im)^transfer-encoding:[^\r\n]*chunked", head)
    wanted = int(length[1]) if length else 0
    while not (body.endswith(b"0\r\n\r\n") if chunked else len(body) >= wanted):
        piece = connection.recv(_LARGEST)
        if not piece:
            return None
        body += piece
    return head + b"\r\n\r\n" + body
