"""What a form finds: a place in a text, and what takes its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from remediate.history.model import Needle


@dataclass(frozen=True, slots=True)
class Found:
    """A place of one secret, as one of its finders sees it."""

    start: int
    end: int
    encoding: str
    text: bytes
    """What takes its place in a text."""
    fixed: bytes
    """What takes its place where the length must stay; as long as the place."""
    onto: Callable[[bytes], bytes] | None = field(default=None, compare=False, repr=False)
    """For encodings in which the length stays: the place's text, whatever stands there by now, with
    the secret's own bits replaced. So secrets that overlap are replaced one after another.
    """


def kept(start: int, encoding: str, text: bytes) -> Found:
    """A place whose length stays, and that *text* takes."""
    return Found(start, start + len(text), encoding, text, text, lambda _: text)


@dataclass(frozen=True)
class Finder:
    """Finds one secret in one family of encodings."""

    anchors: tuple[bytes, ...]
    """Patterns in the syntax that hyperscan and `re` share: wherever `find` finds, one of them hits."""
    reach: int
    """How far from an anchor's end, in bytes, the place that it stands for can begin or end."""
    find: Callable[[bytes, int, int], Iterator[Found]] = field(repr=False)
    """Places within ``data[start:end]``, from left to right, none overlapping."""


@dataclass(frozen=True, slots=True)
class Match:
    """One place of one secret."""

    needle: Needle
    rank: int
    """Which form wins where two places are alike: the lower one."""
    found: Found

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.found.start

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.found.end

    @property
    def encoding(self) -> str:
        """In which encoding it stands there."""
        return self.found.encoding


def fit(text: bytes, length: int) -> bytes:
    """*text* cut, or padded with ``*``, to *length* bytes."""
    return text[:length].ljust(length, b"*")


def literal(value: bytes) -> bytes:
    """A pattern for *value* itself, whatever bytes it has."""
    return b"".join(b"\\x%02x" % byte for byte in value)


def any_case(digits: bytes) -> bytes:
    """A pattern for *digits* and letters in either case."""
    return b"(?i:" + digits + b")"


#: Letters and digits, which no common encoder writes otherwise unless it does so to every letter.
ALPHANUMERIC = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

#: An anchor is a window of so many bytes: unlikely to hit by chance, likely to stand unbroken.
WINDOW = 8


def windows(value: bytes, most: int) -> list[bytes]:
    """Up to *most* windows of *value* that do not overlap, made of letters and digits alone.

    Empty where there is none.
    """
    found: list[bytes] = []
    at = 0
    while at + WINDOW <= len(value) and len(found) < most:
        window = value[at : at + WINDOW]
        if ALPHANUMERIC.issuperset(window):
            found.append(window)
            at += WINDOW
        else:
            at += 1
    return found


class Lazy:
    """An expression that is made when it is needed first: most secrets stand nowhere in most forms."""

    def __init__(self, pattern: Callable[[], bytes]) -> None:
        self._pattern = pattern

    @cached_property
    def compiled(self) -> re.Pattern[bytes]:
        """The expression (dot matches all)."""
        return re.compile(self._pattern(), re.DOTALL)
