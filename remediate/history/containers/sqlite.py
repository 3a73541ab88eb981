"""SQLite databases: values that lie across pages (https://www.sqlite.org/fileformat2.html).

A value that stands in one piece is found in the file as it is. One that is too long for its page goes
on in a chain of overflow pages, each beginning with the next one's number: those are put together
here. What takes a secret's place is as long, so that no page changes its layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediate.history.containers.model import Opened, Part, Room

_MAGIC = b"SQLite format 3\0"
_INDEX_INTERIOR, _TABLE_INTERIOR, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13

Span = tuple[int, int]


def sqlite(data: bytes, start: int, room: Room) -> Opened | None:
    """See `Opener`. The parts are the payloads that have overflow pages."""
    if start or not data.startswith(_MAGIC) or len(data) < 512:
        return None
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    usable = size - data[20]
    if size < 512 or size & (size - 1) or usable < 480:
        return None
    chains = []
    for page in range(len(data) // size):
        for chain in _payloads(data, page, size, usable):
            room.spend(sum(end - begin for begin, end in chain))
            chains.append(chain)
    parts = [Part.of(b"".join(data[a:b] for a, b in chain), keep_length=True) for chain in chains]

    def pack(new: Sequence[bytes | None]) -> bytes:
        out = bytearray(data)
        for chain, text in zip(chains, new, strict=True):
            at = 0
            for begin, end in chain if text is not None else ():
                assert text is not None
                out[begin:end] = text[at : at + end - begin]
                at += end - begin
        return bytes(out)

    return Opened("sqlite", 0, len(data), parts, pack)


def _payloads(data: bytes, page: int, size: int, usable: int) -> Iterator[list[Span]]:
    """Where each payload that begins on *page* and overflows it stands."""
    top = page * size
    head = top + (100 if page == 0 else 0)
    kind = data[head]
    if kind not in (_INDEX_INTERIOR, _INDEX_LEAF, _TABLE_LEAF):
        return
    array = head + (12 if kind == _INDEX_INTERIOR else 8)
    count = int.from_bytes(data[head + 3 : head + 5], "big")
    for number in range(min(count, size // 2)):
        pointer = array + 2 * number
        cell = top + int.from_bytes(data[pointer : pointer + 2], "big")
        if not array < cell < top + usable:
            continue
        at = cell + (4 if kind == _INDEX_INTERIOR else 0)
        payload, at = _varint(data, at)
        if kind == _TABLE_LEAF:
            _, at = _varint(data, at)
        local = _local(payload, usable, table=kind == _TABLE_LEAF)
        if local < payload <= len(data) and at + local + 4 <= top + usable:
            chain = [(at, at + local)]
            if _follow(data, at + local, payload - local, size, usable, chain):
                yield chain


def _follow(
    data: bytes, pointer: int, left: int, size: int, usable: int, chain: list[Span]
) -> bool:
    """Put the overflow pages that *pointer* leads to into *chain*; gives whether all were there."""
    while left > 0:
        page = int.from_bytes(data[pointer : pointer + 4], "big")
        pointer = (page - 1) * size
        if page < 2 or pointer + size > len(data):
            return False
        take = min(left, usable - 4)
        chain.append((pointer + 4, pointer + 4 + take))
        left -= take
    return True


def _local(payload: int, usable: int, *, table: bool) -> int:
    """How much of a payload stands in its own page ("Cell Payload Overflow Pages")."""
    most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
    if payload <= most:
        return payload
    least = (usable - 12) * 32 // 255 - 23
    fitting = least + (payload - least) % (usable - 4)
    return fitting if fitting <= most else least


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for count in range(9):
        byte = data[at + count] if at + count < len(data) else 0
        if count == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at + count + 1
    return value, at
