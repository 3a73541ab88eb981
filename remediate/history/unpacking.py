"""How the verifier opens containers: by the standard library's own readers, wherever one begins.

Like `readings` it shares nothing with finding and replacing, which take a container apart by its
structure (but for packs of git's, which both read by `packreader`). This one reads from every place
that looks like the beginning of compressed bytes, whatever stands around it, and asks zipfile, tarfile
and sqlite3 about what begins a text.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from remediate.history import unpacked
from remediate.history.unpacked import FAULTS, PIECE, TELLING, Allowance, Inner, OverError, stream
from remediate.history.unpacking_zlib import USUAL, inflated

#: How much of a stream is read again together with the next one.
_SEAM = 64 << 10

_UNREADABLE = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"LZIP\x01": "lzip",
    b"\x1f\x9d\x90": "compress (.Z)",
    b"MSCF\0\0\0\0": "cabinet",
    b"hsqs": "squashfs",
    b"xar!\0": "xar",
}
#: Debian's and RPM's packages: what is in them begins somewhere further in, and only this can't be read.
_PACKAGES = {b"!<arch>\n": "ar", b"\xed\xab\xee\xdb": "rpm"}
_ZSTD = b"\x28\xb5\x2f\xfd"

_STREAMS: tuple[tuple[str, bytes, Callable[[], Any]], ...] = (
    ("gzip", b"\x1f\x8b\x08", lambda: zlib.decompressobj(31)),
    ("bzip2", b"BZh", bz2.BZ2Decompressor),
    ("xz", b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
)


def within(text: bytes, allowance: Allowance, *, whole: bool) -> Iterator[Inner]:
    """Everything packed in *text*.

    Archives are opened wherever they begin: what was encoded has other text around it. *whole*: the
    text is a file or a member of one, so that what begins it is an archive and what can't be read
    of that is told to *allowance*.
    """
    if allowance.left < 0:
        return
    try:
        yield from _streams(text, allowance, whole)
        yield from inflated(text, allowance, whole=whole)
        # A byte that is rare in text is looked for at twenty times the speed of several.
        if b"\4" in text or b"\6" in text:
            yield from _zip(text, allowance, whole)
        if b"\0" in text:
            yield from _tars(text, allowance, whole)
            yield from _databases(text, allowance, whole)
    except OverError:
        allowance.left = -1
        allowance.bounds[f"it unpacks to more than {unpacked.MOST >> 20} MiB"] = None
    if whole:
        allowance.told += (
            f"{kind}: it can't be unpacked here"
            for magic, kind in _UNREADABLE.items()
            if text.startswith(magic)
        )
        allowance.told += (
            f"{kind}: it holds zstd, which can't be unpacked here"
            for magic, kind in _PACKAGES.items()
            if text.startswith(magic) and _ZSTD in text
        )


def members(text: bytes) -> list[tuple[str, bytes]] | None:
    """Name and content of all that is in the archive *text*; None where it is none, or damaged."""
    try:
        if text.startswith(b"PK\3\4"):
            with zipfile.ZipFile(io.BytesIO(text)) as archive:
                # A name may hold a secret, and then is another.
                return [
                    (str(n), b"" if info.flag_bits & 1 else archive.read(info))
                    for n, info in enumerate(archive.infolist())
                ]
        if text[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(text), mode="r:") as tar:
                return [
                    (str(n), content.read() if (content := tar.extractfile(member)) else b"")
                    for n, member in enumerate(tar)
                    if member.isreg()
                ]
        for kind, magic, unpack in _WHOLE:
            if text.startswith(magic):
                return [(kind, unpack(text))]
    except (*FAULTS, zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError):
        return None
    return None


_WHOLE: tuple[tuple[str, bytes, Callable[[bytes], bytes]], ...] = (
    ("gzip", b"\x1f\x8b\x08", gzip.decompress),
    *(("zlib", begin, zlib.decompress) for begin in USUAL),
    ("bzip2", b"BZh", bz2.decompress),
    ("xz", b"\xfd7zXZ\0", lzma.decompress),
)


def _streams(text: bytes, allowance: Allowance, whole: bool) -> Iterator[Inner]:
    for kind, magic, make in _STREAMS:
        at = text.find(magic) if magic[:1] in text else -1
        end = -1
        row, sound = b"", True
        while at >= 0:
            content, used, fault = stream(make, text, at, allowance)
            if fault and whole and at == 0 and len(content) >= TELLING:
                allowance.told.append(f"{kind}: {fault}")
            if content:
                yield Inner(kind, content, not fault)
            # Streams in a row are one text: a secret may begin in one and end in another.
            sound = not fault and (sound or at != end)
            row = row + content if at == end else content
            if at == end:
                yield Inner(kind, row, sound)
            row = row[-_SEAM:]
            end = at + used
            at = text.find(magic, at + (1 if fault else used))


def _zip(text: bytes, allowance: Allowance, whole: bool) -> Iterator[Inner]:
    if whole and (text.startswith(b"PK") or text.rfind(b"PK\5\6") >= len(text) - 66_000):
        try:
            with zipfile.ZipFile(io.BytesIO(text)) as archive:
                yield from _members(archive, allowance)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, IndexError):
            if text.startswith(b"PK\3\4"):
                allowance.told.append("zip: it is damaged or breaks off")
    # Members that no directory names, or whose archive stands in the middle of something.
    at = text.find(b"PK\3\4")
    while at >= 0:
        encrypted = text[at + 6 : at + 7] and text[at + 6] & 1
        if text[at + 8 : at + 10] == b"\x08\0" and not encrypted:
            name, extra = (int.from_bytes(text[at + n : at + n + 2], "little") for n in (26, 28))
            content, _, fault = stream(_raw, text, at + 30 + name + extra, allowance)
            if content:
                yield Inner("zip", content, not fault)
        at = text.find(b"PK\3\4", at + 4)


def _raw() -> Any:
    return zlib.decompressobj(-15)


def _members(archive: zipfile.ZipFile, allowance: Allowance) -> Iterator[Inner]:
    sealed = damaged = 0
    for member in archive.infolist():
        if member.flag_bits & 1:
            sealed += 1
            continue
        out = io.BytesIO()
        try:
            with archive.open(member) as content:
                while fresh := content.read(PIECE):
                    allowance.take(len(fresh))
                    out.write(fresh)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError):
            damaged += 1
        except (NotImplementedError, ValueError, RuntimeError):
            damaged += 1
        if out.tell():
            yield Inner("zip", out.getvalue(), sound=True)
    if sealed:
        allowance.told.append(f"zip: {sealed} of its members are encrypted")
    if damaged:
        allowance.told.append(f"zip: {damaged} of its members can't be read")


def _tars(text: bytes, allowance: Allowance, whole: bool) -> Iterator[Inner]:
    at = text.find(_USTAR)
    file = io.BytesIO(text)
    while at >= 0:
        start, after = at - 257, at + 1
        if start >= 0 and (_is_header(text[start : start + 512]) or (whole and start == 0)):
            told: list[str] = []
            after = yield from _tar(file, start, len(text), allowance, told)
            if whole and start == 0:
                allowance.told += told
        at = text.find(_USTAR, after)


_USTAR = b"ustar"


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _tar(
    file: io.BytesIO, start: int, size: int, allowance: Allowance, told: list[str]
) -> Generator[Inner, None, int]:
    """What the archive that begins at *start* of *file*'s *size* bytes holds; returns its end."""
    end = start + 512
    names = []
    try:
        file.seek(start)
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                names += [member.name, member.linkname]
                end = max(end, archive.offset)
                if member.isreg() and member.size:
                    if member.sparse is not None:
                        allowance.take(member.size)
                    elif member.offset_data + member.size > size:
                        break
                    content = archive.extractfile(member)
                    assert content is not None
                    yield Inner("tar", content.read(), sound=False)
            # tarfile ends without a word where what should be a header is none.
            if archive.offset > size or _at(file, archive.offset).strip(b"\0"):
                told.append("tar: it is damaged or breaks off")
    except (tarfile.TarError, ValueError, OSError, EOFError, OverflowError):
        told.append("tar: it is damaged or breaks off")
    if names:
        names_text = "\n".join(names).encode("utf-8", "surrogateescape")
        yield Inner("tar", names_text, sound=False)
    return min(end, size)


def _at(file: io.BytesIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(512)


_SQLITE = b"SQLite format 3\0"


def _databases(text: bytes, allowance: Allowance, whole: bool) -> Iterator[Inner]:
    at = text.find(_SQLITE)
    while at >= 0:
        first = whole and at == 0
        image = text if first else _image(text, at)
        after = at + len(_SQLITE)
        if len(image) >= 512:
            # Headers in a row that promise much would each be read to the end.
            allowance.take(0 if first else len(image))
            told: list[str] = []
            yield from _sqlite(image, allowance, told)
            if first:
                allowance.told += told
            if not told:
                after = at + len(image)
        at = text.find(_SQLITE, after)


def _image(text: bytes, at: int) -> bytes:
    """The database that begins at *at*: its header has the size of a page and how many there are.

    https://sqlite.org/fileformat.html#the_database_header
    """
    page = int.from_bytes(text[at + 16 : at + 18], "big")
    page = 1 << 16 if page == 1 else page
    if page < 512 or page & (page - 1):
        return b""
    told = text[at + 24 : at + 28] == text[at + 92 : at + 96]
    size = page * int.from_bytes(text[at + 28 : at + 32], "big") if told else 0
    # Old versions leave the number of pages out.
    return text[at : at + (size or (len(text) - at) // page * page)]


def _sqlite(text: bytes, allowance: Allowance, told: list[str]) -> Iterator[Inner]:
    # A database in WAL mode can't be opened from memory; the mode says nothing of what is in it.
    image = text[:18] + b"\1\1" + text[20:]
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(image)
            database.text_factory = bytes
            database.execute("PRAGMA trusted_schema = OFF")
            tables = database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
            ).fetchall()
            for (name,) in tables:
                quoted = name.decode("utf-8", "replace").replace('"', '""')
                yield Inner("sqlite", b"\n".join(_values(database, quoted, allowance)), sound=False)
    except (sqlite3.Error, ValueError, OverflowError, MemoryError):
        told.append("sqlite: it is damaged")


def _values(database: sqlite3.Connection, table: str, allowance: Allowance) -> Iterator[bytes]:
    for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - from its own schema
        for value in row:
            if isinstance(value, bytes):
                allowance.take(len(value))
                yield value
