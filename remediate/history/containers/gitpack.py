"""Packs and bundles of git's that are files: looked into, and replaced whole where a secret is in one.

What is in a pack is told by hash and by offset throughout, so that nothing in it can be changed alone.
"""

from __future__ import annotations

from remediate.history import packreader
from remediate.history.containers.model import Opened, Part, Room


def pack(data: bytes, start: int, room: Room) -> Opened | None:
    """See `Opener`. One in the middle of something else counts where it is whole."""
    return _opened(packreader.KINDS[0], data, start, start, room)


def bundle(data: bytes, start: int, room: Room) -> Opened | None:
    """See `Opener`: a bundle, which is a pack behind the names of what is in it (gitformat-bundle(5))."""
    begin = packreader.BUNDLE.match(data) if start == 0 else None
    if begin is None:
        return None
    found = packreader.PACK.search(data, begin.end())
    # Without a pack all of it is text.
    return None if found is None else _opened(packreader.KINDS[1], data, 0, found.start(), room)


def _opened(kind: str, data: bytes, start: int, at: int, room: Room) -> Opened | None:
    try:
        contents, end = packreader.objects(data, at, room.spend)
    except packreader.PackError as error:
        if start:
            return None
        parts = [Part.of(content) for content in error.salvaged]
        return Opened(kind, start, len(data), parts, None, (error.reason,))
    return Opened(kind, start, end, [Part.of(content) for content in contents], None)
