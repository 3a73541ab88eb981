"""One pass over a text for many patterns: which of them hit, and where each hit ends.

hyperscan does it at gigabytes a second, whatever the number of patterns; where there is no build of
it, `re` does the same slowly. Both give a superset of what the forms find, and it is the forms that
decide: the results are equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, Protocol

from remediate.history.match import literal

try:
    import hyperscan

    _FAST = True
except ImportError:  # no build for this platform
    _FAST = False

_FEW, _MANY = 8, 96

#: So many are compiled together, those of some 1,000 secrets: what hyperscan needs for patterns that begin alike
#: grows with the square of their number (30,000 such secrets took 22 GB at once).
_TOGETHER = 48_000


class Prefilter(Protocol):
    """Searches one chunk of bytes; several threads may, each with its own `fork`."""

    def hits(self, chunk: bytes | bytearray | memoryview) -> list[tuple[int, int]]:
        """(pattern's index, end) of each hit, ends never falling within one pattern."""
        ...

    def fork(self) -> Prefilter:
        """The same, for another thread."""
        ...


def prefilter(patterns: Sequence[bytes]) -> Prefilter:
    """The fastest there is for *patterns* (syntax: what hyperscan and `re` share; dot matches all).

    The last ones that were asked for are at hand: a rehearsal comes after its scan, the backup and the
    change after that, and compiling the patterns of one secret takes a fifth of a second.
    """
    return _compiled(tuple(patterns)).fork()


def engine(patterns: Sequence[bytes]) -> Prefilter:
    """The same, compiled anew: for patterns that are wanted once."""
    return Hyperscan(patterns) if _FAST else Plain(patterns)


@lru_cache(maxsize=4)
def _compiled(patterns: tuple[bytes, ...]) -> Prefilter:
    return engine(patterns)


class Hyperscan:
    """By hyperscan (its Vectorscan fork), which releases the interpreter's lock while it scans."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        self._parts: list[tuple[Any, Any, int, int]] = []
        """Each a database, a scratch space, the number of its first pattern, how many it has."""
        for first in range(0, len(patterns), _TOGETHER):
            some = patterns[first : first + _TOGETHER]
            self._parts.append((_database(some), None, first, len(some)))

    def hits(self, chunk: bytes | bytearray | memoryview) -> list[tuple[int, int]]:
        """See `Prefilter`."""
        found: list[tuple[int, int]] = []
        if not len(chunk):
            return found
        for database, scratch, first, count in self._parts:

            def note(
                pattern: int,
                _start: int,
                end: int,
                _flags: int,
                _context: object,
                first: int = first,
                count: int = count,
            ) -> None:
                if pattern < count:
                    found.append((first + pattern, end))

            database.scan(chunk, match_event_handler=note, scratch=scratch)
        return found

    def fork(self) -> Hyperscan:
        """See `Prefilter`. The compiled patterns are shared, the scratch space is not."""
        other = Hyperscan(())
        other._parts = [
            (database, hyperscan.Scratch(database), first, count)
            for database, _, first, count in self._parts
        ]
        return other


def _database(patterns: Sequence[bytes]) -> Any:
    expressions = [*patterns, *_filling(len(patterns))]
    database = hyperscan.Database()
    database.compile(
        expressions=expressions,
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=hyperscan.HS_FLAG_DOTALL,
    )
    return database


def _filling(count: int) -> list[bytes]:
    """Patterns that hit nothing in practice, to bring a middling number of them up to `_MANY`.

    With 8 to 70 literals hyperscan takes another algorithm than with more (Teddy, FDR), and over source
    code that one was measured at less than half the speed.
    """
    if not _FEW < count < _MANY:
        return []
    digests = (sha256(b"%d" % number).digest()[:12] for number in range(count, _MANY))
    return [literal(digest) for digest in digests]


class Plain:
    """By `re`, one pattern after another."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        # A lookahead finds hits that overlap, as hyperscan does.
        self._patterns = [_ahead(pattern) for pattern in patterns]

    def hits(self, chunk: bytes | bytearray | memoryview) -> list[tuple[int, int]]:
        """See `Prefilter`."""
        return [
            (index, found.end(1))
            for index, pattern in enumerate(self._patterns)
            for found in pattern.finditer(chunk)
        ]

    def fork(self) -> Plain:
        """See `Prefilter`: `re` keeps nothing between calls."""
        return self


@lru_cache(maxsize=4096)
def _ahead(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(b"(?=(" + pattern + b"))", re.DOTALL)
