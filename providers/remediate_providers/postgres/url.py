"""Connection URLs: taken apart, and written again with another password and nothing else changed.

The forms of libpq (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS), and those of
SQLAlchemy, which name a driver after a plus sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote

from remediate.http import is_loopback
from remediate.secret import Secret

DEFAULT_PORT = "5432"
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_URL = re.compile(
    r"""
    (?P<head> postgres(?:ql)? (?:\+[a-z0-9_]{1,20})? :// (?P<user>[^:@/?\#\s]{1,200}) : )
    (?P<password> [^/?\#\s]{1,500} )
    (?P<tail> @
        (?P<hosts> [^@/?\#\s]{0,500} )
        (?: / (?P<database>[^?\#\s]{0,200}) )?
        (?: \? (?P<query>[^\#\s]{0,1000}) )?
    )
    """,
    re.VERBOSE,
)
#: What stands for a password in a template: nothing has leaked with it.
_PLACEHOLDER = re.compile(r"\$\{?\w+\}?|\{\{.*\}\}|<[^>]*>|%\(?\w+\)?s|\*+|x{3,}", re.IGNORECASE)


@dataclass(frozen=True)
class Where:
    """A database as a URL names it."""

    role: str
    hosts: tuple[str, ...]
    ports: tuple[str, ...]
    """One for each host."""
    database: str
    sslmode: str
    """Empty where the URL does not say."""

    @property
    def name(self) -> str:
        """For people and evidence: ``app at db.example.com:5432``."""
        return f"{self.role} at {self.address}"

    @property
    def address(self) -> str:
        """The hosts and ports."""
        pairs = zip(self.hosts, self.ports, strict=True)
        return ",".join(host if host.startswith("/") else f"{host}:{port}" for host, port in pairs)

    @property
    def local(self) -> bool:
        """Whether all of it is this machine: no password travels."""
        return all(host.startswith("/") or is_loopback(host) for host in self.hosts)


@dataclass(frozen=True)
class Address:
    """A URL with the password in it."""

    where: Where
    password: Secret
    head: Secret
    tail: Secret

    def with_password(self, password: Secret) -> Secret:
        """The same URL with *password*, all else letter by letter as it was."""
        quoted = quote(password.reveal_text(), safe="").encode()
        return Secret(self.head.reveal() + quoted + self.tail.reveal())


def parsed(value: Secret) -> Address | None:
    """*value* as an address with a password; None where it is none."""
    try:
        found = _URL.fullmatch(value.reveal().decode())
    except UnicodeDecodeError:
        return None
    if found is None or _PLACEHOLDER.fullmatch(unquote(found["password"])):
        return None
    places = _places(found["hosts"] or "")
    query = parse_qs(found["query"] or "")
    hosts, ports = places or (("localhost",), (DEFAULT_PORT,))
    if not found["hosts"] and "host" in query:
        hosts = tuple(query["host"][-1].split(","))
        ports = tuple((query.get("port", [DEFAULT_PORT])[-1].split(",") * len(hosts))[: len(hosts)])
    if not all(port.isdigit() and 0 < int(port) < 65536 for port in ports):
        return None
    mode = query.get("sslmode", [""])[-1]
    role = unquote(found["user"])
    return Address(
        Where(
            role=role,
            hosts=hosts,
            ports=ports,
            database=unquote(found["database"] or "") or role,
            sslmode=mode if mode in SSL_MODES else "",
        ),
        Secret(unquote(found["password"])),
        Secret(found["head"]),
        Secret(found["tail"]),
    )


def _places(text: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Hosts and ports; several parted by commas; an IPv6 address in brackets."""
    if not text:
        return None
    hosts, ports = [], []
    for part in text.split(","):
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]*)(?::(\d*))?", part)
        if found is None:
            return (), ("0",)  # no address: the port is refused
        hosts.append(unquote(found[1]).strip("[]") or "localhost")
        ports.append(found[2] or DEFAULT_PORT)
    return tuple(hosts), tuple(ports)
