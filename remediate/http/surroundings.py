"""What the environment says about the way out: the proxy, and whose certificates are believed.

Only the mapping that is handed in is looked at, never the process's own environment.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from remediate.http.address import is_loopback

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where certificates are named, the first one that is set; in the order of `requests`, then OpenSSL."""


def proxy_for(host: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that *environment* names for an https *host*: ``https_proxy``, else ``all_proxy``.

    Lower case goes first, as curl and Python do; ``no_proxy`` is honoured. This machine is never asked
    through one.
    """
    found = {
        name: value
        for name in ("https_proxy", "all_proxy", "no_proxy")
        if (value := environment.get(name) or environment.get(name.upper(), "")).strip()
    }
    named = (found.get("https_proxy") or found.get("all_proxy") or "").strip()
    if not named or is_loopback(host):
        return None
    if proxy_bypass_environment(host, {"no": found.get("no_proxy", "")}):
        return None
    return named if "://" in named else f"http://{named}"


def without_user(proxy: str) -> str:
    """*proxy* without the user name and password in it."""
    parts = urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def is_plain_proxy(proxy: str) -> bool:
    """Whether *proxy* is one that can be asked to connect: ``http://``, with a host."""
    try:
        parts = urlsplit(proxy)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def trusted(environment: Mapping[str, str]) -> str | bool:
    """Whose certificates are believed: a file or folder, or True for those that `requests` brings.

    What *environment* names; else the machine's own, as git and curl have it, so that a company's own
    authority counts here too; else those of `requests`.
    """
    named = next((value for name in BUNDLES if (value := environment.get(name, "").strip())), "")
    if named:
        return named
    machine = ssl.get_default_verify_paths()
    if Path(machine.openssl_cafile).is_file():
        return machine.openssl_cafile
    # Names as OpenSSL looks for them: a folder without any is an empty store.
    if any(Path(machine.openssl_capath).glob("*.0")):
        return machine.openssl_capath
    return True
