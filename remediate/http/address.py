"""Which addresses may be asked: https ones, and plain http on this machine alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from remediate.errors import UsageError


def base_url(environment: Mapping[str, str], variable: str, default: str) -> str:
    """A vendor's base address from *variable*, without a trailing slash.

    Raises `UsageError` for anything but https, except http on loopback.
    """
    url = environment.get(variable, "").strip() or default
    if parts_of(url) is not None:
        return url.rstrip("/")
    raise UsageError(
        f"{variable} is not an https address; a credential would travel in the clear.",
        hint=f"Set {variable} to an https:// address (http:// is taken for loopback alone), "
        "without a user name in it.",
    )


def is_loopback(host: str | None) -> bool:
    """Whether *host* is this machine: 127.0.0.0/8, ::1 or localhost."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parts_of(url: str) -> SplitResult | None:
    """*url*, taken apart, where it is one that may be asked; else None."""
    try:
        parts = urlsplit(url)
        if parts.port == 0 or not parts.hostname or parts.username is not None:
            return None
    except ValueError:
        return None
    plain = parts.scheme == "http" and is_loopback(parts.hostname)
    return parts if parts.scheme == "https" or plain else None
