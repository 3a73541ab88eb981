"""Which addresses may be asked, and through what."""

from __future__ import annotations

import pytest

from remediate.errors import UsageError
from remediate.http import base_url, is_loopback
from remediate.http.surroundings import is_plain_proxy, proxy_for, trusted, without_user


@pytest.mark.parametrize(
    "url",
    [
        "https://ghe.example.com/api/v3/",
        "http://127.0.0.1:8000",
        "http://localhost:1",
        "http://[::1]:1",
    ],
)
def test_base_addresses(url: str) -> None:
    assert base_url({"X": url}, "X", "https://api.github.com") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://ghe.example.com",
        "http://127.0.0.1.evil.example",
        "https://a:b@host",
        "file:///x",
        "https://h:x/",
    ],
)
def test_base_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="X is not an https address"):
        base_url({"X": url}, "X", "https://api.github.com")


def test_loopback() -> None:
    assert [is_loopback(h) for h in ("127.9.9.9", "::1", "localhost", "10.0.0.1", "", None)] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "environment, host, proxied",
    [
        ({}, "api.github.com", False),
        ({"https_proxy": "proxy:3128"}, "api.github.com", True),
        ({"http_proxy": "http://proxy:3128"}, "api.github.com", False),
        ({"ALL_PROXY": "http://proxy:3128"}, "api.github.com", True),
        ({"https_proxy": "http://p:1", "no_proxy": "github.com"}, "api.github.com", False),
        ({"https_proxy": "http://p:1", "NO_PROXY": "*"}, "api.github.com", False),
        ({"https_proxy": "  "}, "api.github.com", False),
        ({"https_proxy": "http://p:1"}, "localhost", False),
        ({"https_proxy": "http://p:1"}, "127.0.0.2", False),
    ],
)
def test_which_proxy(environment: dict[str, str], host: str, proxied: bool) -> None:
    assert (proxy_for(host, environment) is not None) is proxied


@pytest.mark.parametrize(
    "proxy, bare, plain",
    [
        ("http://ada:p%40ss@proxy:3128/", "http://proxy:3128/", True),
        ("http://proxy", "http://proxy", True),
        ("http://a@b@proxy:1", "http://proxy:1", True),
        ("https://proxy:1", "https://proxy:1", False),
        ("socks5h://ada@proxy:1", "socks5h://proxy:1", False),
        ("http://:3128", "http://:3128", False),
        ("http://proxy:port", "http://proxy:port", False),
        ("http://proxy:0", "http://proxy:0", False),
    ],
)
def test_a_proxy_and_its_user(proxy: str, bare: str, plain: bool) -> None:
    assert without_user(proxy) == bare
    assert is_plain_proxy(proxy) is plain


def test_whose_certificates_count() -> None:
    both = {"SSL_CERT_FILE": "/o", "REQUESTS_CA_BUNDLE": "/r"}
    assert trusted(both) == "/r"
    assert trusted({**both, "REQUESTS_CA_BUNDLE": " "}) == "/o"
    assert trusted({}) not in ("", False)


def test_the_process_does_not_say_whose_certificates_count(monkeypatch: pytest.MonkeyPatch) -> None:
    without = trusted({})
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "/somewhere/else")
    assert trusted({}) == without
