"""Connecting, over libpq, with nothing that the process's own environment would add.

libpq keeps the SQLSTATE of a refused log-in to itself, and the server's words come in the server's language. So the
protocol is traced (PQtrace) into memory while the connection is made, and the code read from there; where psycopg
has no trace (it is for Linux alone), from the English words.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from remediate.secret import Secret
from remediate_providers.postgres.url import Where

if TYPE_CHECKING:
    from psycopg import Connection

SECONDS = 10.0
"""For making a connection; and for each statement, by the server's own time-out."""
WRONG_PASSWORD = "28P01"  # noqa: S105 - a SQLSTATE
NOT_ALLOWED = "28000"
INSUFFICIENT = "42501"
LACKING = "the PostgreSQL driver is not installed: pip install 'remediate[postgres]'"

_CODE = re.compile(rb'ErrorResponse[^\n]*? C "([0-9A-Z]{5})"')
_ENGLISH = (
    ("password authentication failed for user", WRONG_PASSWORD),
    ("no pg_hba.conf entry for", NOT_ALLOWED),
    ("is not permitted to log in", NOT_ALLOWED),
)


@dataclass(frozen=True)
class Login:
    """Who connects, and where to."""

    where: Where
    role: str
    password: Secret | None
    database: str
    sslmode: str = ""


class RefusedError(Exception):
    """No connection, or a statement that failed. The text is fit for the record once redacted."""

    def __init__(self, reason: str, code: str = "", *, sent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        """The SQLSTATE; empty where the server told none: it was not reached, or went away."""
        self.sent = sent
        """Whether a statement may have had its effect."""


def driver() -> ModuleType:
    """psycopg. Raises `RefusedError` where it is not installed: it is an extra."""
    try:
        import psycopg
    except ImportError:
        raise RefusedError(LACKING) from None
    return psycopg


@contextlib.contextmanager
def connected(login: Login) -> Iterator[Connection[Any]]:
    """A connection that commits each statement, closed in the end. Raises `RefusedError`."""
    psycopg = driver()
    connection = psycopg.Connection(_connection(login))
    connection.autocommit = True
    try:
        connection.execute(f"SET statement_timeout = {int(SECONDS * 1000)}")
        yield connection
    except psycopg.Error as error:
        code = error.sqlstate or ""
        words = error.diag.message_primary or "the connection was lost"
        raise RefusedError(words, code, sent=not code) from None
    finally:
        connection.close()


def asked_for_password(connection: Connection[Any]) -> bool:
    """Whether the server wanted the password at all: by pg_hba's ``trust`` or ``peer`` it does not."""
    return bool(connection.pgconn.used_password)


def _connection(login: Login) -> Any:
    """A libpq connection that is up, its log-in done."""
    from psycopg import conninfo, pq

    text = conninfo.make_conninfo("", **_parameters(login))
    with _traced() as trace:
        pgconn = pq.PGconn.connect_start(text.encode())
        try:
            trace.begin(pgconn)
            _wait(pgconn, pq)
        except RefusedError as error:
            said = pgconn.get_error_message()
            trace.end(pgconn)
            pgconn.finish()
            reason = error.reason or _plain(said)
            raise RefusedError(reason, trace.code() or _english(said)) from None
        trace.end(pgconn)
    pgconn.nonblocking = 1
    return pgconn


def _wait(pgconn: Any, pq: Any) -> None:
    """Raises `RefusedError`: with a reason where time is up, else the connection's own words say it."""
    until = time.monotonic() + SECONDS
    state = pq.PollingStatus.WRITING
    while True:
        if pgconn.status == pq.ConnStatus.BAD:
            raise RefusedError("")
        if state == pq.PollingStatus.OK:
            return
        if state == pq.PollingStatus.FAILED:
            raise RefusedError("")
        left = until - time.monotonic()
        sockets = [pgconn.socket]
        reading = sockets if state == pq.PollingStatus.READING else []
        writing = sockets if state == pq.PollingStatus.WRITING else []
        if left <= 0 or not any(select.select(reading, writing, [], left)):
            raise RefusedError(f"it did not answer within {SECONDS:.0f} s")
        state = pgconn.connect_poll()


def _parameters(login: Login) -> dict[str, str]:
    """Every parameter that libpq would else take from the process's environment or the user's files."""
    from psycopg import pq

    where = login.where
    mode = login.sslmode or where.sslmode or "prefer"
    wanted = {
        "host": ",".join(where.hosts),
        "hostaddr": "",
        "port": ",".join(where.ports),
        "user": login.role,
        "dbname": login.database,
        "password": login.password.reveal_text() if login.password is not None else "",
        "passfile": os.devnull,
        "sslmode": mode,
        "gssencmode": "disable",
        "options": "",
        "application_name": "remediate",
        "client_encoding": "UTF8",
        # Of several servers the one that can be written to: a standby refuses ALTER ROLE.
        "target_session_attrs": "read-write" if len(where.hosts) > 1 else "any",
    }
    encrypted = mode in ("require", "verify-ca", "verify-full")
    if pq.version() >= 160000 and not (where.local or encrypted):
        # A password is never said in plain words over a line that anybody may listen to.
        wanted["require_auth"] = "!password"
    return wanted


class _Trace:
    """The messages of one log-in, in memory."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def begin(self, pgconn: Any) -> None:
        if self._descriptor is not None:
            pgconn.trace(self._descriptor)

    def end(self, pgconn: Any) -> None:
        if self._descriptor is not None:
            pgconn.untrace()

    def code(self) -> str:
        """The SQLSTATE of the error that ended it; empty where there is none."""
        if self._descriptor is None:
            return ""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        found = _CODE.findall(os.read(self._descriptor, 1 << 20))
        return found[-1].decode() if found else ""


@contextlib.contextmanager
def _traced() -> Iterator[_Trace]:
    make = getattr(os, "memfd_create", None)  # Linux alone, as psycopg's trace is
    if make is None:
        yield _Trace(None)
        return
    descriptor = make("remediate", os.MFD_CLOEXEC)
    try:
        yield _Trace(descriptor)
    finally:
        os.close(descriptor)


def _plain(said: str) -> str:
    """libpq's words on one line, without the address in front."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "no connection"
    return re.sub(r'^connection to server (?:at|on socket) "[^"]*"[^:]*failed: ', "", last)[:300]


def _english(said: str) -> str:
    return next((code for words, code in _ENGLISH if words in said), "")
