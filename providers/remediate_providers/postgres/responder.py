"""The responder's own log-in, from where PostgreSQL's users keep it.

``PGSERVICE`` names an entry of ``~/.pg_service.conf`` (or ``PGSERVICEFILE``); else ``PGUSER`` names the role, with
``PGPASSWORD`` or ``~/.pgpass`` (or ``PGPASSFILE``). Used at a server that it is for, and at no other:
https://www.postgresql.org/docs/current/libpq-pgservice.html, libpq-pgpass.html, libpq-envars.html
"""

from __future__ import annotations

import configparser
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from remediate.secret import Secret
from remediate_providers.postgres.connect import Login
from remediate_providers.postgres.url import DEFAULT_PORT, SSL_MODES, Where

HOW = (
    "set PGSERVICE, or PGUSER with ~/.pgpass, to a role that may alter it (with PGHOST and PGPORT as in "
    "the leaked URL)"
)
LARGEST = 1024 * 1024
"""Bytes of a file that are read."""


def login_for(where: Where, environment: Mapping[str, str]) -> Login | None:
    """The responder's log-in at *where*; None where there is none for it."""
    for login in logins(environment, where):
        if login.role != where.role:
            return login
    return None


def logins(environment: Mapping[str, str], where: Where | None) -> Iterator[Login]:
    """Each log-in that the environment names; for *where* alone, if given."""
    for settings in (_service(environment), _variables(environment)):
        if settings is None or not settings.get("user"):
            continue
        host = settings.get("hostaddr") or settings.get("host") or ""
        port = settings.get("port") or DEFAULT_PORT
        place = _at(where, host, port)
        if place is None:
            continue
        mode = settings.get("sslmode", "")
        database = settings.get("dbname") or "postgres"
        role = settings["user"]
        text = settings.get("password", "")
        password = Secret(text) if text else _from_file(environment, place, database, role)
        yield Login(place, role, password, database, mode if mode in SSL_MODES else "")


def _at(where: Where | None, host: str, port: str) -> Where | None:
    """*where*, as far as these settings are for it."""
    if where is None:
        return Where("", (host or "localhost",), (port,), "", "")
    pairs = list(zip(where.hosts, where.ports, strict=True))
    if not host:
        # No host named: this machine, and nothing that a report could name.
        return where if where.local and all(p == port for p in where.ports) else None
    kept = [pair for pair in pairs if pair == (host, port)]
    if not kept:
        return None
    return replace(where, hosts=tuple(h for h, _p in kept), ports=tuple(p for _h, p in kept))


def values(environment: Mapping[str, str]) -> Sequence[Secret]:
    """The passwords that would be used, for comparing with the leaked ones."""
    found = [login.password for login in logins(environment, None) if login.password is not None]
    return list(dict.fromkeys(found))


def _variables(environment: Mapping[str, str]) -> dict[str, str] | None:
    names = {
        "PGUSER": "user",
        "PGPASSWORD": "password",
        "PGHOST": "host",
        "PGHOSTADDR": "hostaddr",
        "PGPORT": "port",
        "PGDATABASE": "dbname",
        "PGSSLMODE": "sslmode",
    }
    found = {ours: environment[name] for name, ours in names.items() if environment.get(name)}
    return found or None


def _service(environment: Mapping[str, str]) -> dict[str, str] | None:
    name = environment.get("PGSERVICE", "")
    if not name:
        return None
    file = _named(environment, "PGSERVICEFILE", ".pg_service.conf")
    parser = configparser.RawConfigParser(delimiters=("=",), interpolation=None, strict=False)
    try:
        parser.read_string(_text(file))
        return dict(parser.items(name))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return None


def _from_file(
    environment: Mapping[str, str], where: Where, database: str, role: str
) -> Secret | None:
    """The password of the first line that fits, as libpq reads the file."""
    file = _named(environment, "PGPASSFILE", ".pgpass")
    try:
        if file is None or file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return None  # libpq takes no notice of a file that others may read
        lines = _text(file).splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    wanted = (where.hosts[0], where.ports[0], database, role)
    for line in lines:
        fields = _fields(line)
        if len(fields) == 5 and all(
            field in ("*", one) for field, one in zip(fields, wanted, strict=False)
        ):
            return Secret(fields[4])
    return None


def _fields(line: str) -> list[str]:
    """host:port:database:role:password, with ``\\:`` and ``\\\\`` for themselves."""
    if line.startswith("#"):
        return []
    fields: list[str] = []
    current, escaped = "", False
    for letter in line:
        if escaped or letter not in "\\:":
            current, escaped = current + letter, False
        elif letter == "\\":
            escaped = True
        elif len(fields) < 4:
            fields.append(current)
            current = ""
        else:
            current += letter
    return [*fields, current]


def _named(environment: Mapping[str, str], variable: str, default: str) -> Path | None:
    named, home = environment.get(variable, ""), environment.get("HOME", "")
    if named:
        return Path(named)
    return Path(home) / default if home else None


def _text(file: Path | None) -> str:
    if file is None or file.stat().st_size > LARGEST:
        raise OSError("no such file")
    return file.read_text("utf-8")
