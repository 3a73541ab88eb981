"""The manual steps: what a person types, where no log-in of ours can."""

from __future__ import annotations

from remediate.model import ManualStep
from remediate.plugins.provider import Held
from remediate_providers.postgres.url import Address


def revoke(held: Held, address: Address | None, why: str) -> ManualStep:
    """End the password by hand."""
    role = _role(address)
    return ManualStep(
        id=f"revoke-{_name(held)}",
        title=f"Take the password of the role {role} away",
        why=_why(why),
        instructions=(
            f"In psql, as a role that may: ALTER ROLE {role} PASSWORD NULL",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'",  # noqa: S608 - for a person
            "Where pg_hba.conf trusts an address without a password: take that line out, reload.",
            "At a managed service: change the password on its own page, which it may keep too.",
            "Then: remediate resume",
        ),
        check="remediate tries the old password until the server refuses it",
    )


def replace(held: Held, address: Address | None, why: str) -> ManualStep:
    """Set a new password by hand and hand it in."""
    role = _role(address)
    return ManualStep(
        id=f"replace-{_name(held)}",
        title=f"Give the role {role} a new password, and hand it in",
        why=_why(why),
        instructions=(
            f"In psql, as a role that may: \\password {role} (it sends no password in the clear)",
            "At a managed service: change the password on its own page.",
            f"Hand in the password, or the whole URL: remediate resume --value replace-{_name(held)}",
        ),
        check="remediate logs in with it, and sees the old one refused",
        takes_value=True,
    )


def _role(address: Address | None) -> str:
    """The role as SQL writes it."""
    if address is None:
        return "that the URL names"
    role = address.where.role
    plain = role.isidentifier() and role == role.lower() and role.isascii()
    return role if plain else '"' + role.replace('"', '""') + '"'


def _name(held: Held) -> str:
    return held.id.replace(":", "-")


def _why(reason: str) -> str:
    return f"It can't be done by call: {reason}."
