"""Deltas in git's format (gitformat-pack(5), "Deltified representation"), for texts that are alike.

Made for the trees of a history: mostly equal to the one before, an id changed here and there, an
entry more or less. Any two texts give a right delta, but only such give a short one.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Texts are compared in blocks of this many bytes to see where something was put in or taken out.
_BLOCK = 512
#: Equal pieces shorter than this are not worth an instruction of their own.
_LEAST = 16
#: Sizes of the cells in which two texts are compared.
_CELLS = (2048, 128, 16)
_LONGEST_COPY = 0xFFFFFF
_LONGEST_INSERT = 127


def delta(base: bytes, target: bytes) -> bytes:
    """Instructions that make *target* out of *base*."""
    out = bytearray(_size(len(base)) + _size(len(target)))
    at = 0
    for start, end, shift in _equal(base, target):
        if at < start:
            _insert(out, target[at:start])
        _copy(out, start + shift, end - start)
        at = end
    if at < len(target):
        _insert(out, target[at:])
    return bytes(out)


def _equal(base: bytes, target: bytes) -> Iterator[tuple[int, int, int]]:
    """(start, end, shift): ``target[start:end]`` is in *base* from ``start + shift`` on; ascending."""
    shift = len(base) - len(target)
    cut = len(target) if shift == 0 else _cut(base, target, shift)
    left = min(cut, len(base))
    yield from _joined(_alike(base, target, 0, left, 0), 0)
    if cut < len(target):
        begin = max(cut, -shift)
        yield from _joined(_alike(base, target, begin, len(target), shift), shift)


def _cut(base: bytes, target: bytes, shift: int) -> int:
    """Up to where *target* stands as in *base*; from there on it stands moved by *shift*."""
    score = best = 0
    cut = 0
    for at in range(0, len(target), _BLOCK):
        end = min(at + _BLOCK, len(target))
        block = target[at:end]
        score += (base[at:end] == block) - (
            at + shift >= 0 and base[at + shift : end + shift] == block
        )
        if score > best:
            best, cut = score, end
    # To the byte: the block in which they part is equal up to some point.
    while cut < min(len(base), len(target)) and base[cut] == target[cut]:
        cut += 1
    return cut


def _alike(
    base: bytes, target: bytes, start: int, end: int, shift: int
) -> Iterator[tuple[int, int]]:
    """Pieces of ``target[start:end]`` that equal *base*, moved by *shift*; by cells of a few bytes."""
    at = start
    for begin, stop in _unlike(base, target, start, end, shift):
        if begin > at:
            yield at, begin
        at = stop
    if at < end:
        yield at, end


def _unlike(
    base: bytes, target: bytes, start: int, end: int, shift: int
) -> Iterator[tuple[int, int]]:
    """The cells that differ, ascending: looked for in ever smaller ones."""
    pending = [(start, end)]
    for size in _CELLS:
        cells = [(at, min(at + size, b)) for a, b in pending for at in range(a, b, size)]
        # Slices of bytes are copied, and still compared ten times as fast as those of a memoryview.
        pending = [(a, b) for a, b in cells if target[a:b] != base[a + shift : b + shift]]
    yield from pending


def _joined(pieces: Iterator[tuple[int, int]], shift: int) -> Iterator[tuple[int, int, int]]:
    """*pieces* that touch as one; those too short for an instruction left out."""
    start = end = -1
    for a, b in pieces:
        if a != end:
            if end - start >= _LEAST:
                yield start, end, shift
            start = a
        end = b
    if end - start >= _LEAST:
        yield start, end, shift


def _size(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _insert(out: bytearray, text: bytes) -> None:
    for at in range(0, len(text), _LONGEST_INSERT):
        piece = text[at : at + _LONGEST_INSERT]
        out.append(len(piece))
        out += piece


def _copy(out: bytearray, offset: int, length: int) -> None:
    while length:
        size = min(length, _LONGEST_COPY)
        command, operands = 0x80, bytearray()
        for bit, byte in enumerate((*offset.to_bytes(4, "little"), *size.to_bytes(3, "little"))):
            if byte:
                command |= 1 << bit
                operands.append(byte)
        out.append(command)
        out += operands
        offset += size
        length -= size
