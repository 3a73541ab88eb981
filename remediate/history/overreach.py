"""Secrets whose replacement would damage what is no secret: too short, too plain, in too many places.

Such a one is left where it is, named as a remnant with the number of its places, until it is insisted on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from remediate.history.model import (
    Needle,
    Progress,
    Rehearsal,
    Remnant,
    Scan,
    no_progress,
)
from remediate.history.rehearse import rehearse
from remediate.history.repo import Repo
from remediate.history.scan import scan as scan_all
from remediate.wording import count

#: Bytes. A shorter text stands in places that have nothing to do with it.
SHORTEST = 8

#: A secret is brought in at a handful of places; a word of the code's own at hundreds.
MOST_PLACES = 100

#: Words in one case, alone or joined: ``password``, ``Administrator``, ``my-app-secret``.
_WORDS = re.compile(rb"[A-Z]?[a-z]{1,15}(?:[ ._-][A-Za-z]?[a-z]{0,15}){0,3}|[A-Z]{1,15}")
_LONGEST_WORDS = 24

_WHERE = {"blob": "file", "commit": "commit-message", "tag": "tag-message", "tree": "path"}


def plain(value: bytes) -> str | None:
    """Why a secret must not be replaced unasked, from its value alone; None where nothing speaks against.

    There is no list of words in it: letters in one case, and few of them, are taken for words.
    """
    if len(value) < SHORTEST:
        return f"it is only {len(value)} bytes long"
    if len(value) <= _LONGEST_WORDS and _WORDS.fullmatch(value):
        return "it looks like an ordinary word"
    return None


def rehearse_with_care(
    repo: Repo,
    needles: Sequence[Needle],
    quarantine: Path,
    *,
    insisted: Collection[str],
    progress: Progress = no_progress,
    scan: Scan | None = None,
) -> Rehearsal:
    """`rehearse`, but secrets that would take too much with them are left, unless *insisted* on.

    They are in `Rehearsal.held`, each of their objects is a remnant, and a message says how many
    places there are. Raises as `rehearse` does.
    """
    found = scan if scan is not None else scan_all(repo, needles, progress=progress)
    reasons = {
        needle.id: reason
        for needle in needles
        if needle.id not in insisted and (reason := plain(needle.secret.reveal()))
    }
    reasons = {held: reasons[held] for held in reasons if _places(found, held)}
    if not reasons:
        made = rehearse(repo, needles, quarantine, progress=progress, scan=found)
        reasons = _everywhere(made, insisted)
        if not reasons:
            return made
        quarantine = quarantine.with_name(f"{quarantine.name}-2")
    rest = [needle for needle in needles if needle.id not in reasons]
    made = rehearse(repo, rest, quarantine, progress=progress)
    if more := _everywhere(made, insisted):
        reasons |= more
        rest = [needle for needle in rest if needle.id not in more]
        quarantine = quarantine.with_name(f"{quarantine.name}-3")
        made = rehearse(repo, rest, quarantine, progress=progress)
    return replace(
        made,
        held=tuple(sorted(reasons)),
        remnants=(*made.remnants, *_remnants(found, reasons)),
        messages=(*(_told(held, reasons[held], found) for held in sorted(reasons)), *made.messages),
    )


def _everywhere(made: Rehearsal, insisted: Collection[str]) -> dict[str, str]:
    """Secrets that were brought in at a suspicious number of places, and why that is."""
    counts: dict[str, int] = {}
    for place in made.places:
        if place.commit is not None:
            counts[place.needle] = counts.get(place.needle, 0) + 1
    return {
        needle: f"it was brought in at {count(number, 'place')}, more than {MOST_PLACES}"
        for needle, number in counts.items()
        if number > MOST_PLACES and needle not in insisted
    }


def _places(found: Scan, needle: str) -> int:
    """How often a secret stands in the objects and files."""
    inside = sum(len(hit.offsets) for hit in found.hits if hit.needle == needle)
    return inside + sum(hit.needle == needle for hit in found.file_hits)


def _remnants(found: Scan, held: Collection[str]) -> list[Remnant]:
    inside = [
        Remnant(hit.needle, _WHERE[hit.type], hit.encoding, object=hit.oid)
        for hit in found.hits
        if hit.needle in held
    ]
    outside = [
        Remnant(hit.needle, hit.where, hit.encoding, path=hit.path)
        for hit in found.file_hits
        if hit.needle in held
    ]
    return [*inside, *outside]


def _told(needle: str, reason: str, found: Scan) -> str:
    return (
        f"The secret {needle[:12]} was not replaced: {reason}. It stands in "
        f"{count(_places(found, needle), 'place')}, and replacing all of them could damage what is no secret. If that is meant: "
        f'[[credential]] match = "{needle[:12]}", insist = true in remediate.toml; '
        "for a text that a pattern in --expressions matched: a line literal:VALUE==>NEW there"
    )
