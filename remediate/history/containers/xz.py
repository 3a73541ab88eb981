"""xz streams (the .xz file format, 1.2.1: https://tukaani.org/xz/xz-file-format.txt).

Reading is left to lzma. A stream is written with LZMA2 chunks that are not compressed, so that no
version of liblzma plays a part in what comes out.
"""

from __future__ import annotations

import lzma
import zlib

from remediate.history.containers.inflating import inflate
from remediate.history.containers.model import Room

_MAGIC = b"\xfd7zXZ\0"
_CHUNK = 1 << 16

#: The stream flags for a CRC32 behind each block, which every reader can check.
_FLAGS = b"\0\x01"


def begins(data: bytes, at: int) -> bool:
    """Whether a stream header stands at *at*, its own checksum right."""
    flags = data[at + 6 : at + 8]
    return data.startswith(_MAGIC, at) and _crc32(flags) == data[at + 8 : at + 12]


def read(data: bytes, at: int, room: Room) -> tuple[bytes, int]:
    """The stream's content, and where it ends. Raises `BrokenError` and `TooMuchError`."""
    return inflate(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), data, at, len(data), room)


def write(_old: bytes, content: bytes) -> bytes:
    """*content* as one stream with one block."""
    header = _MAGIC + _FLAGS + _crc32(_FLAGS)
    # One filter, LZMA2 (0x21), with a dictionary of 64 KiB: no reader needs memory for it.
    block = b"\x02\x00\x21\x01\x08" + b"\0" * 3
    block += _crc32(block)
    chunks = []
    for start in range(0, len(content), _CHUNK):
        chunk = content[start : start + _CHUNK]
        # 1: a chunk that is not compressed and resets the dictionary; 2: one that does not.
        chunks.append(bytes([1 if start == 0 else 2]) + (len(chunk) - 1).to_bytes(2, "big") + chunk)
    body = b"".join([*chunks, b"\0"])
    check = _crc32(content)
    unpadded = len(block) + len(body) + len(check)
    padding = b"\0" * (-len(body) % 4)
    index = b"\0\x01" + _number(unpadded) + _number(len(content))
    index += b"\0" * (-len(index) % 4)
    index += _crc32(index)
    backward = (len(index) // 4 - 1).to_bytes(4, "little") + _FLAGS
    footer = _crc32(backward) + backward + b"YZ"
    return b"".join([header, block, body, padding, check, index, footer])


def _crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def _number(value: int) -> bytes:
    """A multibyte integer: seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
