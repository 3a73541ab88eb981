"""How the verifier reads zlib streams (RFC 1950), which have no name of their own: PDF, git's loose objects
and packs, and whatever calls ``compress``. Every place that could begin one is tried.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator, Iterator

from remediate.history import packreader
from remediate.history.unpacked import TELLING, Allowance, Inner, stream

#: How nearly all of them begin: deflate, a window of 32 KiB (RFC 1950, 2.2).
USUAL = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
#: Where one has to begin, so that its header may tell of any window: two bytes that are, as one number, a
#: multiple of 31, and that elsewhere machine code is full of. PDF 7.3.8; PNG 11.3.3.
_PLACED = {
    b"stream": re.compile(rb"stream\r?\n"),
    b"zTXt": re.compile(rb"zTXt[^\0]{1,79}\0\0"),
    b"iTXt": re.compile(rb"iTXt[^\0]{1,79}\0\x01\0[^\0]{0,79}\0[^\0]{0,999}\0"),
}
#: So much is fed at once. Of what is no stream, most fails within it.
_PIECE = 1024
#: What an image's streams follow: in a PNG this, in a PDF a dictionary that says so (PDF 8.9.5).
_PNG = b"IDAT"
_IMAGE = re.compile(rb"/Subtype\s*/Image\b(?:(?!endobj|stream).)*stream\r?\n\Z", re.DOTALL)
_DICTIONARY = 1000


def inflated(text: bytes, allowance: Allowance, *, whole: bool) -> Iterator[Inner]:
    """What is in the zlib streams of *text* and in its packs. *whole*: see `unpacking.within`."""
    # What is deflated is never written in ASCII alone.
    if text.isascii():
        return
    read = yield from _packs(text, allowance, whole)
    done = 0
    for at in _places(text):
        if at < done or any(start <= at < end for start, end in read):
            continue
        content, used, fault = stream(zlib.decompressobj, text, at, allowance, _PIECE)
        # What fails after a while was a coincidence, but where much came out.
        if fault and len(content) < TELLING:
            continue
        if fault and whole and at == 0:
            allowance.told.append(f"zlib: {fault}")
        if content:
            yield Inner("zlib", content, not fault)
        done = at + used


def _places(text: bytes) -> Iterator[int]:
    """Where a stream may begin, from left to right."""
    placed = {0} | {
        found.end()
        for mark, pattern in _PLACED.items()
        for at in _all(text, mark)
        if (found := pattern.match(text, at))
    }
    placed = {at for at in placed if _header(text[at : at + 2])}
    usual = {at for begin in USUAL for at in _all(text, begin)}
    return (at for at in sorted(placed | usual) if not _pixels(text, at))


def _pixels(text: bytes, at: int) -> bool:
    """Whether the stream at *at* is an image's, of a PNG or in a PDF: no text is in it."""
    if at >= 4 and text.startswith(_PNG, at - 4):
        return True
    if not text[max(0, at - 8) : at].rstrip(b"\r\n").endswith(b"stream"):
        return False
    return _IMAGE.search(text, max(0, at - _DICTIONARY), at) is not None


def _header(two: bytes) -> bool:
    return (
        len(two) == 2 and two[0] & 0x8F == 8 and not two[1] & 0x20 and not int.from_bytes(two) % 31
    )


def _all(text: bytes, begin: bytes) -> Iterator[int]:
    at = text.find(begin)
    while at >= 0:
        yield at
        at = text.find(begin, at + 1)


def _packs(
    text: bytes, allowance: Allowance, whole: bool
) -> Generator[Inner, None, list[tuple[int, int]]]:
    """What is in packs; gives from where to where those stand that were read."""
    read: list[tuple[int, int]] = []
    bundle = whole and packreader.BUNDLE.match(text) is not None
    begun = False
    for found in packreader.PACK.finditer(text):
        start = found.start()
        if read and start < read[-1][1]:
            continue
        first = whole and (start == 0 or (bundle and not begun))
        kind = packreader.KINDS[first and bundle]
        begun = True
        try:
            contents, end = packreader.objects(text, start, allowance.take)
        except packreader.PackError as error:
            contents, end = list(error.salvaged), start
            if first:
                allowance.told.append(f"{kind}: {error.reason}")
        read.append((start, end))
        yield from (Inner(kind, content, end > start) for content in contents if content)
    return read
