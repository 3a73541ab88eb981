"""Trying a password: alive, dead, or nothing proven.

``28P01`` is dead: refused for the password (or the role is gone; the server takes care to tell neither). A log-in that
works while the server asked for no password proves nothing: pg_hba.conf lets this machine in without one.
"""

from __future__ import annotations

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence
from remediate.secret import Secret
from remediate_providers.postgres.connect import (
    NOT_ALLOWED,
    WRONG_PASSWORD,
    Login,
    RefusedError,
    asked_for_password,
    connected,
)
from remediate_providers.postgres.url import Address

NOT_USED = "policy says that the leaked password is not to be used (use_leaked = false)"
NO_VALUE = "its value is not at hand any more"
TRUSTED = (
    "the server lets this machine in without asking for a password (trust, peer or cert in its "
    "pg_hba.conf)"
)


def login_of(address: Address, password: Secret | None = None) -> Login:
    """The role's own log-in; with another *password* than the URL's where one is given."""
    where = address.where
    return Login(where, where.role, password or address.password, where.database)


def attempt(login: Login, vendor: VendorContext) -> Check:
    """One log-in."""
    probe = f"log in as {login.role} at {login.where.address}"
    try:
        with connected(login) as connection:
            asked = asked_for_password(connection)
    except RefusedError as error:
        words = vendor.redact(error.reason)
        if not error.code:
            return Check(None, reason=f"{login.where.address}: {words}")
        seen = (Evidence(probe, f"{error.code} {words}"[:120], vendor.now()),)
        if error.code == WRONG_PASSWORD:
            return Check(False, seen)
        if error.code == NOT_ALLOWED:
            words += ": its pg_hba.conf does not let this machine or this role in"
        return Check(None, seen, f"{login.where.address}: {words}")
    if not asked:
        seen = (Evidence(probe, "let in, no password asked for", vendor.now()),)
        return Check(None, seen, TRUSTED)
    return Check(True, (Evidence(probe, "let in with the password", vendor.now()),))


def look(address: Address | None, vendor: VendorContext) -> Check:
    """Whether the leaked password is accepted."""
    if address is None:
        return Check(None, reason=NO_VALUE)
    if not vendor.use_leaked:
        return Check(None, reason=NOT_USED)
    return attempt(login_of(address), vendor)
