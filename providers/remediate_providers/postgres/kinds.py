"""Connection URLs with a password, as credentials: one for each role, server and password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.model import Credential
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret
from remediate_providers.postgres.url import Address, parsed

NAME = "postgres"
URL = "postgres-url"
PASSWORD = "postgres-password"  # noqa: S105 - a kind's name
PART = "value"
PASSWORD_PART = "password"  # noqa: S105 - a part's name

KINDS = (
    Kind(URL, "PostgreSQL connection URL", "api", "api", check="api"),
    Kind(PASSWORD, "PostgreSQL password, reported beside its URL", "api", "api", check="api"),
)


def identify(found: Sequence[Found]) -> Sequence[Identified]:
    """URLs of one role at one server with one password are one credential.

    So is that password, where the report has it as a value of its own.
    """
    groups: dict[tuple[object, ...], list[Found]] = {}
    addresses: dict[str, Address] = {}
    for one in found:
        address = parsed(one.value)
        if address is not None:
            addresses[one.fingerprint] = address
            where = address.where
            key = (where.role, where.hosts, where.ports, address.password)
            groups.setdefault(key, []).append(one)
    alone = {one.value: one for one in found if one.fingerprint not in addresses}
    made: list[Identified] = []
    for ones in groups.values():
        ordered = sorted(ones, key=lambda one: one.fingerprint)
        address = addresses[ordered[0].fingerprint]
        parts = {
            PART if at == 1 else f"{PART}-{at}": one.fingerprint
            for at, one in enumerate(ordered, 1)
        }
        kinds = dict.fromkeys(parts.values(), URL)
        password = alone.get(address.password)
        if password is not None and password.fingerprint not in {
            p for other in made for p in other.credential.parts.values()
        }:
            parts[PASSWORD_PART] = password.fingerprint
            kinds[password.fingerprint] = PASSWORD
        where = address.where
        made.append(
            Identified(
                Credential(
                    id=f"{NAME}:{ordered[0].fingerprint[:12]}",
                    provider=NAME,
                    kind=URL,
                    parts=parts,
                    account=where.address,
                    labels={"role": where.role, "database": where.database},
                ),
                kinds,
            )
        )
    return made


def address_of(held: Held) -> Address | None:
    """Where it leads and with which password; None where its value is not at hand."""
    value = held.values.get(PART) or next(iter(urls_of(held).values()), None)
    return None if value is None else parsed(value)


def urls_of(held: Held) -> Mapping[str, Secret]:
    """Part name to URL: the same password in each."""
    return {part: value for part, value in held.values.items() if part != PASSWORD_PART}
