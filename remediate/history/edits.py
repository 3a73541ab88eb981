"""Small files of ``.git`` that hold what has to go: each with what it holds and what it will hold.

What a file will hold follows from what it holds now, and is its own answer: made from the new
content it is the new content again. So whoever goes on after a crash needs no memory of how far the
one before came, and the backup and apply see the same list.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

#: Puts the replacement in the place of every form of every secret in a text.
Clean: TypeAlias = Callable[[bytes], bytes]

#: The fewest digits that git itself ever abbreviates an id to (core.abbrev is 4 at least, 7 unless set).
_SHORTEST = 7


@dataclass(frozen=True)
class Edit:
    """One file outside the object database, before and after."""

    path: Path
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)


class Ids:
    """Maps ids of replaced objects that stand in a text, in full or, for commits, abbreviated."""

    def __init__(self, objects: Mapping[str, str], commits: Mapping[str, str]) -> None:
        self._full = {old.encode("ascii"): new.encode("ascii") for old, new in objects.items()}
        # New ids are in it too: what is one's abbreviation has been mapped already.
        self._commits = sorted(oid.encode("ascii") for oid in {*commits, *commits.values()})
        # Not part of a word: a digest of something else is longer, or runs on in other letters.
        self._pattern = re.compile(rb"(?<![0-9A-Za-z])[0-9a-f]{%d,64}(?![0-9A-Za-z])" % _SHORTEST)

    def map(self, text: bytes) -> bytes:
        """*text* with the new id in the place of each old one, of the same length."""
        return self._pattern.sub(lambda found: self._successor(found.group()), text)

    def _successor(self, shown: bytes) -> bytes:
        if (new := self._full.get(shown)) is not None:
            return new
        at = bisect.bisect_left(self._commits, shown)
        alike = [oid for oid in self._commits[at : at + 2] if oid.startswith(shown)]
        if len(alike) != 1 or alike[0] not in self._full:
            return shown
        return self._full[alike[0]][: len(shown)]
