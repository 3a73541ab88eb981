"""The other half of a credential whose report holds one: looked for where the first half stands.

AWS tells of an exposed key by its id; scanners often find the id alone. Its secret stands a line or two away,
and is as leaked. Offline, read-only; a provider says what its halves look like (`MissesHalves`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from remediate.history.model import Needle, Unreadable
from remediate.history.objects import read_many
from remediate.history.repo import Repo
from remediate.history.scan import scan
from remediate.model import Location
from remediate.plugins.provider import Found, MissesHalves, Missing
from remediate.plugins.registry import providers
from remediate.reports.candidates import DECODED, candidates
from remediate.reports.recover import ReadBlob
from remediate.reports.secrets import DistinctSecret
from remediate.secret import InstallationKey, Secret

_MOST_BLOBS = 50
"""A half that stands in more files than this is looked at in these."""
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True)
class Completed:
    """A report's secrets, with the halves that it left out."""

    secrets: tuple[DistinctSecret, ...]
    unclear: tuple[Unreadable, ...] = ()
    """Halves of which more than one could be meant: nothing is guessed."""


@dataclass(frozen=True)
class _Near:
    """What could be the other half."""

    value: bytes
    apart: int
    """Lines."""
    where: Location


def complete(
    secrets: Sequence[DistinctSecret], key: InstallationKey, repo: Repo, read_blob: ReadBlob
) -> Completed:
    """*secrets*, and the other halves that stand near those that lack one, each in a group with its first."""
    by_name = {key.fingerprint(secret.value): secret for secret in secrets}
    found = [
        Found(name, secret.value, secret.locations, secret.groups)
        for name, secret in by_name.items()
    ]
    added: list[DistinctSecret] = []
    unclear: list[Unreadable] = []
    known = {secret.value for secret in secrets}
    number = -1
    for provider in providers:
        if not isinstance(provider, MissesHalves):
            continue
        for missing in provider.missing(found):
            first = by_name[missing.fingerprint]
            halves = _nearest(_around(first, missing, repo, read_blob))
            if len({half.value for half in halves}) > 1:
                unclear.append(
                    Unreadable(
                        f"the other half of {missing.fingerprint[:12]}",
                        "more than one value that could be it stands near it",
                    )
                )
            elif halves and (value := Secret(halves[0].value)) not in known:
                # Below zero: no report's own groups are.
                by_name[missing.fingerprint] = replace(first, groups=first.groups | {number})
                added.append(_half(value, halves, first, number))
                known.add(value)
                number -= 1
    return Completed((*by_name.values(), *added), tuple(unclear))


def _half(
    value: Secret, halves: Iterable[_Near], first: DistinctSecret, number: int
) -> DistinctSecret:
    places = dict.fromkeys(half.where for half in halves if half.where != Location())
    return DistinctSecret(
        value, tuple(places), first.detected_at, sources=first.sources, groups=frozenset({number})
    )


def _nearest(found: Iterable[_Near]) -> list[_Near]:
    """Those that stand nearest, in each file and of all."""
    halves = list(found)
    least = min((half.apart for half in halves), default=0)
    return [half for half in halves if half.apart == least]


def _around(
    first: DistinctSecret, missing: Missing, repo: Repo, read_blob: ReadBlob
) -> Iterator[_Near]:
    placed = [place for place in first.locations if place.path]
    for place in placed:
        text = read_blob(place.commit, place.path or "")
        if text is not None:
            yield from _in_text(text, first.value, missing, place)
    if not first.locations:
        for text in _everywhere(first.value, missing, repo):
            yield from _in_text(text, first.value, missing, None)


def _everywhere(value: Secret, missing: Missing, repo: Repo) -> Iterator[bytes]:
    """Every file of every commit that holds *value* as it stands."""
    found = scan(repo, [Needle(missing.fingerprint, value, b"REMOVED")])
    oids = sorted({hit.oid for hit in found.hits if hit.type == "blob" and hit.encoding == "plain"})
    for read in read_many(repo.common_dir, oids[:_MOST_BLOBS]):
        if read.content is not None:
            yield read.content


def _in_text(
    text: bytes, value: Secret, missing: Missing, place: Location | None
) -> Iterator[_Near]:
    lines = text.split(b"\n")
    shape = re.compile(missing.shape.encode())
    here = [number for number, line in enumerate(lines) if value.reveal() in line]
    for at in here:
        low, high = max(0, at - missing.lines), at + missing.lines + 1
        for number, line in enumerate(lines[low:high], low):
            seen = {
                one.value
                for one in candidates(line[:_LONGEST_LINE])
                if one.rank < DECODED and shape.fullmatch(one.value)
            }
            for half in sorted(seen):
                where = (
                    Location(place.commit, place.path, number + 1, number + 1, date=place.date)
                    if place
                    else Location()
                )
                yield _Near(half, abs(number - at), where)
