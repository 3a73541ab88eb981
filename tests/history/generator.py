"""Cases by the thousand: a secret, encoded up to three times, in archives or not, somewhere in a repository.

Whether a secret is still there is decided here, by undoing what the case did, with none of the
project's own code: a case knows what it put around the secret, and how to take it off again.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import html
import io
import json
import lzma
import marshal
import pickle
import quopri
import random
import re
import sqlite3
import string
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property

Turn = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Way:
    """A way to write a text, and back."""

    name: str
    there: Turn = field(repr=False)
    back: Turn = field(repr=False)
    text: bool = True
    """Whether ASCII text comes out."""


def _each(style: str) -> Turn:
    return lambda text: b"".join((style % byte).encode() for byte in text)


def _codes(pattern: bytes, base: int) -> Turn:
    expression = re.compile(pattern)
    return lambda text: expression.sub(lambda found: bytes([int(found[1], base)]), text)


def _lines(text: bytes, width: int, gap: bytes) -> bytes:
    return gap.join(text[at : at + width] for at in range(0, len(text), width))


def _unjson(text: bytes) -> bytes:
    return json.loads(b'"' + text + b'"').encode("latin-1")  # type: ignore[no-any-return]


def _json(text: bytes) -> bytes:
    return json.dumps(text.decode("latin-1"))[1:-1].encode()


def _unbase64(text: bytes) -> bytes:
    letters = re.sub(rb"[^A-Za-z0-9+/_-]", b"", text).translate(bytes.maketrans(b"-_", b"+/"))
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))


def _unhex(text: bytes) -> bytes:
    return binascii.a2b_hex(re.sub(rb"0x|\\x|[^0-9a-fA-F]", b"", text))


WAYS = (
    Way("json", _json, _unjson),
    Way("json, slashes", lambda t: _json(t).replace(b"/", b"\\/"), _unjson),
    Way("json, all", _each("\\u%04x"), _unjson),
    Way("c", _each("\\x%02x"), _codes(rb"\\x(..)", 16)),
    Way("octal", _each("\\%03o"), _codes(rb"\\([0-7]{3})", 8)),
    Way("percent", lambda t: urllib.parse.quote_from_bytes(t, safe="").encode(), urllib.parse.unquote_to_bytes),
    Way("percent, all", _each("%%%02x"), urllib.parse.unquote_to_bytes),
    Way("html", lambda t: html.escape(t.decode("latin-1")).encode("latin-1"), lambda t: html.unescape(t.decode("latin-1")).encode("latin-1")),
    Way("html, all", _each("&#%d;"), _codes(rb"&#(\d+);", 10)),
    Way("html, hex", _each("&#x%X;"), _codes(rb"&#x([0-9A-F]+);", 16)),
    Way("quoted-printable", quopri.encodestring, quopri.decodestring),
    Way("base64", base64.b64encode, _unbase64),
    Way("base64url", lambda t: base64.urlsafe_b64encode(t).rstrip(b"="), _unbase64),
    Way("base64, lines", base64.encodebytes, _unbase64),
    Way("base64, lines of 40", lambda t: _lines(base64.b64encode(t), 40, b"\n  "), _unbase64),
    Way("hex", lambda t: t.hex().encode(), _unhex),
    Way("HEX", lambda t: t.hex().upper().encode(), _unhex),
    Way("hex, lines", lambda t: _lines(t.hex().encode(), 60, b"\n"), _unhex),
    Way("hex, colons", lambda t: t.hex(":").encode(), _unhex),
    Way("hex, array", _each("0x%02x, "), _unhex),
    Way("utf-16-le", lambda t: t.decode("latin-1").encode("utf-16-le"), lambda t: t.decode("utf-16-le").encode("latin-1"), text=False),
    Way("utf-16-be", lambda t: t.decode("latin-1").encode("utf-16-be"), lambda t: t.decode("utf-16-be").encode("latin-1"), text=False),
    Way("utf-32", lambda t: t.decode("latin-1").encode("utf-32-le"), lambda t: t.decode("utf-32-le").encode("latin-1"), text=False),
)  # fmt: skip


def _zip(method: int) -> Turn:
    def there(content: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF"), b"Version: 1\n")
            info = zipfile.ZipInfo("conf/app.properties")
            info.compress_type = method
            archive.writestr(info, content)
        return out.getvalue()

    return there


def _unzip(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return archive.read("conf/app.properties")


def _tar(form: int) -> Turn:
    def there(content: bytes) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            for name, data in (("a", b"first"), ("b/content", content), ("c", b"last")):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return out.getvalue()

    return there


def _untar(data: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["a", "b/content", "c"]
        content = archive.extractfile("b/content")
        assert content is not None
        return content.read()


def _sqlite(page: int, before: int) -> Turn:
    def there(content: bytes) -> bytes:
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute(f"PRAGMA page_size = {page}")
            database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)")
            database.execute("INSERT INTO t (v) VALUES (?)", (b"x" * before + content,))
            database.commit()
            return database.serialize()

    return there


def _unsqlite(data: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return database.execute("SELECT v FROM t").fetchone()[0].lstrip(b"x")  # type: ignore[no-any-return]


CONTAINERS = (
    Way("gzip", lambda d: gzip.compress(d, mtime=1), gzip.decompress, text=False),
    Way("bzip2", bz2.compress, bz2.decompress, text=False),
    Way("xz", lzma.compress, lzma.decompress, text=False),
    Way("zlib", zlib.compress, zlib.decompress, text=False),
    Way("zip", _zip(zipfile.ZIP_DEFLATED), _unzip, text=False),
    Way("zip, stored", _zip(zipfile.ZIP_STORED), _unzip, text=False),
    Way("tar", _tar(tarfile.PAX_FORMAT), _untar, text=False),
    Way("tar, gnu", _tar(tarfile.GNU_FORMAT), _untar, text=False),
    Way("tar.gz", lambda d: gzip.compress(_tar(tarfile.GNU_FORMAT)(d), mtime=1), lambda d: _untar(gzip.decompress(d)), text=False),
    Way("sqlite", _sqlite(4096, 10), _unsqlite, text=False),
    Way("sqlite, overflow", _sqlite(512, 448), _unsqlite, text=False),
    Way("pickle", lambda d: pickle.dumps({"k": d}, 4), lambda d: pickle.loads(d)["k"], text=False),
    Way("marshal", lambda d: bytes(16) + marshal.dumps(("a", d)), lambda d: marshal.loads(d[16:])[1], text=False),
)  # fmt: skip

_CARRIERS = tuple(way for way in WAYS if way.name.startswith(("base64", "hex", "HEX")))

DEPTH = 3
"""Encodings of a case, within and around its containers."""

FILES = ("file", "deleted file", "unreachable blob", "stash", "staged file", "file of another ref")
LINES = ("commit message", "tag message", "note", "file name", "author", "reflog", "config")
"""Places that hold one line of text."""


@dataclass(frozen=True)
class Case:
    """A secret, how it is written, and where."""

    number: int
    secret: bytes
    encodings: tuple[Way, ...]
    """The innermost first."""
    containers: tuple[Way, ...]
    carriers: tuple[Way, ...]
    """Around the containers."""
    place: str
    frames: tuple[tuple[bytes, bytes], ...]
    """What stands before and behind, at each level that is text."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """All of them, the innermost first."""
        return (*self.encodings, *self.containers, *self.carriers)

    def __str__(self) -> str:
        ways = " > ".join(way.name for way in self.ways) or "plain"
        return f"case {self.number}: {ways} in {self.place}"

    def written(self) -> bytes:
        """What stands at the place."""
        return self._written

    @cached_property
    def _written(self) -> bytes:
        text = self.frames[0][0] + self.secret + self.frames[0][1]
        for way, (before, after) in zip(self.ways, self.frames[1:], strict=True):
            text = before + way.there(text) + after
        return text

    def left_in(self, text: bytes) -> bool:
        """Whether what stands there by now still gives the secret away.

        What can't be undone as it was done was replaced.
        """
        if self.secret in text or self.written() in text:
            return True
        try:
            for way, (before, after) in reversed(
                list(zip(self.ways, self.frames[1:], strict=True))
            ):
                if not (text.startswith(before) and text.endswith(after)):
                    return False
                text = way.back(text[len(before) : len(text) - len(after)])
                if isinstance(text, str):
                    # Bytes of another case may load as something that this one never was.
                    text = text.encode("utf-8", "surrogateescape")
        except Exception:  # it is no archive, no base64… any more
            return False
        return self.secret in text


_ALPHABETS = (
    string.ascii_letters + string.digits,
    string.ascii_letters + string.digits + "+/",
    string.ascii_letters + string.digits + "-_",
    "0123456789abcdef",
    string.ascii_letters + string.digits + "!#$%&()*+-;<=>?@^_{|}~/",
)


def make(number: int, seed: int = 0) -> Case:
    """The case with that number; the same every time."""
    chance = random.Random(seed * 1_000_003 + number)
    alphabet = chance.choice(_ALPHABETS)
    secret = "".join(chance.choices(alphabet, k=chance.randrange(20, 45))).encode()
    place = chance.choice((*FILES, *FILES, *LINES))
    encodings = _chosen(chance, WAYS, chance.randrange(DEPTH + 1))
    containers: tuple[Way, ...] = ()
    carriers: tuple[Way, ...] = ()
    if chance.random() < 0.6:
        containers = tuple(chance.choices(CONTAINERS, k=chance.choice((1, 1, 1, 2))))
        # Pickles and marshal hold text; what else is in there is as it would be in a file.
        if place in LINES or chance.random() < 0.25:
            carriers = tuple(chance.choices(_CARRIERS, k=chance.choice((1, 1, 2))))
            encodings = (
                encodings[len(encodings) + len(carriers) - DEPTH :]
                if len(encodings) + len(carriers) > DEPTH
                else encodings
            )
    ways = (*encodings, *containers, *carriers)
    frames = [_frame(chance, True)]
    for index, way in enumerate(ways):
        outermost = index == len(ways) - 1
        if not way.text or (
            index + 1 < len(ways) and ways[index + 1] in CONTAINERS and not way.text
        ):
            frames.append((b"", b""))
        else:
            frames.append(_frame(chance, not outermost or place in FILES))
    case = Case(number, secret, encodings, containers, carriers, place, tuple(frames))
    text = case.written()
    if place in LINES and (b"\0" in text or b"\n" in text):
        return replace(case, place="file")
    odd = {"file name": b"/", "author": b"<>"}.get(place, b"")
    if set(text) & set(odd) or (place == "file name" and len(text) > 250):
        return replace(case, place="commit message")
    return case


def _chosen(chance: random.Random, ways: Sequence[Way], count: int) -> tuple[Way, ...]:
    """*count* of *ways*, of which only the last may give bytes that are no text."""
    chosen = [chance.choice(ways) for _ in range(count)]
    return tuple(
        way
        for index, way in enumerate(chosen)
        if way.text
        or index == len(chosen) - 1
        or chosen[index + 1].name.startswith(("base64", "hex", "HEX"))
    )


def _frame(chance: random.Random, lines: bool) -> tuple[bytes, bytes]:
    """Something to stand around a text; without a letter that could be taken for one of its."""
    before = "".join(chance.choices(string.ascii_lowercase, k=chance.randrange(12)))
    end = "\n" if lines else " "
    return f"{before}: ".encode(), f" ;{end}".encode()
