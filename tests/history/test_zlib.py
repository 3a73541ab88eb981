"""zlib streams (RFC 1950), which two bytes begin: seen wherever they stand, and nothing else taken for one."""

from __future__ import annotations

import base64
import random
import zlib
from collections.abc import Callable

import pytest

from .test_containers import CLEAN, MATCHER, READER, TEXT, cleaned


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize(
    ("name", "around", "encode"),
    [
        ("", b"%s", bytes),
        ("base64+", b"SESSION = '%s'\n", base64.b64encode),
        ("base64+", b'{"v": "%s"}', base64.urlsafe_b64encode),
        ("hex+", b"x'%s'", lambda data: data.hex().encode()),
    ],
)
def test_a_zlib_stream_at_every_level(
    level: int, name: str, around: bytes, encode: Callable[[bytes], bytes]
) -> None:
    stream = zlib.compress(TEXT, level)
    after = around % encode(stream[:2] + zlib.compress(CLEAN, 0)[2:])
    # Whether letters that come out even would have been filled up, nothing tells.
    assert cleaned(around % encode(stream), f"{name}zlib+plain").replace(
        b"=", b""
    ) == after.replace(b"=", b"")


def test_a_stream_in_the_middle_of_counted_bytes_keeps_its_length() -> None:
    stream = zlib.compress(TEXT)
    pdf = (
        b"%%PDF-1.7\n%%\xe2\xe3\n1 0 obj\n<< /Filter /FlateDecode /Length %d >>\nstream\r\n"
        % len(stream)
    )
    data = pdf + stream + b"\r\nendstream\0\nendobj\n" + zlib.compress(b"and another one" * 9)
    mended = MATCHER.mend(data)
    assert "zlib was replaced whole" in mended.notes[0] and len(mended.data) == len(data)
    assert mended.data.startswith(pdf + b"REMOVED-secret**") and mended.data.endswith(data[-40:])
    assert not READER.find(mended.data)
    # With another window than the usual one (Distiller's), and broken off: seen and named, not replaced.
    for other in (pdf + b"H\x89" + stream[2:], pdf + b"\xff\0" + stream[:-4]):
        assert READER.find(other) == {("n", "zlib+plain")}
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\1\0iTXtComment\0\1\0\0\0X\x85" + stream[2:]
    assert READER.find(png) == {("n", "zlib+plain")}


def test_what_begins_like_a_stream_and_is_none_is_neither_told_nor_in_the_way() -> None:
    noise = random.Random(5).randbytes(200_000)
    told: list[str] = []
    assert not READER.find(noise, told) and not READER.find(b"x\x9c" + noise, told) and not told
    text = b"x^2 + y^2, fetchChild(XGeneve), H\x89\xe5\n" * 50
    assert MATCHER.replace(text) == text and not MATCHER.look(b"x\x9c" + noise).closed
    # A stream behind all of that is found.
    hidden = noise + text + zlib.compress(TEXT)
    assert {m.encoding for m in MATCHER.find(hidden)} == {"zlib+plain"} and READER.find(hidden)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_pixels_are_not_looked_into(end: bytes) -> None:
    pixels = zlib.compress(TEXT)
    head = b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n<< /Type /XObject /Subtype /Image /DecodeParms << /K 1 >> >>\nstream"
    image = head + end + pixels + b"\nendstream\nendobj\n"
    told: list[str] = []
    assert not READER.find(image, told) and not MATCHER.find(image) and not told
    assert not READER.find(b"\x89PNG\r\n\x1a\n\0\0\1\0IDAT" + pixels)
    # The next one is no image.
    page = image + b"2 0 obj\n<< /Filter /FlateDecode >>\nstream" + end + pixels + b"\nendstream\n"
    assert READER.find(page) and MATCHER.find(page)
