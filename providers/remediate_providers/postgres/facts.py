"""What a role may do, and who is connected as it: seen with the leaked log-in, or the responder's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remediate.clock import rfc3339
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.postgres.connect import Login, RefusedError, connected
from remediate_providers.postgres.kinds import address_of
from remediate_providers.postgres.look import NO_VALUE, NOT_USED, login_of
from remediate_providers.postgres.responder import login_for

if TYPE_CHECKING:
    from psycopg import Connection

MOST = 50
"""Sessions that are named."""
_RIGHTS = {
    "rolsuper": "superuser",
    "rolcreaterole": "createrole",
    "rolcreatedb": "createdb",
    "rolreplication": "replication",
    "rolbypassrls": "bypassrls",
}


def describe(held: Held, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Describes.describe`."""
    return _seen(held, vendor, "owner", _rights)


def preserve(held: Held, vendor: VendorContext) -> Facts:
    """Who is connected as the role: its sessions are ended with it."""
    return _seen(held, vendor, "sessions", _sessions)


def _seen(held: Held, vendor: VendorContext, topic: str, ask: Any) -> Facts:
    address = address_of(held)
    if address is None:
        return Facts(unknown={topic: NO_VALUE})
    own = login_for(address.where, vendor.environment)
    tried: list[Login] = [own] if own is not None else []
    tried += [login_of(address)] if vendor.use_leaked else []
    reason = NOT_USED
    for login in tried:
        try:
            with connected(login) as connection:
                known: dict[str, Json] = ask(connection, address.where.role)
        except RefusedError as error:
            reason = f"{address.where.address}, as {login.role}: {vendor.redact(error.reason)}"
            continue
        probe = f"pg_roles, pg_stat_activity at {address.where.address}, as {login.role}"
        unknown = {"last_used": "a server keeps no time of a role's last log-in; its log may"}
        return Facts(known, unknown, (Evidence(probe, "read", vendor.now()),))
    return Facts(unknown={topic: reason})


def _rights(connection: Connection[Any], role: str) -> dict[str, Json]:
    columns = ", ".join(_RIGHTS)
    row = connection.execute(
        f"SELECT {columns}, rolvaliduntil::text FROM pg_roles WHERE rolname = %s",  # noqa: S608
        (role,),
    ).fetchone()
    if row is None:
        return {"owner": role, "gone": True}
    member = connection.execute(
        "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid "
        "JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = %s ORDER BY 1",
        (role,),
    ).fetchall()
    databases = connection.execute(
        "SELECT datname FROM pg_database WHERE datallowconn "
        "AND has_database_privilege(%s, oid, 'CONNECT') ORDER BY 1 LIMIT 50",
        (role,),
    ).fetchall()
    scopes = [name for name, has in zip(_RIGHTS.values(), row, strict=False) if has]
    known: dict[str, Json] = {
        "owner": role,
        "scopes": [*scopes, *(f"member of {name}" for (name,) in member)],
        "databases": [name for (name,) in databases],
        "server_version": connection.info.server_version,
    }
    if row[-1] and row[-1] != "infinity":
        known["expires_at"] = row[-1]
    return known


def _sessions(connection: Connection[Any], role: str) -> dict[str, Json]:
    rows = connection.execute(
        "SELECT host(client_addr), application_name, datname, backend_start FROM pg_stat_activity "
        "WHERE usename = %s AND pid <> pg_backend_pid() ORDER BY backend_start LIMIT %s",
        (role, MOST),
    ).fetchall()
    return {
        "sessions": [
            {
                "from": address or "this machine's socket",
                "application": application or "",
                "database": database or "",
                "since": rfc3339(since) if since is not None else "",
            }
            for address, application, database, since in rows
        ]
    }
