"""Secrets within archives: found, replaced inside, packed again with all else as it was."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import marshal
import pickle
import pickletools
import random
import re
import sqlite3
import string
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.history.containers import model
from remediate.history.matcher import Matcher
from remediate.history.model import Needle
from remediate.history.readings import Reader, wanted
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.verify import verify
from remediate.secret import Secret

if TYPE_CHECKING:
    from tests.history.conftest import Lab

_RANDOM = random.Random(23)
TOKEN = "ghx_" + "".join(_RANDOM.choices(string.ascii_letters + string.digits, k=36))
FILLED = b"REMOVED-secret".ljust(len(TOKEN), b"*")
TEXT = b"user: me\ntoken: " + TOKEN.encode() + b"\n" + b"and much else\n" * 20
CLEAN = TEXT.replace(TOKEN.encode(), b"REMOVED-secret")
NEEDLE = Needle("n", Secret(TOKEN), b"REMOVED-secret")
MATCHER = Matcher([NEEDLE])
READER = Reader([wanted("n", TOKEN.encode())])


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for number, (name, content) in enumerate(members.items()):
            info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 2 * number))
            info.compress_type = method
            info.external_attr = (0o640 + number) << 16
            info.comment = b"about " + name.encode()
            info.extra = b"\x99\x99\x04\x00abcd"
            archive.writestr(info, content)
        archive.comment = b"the whole"
    return out.getvalue()


def unzipped(data: bytes) -> dict[str, tuple[object, ...]]:
    """All that tells one member from another, but for its sizes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {
            i.filename: (
                i.date_time,
                i.external_attr,
                i.comment,
                i.extra,
                i.compress_type,
                i.flag_bits,
                archive.read(i),
            )
            for i in archive.infolist()
        }


def tarred(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for number, (name, content) in enumerate(members.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), 1_600_000_000 + number, 0o640 + number
            info.uid, info.uname = 1000 + number, f"user{number}"
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere"
        archive.addfile(link)
    return out.getvalue()


def untarred(data: bytes) -> list[tuple[object, ...]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [
            (i.name, i.mtime, i.mode, i.uid, i.uname, i.linkname, _member(archive, i))
            for i in archive
        ]


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes | None:
    content = archive.extractfile(info) if info.isreg() else None
    return None if content is None else content.read()


def cleaned(data: bytes, encoding: str) -> bytes:
    """*data* after replacing, found under *encoding* before; the verifier agrees with both."""
    assert {match.encoding for match in MATCHER.find(data)} == {encoding}
    assert READER.find(data)
    mended = MATCHER.mend(data)
    assert mended.notes == ()
    assert not MATCHER.find(mended.data) and not READER.find(mended.data)
    assert Matcher([NEEDLE]).replace(data) == mended.data
    return mended.data


def inflated(data: bytes) -> Iterator[bytes]:
    """What is in each of the zlib streams in a row."""
    while data:
        engine = zlib.decompressobj()
        yield engine.decompress(data) + engine.flush()
        assert engine.eof
        data = engine.unused_data


STREAMS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gzip": (gzip.compress, gzip.decompress),
    "bzip2": (bz2.compress, bz2.decompress),
    "xz": (lzma.compress, lzma.decompress),
    "zlib": (zlib.compress, lambda data: b"".join(inflated(data))),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_compressed_streams(kind: str) -> None:
    pack, unpack = STREAMS[kind]
    assert unpack(cleaned(pack(TEXT), f"{kind}+plain")) == CLEAN
    # More than is taken out of a stream at once.
    large = TEXT + b"%d and so on\n" * 200_000 % tuple(range(200_000))
    assert not MATCHER.look(pack(large)).closed
    told: list[str] = []
    assert READER.find(pack(large) + pack(b"x" * 99), told) and not told
    assert unpack(cleaned(pack(large), f"{kind}+plain")) == large.replace(
        TOKEN.encode(), b"REMOVED-secret"
    )
    # Of several in a row, those that hold nothing stay as they are.
    before, after = pack(b"before " * 50), pack(b"after " * 50)
    row = cleaned(before + pack(TEXT) + after, f"{kind}+plain")
    assert row.startswith(before) and row.endswith(after)
    assert unpack(row) == b"before " * 50 + CLEAN + b"after " * 50
    if kind == "zlib":
        return  # Nothing makes a row of these that is one text.
    split = cleaned(pack(TEXT[:30]) + pack(TEXT[30:]) + after, f"{kind}+plain")
    assert unpack(split) == CLEAN + b"after " * 50 and split.endswith(after)


def test_a_gzip_header_stays() -> None:
    out = io.BytesIO()
    with gzip.GzipFile("a name", "wb", fileobj=out, mtime=1_234_567_890) as file:
        file.write(TEXT)
    clean = cleaned(out.getvalue(), "gzip+plain")
    end = out.getvalue().index(b"a name\0") + 7
    assert clean[:end] == out.getvalue()[:end]


MEMBERS = {"a/clean.txt": b"nothing " * 9, "b.properties": TEXT, "empty": b"", "c.bin": b"\0" * 99}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zip(method: int) -> None:
    old = zipped(MEMBERS, method)
    new = cleaned(old, "zip+plain")
    expected = unzipped(old)
    expected["b.properties"] = (*expected["b.properties"][:-1], CLEAN)
    assert unzipped(new) == expected and list(unzipped(new)) == list(expected)
    with zipfile.ZipFile(io.BytesIO(new)) as archive:
        assert archive.comment == b"the whole"


class _Pipe(io.RawIOBase):
    """Somewhere to write a zip to that can't be gone back in, so that it has descriptors."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.data += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


@pytest.mark.parametrize("wide", [False, True])
def test_a_zip_with_descriptors_and_wide_fields(wide: bool) -> None:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, content in MEMBERS.items():
            with archive.open(name, "w", force_zip64=wide) as member:
                member.write(content)
    old = bytes(pipe.data)
    assert unzipped(cleaned(old, "zip+plain"))["b.properties"][-1] == CLEAN


def test_a_zip_behind_a_program() -> None:
    stub = b'#!/bin/sh\nexec java -jar "$0"\n\0'
    for base in (0, len(stub)):
        old = bytearray(zipped(MEMBERS))
        if base:  # as `zip -A` makes it: offsets count from the program's beginning
            out = io.BytesIO(stub)
            out.seek(0, 2)
            with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
                for name, content in MEMBERS.items():
                    archive.writestr(name, content)
            old = bytearray(out.getvalue()[len(stub) :])
        new = cleaned(stub + bytes(old), "zip+plain")
        assert new.startswith(stub) and unzipped(new)["b.properties"][-1] == CLEAN


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar(form: int) -> None:
    long = "a/" + "b" * 90 + "/" + "c" * 40
    old = tarred({**MEMBERS, long: TEXT * 3, f"in-a-name-{TOKEN}": b"x"}, form)
    new = cleaned(old, "tar+plain")
    rows = untarred(old)
    for number, row in enumerate(rows):
        name = str(row[0]).replace(TOKEN, FILLED.decode())
        content = row[-1].replace(TOKEN.encode(), b"REMOVED-secret") if row[-1] else row[-1]
        rows[number] = (name, *row[1:-1], content)
    assert untarred(new) == rows


def test_a_long_name_in_tar_holds_it() -> None:
    name = "x" * 120 + TOKEN
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        new = cleaned(tarred({name: b"1", "after": b"2"}, form), "tar+plain")
        assert [row[0] for row in untarred(new)] == [
            "x" * 120 + FILLED.decode(),
            "after",
            "link",
        ]


def test_containers_in_containers() -> None:
    layers = gzip.compress(tarred({"in.zip": zipped({"x.bz2": bz2.compress(TEXT)})}))
    new = cleaned(layers, "gzip+tar+zip+bzip2+plain")
    inner = untarred(gzip.decompress(new))[0][-1]
    assert isinstance(inner, bytes)
    assert bz2.decompress(unzipped(inner)["x.bz2"][-1]) == CLEAN  # type: ignore[arg-type]
    assert cleaned(gzip.compress(base64.encodebytes(TEXT)), "gzip+base64")
    assert cleaned(zipped({"a": TEXT.decode().encode("utf-16")}), "zip+utf-16")


def _in_lines(text: bytes, width: int, gap: bytes) -> bytes:
    return gap.join(text[at : at + width] for at in range(0, len(text), width))


PACKED = gzip.compress(TEXT, mtime=0)
CARRIED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "base64": ("base64", base64.b64encode),
    "base64url, bare": ("base64", lambda d: base64.urlsafe_b64encode(d).rstrip(b"=")),
    "lines": ("base64", lambda d: _in_lines(base64.b64encode(d), 76, b"\n")),
    "yaml": ("base64", lambda d: _in_lines(base64.b64encode(d), 64, b"\n    ")),
    "strings": ("base64", lambda d: _in_lines(base64.b64encode(d), 40, b'"\n  "')),
    "slashes": ("base64", lambda d: base64.b64encode(d).replace(b"/", b"\\/")),
    "percent": (
        "base64",
        lambda d: (
            base64.b64encode(d).replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D")
        ),
    ),
    "helm": ("base64+base64", lambda d: base64.b64encode(base64.b64encode(d))),
    "hex": ("hex", lambda d: d.hex().encode()),
    "HEX": ("hex", lambda d: d.hex().upper().encode()),
    "xxd": ("hex", lambda d: _in_lines(d.hex().encode(), 60, b"\n")),
    "colons": ("hex", lambda d: d.hex(":").encode()),
    "array": ("hex", lambda d: b", ".join(b"0x%02x" % byte for byte in d)),
    "hex in base64": ("base64+hex", lambda d: base64.b64encode(d.hex().encode())),
    "utf-16": ("utf-16+base64", lambda d: base64.b64encode(d).decode().encode("utf-16-le")),
}


@pytest.mark.parametrize("form", CARRIED)
@pytest.mark.parametrize("kind", ["gzip", "zip", "xz", "bzip2"])
def test_containers_in_text(form: str, kind: str) -> None:
    encoding, encode = CARRIED[form]
    packed = {
        "gzip": PACKED,
        "zip": zipped(MEMBERS),
        "xz": lzma.compress(TEXT),
        "bzip2": bz2.compress(TEXT),
    }[kind]
    before, after = (b"release: '", b"'\nnext: 1\n")
    if form == "utf-16":
        before, after = (text.decode().encode("utf-16-le") for text in (before, after))
        before = b"\xff\xfe" + before
    old = encode(packed)
    new = cleaned(before + old + after, f"{encoding}+{kind}+plain")
    expected = encode(MATCHER.replace(packed))
    if not set(b"/+%_-") & set(old):  # nothing tells how a sign would have been written
        new, expected = (text.translate(None, b"/+_-\\=") for text in (new, expected))
        after = after.translate(None, b"_-+/")
    assert new == before + expected + after


@pytest.mark.parametrize("behind", [b"!", b" ;", b" ;\n", b" and more text\n"])
@pytest.mark.parametrize("more", range(6))
@pytest.mark.parametrize("form", ["base64", "base64url, bare", "yaml"])
def test_what_follows_in_the_same_letters_still_decodes(
    form: str, more: int, behind: bytes
) -> None:
    """However long the container becomes: it is filled up to whole groups of letters."""
    packed = gzip.compress(TEXT + b"x" * 7 * more, mtime=0)
    encoding, encode = CARRIED[form]
    old = b"k: " + encode(packed + behind) + b";\n"
    new = cleaned(old, f"{encoding}+gzip+plain")
    letters = re.sub(rb"\s", b"", new.removeprefix(b"k: ").removesuffix(b";\n"))
    text = base64.urlsafe_b64decode(
        (letters + b"=" * (-len(letters) % 4)).translate(bytes.maketrans(b"+/", b"-_"))
    )
    mended = MATCHER.replace(packed)
    assert text.startswith(mended)
    assert text.removeprefix(mended).lstrip(b"*") == behind


def test_every_machine_packs_the_same() -> None:
    """Digests that must never change: a compressor's version plays no part."""
    text = b"token: " + b"tok_" + b"x1Y2z3W4v5U6" + b"\n"
    matcher = Matcher([Needle("n", Secret(text[7:-1]), b"REMOVED-x")])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("a", (2020, 1, 1, 0, 0, 0)), text)
    packed = {
        "gzip": gzip.compress(text, mtime=0)[:9] + b"\3" + gzip.compress(text, mtime=0)[10:],
        "bzip2": bz2.compress(text),
        "xz": lzma.compress(text),
        "zip": out.getvalue(),
    }
    digests = {
        kind: sha256(matcher.replace(data)).hexdigest()[:16] for kind, data in packed.items()
    }
    assert digests == {
        "gzip": "2175075e9919d2d3",
        "bzip2": "3ec5b670bc6ea0b1",
        "xz": "41446ff9a4e45fa4",
        "zip": "2a79ba43eea04104",
    }


def _sealed(data: bytes) -> bytes:
    """A zip that says of its members that they are encrypted."""
    out = bytearray(data)
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = out.find(magic)
        while place >= 0:
            out[place + at] |= 1
            place = out.find(magic, place + 4)
    return bytes(out)


BROKEN = {
    "encrypted": (_sealed(zipped(MEMBERS)), "zip: 4 of its"),
    "a zip cut off": (zipped(MEMBERS)[:-40], "zip: it is damaged"),
    "a gzip cut off": (gzip.compress(_RANDOM.randbytes(999))[:700], "gzip: it breaks off"),
    "a gzip with a wrong checksum": (PACKED[:-8] + b"12345678", "gzip: it"),
    "an xz cut off": (lzma.compress(_RANDOM.randbytes(5000))[:3000], "xz: it breaks off"),
    "a bzip2 cut off": (bz2.compress(_RANDOM.randbytes(2_000_000))[:1_500_000], "bzip2: it breaks"),
    "a tar cut off": (tarred(MEMBERS)[:1400], "tar: it"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(80), "7z: it can't"),
    "a cabinet": (b"MSCF\0\0\0\0" + bytes(80), "cabinet: it can't"),
    "a deb with zstd in it": (b"!<arch>\n" + bytes(60) + b"\x28\xb5\x2f\xfd" + bytes(9), "ar: it"),
    "a zlib stream cut off": (zlib.compress(_RANDOM.randbytes(999))[:700], "zlib: it breaks off"),
    "a pack of nothing": (b"PACK\0\0\0\2\0\0\0\1\xb0", "git-pack: it breaks off"),
    "a bundle cut off": (
        b"# v2 git bundle\n" + b"0" * 40 + b" HEAD\n\nPACK\0\0\0\2\0\0\0\1\xb0",
        "git-bundle: it breaks",
    ),
    "in a tar": (tarred({"a.zip": _sealed(zipped(MEMBERS))}), "tar: zip: 4 of its"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_said(case: str, lab: Lab) -> None:
    data, reason = BROKEN[case]
    told: list[str] = []
    READER.find(data, told)
    assert told
    (closed,) = MATCHER.look(data).closed
    assert closed.startswith(reason)
    lab.commit({"file": data})
    repo = open_repo(lab.path)
    verdict = verify(repo, [NEEDLE])
    assert not verdict.clean
    blob = lab.git("rev-parse", "HEAD:file")
    assert {u.what for u in verdict.unreadable} == {f"object {blob}", "worktree file"}
    made = rehearse(repo, [NEEDLE], lab.path.parent / "quarantine")
    assert f"object {blob}" in {u.what for u in made.unreadable}


@pytest.mark.parametrize(
    "data",
    [
        b"PK and more, not PK\3\4 at all",
        b"x\x1f\x8b\x08" + bytes(100),
        b"\x1f\x8b\x08\0" + b"no gzip at all, only its first bytes" * 3,
        b"BZh91AY&SY" + b"neither is this" * 9,
        b"curl | base64 -d: H4sIAAAAAAAA/" + base64.b64encode(gzip.compress(TEXT[:10] * 90))[14:40],
        b"a: 1f8b0800000000 and 504b0304",
        _RANDOM.randbytes(3000) + b"PK\3\4" + _RANDOM.randbytes(3000) + b"PK\5\6",
        b"Rar! is no archive",
    ],
)
def test_what_only_looks_like_an_archive_is_none(data: bytes) -> None:
    told: list[str] = []
    assert not READER.find(data, told) and not told
    looked = MATCHER.look(data)
    assert not looked.matches and not looked.closed
    assert MATCHER.replace(data) == data


def test_what_is_broken_and_holds_a_secret_is_replaced_whole() -> None:
    data = gzip.compress(TEXT + _RANDOM.randbytes(999))[:700]
    assert {m.encoding for m in MATCHER.find(data)} == {"gzip+plain"}
    mended = MATCHER.mend(data)
    assert mended.data == b"REMOVED-secret"
    assert mended.notes == ("gzip was replaced whole: it can't be packed again",)
    outer = zipped({"inner.gz": data, "other": b"stays"})
    new = unzipped(MATCHER.replace(outer))
    assert (new["inner.gz"][-1], new["other"][-1]) == (b"REMOVED-secret", b"stays")


def test_a_container_within_counted_bytes_keeps_its_length() -> None:
    data = b"\0head" + gzip.compress(TEXT) + b"tail\0"
    mended = MATCHER.mend(data)
    assert len(mended.data) == len(data) and "counts its bytes" in mended.notes[0]
    assert mended.data.startswith(b"\0headREMOVED-secret***") and mended.data.endswith(b"tail\0")
    assert not READER.find(mended.data)


def test_bombs_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = TEXT
    for _ in range(model.DEEPEST + 3):
        deep = gzip.compress(deep)
    assert "layers deep" in MATCHER.look(deep).closed[0]
    wide = gzip.compress(gzip.compress(bytes(80 << 20)))
    assert "times its size" in MATCHER.look(wide).closed[0]
    monkeypatch.setattr(model, "MOST_BYTES", 1 << 20)
    room = model.Room(1 << 20)
    with pytest.raises(model.TooMuchError):
        room.spend(2 << 20)
    told: list[str] = []
    monkeypatch.setattr("remediate.history.unpacked.MOST", 1 << 20)
    READER.find(gzip.compress(bytes(3 << 20)), told)
    assert "unpacks to more than" in told[0]


def test_a_database_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite"
    padding = "".join(_RANDOM.choices(string.ascii_letters, k=40_000))
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA page_size = 1024")
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v, b BLOB)")
        for number in range(300):
            # Somewhere along the row the token lies across the end of an overflow page.
            text = padding[: 900 + 7 * number] + TOKEN + padding[:3000]
            database.execute("INSERT INTO t (v, b) VALUES (?, ?)", (text, text.encode()))
        database.commit()
    data = path.read_bytes()
    assert {m.encoding for m in MATCHER.find(data)} >= {"sqlite+plain"}
    clean = MATCHER.replace(data)
    assert len(clean) == len(data) and not READER.find(clean) and not MATCHER.find(clean)
    path.write_bytes(clean)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        filled = FILLED.decode()
        for number, (text, blob) in enumerate(database.execute("SELECT v, b FROM t ORDER BY id")):
            assert text == padding[: 900 + 7 * number] + filled + padding[:3000]
            assert blob == text.encode()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_stay_loadable(protocol: int) -> None:
    for value in (TOKEN, {"a": [TOKEN, "b"], "n": 3}, TOKEN.encode(), "x" * 300 + TOKEN):
        for data in (
            pickle.dumps(value, protocol),
            pickletools.optimize(pickle.dumps(value, protocol)),
        ):
            clean = MATCHER.replace(data)
            loaded = str(pickle.loads(clean))
            assert TOKEN not in loaded and "REMOVED-secret" in loaded
            assert not READER.find(clean)


def test_compiled_code_stays_loadable() -> None:
    code = compile(f"key = {TOKEN!r}\nother = b{TOKEN!r}\n", "settings.py", "exec")
    data = b"\xa7\r\r\n" + bytes(12) + marshal.dumps(code)
    clean = MATCHER.replace(data)
    values: dict[str, object] = {}
    exec(marshal.loads(clean[16:]), values)
    assert (values["key"], values["other"]) == (FILLED.decode(), FILLED)


def test_the_whole_way_through_a_repository(lab: Lab) -> None:
    files = {
        "a.gz": gzip.compress(TEXT),
        "b.zip": zipped(MEMBERS),
        "c.tar": tarred(MEMBERS),
        "d.tar.xz": lzma.compress(tarred(MEMBERS)),
        "e.bz2": bz2.compress(TEXT),
        "f.yaml": b"data:\n  release: " + base64.b64encode(base64.b64encode(PACKED)) + b"\n",
    }
    lab.commit({**files, "clean.zip": zipped({"x": b"clean"})})
    kept = lab.git("rev-parse", "HEAD:clean.zip")
    result = rehearse(open_repo(lab.path), [NEEDLE], lab.path.parent / "quarantine")
    assert result.remnants == () and result.unreadable == () and result.messages == ()
    assert result.blobs == len(files) and kept not in result.objects
    assert {p.encoding for p in result.places} == {
        "gzip+plain",
        "zip+plain",
        "tar+plain",
        "xz+tar+plain",
        "bzip2+plain",
        "base64+base64+gzip+plain",
    }
    assert {p.line for p in result.places if p.path != "f.yaml"} == {None}
    left = {r.encoding.split("+")[0] for r in verify(open_repo(lab.path), [NEEDLE]).remnants}
    assert left == {"gzip", "zip", "plain", "xz", "bzip2", "base64"}


DUMPED: dict[str, Callable[[bytes], bytes]] = {
    "c": lambda t: b"".join(b"\\x%02x" % byte for byte in t),
    "json": lambda t: b"".join(b"\\u%04X" % byte for byte in t),
    "percent": lambda t: b"".join(b"%%%02x" % byte for byte in t),
    "octal": lambda t: b"".join(b"\\%03o" % byte for byte in t),
    "html": lambda t: b"".join(b"&#%d;" % byte for byte in t),
    "colons": lambda t: t.hex(":").encode(),
    "array": lambda t: b", ".join(b"0x%02X" % byte for byte in t),
}


@pytest.mark.parametrize("form", DUMPED)
def test_escaped_throughout(form: str) -> None:
    """Whatever a secret is in: what takes its place there has its length, all else stays."""
    dump = DUMPED[form]
    inner = {
        "base64": base64.b64encode(b"user:" + TOKEN.encode() + b"@host"),
        "hex": (b"user:" + TOKEN.encode() + b"@host").hex().encode(),
        "percent": dump(b"user:" + TOKEN.encode() + b"@host"),
    }
    for text in inner.values():
        old = b"x = '" + dump(text) + b"'\n"
        assert MATCHER.find(old) and READER.find(old)
        new = MATCHER.replace(old)
        assert new.startswith(b"x = '") and new.endswith(b"'\n")
        assert not MATCHER.find(new) and not READER.find(new)
    plain = b"k: " + dump(b"user:" + TOKEN.encode() + b"@host") + b" ;\n"
    assert not READER.find(MATCHER.replace(plain))
    assert MATCHER.replace(b"a " + dump(b"nothing at all here")) == b"a " + dump(
        b"nothing at all here"
    )
