"""Compressed streams, alone or several in a row: gzip (RFC 1952), zlib (RFC 1950), bzip2, xz."""

from __future__ import annotations

import bz2
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remediate.history.containers import xz
from remediate.history.containers.inflating import deflated, inflate, raw_deflate
from remediate.history.containers.model import BrokenError, Opened, Part, Room


@dataclass(frozen=True)
class _Stream:
    """One stream of a row."""

    start: int
    end: int
    content: bytes


@dataclass(frozen=True)
class Codec:
    """One way of compressing."""

    kind: str
    begins: Callable[[bytes, int], bool]
    """Whether a stream may begin there."""
    read: Callable[[bytes, int, Room], tuple[bytes, int]]
    """Content and end of the stream that begins there. Raises `BrokenError` and `TooMuchError`."""
    write: Callable[[bytes, bytes], bytes]
    """A stream like an old one, but with another content; the same bytes on every machine."""

    def __call__(self, data: bytes, start: int, room: Room) -> Opened | None:
        """See `Opener`."""
        streams: list[_Stream] = []
        at = start
        while self.begins(data, at):
            try:
                content, end = self.read(data, at, room)
            except BrokenError as error:
                # Its first bytes only looked like one where nothing comes out of it.
                if not streams and len(error.salvaged) < _LEAST:
                    return None
                whole = b"".join([*(s.content for s in streams), error.salvaged])
                parts = [Part.of(whole)]
                return Opened(self.kind, start, len(data), parts, None, (error.reason,))
            streams.append(_Stream(at, end, content))
            at = end
        if not streams:
            return None
        content = b"".join(stream.content for stream in streams)

        def pack(parts: Sequence[bytes | None]) -> bytes:
            return self._packed(data, start, streams, content, parts[0])

        return Opened(self.kind, start, at, [Part.of(content)], pack)

    def _packed(
        self, data: bytes, start: int, streams: list[_Stream], old: bytes, new: bytes | None
    ) -> bytes:
        """The streams with *new* in them: those that it does not change stay as they are."""
        if new is None or new == old:
            return data[start : streams[-1].end]
        before = _common(old, new)
        after = _common(old[before:][::-1], new[before:][::-1])
        head: list[bytes] = []
        tail: list[bytes] = []
        skipped = dropped = 0
        first, last = 0, len(streams)
        while first < last - 1 and skipped + len(streams[first].content) <= before:
            head.append(data[streams[first].start : streams[first].end])
            skipped += len(streams[first].content)
            first += 1
        while last > first + 1 and dropped + len(streams[last - 1].content) <= after:
            last -= 1
            tail.append(data[streams[last].start : streams[last].end])
            dropped += len(streams[last].content)
        middle = self.write(
            data[streams[first].start : streams[first].end], new[skipped : len(new) - dropped]
        )
        return b"".join([*head, middle, *reversed(tail)])


def _common(one: bytes, other: bytes) -> int:
    """How many bytes *one* and *other* begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


#: A stream that goes wrong before so many bytes came out of it was none.
_LEAST = 64

#: Flags of a gzip header (RFC 1952, 2.3.1): the last three bits must be zero.
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 2, 4, 8, 16, 0xE0


def _gzip_header(data: bytes, at: int) -> int | None:
    """Where the header that begins at *at* ends; None where there is none."""
    if data[at : at + 3] != b"\x1f\x8b\x08" or len(data) < at + 18 or data[at + 3] & _RESERVED:
        return None
    flags = data[at + 3]
    end = at + 10
    if flags & _FEXTRA:
        end += 2 + int.from_bytes(data[end : end + 2], "little")
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            end = data.find(b"\0", end) + 1
            if not end:
                return None
    if flags & _FHCRC:
        end += 2
    return end if end < len(data) else None


def _read_gzip(data: bytes, at: int, room: Room) -> tuple[bytes, int]:
    header = _gzip_header(data, at)
    assert header is not None
    content, end = inflate(raw_deflate, data, header, len(data), room)
    trailer = zlib.crc32(content).to_bytes(4, "little") + _size(content)
    if data[end : end + 8] != trailer:
        wrong = "it breaks off" if end + 8 > len(data) else "its checksum is wrong"
        raise BrokenError(wrong, content)
    return content, end + 8


def _write_gzip(old: bytes, content: bytes) -> bytes:
    header = _gzip_header(old, 0)
    crc = zlib.crc32(content).to_bytes(4, "little")
    return old[:header] + deflated(content) + crc + _size(content)


#: What the first block of a deflate stream begins with: there are three kinds of it.
_KINDS = bytes(byte for byte in range(256) if byte & 7 in (2, 3, 4, 5) or byte in (0, 1))
_TEXT = bytes((*range(9, 14), *range(32, 127)))
_NO_TEXT = bytes(byte for byte in range(256) if byte not in _TEXT)
#: ``x^2`` is usual in text: a stream that begins so has something else within so many bytes. Where it has
#: not, which is so of one in a hundred, the verifier finds it all the same.
_SOON = 5


def zlib_patterns() -> list[tuple[int, bytes]]:
    """(length of what it matches, pattern) for what zlib streams begin with: RFC 1950, and RFC 1951, 3.2.3.

    In the syntax that hyperscan and `re` share.
    """
    found = [(3, rb"x[\x01\x9c\xda]" + _any_of(_KINDS))]
    for text in range(_SOON):
        behind = [_TEXT] * text + [_NO_TEXT]
        behind[0] = bytes(byte for byte in behind[0] if byte in _KINDS)
        found.append((2 + len(behind), rb"x\x5e" + b"".join(map(_any_of, behind))))
    return found


def _any_of(members: bytes) -> bytes:
    return b"[" + b"".join(b"\\x%02x" % byte for byte in members) + b"]"


_ZLIB = re.compile(b"x[\x01\x5e\x9c\xda]")
#: Of what is none, most fails within so many bytes.
_PROBE = 64
#: The pixels of a PNG stand in streams that each follow this, a PDF's behind such a dictionary (8.9.5).
_PNG = b"IDAT"
_PDF = re.compile(rb"/Subtype\s*/Image\b(?:(?!endobj|stream).)*stream\r?\n\Z", re.DOTALL)
_DICTIONARY = 1000


def _read_zlib(data: bytes, at: int, room: Room) -> tuple[bytes, int]:
    return inflate(zlib.decompressobj, data, at, len(data), room)


def _write_zlib(old: bytes, content: bytes) -> bytes:
    return old[:2] + deflated(content) + zlib.adler32(content).to_bytes(4, "big")


def zlib_(data: bytes, start: int, room: Room) -> Opened | None:
    """See `Opener`: a zlib stream; in the middle of something else only one that is whole."""
    if start >= 4 and data.startswith(_PNG, start - 4):
        return None
    if data[max(0, start - 2) : start].endswith(b"\n") and _PDF.search(
        data, max(0, start - _DICTIONARY), start
    ):
        return None
    try:
        zlib.decompressobj().decompress(data[start : start + _PROBE])
    except zlib.error:
        return None
    found = _zlib(data, start, room)
    return None if found is not None and found.pack is None and start else found


def _size(content: bytes) -> bytes:
    return (len(content) & 0xFFFFFFFF).to_bytes(4, "little")


_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)")


def _read_bzip2(data: bytes, at: int, room: Room) -> tuple[bytes, int]:
    return inflate(bz2.BZ2Decompressor, data, at, len(data), room)


def _write_bzip2(old: bytes, content: bytes) -> bytes:
    # There is one compressor for it (bzip2 1.0), which gives the same everywhere.
    return bz2.compress(content, old[3] - ord("0"))


gzip = Codec("gzip", lambda d, at: _gzip_header(d, at) is not None, _read_gzip, _write_gzip)
bzip2 = Codec("bzip2", lambda d, at: _BZIP2.match(d, at) is not None, _read_bzip2, _write_bzip2)
lzma2 = Codec("xz", xz.begins, xz.read, xz.write)
_zlib = Codec("zlib", lambda d, at: _ZLIB.match(d, at) is not None, _read_zlib, _write_zlib)
