"""Which containers stand in a text, told from what their kinds begin with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from remediate.history import packreader
from remediate.history.containers import armour, escapes, gitpack, sealed, streams
from remediate.history.containers.model import DEEPEST, Opened, Opener, Room, TooMuchError
from remediate.history.containers.sqlite import sqlite
from remediate.history.containers.tar import tar
from remediate.history.containers.zip import zip_
from remediate.history.match import literal

_LAYERS: dict[str, Callable[[bytes, int, int], Opened | None]] = {
    "base64": armour.base64,
    "hex": armour.hexadecimal,
    "utf-16": armour.utf_16,
}

_NO_END = 1 << 60


def _carrier(layer: str) -> Opener:
    """The opener for text that holds a container, in one layer of encoding."""
    decode = _LAYERS[layer]

    def opener(data: bytes, start: int, room: Room) -> Opened | None:
        found = decode(data, start, _NO_END)
        if found is None:
            return None
        content = found.parts[0].read()
        probing = Room(room.bytes, room.depth)
        inner = _first(content, probing)
        if inner is None:
            return None
        # What follows the container is other text, though it may be written in the same letters.
        return found if layer == "utf-16" or inner.pack is None else decode(data, start, inner.end)

    return opener


def _first(content: bytes, room: Room) -> Opened | None:
    """The container that *content* begins with."""
    for pattern, (_, back, opener) in zip(_COMPILED, _DOORS, strict=True):
        if back is not None and pattern.match(content):
            if room.depth == DEEPEST:
                raise TooMuchError(f"it lies more than {DEEPEST} layers deep")
            room.depth += 1
            return opener(content, 0, room)
    return None


_PACKS = (b"PACK\0\0\0\2", b"PACK\0\0\0\3")
_BUNDLES = (b"# v2 git bundle\n", b"# v3 git bundle\n")

#: (pattern, how far before a hit's end the container begins; None: at the text's beginning, opener)
_DOORS: list[tuple[bytes, int | None, Opener]] = [
    (rb"\x1f\x8b\x08[\x00-\x1f]", 4, streams.gzip),
    (literal(b"PK\x03\x04"), 4, zip_),
    (rb"BZh[1-9]1AY&SY", 10, streams.bzip2),
    (literal(b"\xfd7zXZ\x00"), 6, streams.lzma2),
    *((pattern, length, streams.zlib_) for length, pattern in streams.zlib_patterns()),
    *((literal(magic), len(magic), gitpack.pack) for magic in _PACKS),
    *((literal(magic), None, gitpack.bundle) for magic in _BUNDLES),
    (literal(b"ustar\x00"), None, tar),
    (literal(b"ustar  \x00"), None, tar),
    (literal(b"SQLite format 3\x00"), None, sqlite),
    *((literal(magic), None, sealed.sealed) for magic in sealed.MAGICS),
    *((pattern, length, _carrier(layer)) for layer, length, pattern in armour.patterns()),
]

_COMPILED = [re.compile(pattern, re.DOTALL) for pattern, _, _ in _DOORS]

PATTERNS: list[bytes] = [
    *(pattern for pattern, _, _ in _DOORS),
    *(style.pattern for style in escapes.STYLES),
]
"""One of these hits wherever a container begins, or text is escaped throughout, for `prefilter`."""


PACKED = frozenset({"gzip", "zip", "tar", "bzip2", "xz", "zlib", "sqlite", *packreader.KINDS})
"""Kinds of files that are no text."""

_HEADS = (
    *(b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00", b"SQLite format 3\x00"),
    *(b"x\x01", b"x\x9c", b"x\xda", b"%PDF-", *_PACKS, *_BUNDLES),
)


def begins(data: bytes) -> bool:
    """Whether *data* looks like the beginning of a container."""
    return data.startswith(_HEADS) or data[257:262] == b"ustar"


def opened(data: bytes, hits: Iterable[tuple[int, int]], room: Room) -> Iterator[Opened]:
    """The containers in *data*, from left to right, none overlapping.

    *hits* are (index of a pattern, end). What goes beyond a bound is told to *room*.
    """
    wanted: dict[tuple[int, int], Opener] = {}
    for index, end in hits:
        if index >= len(_DOORS):
            continue
        _, back, opener = _DOORS[index]
        start = 0 if back is None else end - back
        if start >= 0:
            wanted.setdefault((start, -1 if back is None else index), opener)
    done = 0
    for (start, _), opener in sorted(wanted.items(), key=lambda item: item[0]):
        if start < done:
            continue
        try:
            found = opener(data, start, room)
        except TooMuchError as error:
            room.closed.append(str(error))
            continue
        if found is None:
            continue
        # In the middle of something else it may be a coincidence; a whole archive at an end is none.
        if found.start == 0 or (found.kind == "zip" and found.end == len(data)):
            room.closed += (f"{found.kind}: {reason}" for reason in found.closed)
        yield found
        done = found.end


def unescaped(data: bytes, hits: Iterable[tuple[int, int]], room: Room) -> Iterator[Opened]:
    """The stretches of *data* that are escaped throughout, from left to right, none overlapping."""
    done = 0
    for end, index in sorted((end, index) for index, end in hits if index >= len(_DOORS)):
        if end <= done:
            continue
        found = escapes.escaped(index - len(_DOORS), data, end, room)
        if found is not None and found.start >= done:
            yield found
            done = found.end
