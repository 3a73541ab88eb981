"""Ending a role's password, and its sessions.

With a responder's role that may alter it, the role is left without any password. Without one the leaked log-in
can end itself: it gives itself a password that nobody knows. Where a successor is wanted it is replaced instead
(`remediate.plugins.provider.ReplacesItself`), for afterwards nobody here could set another.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.wording import bent, count
from remediate_providers.postgres import steps
from remediate_providers.postgres.alter import end_sessions, has_no_password, set_password
from remediate_providers.postgres.connect import INSUFFICIENT, LACKING, RefusedError, connected
from remediate_providers.postgres.kinds import address_of
from remediate_providers.postgres.look import NO_VALUE, NOT_USED, TRUSTED, login_of, look
from remediate_providers.postgres.responder import HOW, login_for
from remediate_providers.postgres.url import Address

PAUSE = 1.0
"""Seconds between two looks: a pooler in between may know the old password for a while."""


def replaces_itself(held: Held, vendor: VendorContext) -> bool:
    """See `remediate.plugins.provider.ReplacesItself`."""
    address = address_of(held)
    return address is not None and login_for(address.where, vendor.environment) is None


def revoke(batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
    """See `remediate.plugins.provider.Revokes.revoke`."""
    return {held.id: _one(held, vendor) for held in batch}


def _one(held: Held, vendor: VendorContext) -> Outcome:
    address = address_of(held)
    if address is None:
        return _by_hand(held, None, NO_VALUE)
    before = look(address, vendor)
    if before.alive is False:
        return _dead(address, before, {})
    if before.reason.endswith(LACKING):
        return _by_hand(held, address, LACKING)
    own = login_for(address.where, vendor.environment)
    role = address.where.role
    data: dict[str, Json] = {"role": role}
    evidence = list(before.evidence)
    login = own
    if login is None:
        if before.alive is None:
            return _undone(held, address, before.reason, evidence)
        login = login_of(address)
    try:
        with connected(login) as connection:
            if own is None and _is_superuser(connection):
                why = (
                    "it is a superuser, the one log-in at hand, and without a password nobody might "
                    "get in any more"
                )
                return _by_hand(held, address, why, evidence)
            # Thrown away at once: nobody knows it, and nothing is opened by it.
            new = None if own is not None else Secret(secrets.token_urlsafe(32))
            set_password(connection, role, new)
            ended, left = end_sessions(connection, role)
            none_left = has_no_password(connection, role) if own is not None else None
    except RefusedError as error:
        return _failed(held, address, login.role, error, vendor, evidence)
    probe = f"ALTER ROLE {role} PASSWORD at {address.where.address}, as {login.role}"
    evidence.append(Evidence(probe, f"done; {count(ended, 'session')} ended", vendor.now()))
    data["sessions_ended"] = ended
    if left:
        data["sessions_left"] = left
    if none_left:
        seen = Evidence("SELECT rolpassword FROM pg_authid", "none", vendor.now())
        evidence.append(seen)
    return _watched(held, address, vendor, evidence, data, none_left=none_left)


def _watched(
    held: Held,
    address: Address,
    vendor: VendorContext,
    evidence: list[Evidence],
    data: dict[str, Json],
    *,
    none_left: bool | None,
) -> Outcome:
    """Look until the old password is refused."""
    from remediate.http import Patience

    patience = Patience.of(vendor)
    while True:
        seen = look(address, vendor)
        if seen.alive is False:
            return _dead(address, Check(False, (*evidence, *seen.evidence)), data)
        if seen.alive is None or not patience.wait(PAUSE):
            break
    evidence += seen.evidence
    if none_left and seen.reason in (TRUSTED, NOT_USED):
        # The server's own list is the better witness: from here no password is asked for.
        text = f"{held.id}: the role {address.where.role} has no password any more"
        if seen.reason == TRUSTED:
            text += f"; but {TRUSTED}: that door is another one, and is open"
            data["open"] = TRUSTED
        return Outcome(Status.DONE, text, evidence=tuple(evidence), data=data)
    reason = seen.reason or "the old password is still accepted: is there a pooler in between?"
    summary = f"Took the password of {address.where.name} away; it has not been seen refused"
    return Outcome(Status.UNKNOWN, summary, reason, tuple(evidence), data)


def _is_superuser(connection: object) -> bool:
    from psycopg import Connection

    assert isinstance(connection, Connection)
    row = connection.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    return bool(row and row[0])


def _failed(
    held: Held,
    address: Address,
    role: str,
    error: RefusedError,
    vendor: VendorContext,
    evidence: Sequence[Evidence],
) -> Outcome:
    words = vendor.redact(error.reason)
    reason = f"{address.where.address}, as {role}: {words}"
    if error.code == INSUFFICIENT:
        reason += " (needed: superuser, or CREATEROLE with ADMIN OPTION on the role)"
    if error.code or error.reason == LACKING:
        return _by_hand(held, address, reason, evidence)
    return _undone(held, address, reason, evidence)


def _undone(
    held: Held, address: Address, reason: str, evidence: Sequence[Evidence] = ()
) -> Outcome:
    """Not done, and perhaps later: the server did not answer, or lets nobody in from here."""
    if reason in (NOT_USED, TRUSTED) or "pg_hba" in reason:
        return _by_hand(held, address, f"{reason}; {HOW}", evidence)
    return Outcome(
        Status.UNREACHABLE,
        f"{held.id} was not ended",
        reason=reason,
        evidence=tuple(evidence),
        manual=steps.revoke(held, address, reason),
    )


def _dead(address: Address, check: Check, data: Mapping[str, Json]) -> Outcome:
    ended = data.get("sessions_ended")
    more = ""
    if isinstance(ended, int) and ended:
        more = f"; {count(ended, 'session')} of it {bent(ended, 'was', 'were')} ended"
    if data.get("sessions_left"):
        more += f"; {data['sessions_left']}"
    return Outcome(
        Status.DONE,
        f"{address.where.address} refuses the leaked password of {address.where.role}{more}",
        evidence=tuple(check.evidence),
        data=data,
    )


def _by_hand(
    held: Held, address: Address | None, reason: str, evidence: Sequence[Evidence] = ()
) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"{held.id} has to be ended by hand",
        reason=reason,
        evidence=tuple(evidence),
        manual=steps.revoke(held, address, reason),
    )
