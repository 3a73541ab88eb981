"""Blobs too large to be held whole: read, searched and replaced in as much memory as a piece takes.

git holds a loose object whole, and one that is stored as a delta. The former is unpacked here; of the
latter git makes none by itself from `core.bigFileThreshold` (512 MiB) on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from remediate.errors import GitError
from remediate.history import git
from remediate.history.match import Match
from remediate.history.matcher import Matcher, counts
from remediate.history.objects import open_batch

#: Blobs of more bytes than this are never held whole.
HUGE = 64 << 20

#: So much comes at a time; and so much of it is looked at again with what follows, for a secret can
#: stand across the edge.
_PIECE = 4 << 20
_EDGE = 1 << 20

#: Bytes on both sides of a cut in which no secret stands: what decides how one is written is next to it.
_CLEAR = 64

#: A secret (of many, one after another) that is longer than this is cut where it may be.
_LONGEST = 64 << 20

_MISSING = "It was damaged or taken away while it was read."


def pieces(directory: Path, oid: str) -> Iterator[bytes]:
    """The bytes of a blob, piece by piece. Raises `GitError` where it can't be read whole."""
    loose = next(
        (
            path
            for objects in databases(directory / "objects")
            if (path := objects / oid[:2] / oid[2:]).is_file()
        ),
        None,
    )
    yield from _loose(loose, oid) if loose is not None else _packed(directory, oid)


def databases(objects: Path, depth: int = 0) -> Iterator[Path]:
    """An object directory and those that it borrows from (gitrepository-layout(5))."""
    yield objects
    listed = objects / "info" / "alternates"
    if depth < 5 and listed.is_file():
        for line in listed.read_text("utf-8", "surrogateescape").splitlines():
            if line and not line.startswith("#"):
                yield from databases(objects / line, depth + 1)


def _loose(path: Path, oid: str) -> Iterator[bytes]:
    """A loose object: its header and its bytes as one zlib stream."""
    inflater = zlib.decompressobj()
    left: int | None = None
    held = b""
    try:
        with path.open("rb") as stream:
            while not inflater.eof:
                fed = inflater.unconsumed_tail or stream.read(1 << 16)
                if not fed:
                    break
                held += inflater.decompress(fed, _PIECE - len(held))
                if left is None and b"\0" in held:
                    header, _, held = held.partition(b"\0")
                    left = int(header.split()[1])
                if left is not None and (len(held) >= _PIECE or inflater.eof):
                    left -= len(held)
                    yield held
                    held = b""
    except (OSError, zlib.error, ValueError, IndexError):
        left = None
    if left != 0 or held:
        raise GitError(f"object {oid} can't be read whole.", hint=_MISSING)


def _packed(directory: Path, oid: str) -> Iterator[bytes]:
    """A blob in a pack, which git streams unless it is a delta."""
    child = open_batch(directory, [oid.encode("ascii")])
    out = child.stdout
    assert out is not None
    try:
        words = out.readline().split()
        left = int(words[2]) if len(words) == 3 else -1
        while left > 0:
            piece = out.read(min(_PIECE, left))
            if not piece:
                break
            left -= len(piece)
            yield piece
    finally:
        child.kill()
        child.wait()
        out.close()
    if left:
        raise GitError(f"object {oid} can't be read whole.", hint=_MISSING)


def parts(content: Iterable[bytes], matcher: Matcher) -> Iterator[tuple[bytes, list[Match]]]:
    """*content* cut anew so that no secret stands across a cut; and the places in each part."""
    held = b""
    edge = max(_EDGE, 2 * matcher.reach)
    for piece in content:
        held += piece
        if len(held) < 2 * edge:
            continue
        matches = matcher.find(held)
        cut = _clear_of(matches, len(held) - edge)
        if cut == 0 and len(held) < _LONGEST:
            continue
        cut = cut or len(held) - edge
        yield held[:cut], [match for match in matches if match.start < cut]
        held = held[cut:]
    if held:
        yield held, matcher.find(held)


def _clear_of(matches: Iterable[Match], cut: int) -> int:
    """The last place up to *cut* that no match is at or next to; 0 where there is none."""
    for match in sorted(matches, key=lambda m: m.end, reverse=True):
        if match.end + _CLEAR > cut:
            cut = min(cut, match.start - _CLEAR)
    return max(0, cut)


def find(content: Iterable[bytes], matcher: Matcher) -> Iterator[Match]:
    """Every place of every secret, as `Matcher.find` would tell them of the whole."""
    offset = 0
    for part, matches in parts(content, matcher):
        for match in matches:
            found = match.found
            moved = replace(found, start=found.start + offset, end=found.end + offset)
            yield replace(match, found=moved)
        offset += len(part)


def replaced(
    content: Iterable[bytes],
    matcher: Matcher,
    *,
    keep_length: bool,
    told: Callable[[str], None] = lambda _: None,
) -> Iterator[bytes]:
    """*content* with the replacements in it; *told* hears what was done otherwise."""
    for part, matches in parts(content, matcher):
        if not matches:
            yield part
            continue
        mended = matcher.mend(part, keep_length=keep_length)
        for note in mended.notes:
            told(note)
        yield mended.data


def measured(directory: Path, oid: str, matcher: Matcher) -> tuple[bool, int]:
    """Whether a blob counts its bytes, so that its length has to stay; and how long it becomes."""
    fixed, size = False, 0
    for piece in pieces(directory, oid):
        fixed = fixed or counts(piece) if size == 0 else fixed or b"\0" in piece
        size += len(piece)
    if not fixed:
        changed = replaced(pieces(directory, oid), matcher, keep_length=False)
        size = sum(map(len, changed))
    return fixed, size


def among(directory: Path, oids: Sequence[str]) -> frozenset[str]:
    """Those of *oids* that are too large to be held whole."""
    return frozenset(oid for oid, size in _sizes(directory, oids) if size > HUGE)


def size(directory: Path, oid: str) -> int:
    """How many bytes an object has; -1 where it is missing."""
    return next((size for _, size in _sizes(directory, [oid])), -1)


def _sizes(directory: Path, oids: Sequence[str]) -> Iterator[tuple[str, int]]:
    if not oids:
        return
    asked = "".join(f"{oid}\n" for oid in oids).encode("ascii")
    question = "--batch-check=%(objectname) %(objectsize)"
    answer = git.run(directory, "cat-file", question, "--buffer", stdin=asked)
    for line in answer.decode("ascii").splitlines():
        oid, number = line.split()
        if number.isdigit():
            yield oid, int(number)


def lines(content: Iterable[bytes], offsets: Sequence[int]) -> dict[int, tuple[int, bytes]]:
    """Of each offset (ascending) the number of its line, from 1, and the line's text near it."""
    found: dict[int, tuple[int, bytes]] = {}
    pending = list(offsets)
    held, base, number = b"", 0, 1
    for piece in content:
        held += piece
        while pending and pending[0] + _EDGE < base + len(held):
            at = pending.pop(0)
            found[at] = _line(held, at - base, number)
        keep = max(0, min(len(held) - 2 * _EDGE, pending[0] - _EDGE - base if pending else 1 << 62))
        number += held.count(b"\n", 0, keep)
        held, base = held[keep:], base + keep
    return found | {at: _line(held, at - base, number) for at in pending}


def _line(held: bytes, at: int, number: int) -> tuple[int, bytes]:
    start = held.rfind(b"\n", 0, at) + 1
    end = held.find(b"\n", at)
    text = held[max(start, at - _EDGE) : min(end if end >= 0 else len(held), at + _EDGE)]
    return number + held.count(b"\n", 0, at), text
