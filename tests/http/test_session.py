"""HTTP against servers that mean harm or are out of order: real sockets on loopback."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from http import client
from pathlib import Path

import pytest

from remediate.http import (
    ATTEMPTS,
    MAX_BODY,
    Http,
    HttpError,
    Patience,
)

Act = Callable[[socket.socket], None]
TOKEN = "very-secret-value"


class Server:
    """Accepts connections and does on each what the next act says; keeps what it was sent."""

    def __init__(self, *acts: Act, deaf: bool = False) -> None:
        self._acts = list(acts)
        self._deaf = deaf
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for act in self._acts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                if not self._deaf:
                    self._request(connection)
                act(connection)

    def _request(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data and not data.startswith(b"\x16"):  # 22: a TLS hello
            data += connection.recv(65536) or b"\r\n\r\n"
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        while length and len(body) < int(length[1]):
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Server] = []

    def start(*acts: Act, deaf: bool = False) -> Server:
        running.append(Server(*acts, deaf=deaf))
        return running[-1]

    yield start
    for server in running:
        server.close()


def says(status: str, body: bytes = b"", *headers: str) -> Act:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return sends("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def sends(data: bytes) -> Act:
    return lambda connection: connection.sendall(data)


def drips(head: bytes, every: float = 0.02) -> Act:
    def act(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(500):
            connection.sendall(b"x")
            time.sleep(every)

    return act


def resets(head: bytes = b"") -> Act:
    """Send *head*, then break the connection off with a RST."""

    def act(connection: socket.socket) -> None:
        connection.sendall(head)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return act


def hangs(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.recv(1)


class Naps:
    """A sleeper that remembers, and does not sleep."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def patience(seconds: float, naps: Naps) -> Patience:
    return Patience(time.monotonic() + seconds, naps)


@pytest.fixture
def http() -> Iterator[Http]:
    with Http({}) as session:
        yield session


def tells_nothing(error: BaseException | None) -> None:
    while error is not None:
        assert TOKEN not in repr(error)
        assert TOKEN not in "".join(traceback.format_exception(error))
        error = error.__context__ or error.__cause__


# -- one request ---------------------------------------------------------------------------------


def test_a_plain_answer(http: Http, serve: Serve) -> None:
    server = serve(says("200 OK", b'{"login": "ada"}', "X-OAuth-Scopes: repo, workflow"))
    answer = http.send("GET", f"{server.url}/user?a=b", query={"c": "d e"})
    assert (answer.status, answer.json()) == (200, {"login": "ada"})
    assert answer.headers["x-oauth-scopes"] == "repo, workflow"
    assert server.requests[0].startswith(b"GET /user?a=b&c=d+e HTTP/1.1\r\n")
    assert b"Accept-Encoding: identity" in server.requests[0]


def test_json_and_form_bodies(http: Http, serve: Serve) -> None:
    server = serve(says("202 Accepted"), says("200 OK"))
    http.send("POST", server.url, json={"a": "é"})
    http.send("POST", server.url, form={"a": "b c"})
    assert server.requests[0].endswith(b'{"a": "\\u00e9"}')
    assert b"Content-Type: application/json" in server.requests[0]
    assert server.requests[1].endswith(b"a=b+c")


def test_a_redirect_is_not_followed(http: Http, serve: Serve) -> None:
    elsewhere = serve(says("200 OK"))
    server = serve(says("307 Temporary Redirect", b"", f"Location: {elsewhere.url}/user"))
    answer = http.send("GET", server.url, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 307
    assert elsewhere.requests == []


def test_a_body_without_end_is_cut_off(http: Http, serve: Serve) -> None:
    def floods(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(50):
            connection.sendall(b"x" * 1_000_000)

    with pytest.raises(HttpError, match="over 8 MB") as caught:
        http.send("GET", serve(floods).url)
    assert caught.value.sent
    assert not caught.value.again


def test_a_body_of_just_the_limit_is_read(http: Http, serve: Serve) -> None:
    body = b"x" * MAX_BODY
    assert http.send("GET", serve(says("200 OK", body)).url).body == body


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["status line", "header", "body with a length", "body without one"],
)
def test_a_server_that_drips_is_left_in_time(http: Http, serve: Serve, head: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(HttpError, match="in time") as caught:
        http.send("GET", serve(drips(head)).url, whole=0.3)
    assert caught.value.sent
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("idle, whole", [(0.2, 60), (20, 0.2)])
def test_a_server_that_says_nothing_is_left_in_time(
    http: Http, serve: Serve, idle: float, whole: float
) -> None:
    begun = time.monotonic()
    with pytest.raises(HttpError, match="in time") as caught:
        http.send("GET", serve(hangs).url, timeout=(1, idle), whole=whole)
    assert caught.value.sent
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "act",
    [
        sends(b"\x00\xff garbage\r\n\r\n"),
        sends(b"HTTP/1.1 two hundred\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nbad"),
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"),
        sends(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"),
        sends(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n"),
        sends(b""),
        resets(),
        resets(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    ],
    ids=[
        "bytes",
        "status",
        "short body",
        "bad chunk",
        "short chunk",
        "200 headers",
        "long header",
        "nothing",
        "reset",
        "reset in the body",
    ],
)
def test_an_answer_that_is_none(http: Http, serve: Serve, act: Act) -> None:
    with pytest.raises(HttpError) as caught:
        http.send("POST", serve(act).url, json={"credentials": [TOKEN]}, query={"key": TOKEN})
    assert caught.value.sent, "the vendor may have acted on it"
    tells_nothing(caught.value)


def test_a_refused_connection_was_never_sent(http: Http) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(HttpError, match="refused the connection") as caught:
            http.send("POST", f"http://127.0.0.1:{taken.getsockname()[1]}/{TOKEN}")
    assert not caught.value.sent
    tells_nothing(caught.value)


def test_a_server_without_tls_is_not_spoken_to(http: Http, serve: Serve) -> None:
    server = serve(sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with pytest.raises(HttpError, match="TLS") as caught:
        http.send("GET", server.url.replace("http:", "https:"))
    assert not caught.value.sent
    assert not caught.value.again


@pytest.mark.parametrize(
    "url",
    [
        "http://api.github.com/user",
        "ftp://127.0.0.1/",
        "https://user:pass@127.0.0.1/",
        "https://",
        "https://host:99999/",
        "not an address",
    ],
)
def test_addresses_that_are_not_asked(http: Http, url: str) -> None:
    with pytest.raises(HttpError, match="not an address") as caught:
        http.send("GET", url)
    assert not caught.value.sent


def test_netrc_and_cookies_are_never_used(http: Http, serve: Serve, sealed: Path) -> None:
    netrc = sealed / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login ada password {TOKEN}\n")
    netrc.chmod(0o600)
    server = serve(says("200 OK", b"", "Set-Cookie: a=b"), says("200 OK"))
    http.send("GET", server.url)
    http.send("POST", server.url)
    assert all(TOKEN.encode() not in r and b"Authorization" not in r for r in server.requests)
    assert b"Cookie" not in server.requests[1]


def test_loopback_is_never_asked_through_a_proxy(serve: Serve) -> None:
    proxy = serve(says("200 OK"))
    server = serve(says("204 No Content"))
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    with Http(dict.fromkeys(names, proxy.url)) as http:
        assert http.send("GET", server.url).status == 204
    assert proxy.requests == []


@pytest.mark.parametrize("anonymous", [False, True])
def test_a_proxy_is_asked_to_connect_and_told_no_name_when_anonymous(
    serve: Serve, anonymous: bool
) -> None:
    proxy = serve(sends(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))
    environment = {"HTTPS_PROXY": proxy.url.replace("//", "//ada:p%40ss@")}
    with Http(environment) as http, pytest.raises(HttpError, match="proxy") as caught:
        http.send("POST", "https://api.github.com/credentials/revoke", anonymous=anonymous)
    assert not caught.value.sent
    assert proxy.requests[0].startswith(b"CONNECT api.github.com:443 ")
    assert (b"Proxy-Authorization: Basic YWRhOnBAc3M=" in proxy.requests[0]) is not anonymous


def test_an_anonymous_request_refuses_credentials(http: Http) -> None:
    for name in ("Authorization", "authorization", "Cookie", "Proxy-Authorization"):
        with pytest.raises(ValueError, match="no credential"):
            http.send("POST", "https://api.github.com/", headers={name: "x"}, anonymous=True)


def test_an_unusual_proxy_is_refused() -> None:
    with (
        Http({"https_proxy": "socks5://127.0.0.1:1"}) as http,
        pytest.raises(HttpError, match="proxy"),
    ):
        http.send("GET", "https://api.github.com/")


@pytest.mark.parametrize("bad", [f"{TOKEN}\r\nX-Evil: 1", f"{TOKEN}\u2603"])
def test_no_exception_holds_a_secret(http: Http, serve: Serve, bad: str) -> None:
    with pytest.raises(HttpError) as caught:
        http.send("GET", serve().url, headers={"Authorization": f"Bearer {bad}"})
    assert not caught.value.sent
    tells_nothing(caught.value)


def test_a_kept_connection_that_went_stale_is_made_again_for_reading(
    http: Http, serve: Serve
) -> None:
    alive = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    server = serve(sends(alive), sends(alive), sends(alive))
    assert [http.send("GET", server.url).status for _ in range(3)] == [200, 200, 200]


def test_reading_uses_one_connection_and_writing_its_own(http: Http, serve: Serve) -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    def twice(connection: socket.socket) -> None:
        connection.sendall(ok)
        assert connection.recv(65536).startswith(b"GET /second")
        connection.sendall(ok)
        connection.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            later.append(connection.recv(65536))

    later: list[bytes] = []
    server = serve(twice, sends(ok))
    http.send("GET", f"{server.url}/first")
    http.send("GET", f"{server.url}/second")
    http.send("POST", f"{server.url}/third")
    assert [r.split()[1] for r in server.requests] == [b"/first", b"/third"]
    assert later == []


def test_headers_that_come_twice_are_joined(http: Http, serve: Serve) -> None:
    headers = http.send("GET", serve(says("200 OK", b"", "Link: a", "LINK: b")).url).headers
    assert headers["link"] == "a, b"
    assert "Link" in headers
    assert "other" not in headers
    assert {name.lower() for name in headers} == {"content-length", "connection", "link"}


def test_a_kept_connection_that_breaks_under_a_request_is_made_again(
    http: Http, serve: Serve
) -> None:
    def once_and_hang_up(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        connection.recv(65536)

    server = serve(once_and_hang_up, says("200 OK"))
    assert [http.send("GET", server.url).status for _ in range(2)] == [200, 200]
    assert len(server.requests) == 2


def test_a_redirect_with_a_body_without_end_is_cut_off(http: Http, serve: Serve) -> None:
    def floods(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n")
        for _ in range(50):
            connection.sendall(b"x" * 1_000_000)

    with pytest.raises(HttpError, match="over 8 MB"):
        http.send("GET", serve(floods).url)


def test_a_server_that_does_not_listen_is_left_in_time(http: Http, serve: Serve) -> None:
    server = serve(lambda _connection: time.sleep(0.6), deaf=True)
    begun = time.monotonic()
    with pytest.raises(HttpError, match="in time") as caught:
        http.send("POST", server.url, json="x" * 20_000_000, whole=0.3)
    assert caught.value.sent
    assert time.monotonic() - begun < 3


def test_a_body_may_take_longer_than_a_connection(http: Http, serve: Serve) -> None:
    def listens_late(connection: socket.socket) -> None:
        time.sleep(0.4)
        while not connection.recv(1_000_000).endswith(b'"'):
            pass
        says("200 OK")(connection)

    server = serve(listens_late, deaf=True)
    answer = http.send("POST", server.url, json="x" * 20_000_000, timeout=(0.1, 5))
    assert answer.status == 200


def test_a_proxy_that_drips_is_left_in_time(serve: Serve) -> None:
    proxy = serve(drips(b"HTTP/1.1 200 Connection established\r\nX-Slow: "))
    begun = time.monotonic()
    with Http({"https_proxy": proxy.url}) as http, pytest.raises(HttpError) as caught:
        http.send("POST", "https://api.github.com/", whole=0.3)
    assert not caught.value.sent
    assert time.monotonic() - begun < 5


def test_what_the_caller_is_handling_is_not_taken_for_the_cause(http: Http) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        try:
            raise TimeoutError
        except TimeoutError:
            with pytest.raises(HttpError, match="refused the connection"):
                http.send("GET", f"http://127.0.0.1:{taken.getsockname()[1]}/")


@pytest.mark.parametrize(
    "act",
    [
        says("200 OK", b"{}", "no colon here " + TOKEN),
        says("401 Unauthorized", b"{}", "Transfer-Encoding: chunked"),
        says("302 Found", b"", f"Location: /?key={TOKEN}"),
        sends(b"HTTP/1.1 two hundred\r\n\r\n"),
        resets(),
    ],
    ids=["odd header", "two lengths", "redirect", "no status", "reset"],
)
def test_nothing_is_logged_or_printed(
    http: Http,
    serve: Serve,
    act: Act,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client.HTTPConnection, "debuglevel", 1)
    for name in ("", "requests", "urllib3", "urllib3.connection", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, logger=name)
    server = serve(act)
    with contextlib.suppress(HttpError):
        http.send(
            "GET",
            f"{server.url}/path?key={TOKEN}",
            query={"other": TOKEN},
            headers={"Authorization": TOKEN},
        )
    assert TOKEN.encode() in server.requests[0]
    assert caplog.text == ""
    assert "".join(capfd.readouterr()) == ""


def test_requests_is_imported_with_the_first_request_alone() -> None:
    late = "{'requests', 'urllib3', 'http.client', 'ssl'} & set(sys.modules)"
    script = f"import sys, remediate.http as h; h.Http({{}}); print({late} or 'none')"
    found = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert found.stdout == "none\n"


# -- asking patiently ----------------------------------------------------------------------------


def test_500_three_times_then_fine(http: Http, serve: Serve) -> None:
    server = serve(*[says("500 Internal Server Error")] * 3, says("200 OK", b"{}"))
    naps = Naps()
    assert http.ask("GET", server.url, patience=patience(60, naps)).status == 200
    assert len(naps.taken) == 3
    assert naps.taken[0] <= 0.5 < naps.taken[2] <= 2


def test_a_writing_request_is_not_repeated_on_its_own(http: Http, serve: Serve) -> None:
    naps = Naps()
    server = serve(says("502 Bad Gateway"), says("200 OK"))
    assert http.ask("POST", server.url, patience=patience(60, naps)).status == 502
    assert len(server.requests) == 1
    lost = serve(resets(), says("200 OK"))
    with pytest.raises(HttpError):
        http.ask("POST", lost.url, patience=patience(60, naps))
    assert len(lost.requests) == 1
    assert naps.taken == []


def test_a_writing_request_is_repeated_where_the_caller_says_it_is_harmless(
    http: Http, serve: Serve
) -> None:
    server = serve(resets(), says("503 Service Unavailable"), says("202 Accepted"))
    answer = http.ask("POST", server.url, patience=patience(60, Naps()), repeat=True)
    assert answer.status == 202


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_429_with_retry_after_is_waited_out(http: Http, serve: Serve, method: str) -> None:
    server = serve(says("429 Too Many Requests", b"", "Retry-After: 7"), says("200 OK"))
    naps = Naps()
    assert http.ask(method, server.url, patience=patience(60, naps)).status == 200
    assert naps.taken == [7.0]


def test_429_without_retry_after_backs_off(http: Http, serve: Serve) -> None:
    server = serve(*[says("429 Too Many Requests")] * 2, says("200 OK"))
    naps = Naps()
    assert http.ask("GET", server.url, patience=patience(60, naps)).status == 200
    assert len(naps.taken) == 2


def test_a_wait_beyond_the_deadline_is_not_begun(http: Http, serve: Serve) -> None:
    server = serve(says("429 Too Many Requests", b"", "Retry-After: 3600"))
    naps = Naps()
    assert http.ask("GET", server.url, patience=patience(60, naps)).status == 429
    assert naps.taken == []


def test_a_used_up_limit_is_waited_out_on_the_vendors_clock(http: Http, serve: Serve) -> None:
    limited = says(
        "403 Forbidden",
        b"",
        "Date: Thu, 01 Jan 2026 00:00:00 GMT",
        "X-RateLimit-Remaining: 0",
        "X-RateLimit-Reset: 1767225605",
    )
    naps = Naps()
    server = serve(limited, says("200 OK"))
    assert http.ask("GET", server.url, patience=patience(60, naps)).status == 200
    assert naps.taken == [6.0]


def test_a_plain_403_is_an_answer(http: Http, serve: Serve) -> None:
    server = serve(says("403 Forbidden", b'{"message": "Resource not accessible"}'))
    assert http.ask("GET", server.url, patience=patience(60, Naps())).status == 403


def test_it_gives_up_after_a_few_attempts(http: Http, serve: Serve) -> None:
    server = serve(*[says("500 Internal Server Error")] * ATTEMPTS)
    assert http.ask("GET", server.url, patience=patience(600, Naps())).status == 500
    assert len(server.requests) == ATTEMPTS


def test_a_refused_connection_is_tried_again_and_then_told(http: Http) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        naps = Naps()
        with pytest.raises(HttpError, match="refused"):
            http.ask(
                "POST", f"http://127.0.0.1:{taken.getsockname()[1]}/", patience=patience(60, naps)
            )
    assert len(naps.taken) == ATTEMPTS - 1


def test_slept_time_counts_even_where_nobody_sleeps() -> None:
    naps = Naps()
    impatient = patience(10, naps)
    while impatient.wait(4):
        pass
    assert naps.taken == [4, 4]
