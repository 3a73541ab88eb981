"""Changing a role's password, and ending its sessions.

The verifier is computed here (RFC 5802, by libpq's own PQencryptPasswordConn): a password in ALTER ROLE would stand in the
server's log, where ``log_statement`` is on or the statement fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.postgres.connect import RefusedError

if TYPE_CHECKING:
    from psycopg import Connection

OLDEST = 100000
"""The first server with SCRAM verifiers, version 10, as libpq counts."""


def set_password(connection: Connection[Any], role: str, password: Secret | None) -> None:
    """Give *role* that password; with None, none at all: it can't log in by password any more.

    Raises `RefusedError`, and psycopg's own errors, which `connected` turns into it.
    """
    from psycopg import sql

    if connection.info.server_version < OLDEST:
        raise RefusedError("the server is older than version 10 and takes no SCRAM verifier")
    if password is None:
        new: sql.Composable = sql.SQL("NULL")
    else:
        verifier = connection.pgconn.encrypt_password(
            password.reveal(), role.encode(), b"scram-sha-256"
        )
        new = sql.Literal(verifier.decode())
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), new)
    connection.execute(statement)


def end_sessions(connection: Connection[Any], role: str) -> tuple[int, str]:
    """End every other session of *role*; how many, and why not all of them."""
    import psycopg

    try:
        # 'not … is distinct' and not '=': a role name is text, and the view's column may be null.
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = %s AND pid <> pg_backend_pid()",
            (role,),
        ).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return 0, f"ending sessions of {role} wants membership in it, or in pg_signal_backend"
    ended = sum(bool(row[0]) for row in rows)
    left = len(rows) - ended
    return ended, f"{count(left, 'session')} could not be ended" if left else ""


def has_no_password(connection: Connection[Any], role: str) -> bool | None:
    """Whether the server keeps no password for *role*; None where only a superuser may know."""
    import psycopg

    try:
        row = connection.execute(
            "SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = %s", (role,)
        ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return bool(row and row[0])
