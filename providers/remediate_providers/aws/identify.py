"""Which of a report's values are AWS keys, and which secret belongs to which id. Offline."""

from __future__ import annotations

from collections.abc import Sequence

from remediate.model import Credential, Location
from remediate.plugins.provider import Found, Identified, Kind, Missing
from remediate_providers.aws import keys

NEAR = 20
"""Lines between an id and its secret, at most. Further away, a value of that shape is anyone's."""
_SAME_GROUP = -1
_UNKNOWN_LINE = NEAR


def identify(found: Sequence[Found]) -> list[Identified]:
    """One credential for each key id, with its secret where one belongs to it.

    A secret belongs to an id that the report puts in the same group, else to the one nearest to it in
    the same file of the same commit, else, where no place is told of either, to the only one there is.
    """
    ids = [(f, kind) for f in found if (kind := keys.kind_of_id(_text(f))) is not None]
    secrets = [f for f in found if keys.looks_secret(_text(f))]
    together = pairs([one for one, _ in ids], secrets)
    return [_credential(one, kind, together.get(one.fingerprint)) for one, kind in ids]


def missing(found: Sequence[Found]) -> list[Missing]:
    """Ids of access keys whose secret the report does not hold."""
    return [
        Missing(one.credential.parts["id"], keys.SECRET_SHAPE, NEAR)
        for one in identify(found)
        if "secret" not in one.credential.parts
        and one.credential.kind in (keys.KEY_ID.name, keys.TEMPORARY.name)
    ]


def _text(found: Found) -> str:
    return found.value.reveal_text()


def pairs(ids: Sequence[Found], secrets: Sequence[Found]) -> dict[str, Found]:
    """Fingerprint of an id to its secret: the nearest first, each used once."""
    ways = sorted(
        (distance, one.fingerprint, other.fingerprint)
        for one in ids
        for other in secrets
        if (distance := _distance(one, other)) is not None
    )
    by_fingerprint = {secret.fingerprint: secret for secret in secrets}
    taken: set[str] = set()
    together: dict[str, Found] = {}
    for _, one_name, other_name in ways:
        if one_name not in together and other_name not in taken:
            together[one_name] = by_fingerprint[other_name]
            taken.add(other_name)
    if len(ids) == len(secrets) == 1 and _nowhere(ids[0], secrets[0]):
        together[ids[0].fingerprint] = secrets[0]
    return together


def _distance(one: Found, other: Found) -> tuple[int, int] | None:
    """How far apart, then whether the secret stands first (it rarely does); None: not together."""
    if one.groups & other.groups:
        near = min(_lines(one, other), default=(NEAR, 0))
        return (_SAME_GROUP, near[0])
    return min((way for way in _lines(one, other) if way[0] <= NEAR), default=None)


def _lines(one: Found, other: Found) -> list[tuple[int, int]]:
    ways = []
    for a in one.locations:
        for b in other.locations:
            if _place(a) is None or _place(a) != _place(b):
                continue
            if a.start_line is None or b.start_line is None:
                ways.append((_UNKNOWN_LINE, 0))
            else:
                apart = b.start_line - a.start_line
                ways.append((abs(apart), int(apart < 0)))
    return ways


def _place(where: Location) -> tuple[str | None, ...] | None:
    place = (where.commit, where.path, where.url)
    return place if any(place) else None


def _nowhere(*found: Found) -> bool:
    return all(_place(where) is None for one in found for where in one.locations)


def _credential(one: Found, kind: Kind, secret: Found | None) -> Identified:
    key_id = _text(one)
    account = keys.account_of(key_id)
    labels = {}
    if keys.is_canary(account):
        labels["canary"] = (
            "this account's keys are laid out to be stolen; using one raises an alarm"
        )
    parts = {"id": one.fingerprint}
    kinds = {one.fingerprint: kind.name}
    if secret is not None:
        parts["secret"] = secret.fingerprint
        kinds[secret.fingerprint] = keys.SECRET.name
    credential = Credential(
        id=f"aws:{key_id}",
        provider="aws",
        kind=kind.name,
        parts=parts,
        public_id=key_id,
        account=account,
        labels=labels,
    )
    return Identified(credential, kinds)
