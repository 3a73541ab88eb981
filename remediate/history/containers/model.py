"""What a container is to finding and replacing: parts to look into, and a way to pack them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

#: How many bytes all that is unpacked from one object may have together.
MOST_BYTES = 256 << 20
#: From so many bytes on, what is unpacked may be at most so many times as long as it was packed.
RATIO_FROM, MOST_RATIO = 32 << 20, 250
#: How many containers may lie within one another.
DEEPEST = 6
#: Kinds that are text which holds a container.
CARRIERS = frozenset({"base64", "hex", "utf-16", "c", "json", "percent", "octal", "html"})
#: How many members an archive may have.
MOST_MEMBERS = 50_000


class TooMuchError(Exception):
    """Unpacking goes beyond a bound: the text says which."""


class BrokenError(Exception):
    """Something that begins as a container is damaged or cut off."""

    def __init__(self, reason: str, salvaged: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.salvaged = salvaged
        """What could be read of it."""


@dataclass
class Room:
    """How much may still be unpacked; shared by all that lies within one object."""

    bytes: int = MOST_BYTES
    depth: int = 0
    closed: list[str] = field(default_factory=list)
    """What could not be opened, each with its reason, as people are told."""
    notes: list[str] = field(default_factory=list)
    """What was replaced otherwise than by its own replacement, as people are told."""
    packed: bool = False
    """Whether a container was packed again."""

    def inner(self) -> Room:
        """The room for what lies within. Raises `TooMuchError`."""
        if self.depth == DEEPEST:
            raise TooMuchError(f"it lies more than {DEEPEST} layers deep")
        return Room(self.bytes, self.depth + 1)

    def take_back(self, inner: Room, kind: str) -> None:
        """Account for what happened in *inner*, which lay within a container of *kind*."""
        self.bytes = inner.bytes
        # Text that quotes an archive is no archive: it may be cut short, or made up.
        if kind not in CARRIERS:
            self.closed += (f"{kind}: {reason}" for reason in inner.closed)
        self.notes += (f"{kind}: {note}" for note in inner.notes)

    def spend(self, fresh: int, size: int = 0, packed: int = 0) -> None:
        """Account for *fresh* more bytes, *size* by now, out of *packed*. Raises `TooMuchError`."""
        self.bytes -= fresh
        if self.bytes < 0:
            raise TooMuchError(f"it unpacks to more than {MOST_BYTES >> 20} MiB")
        if size > RATIO_FROM and size > packed * MOST_RATIO:
            raise TooMuchError(f"it unpacks to more than {MOST_RATIO} times its size")


@dataclass(frozen=True)
class Part:
    """One text in a container."""

    read: Callable[[], bytes] = field(repr=False)
    """Gives it; may raise `BrokenError` and `TooMuchError`."""
    keep_length: bool | None = None
    """Whether its replacement must be as long (None: as its own bytes tell)."""
    flat: bool = False
    """Whether no container can be in it."""
    filled: bool = False
    """Whether all in it has to stay as long, containers too: each letter has its place outside."""

    @classmethod
    def of(
        cls,
        content: bytes,
        *,
        keep_length: bool | None = None,
        flat: bool = False,
        filled: bool = False,
    ) -> Part:
        """A part that is there already."""
        return cls(partial(_same, content), True if filled else keep_length, flat, filled)


def _same(content: bytes) -> bytes:
    return content


@dataclass(frozen=True)
class Opened:
    """A container within a text."""

    kind: str
    """Its name in encodings: ``gzip``, ``zip``…"""
    start: int
    end: int
    parts: Sequence[Part]
    pack: Callable[[Sequence[bytes | None]], bytes] | None = field(repr=False)
    """The container with other parts (None: as it was). None where it can't be packed again; may raise
    `BrokenError`."""
    closed: tuple[str, ...] = ()
    """What of it could not be read, and why."""


Opener = Callable[[bytes, int, Room], Opened | None]
"""Opens what begins at a place of a text. Gives None where that is no such container after all; raises
`TooMuchError`."""
