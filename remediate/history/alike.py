"""Whether a text is the one that it was but for replacements: what a rehearsal may change, and no more."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from remediate.history.marks import Marks
from remediate.history.unpacking import members


def same_text(old: bytes, new: bytes, replaced: Marks) -> bool:
    """Whether *new* is *old* but for replacements, which may be encoded, and that twice over."""
    return _in_order(old, new, replaced) or _same_decoded(old, new, replaced, _TWICE)


def _in_order(old: bytes, new: bytes, replaced: Marks) -> bool:
    """Whether what stands between the marks in *new* stands in *old*, in that order."""
    if old == new:
        return True
    pieces = replaced.between(new)
    at = len(pieces[0])
    # Without a mark nothing may differ; and what is empty stands in every text.
    if len(pieces) == 1 or not old.startswith(pieces[0]):
        return False
    for piece in pieces[1:]:
        found = old.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return at == len(old) or not pieces[-1] or old.endswith(pieces[-1])


#: How deep encoded text lies within other where what fills a place up is told apart.
_TWICE = 2
#: What stands between two lines of one text, quoted or escaped.
_BREAK = rb"(?:[\s\"',>#*]|\\+[rnt]|\\(?=\s))+"
_ENCODED = re.compile(
    rb"[A-Za-z0-9+/_-]{16,}(?:" + _BREAK + rb"[A-Za-z0-9+/_-]{4,})*(?:(?:" + _BREAK + rb")?={1,2})?"
)
_BREAKS = re.compile(_BREAK)
_STANDARD = bytes.maketrans(b"-_", b"+/")


def _same_decoded(old: bytes, new: bytes, replaced: Marks, depth: int) -> bool:
    """Whether all that differs is text in base64 or hex that is the same, decoded, but for replacements."""
    if _ENCODED.split(old) != _ENCODED.split(new):
        return False
    pairs = zip(_ENCODED.findall(old), _ENCODED.findall(new), strict=True)
    return all(a == b or _same_run(a, b, replaced, depth) for a, b in pairs)


def _same_run(old: bytes, new: bytes, replaced: Marks, depth: int) -> bool:
    """Wherever the text in it begins: what stands behind a place of another length is laid out anew."""
    if not set(_BREAKS.findall(new)) <= set(_BREAKS.findall(old)):
        return False
    old, new = _BREAKS.sub(b"", old), _BREAKS.sub(b"", new)
    for skip, decode in _READINGS:
        a, b = decode(old[skip:]), decode(new[skip:])
        if old[:skip] != new[:skip] or a == b:
            continue
        if _in_order(a, b, replaced) or (depth and _same_decoded(a, b, replaced, depth - 1)):
            return True
    return False


def _from_base64(run: bytes) -> bytes:
    """All whole bytes: one letter too many is less than one."""
    run = run.rstrip(b"=")
    run = run[:-1] if len(run) % 4 == 1 else run
    return binascii.a2b_base64((run + b"=" * (-len(run) % 4)).translate(_STANDARD))


def _from_hex(run: bytes) -> bytes:
    """Nothing where they are no digits."""
    return bytes.fromhex(run.decode("ascii")) if _DIGITS.fullmatch(run) else b""


_DIGITS = re.compile(rb"(?:[0-9a-fA-F]{2})*")
_READINGS = (*((skip, _from_base64) for skip in range(4)), (0, _from_hex))


#: Of a huge text so much is held, and so far it is looked ahead for where it goes on alike.
_WINDOW, _AHEAD = 8 << 20, 1 << 20


def same_stream(old: Iterator[bytes], new: Iterator[bytes], replaced: Marks) -> bool:
    """`same_text` for blobs that are never held whole: what stands between the marks, in its order."""
    before = after = b""
    more = True
    while more or after:
        while more and len(after) < _WINDOW:
            piece = next(new, None)
            more, after = piece is not None, after + (piece or b"")
        while len(before) < len(after) + _AHEAD and (piece := next(old, None)) is not None:
            before += piece
        if not more:
            return same_text(before, after, replaced) and next(old, None) is None
        # No mark stands across the cut, so that what is left begins as the old text goes on.
        cut = len(after) - _AHEAD
        for start, end in reversed(replaced.places(after)):
            cut = min(cut, start - 1) if end >= cut else cut
        at = 0
        for number, text in enumerate(replaced.between(after[:cut])):
            found = before.find(text, at, at + len(text) + (_AHEAD if number else 0))
            if found < 0:
                return False
            at = found + len(text)
        before, after = before[at:], after[cut:]
    return True


def same_members(before: bytes, after: bytes, replaced: Marks) -> bool:
    """Whether what is packed in *after* is what is packed in *before*, but for replacements."""
    if before == after or (len(before) == len(after) and b"\0" in before):
        return True
    old, new = members(before), members(after)
    if old is None or new is None:
        # It is no archive, or was replaced whole; or it is a text that holds one in base64 or hex.
        return same_text(before, after, replaced)
    return [name for name, _ in old] == [name for name, _ in new] and all(
        same_members(a, b, replaced) for (_, a), (_, b) in zip(old, new, strict=True)
    )
