"""A real PostgreSQL behind a line that breaks: at each message of each flow, before and after its effect."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from remediate.plugins.outcome import Status
from remediate_providers.postgres.provider import PostgresProvider

from .conftest import Server, hold, successor

PROVIDER = PostgresProvider()
MOST = 60


class Line:
    """Hands bytes on until the *at*-th piece that the client sends; then every connection breaks off."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self._left: int | None = None
        self._after = False
        self.broken = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, at: int | None, *, after: bool = False) -> None:
        with self._lock:
            self._left, self._after, self.broken = at, after, False

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            if self.broken:
                client.close()
                continue
            server = socket.create_connection(self._to)
            for pair in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, asking: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                stop = asking and self._counts()
                if not asking and self.broken:
                    break  # the answer is lost
                if stop and not self._after:
                    break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _counts(self) -> bool:
        with self._lock:
            if self._left is None or self.broken:
                return self.broken
            self._left -= 1
            self.broken = self._left < 0
            return self.broken


@pytest.fixture
def line(postgres: Server) -> Iterator[Line]:
    made = Line(postgres.port)
    yield made
    made.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("admin", [False, True], ids=["own", "admin"])
def test_a_password_is_never_lost(postgres: Server, line: Line, admin: bool, after: bool) -> None:
    for at in range(MOST):
        role = postgres.role()
        held = hold(postgres.url(role, port=line.port))

        def around(admin: bool = admin) -> object:
            return postgres.around(admin=admin, port=line.port)

        line.arm(None)
        made = PROVIDER.reissue(held, around())  # type: ignore[arg-type]
        new = successor(held, dict(made.values))
        line.arm(at, after=after)
        outcome = PROVIDER.install(held, new, around())  # type: ignore[arg-type]
        broken = line.broken
        line.arm(None)
        if not outcome.status.settled:
            assert outcome.reason
            outcome = PROVIDER.install(held, new, around())  # type: ignore[arg-type]
        assert outcome.status is Status.DONE, f"message {at}: {outcome.reason}"
        assert postgres.accepts(role, made.values["password"].reveal_text())
        assert not postgres.accepts(role, "leaked" + "-Pa55")
        if not broken:
            assert at > 3, "the flow has more messages than that"
            return
    raise AssertionError("the flow has no end")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_what_is_said_to_be_ended_is(postgres: Server, line: Line, after: bool) -> None:
    for at in range(MOST):
        role = postgres.role()
        held = hold(postgres.url(role, port=line.port))
        line.arm(at, after=after)
        outcome = PROVIDER.revoke([held], postgres.around(port=line.port))[held.id]
        broken = line.broken
        line.arm(None)
        if outcome.status.settled:
            assert not postgres.accepts(role, "leaked" + "-Pa55")
        else:
            assert outcome.reason
            outcome = PROVIDER.revoke([held], postgres.around(port=line.port))[held.id]
        assert outcome.status is Status.DONE, f"message {at}: {outcome.reason}"
        assert not postgres.accepts(role, "leaked" + "-Pa55")
        if not broken:
            assert at > 3, "the flow has more messages than that"
            return
    raise AssertionError("the flow has no end")
