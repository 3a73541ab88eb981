"""HTTPS, spoken for real: whose certificates are believed, and a server that stops in the middle."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remediate.http import Http, HttpError

Certificate = Callable[[str], Path]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Server:
    """Speaks TLS as ``localhost``, and gives every request the same answer, in pieces."""

    def __init__(self, file: Path) -> None:
        self.pieces = [OK]
        self.requests: list[bytes] = []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"https://localhost:{port}"
        self.by_number = f"https://127.0.0.1:{port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(5)
            with (
                contextlib.suppress(OSError),
                connection,
                self._tls.wrap_socket(connection, server_side=True) as plain,
            ):
                self.requests.append(plain.recv(65536))
                for piece in self.pieces:
                    plain.sendall(piece)
                    time.sleep(0.02)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def authority(certificate: Certificate) -> Path:
    return certificate("localhost")


@pytest.fixture
def server(authority: Path) -> Iterator[Server]:
    running = Server(authority)
    yield running
    running.close()


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"])
def test_an_authority_that_the_environment_names(
    server: Server, authority: Path, name: str
) -> None:
    with Http({name: str(authority)}) as http:
        assert http.send("GET", server.url).json() == {}


def refused(environment: dict[str, str], url: str, said: str) -> None:
    with Http(environment) as http, pytest.raises(HttpError, match=said) as caught:
        http.send("POST", url, json={"a": 1})
    assert not caught.value.sent
    assert not caught.value.again


def test_one_that_nobody_vouches_for(
    server: Server, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority))
    refused({}, server.url, "certificate was not accepted")
    assert server.requests == []


def test_a_certificate_for_another_name(server: Server, authority: Path) -> None:
    refused({"SSL_CERT_FILE": str(authority)}, server.by_number, "certificate was not accepted")
    assert server.requests == []


def test_a_file_of_certificates_that_is_none(server: Server, tmp_path: Path) -> None:
    refused({"SSL_CERT_FILE": str(tmp_path / "gone")}, server.url, "SSL_CERT_FILE. are not there")
    (tmp_path / "bad").write_text("not a certificate")
    refused({"SSL_CERT_FILE": str(tmp_path / "bad")}, server.url, "no TLS connection")


def test_an_unfit_header_is_not_sent_though_there_is_a_connection(
    server: Server, authority: Path
) -> None:
    with (
        Http({"SSL_CERT_FILE": str(authority)}) as http,
        pytest.raises(HttpError, match="no fit header") as caught,
    ):
        http.send("GET", server.url, headers={"Authorization": "Bearer \u2603"})
    assert not caught.value.sent
    assert b"Bearer" not in b"".join(server.requests)


def test_a_server_that_drips_over_tls(server: Server, authority: Path) -> None:
    server.pieces = [b"HTTP/1.1 200 OK\r\nX-Slow: ", *[b"x"] * 100]
    begun = time.monotonic()
    with (
        Http({"SSL_CERT_FILE": str(authority)}) as http,
        pytest.raises(HttpError, match="in time") as caught,
    ):
        http.send("GET", server.url, whole=0.8)
    assert caught.value.sent
    assert time.monotonic() - begun < 5


def test_an_answer_that_ends_in_the_middle_over_tls(server: Server, authority: Path) -> None:
    server.pieces = [OK[:-1]]
    with (
        Http({"SSL_CERT_FILE": str(authority)}) as http,
        pytest.raises(HttpError, match="ends in the middle") as caught,
    ):
        http.send("POST", server.url)
    assert caught.value.sent


def test_loopback_is_never_asked_through_a_proxy(server: Server, authority: Path) -> None:
    environment = {"SSL_CERT_FILE": str(authority), "https_proxy": "http://127.0.0.1:9"}
    with Http(environment) as http:
        assert http.send("GET", server.url).status == 200
