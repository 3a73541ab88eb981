"""A new password: made here, kept, and only then put in force.

In that order, so that no crash leaves a role with a password that nobody knows.
"""

from __future__ import annotations

import secrets
import string

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.postgres import steps
from remediate_providers.postgres.alter import end_sessions, set_password
from remediate_providers.postgres.connect import (
    INSUFFICIENT,
    LACKING,
    Login,
    RefusedError,
    connected,
)
from remediate_providers.postgres.kinds import PASSWORD_PART, address_of, urls_of
from remediate_providers.postgres.look import NO_VALUE, TRUSTED, attempt, login_of, look
from remediate_providers.postgres.responder import HOW, login_for
from remediate_providers.postgres.url import Address, parsed

LETTERS = string.ascii_letters + string.digits
LENGTH = 40
"""Letters and digits: 238 bits, and nothing that a URL, a shell or a YAML file would take amiss."""


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Reissues.reissue`. Changes nothing at the server."""
    address = address_of(held)
    if address is None:
        return _by_hand(held, None, NO_VALUE)
    login, why = _who(address, vendor)
    if login is None:
        return _by_hand(held, address, why)
    try:
        with connected(login):
            pass
    except RefusedError as error:
        reason = f"{address.where.address}, as {login.role}: {vendor.redact(error.reason)}"
        if error.code or error.reason == LACKING:
            return _by_hand(held, address, reason)
        step = steps.replace(held, address, reason)
        summary = f"No new password was made in place of {held.id}"
        return Reissued(Outcome(Status.UNREACHABLE, summary, reason=reason, manual=step))
    new = Secret("".join(secrets.choice(LETTERS) for _ in range(LENGTH)))
    return Reissued(
        Outcome(
            Status.DONE,
            f"Made a new password for {address.where.name}; it is put in force next",
            data={"role": address.where.role},
        ),
        _values(held, new),
    )


def install(old: Held, new: Held, vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Installs.install`."""
    address, wanted = address_of(old), address_of(new)
    if address is None or wanted is None:
        return Outcome(
            Status.UNKNOWN, f"The new password of {old.id} is not in force", reason=NO_VALUE
        )
    where = address.where
    there = attempt(login_of(wanted), vendor)
    login, why = _who(address, vendor)
    if there.alive is True:
        login = login or login_of(wanted)
    if login is None:
        return _not_in_force(old, address, Status.MANUAL, why)
    try:
        with connected(login) as connection:
            if there.alive is not True:
                set_password(connection, where.role, wanted.password)
            ended, left = end_sessions(connection, where.role)
    except RefusedError as error:
        if there.alive is True:
            # In force, which is what was asked; whether older sessions live is said and no more.
            ended, left = 0, f"older sessions could not be ended: {vendor.redact(error.reason)}"
        else:
            return _failed(old, address, login, error, vendor)
    seen = there if there.alive is True else attempt(login_of(wanted), vendor)
    data: dict[str, Json] = {"role": where.role, "sessions_ended": ended}
    if left:
        data["sessions_left"] = left
    probe = f"ALTER ROLE {where.role} PASSWORD at {where.address}, as {login.role}"
    done = Evidence(probe, f"done; {count(ended, 'session')} ended", vendor.now())
    evidence = (*(() if there.alive is True else (done,)), *seen.evidence)
    if seen.alive is not True and seen.reason != TRUSTED:
        reason = seen.reason or "the server refuses it all the same: is there a pooler in between?"
        summary = f"Gave {where.name} its new password; it has not been seen to work"
        return Outcome(Status.UNKNOWN, summary, reason, evidence, data)
    more = f"; {left}" if left else ""
    text = (
        f"The new password of {where.name} is in force; "
        f"{count(ended, 'older session was', 'older sessions were')} ended{more}"
    )
    return Outcome(Status.DONE, text, evidence=evidence, data=data)


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Accepts.accept`: the new password, or the whole URL with it."""
    address = address_of(held)
    value = Secret(value.reveal().strip())
    if address is None:
        return _refused(held, NO_VALUE)
    whole = parsed(value)
    if whole is not None and (whole.where.role, whole.where.hosts) != (
        address.where.role,
        address.where.hosts,
    ):
        return _refused(held, f"it is a URL of {whole.where.name}, not of {address.where.name}")
    password = whole.password if whole is not None else value
    if not password:
        return _refused(held, "it is empty")
    if password == address.password:
        return _refused(held, "it is the leaked password itself")
    seen = attempt(login_of(address, password), vendor)
    if seen.alive is False:
        return _refused(held, "the server refuses it", seen.evidence)
    if seen.alive is None and seen.reason != TRUSTED:
        return _refused(held, f"whether it works can't be seen: {seen.reason}", seen.evidence)
    summary = f"Took a new password for {address.where.name}"
    return Reissued(Outcome(Status.DONE, summary, evidence=seen.evidence), _values(held, password))


def confirm(new: Held, vendor: VendorContext) -> Check:
    """See `remediate.plugins.provider.ConfirmsNew.confirm`."""
    address = address_of(new)
    return Check(None, reason=NO_VALUE) if address is None else attempt(login_of(address), vendor)


def _who(address: Address, vendor: VendorContext) -> tuple[Login | None, str]:
    """Who may change the password: the responder's role, else the leaked log-in while it lives."""
    own = login_for(address.where, vendor.environment)
    if own is not None:
        return own, ""
    seen = look(address, vendor)
    if seen.alive is True or seen.reason == TRUSTED:
        return login_of(address), ""
    if seen.alive is False:
        return None, f"the leaked one is refused already, and no other log-in is at hand: {HOW}"
    return None, seen.reason


def _values(held: Held, password: Secret) -> dict[str, Secret]:
    """Each URL that leaked with the new password, and the password by itself."""
    made = {
        part: known.with_password(password)
        for part, value in urls_of(held).items()
        if (known := parsed(value)) is not None
    }
    return {**made, PASSWORD_PART: password}


def _failed(
    old: Held, address: Address, login: Login, error: RefusedError, vendor: VendorContext
) -> Outcome:
    reason = f"{address.where.address}, as {login.role}: {vendor.redact(error.reason)}"
    if error.code == INSUFFICIENT:
        reason += " (needed: superuser, or CREATEROLE with ADMIN OPTION on the role)"
    status = Status.MANUAL if error.code else Status.UNKNOWN if error.sent else Status.UNREACHABLE
    return _not_in_force(old, address, status, reason)


def _not_in_force(old: Held, address: Address, status: Status, reason: str) -> Outcome:
    return Outcome(
        status,
        f"The new password of {address.where.name} is not in force",
        reason=reason,
        manual=steps.replace(old, address, reason),
    )


def _by_hand(held: Held, address: Address | None, reason: str) -> Reissued:
    step = steps.replace(held, address, reason)
    summary = f"{held.id} needs a new password, set by hand"
    return Reissued(Outcome(Status.MANUAL, summary, reason=reason, manual=step))


def _refused(held: Held, why: str, evidence: tuple[Evidence, ...] = ()) -> Reissued:
    summary = f"The value is not taken in place of {held.id}"
    return Reissued(Outcome(Status.REFUSED, summary, reason=why, evidence=evidence))
