"""What somebody may have left in a server with a role's password: roles, grants, functions that run as another.

PostgreSQL writes down who owns a thing and who granted it, and not when it was made. With ``track_commit_timestamp``
on, the transaction that last wrote its row has a time (https://www.postgresql.org/docs/current/
functions-info.html#FUNCTIONS-INFO-COMMIT-TIMESTAMP): what is younger than the leak is then a sign. Without it
what the role owns or granted is listed, and is none: it may be years old.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from remediate.clock import parse, rfc3339
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate_providers.postgres.connect import Login, RefusedError, connected, driver
from remediate_providers.postgres.kinds import address_of
from remediate_providers.postgres.look import NO_VALUE, NOT_USED, login_of
from remediate_providers.postgres.responder import HOW, login_for

if TYPE_CHECKING:
    from psycopg import Connection

MOST = 50
"""Rows that are named of each kind."""
_NO_TIMES = (
    "no evidence kept: the server keeps no times of changes (track_commit_timestamp is off); what the role owns or "
    "granted is listed, and may be older than the leak"
)


@dataclass(frozen=True)
class _Look:
    """One kind of thing: rows of (its name, whose it is or who granted it, its transaction)."""

    what: str
    why: str
    sql: str


# "written" is the row's xmin; "whose" the role that owns it, or that granted it.
_LOOKS = (
    _Look(
        "role that may log in",
        "somebody can come back as it",
        "SELECT rolname || CASE WHEN rolsuper THEN ' (superuser)' ELSE '' END AS name, "
        "NULL::text AS whose, xmin AS written FROM pg_authid WHERE rolcanlogin",
    ),
    _Look(
        "membership",
        "it gives a role the rights of another",
        "SELECT m.rolname || ' in ' || g.rolname AS name, r.rolname AS whose, a.xmin AS written "
        "FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member "
        "LEFT JOIN pg_roles r ON r.oid = a.grantor",
    ),
    _Look(
        "function with its owner's rights",
        "who calls it acts as its owner",
        "SELECT p.oid::regprocedure::text AS name, o.rolname AS whose, p.xmin AS written FROM pg_proc p "
        "JOIN pg_roles o ON o.oid = p.proowner WHERE p.prosecdef AND p.oid >= 16384",
    ),
    _Look(
        "function in a language without limits",
        "it may do on the machine what the server may",
        "SELECT p.oid::regprocedure::text AS name, o.rolname AS whose, p.xmin AS written FROM pg_proc p "
        "JOIN pg_roles o ON o.oid = p.proowner JOIN pg_language l ON l.oid = p.prolang "
        "WHERE NOT l.lanpltrusted AND p.oid >= 16384",
    ),
    _Look(
        "event trigger",
        "it runs at whatever others do",
        "SELECT t.evtname AS name, o.rolname AS whose, t.xmin AS written FROM pg_event_trigger t "
        "JOIN pg_roles o ON o.oid = t.evtowner",
    ),
    _Look(
        "foreign server",
        "data goes out through it",
        "SELECT s.srvname AS name, o.rolname AS whose, s.xmin AS written FROM pg_foreign_server s "
        "JOIN pg_roles o ON o.oid = s.srvowner",
    ),
    _Look(
        "publication",
        "data goes out through it",
        "SELECT p.pubname AS name, o.rolname AS whose, p.xmin AS written FROM pg_publication p "
        "JOIN pg_roles o ON o.oid = p.pubowner",
    ),
)


def triage(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Triages.triage`."""
    address = address_of(held)
    if address is None:
        return Facts({"footholds": []}, {"footholds": NO_VALUE})
    own = login_for(address.where, vendor.environment)
    # Functions and triggers stand in the database that the leaked URL opens.
    tried: list[Login] = [replace(own, database=address.where.database), own] if own else []
    tried += [login_of(address)] if vendor.use_leaked else []
    reason = f"{NOT_USED}; {HOW}"
    for login in tried:
        try:
            with connected(login) as connection:
                known, unknown = _seen(connection, address.where.role, since)
        except RefusedError as error:
            reason = f"{address.where.address}, as {login.role}: {vendor.redact(error.reason)}"
            continue
        probe = f"pg_catalog of {login.database} at {address.where.address}, as {login.role}"
        saw = f"{len(known['footholds'])} signs"
        return Facts(known, unknown, (Evidence(probe, saw, vendor.now()),))
    return Facts({"footholds": []}, {"footholds": f"no evidence to be had: {reason}"})


def _seen(
    connection: Connection[Any], role: str, since: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """What was found and what could not be read."""
    psycopg = driver()
    row = connection.execute("SELECT current_setting('track_commit_timestamp')").fetchone()
    timed = row is not None and row[0] == "on" and since is not None
    unknown = {
        "footholds elsewhere": "functions and triggers of other databases, jobs of pg_cron, and what stands "
        "outside the server were not looked at"
    }
    if not timed:
        unknown["when things were made"] = (
            _NO_TIMES if since is not None else "since when it was out is not known"
        )
    footholds: list[Json] = []
    own: list[Json] = []
    for look in _LOOKS:
        try:
            rows = _rows(connection, look, timed)
        except psycopg.errors.InsufficientPrivilege:
            unknown[look.what] = "only a superuser may read it"
            continue
        for name, whose, at in rows:
            # The leaked role's own row is younger than the leak by our own hand.
            if look.what.startswith("role ") and str(name).split(" (")[0] == role:
                continue
            told: dict[str, Json] = {"what": look.what, "id": str(name), "by": whose or ""}
            if at is not None and since is not None and at >= parse(since):
                footholds.append(
                    {**told, "at": rfc3339(at), "why": f"it is younger than the leak: {look.why}"}
                )
            elif whose == role:
                own.append({**told, "why": look.why})
    return {"footholds": footholds, "of_the_role": own}, unknown


def _rows(connection: Connection[Any], look: _Look, timed: bool) -> list[tuple[Any, Any, Any]]:
    """The newest first where times are kept."""
    at = "pg_xact_commit_timestamp(written)" if timed else "NULL::timestamptz"
    found = connection.execute(
        f"SELECT name, whose, {at} AS at FROM ({look.sql}) AS found "  # noqa: S608 - our own text
        f"ORDER BY at DESC NULLS LAST, name LIMIT {MOST}"
    ).fetchall()
    return [(name, whose, moment) for name, whose, moment in found]
