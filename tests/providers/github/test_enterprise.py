"""A self-hosted GitHub: reached by its own name, over TLS, through the network's proxy."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate_providers.github import tokens
from remediate_providers.github.local import OWNER, RunningGitHub
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Fault

Around = Callable[..., VendorContext]
Hold = Callable[..., Held]
HOST = "git.example.com"
PATH = "/credentials/revoke"
PROVIDER = GitHubProvider()


class Tunnel:
    """A proxy whose far end is the self-hosted server: TLS is ended here, and the rest passed on."""

    def __init__(self, port: int, file: Path) -> None:
        self._port = port
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://ada:of-proxy@127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[bytes] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self.asked.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                self._tls.wrap_socket(connection, server_side=True) as plain,
                socket.create_connection(("127.0.0.1", self._port)) as server,
            ):
                back = threading.Thread(target=self._pass_on, args=(server, plain), daemon=True)
                back.start()
                self._pass_on(plain, server)
                back.join(5)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def authority(certificate: Callable[[str], Path]) -> Path:
    return certificate(HOST)


@pytest.fixture
def tunnel(github: RunningGitHub, authority: Path) -> Iterator[Tunnel]:
    running = Tunnel(int(github.url.rsplit(":", 1)[1]), authority)
    yield running
    running.close()


@pytest.fixture
def environment(github: RunningGitHub, tunnel: Tunnel, authority: Path) -> dict[str, str]:
    return {
        "GITHUB_API_URL": f"https://{HOST}/api/v3",
        "GH_ENTERPRISE_TOKEN": github.responder.reveal_text(),
        "https_proxy": tunnel.url,
        "SSL_CERT_FILE": str(authority),
    }


def test_it_is_asked_over_tls_through_the_proxy(
    github: RunningGitHub,
    around: Around,
    hold: Hold,
    environment: dict[str, str],
    tunnel: Tunnel,
) -> None:
    value = github.state.issue(OWNER, scopes=("repo",))
    told = PROVIDER.describe(hold(value), around(environment))
    assert told.known["owner"] == OWNER
    assert told.evidence[0].probe == f"GET /user at {HOST}"
    assert tunnel.asked[0].startswith(f"CONNECT {HOST}:443 ".encode())
    assert b"Proxy-Authorization: Basic" in tunnel.asked[0]
    assert value.reveal() not in tunnel.asked[0]


def test_a_certificate_that_nobody_vouches_for_ends_it(
    github: RunningGitHub,
    around: Around,
    hold: Hold,
    environment: dict[str, str],
) -> None:
    del environment["SSL_CERT_FILE"]
    check = PROVIDER.check(hold(github.state.issue(OWNER)), around(environment))
    assert check.alive is None
    assert "certificate was not accepted" in check.reason
    assert github.state.requests == []


def test_an_older_server_leaves_it_to_a_person(
    github: RunningGitHub, around: Around, hold: Hold, environment: dict[str, str]
) -> None:
    value = github.state.issue(OWNER)
    github.fail("POST", PATH, Fault(404, b'{"message": "Not Found"}'))
    (outcome,) = PROVIDER.revoke([hold(value)], around(environment)).values()
    (headers,) = github.asked("POST", PATH)
    assert headers["Authorization"] == f"Bearer {github.responder.reveal_text()}"
    assert outcome.status is Status.MANUAL
    assert "3.19" in outcome.reason
    assert outcome.manual is not None
    assert outcome.manual.url == f"https://{HOST}/settings/tokens"
    _forget_the_authenticated(github)


def test_a_newer_one_takes_it_with_a_token_of_ones_own(
    github: RunningGitHub, around: Around, hold: Hold, environment: dict[str, str]
) -> None:
    value = github.state.issue(OWNER)
    # The local GitHub is github.com here, and would refuse: it answers as the documentation of 3.19 does.
    github.fail("POST", PATH, Fault(202, b"{}"))
    github.state.lag = 0
    github.state.revoke(value)
    (outcome,) = PROVIDER.revoke([hold(value)], around(environment)).values()
    assert outcome.status is Status.DONE
    _forget_the_authenticated(github)


def test_what_it_does_not_take_is_left_to_a_person(
    github: RunningGitHub, around: Around, hold: Hold, environment: dict[str, str]
) -> None:
    del environment["GH_ENTERPRISE_TOKEN"]
    values = [github.state.issue(OWNER), github.state.issue(OWNER, tokens.OAUTH)]
    outcomes = PROVIDER.revoke([hold(v) for v in values], around(environment))
    assert {outcome.status for outcome in outcomes.values()} == {Status.MANUAL}
    assert github.asked("POST", PATH) == []


def _forget_the_authenticated(github: RunningGitHub) -> None:
    """github.com's description knows the call without authentication alone."""
    github.state.requests[:] = [r for r in github.state.requests if r.path != PATH]
