"""Forms that are not replaced: the verifier names them, so that nothing is called clean."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import quopri
import random
import sqlite3
import string
import tarfile
import textwrap
from collections.abc import Callable
from contextlib import closing

import pytest

from remediate.history.readings import Reader, wanted

from .generator import make
from .test_generated import MANY, SEED

_RANDOM = random.Random(31)
TOKEN = "".join(_RANDOM.choices(string.ascii_letters + string.digits + "=+/", k=40)).encode()

Encode = Callable[[bytes], bytes]


def _dump(sep: str) -> Encode:
    return lambda text: text.hex(sep).encode()


FORMS: dict[str, Encode] = {
    "blanks": _dump(" "),
    "dashes": _dump("-"),
    "pairs": lambda t: t.hex(" ", -2).encode(),
    "dump in lines": lambda t: "\n".join(textwrap.wrap(t.hex(" "), 48)).encode(),
    "quoted-printable": quopri.encodestring,
    "quoted-printable in hex": lambda t: quopri.encodestring(t.hex().encode()),
    "utf-32": lambda t: t.decode().encode("utf-32-le"),
    "hex in base64": lambda t: base64.b64encode(t.hex().encode()),
    "base64 in hex": lambda t: base64.b64encode(t).hex().encode(),
    "base64 in lines in JSON": lambda t: base64.encodebytes(t * 3).replace(b"\n", b"\\n"),
    "base64 three times": lambda t: base64.b64encode(base64.b64encode(base64.b64encode(t))),
    "json in json in base64 in base64": lambda t: base64.b64encode(
        base64.b64encode(t.replace(b"/", b"\\\\\\/").replace(b"=", b"\\\\u003d"))
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_named(form: str) -> None:
    reader = Reader([wanted("n", TOKEN)])
    text = b"before " + FORMS[form](b"a: " + TOKEN + b"\n") + b" after\n"
    assert {needle for needle, _ in reader.find(text)} == {"n"}
    other = bytes(reversed(TOKEN))
    assert not reader.find(b"before " + FORMS[form](b"a: " + other + b"\n") + b" after\n")


@pytest.mark.parametrize("encode", ["\\x%02x", "%%%02x", "&#%d;"])
@pytest.mark.parametrize("own", ["%41", "&lt;", "\\x41", "&#65;%2F\\n"])
def test_what_looks_like_an_escape_and_is_the_secrets_own(own: str, encode: str) -> None:
    secret = f"{'Ab9' * 6}{own}{'xY7' * 4}".encode()
    reader = Reader([wanted("n", secret)])
    assert reader.find("".join(encode % byte for byte in secret).encode())
    assert reader.find(html.escape(secret.decode()).replace("A", "&#65;").encode())


def test_a_backslash_before_a_sign_that_is_none_of_its_escape() -> None:
    octal = "".join(f"\\{byte:03o}" for byte in TOKEN).replace("\\1", "\\=\n1", 1)
    assert Reader([wanted("n", TOKEN)]).find(json.dumps(octal).encode())


def _database(value: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA page_size = 512")
        database.execute("CREATE TABLE t (v BLOB)")
        database.execute("INSERT INTO t VALUES (?)", (b"x" * 900 + value,))
        database.commit()
        return database.serialize()


@pytest.mark.parametrize("behind", [b"", b"\n", bytes(3000)])
@pytest.mark.parametrize("before", [b"", b"\n", bytes(512)])
def test_a_value_over_several_pages_of_a_database_in_something(
    before: bytes, behind: bytes
) -> None:
    value = TOKEN.hex(":").encode() * 8
    image = before + _database(value) + behind
    assert value not in image
    reader = Reader([wanted("n", value)])
    for around in (bytes, bytes.hex, base64.b64encode):
        text = around(image)
        assert reader.find(text.encode() if isinstance(text, str) else text)


def test_headers_of_databases_in_a_row_end_in_a_word_about_it() -> None:
    header = _database(b"")[:100]
    text = (
        b"x" + b"".join(header[:28] + b"\xff" * 4 + header[32:] for _ in range(4000)) + bytes(512)
    )
    told: list[str] = []
    Reader([wanted("n", TOKEN)]).find(text, told)
    assert told == ["it unpacks to more than 256 MiB"]


def test_the_verifier_reads_each_generated_case() -> None:
    """Without a repository around them, so many more than `test_generated` makes."""
    missed = [
        str(case)
        for case in (make(number, SEED + 1) for number in range(4 * MANY))
        if not Reader([wanted("n", case.secret)]).find(case.written())
    ]
    assert not missed


def test_an_encoded_archive_is_opened_wherever_it_begins() -> None:
    value = b"x" * 20 + TOKEN + b"y" * 500
    database, archive = _overflowing(value), _tarred(_overflowing(value))
    assert TOKEN not in database
    reader = Reader([wanted("n", TOKEN)])
    for packed in (database, archive, b"before" + database + archive, archive + archive):
        for text in (packed, base64.b64encode(packed), b"a: " + packed.hex().encode() + b" ;\n"):
            assert reader.find(text)
    # Quoted and cut short it is no archive that can't be read.
    closed: list[str] = []
    reader.find(base64.b64encode(archive[:1500]) + b"\n" + database[:900].hex().encode(), closed)
    assert not closed


def test_what_is_no_escape_makes_no_broken_archive() -> None:
    """Undone, its bytes are a damaged stream with the beginning of an archive in it."""
    archive = _tarred(b"\\u0041 %41 &#65; =3D" + b"x" * 3000)
    closed: list[str] = []
    packed = gzip.compress(archive, compresslevel=0)
    assert not Reader([wanted("n", TOKEN)]).find(packed, closed)
    assert not closed
    Reader([wanted("n", TOKEN)]).find(packed[:2000], closed)
    assert closed == ["gzip: it breaks off", "tar: it is damaged or breaks off"]


def test_a_bound_that_is_met_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader([wanted("n", TOKEN)])
    text = TOKEN
    for _ in range(5):
        text = base64.b64encode(text)
    assert reader.find(text)
    monkeypatch.setattr("remediate.history.readings._DEPTH", 3)
    closed: list[str] = []
    assert not reader.find(text, closed)
    assert closed == ["it is encoded more than 3 times over"]
    monkeypatch.undo()
    monkeypatch.setattr("remediate.history.unpacked._WORK", 300)
    closed = []
    assert not reader.find(text, closed)
    assert "all that it can stand for" in closed[0]


def _overflowing(value: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA page_size = 512")
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)")
        database.execute("INSERT INTO t (v) VALUES (?)", (value,))
        database.commit()
        return database.serialize()


def _tarred(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
