r"""How the verifier reads a text: every way in which it could stand for another, from outside in.

This shares nothing with the code that finds and replaces. That one writes a secret in all its forms
and looks for them; this one undoes what was done to a text and looks for the secret as it is, by
`bytes.find`. Where the two disagree, one of them is wrong, and the verdict is not clean.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from remediate.history.unpacked import Allowance
from remediate.history.unpacking import within

#: How many times a text is undone: JSON in base64 in a URL is three. What comes out of a container
#: counts from none again. What could be undone still at the end is told.
_DEPTH = 16
#: How many containers may lie within one another.
_NESTED = 8

#: Nobody breaks encoded text into shorter lines (MIME: 76, PEM: 64).
_LINE = 32

_B64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_HEX = b"0123456789abcdefABCDEF"


def _classes(members: bytes) -> bytes:
    return bytes(ord("a") if byte in members else ord(" ") for byte in range(256))


_B64_TABLE, _HEX_TABLE = _classes(_B64), _classes(_HEX)
_STANDARD = bytes.maketrans(b"-_", b"+/")

#: What can stand between two pieces of one text that was broken into lines, but for line ends.
_LOOSE = b" \t\r\n\v\f\"'`,;:#>*|\\"

#: Ways to write a character by other ones. One expression for each first letter: with a literal to
#: begin with, `re` goes over a text ten times as fast.
_BACKSLASH = re.compile(
    rb"\\(?:\\*u00([0-9a-fA-F]{2})|\\*x([0-9a-fA-F]{2})|([0-3][0-7]{2})|\\*([/\"'\\$&=+nrt-]))"
)
#: The same, but each level of backslashes by itself: ``\\=`` may be a backslash and a sign.
_BACKSLASH_ONCE = re.compile(
    rb"\\(?:u00([0-9a-fA-F]{2})|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|([/\"'\\$&=+nrt-]))"
)
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_AMPERSAND = re.compile(
    rb"&(?:#0*([0-9]{1,3});|#[xX]0*([0-9a-fA-F]{1,2});|(amp|lt|gt|quot|apos|sol|plus|equals);)"
)
_NAMED = {
    b"amp": b"&",
    b"lt": b"<",
    b"gt": b">",
    b"quot": b'"',
    b"apos": b"'",
    b"sol": b"/",
    b"plus": b"+",
    b"equals": b"=",
}


@dataclass(frozen=True)
class Wanted:
    """One secret, as the verifier looks for it."""

    needle: str
    value: bytes
    """As it is; of a key of many lines its body, without a gap."""
    key: bool

    def __repr__(self) -> str:
        return f"Wanted({self.needle[:12]})"


def wanted(needle: str, value: bytes) -> Wanted:
    """What to look for, for a secret's *value*."""
    if b"-----BEGIN " not in value and b"\n" not in value.strip():
        return Wanted(needle, value, key=False)
    text = value.replace(b"\\r", b"").replace(b"\\n", b"\n").replace(b"\\/", b"/")
    inner = re.sub(rb"-----(?:BEGIN|END) [^-]*-----", b"\n", text)
    lines = [line for line in inner.split(b"\n") if b": " not in line]
    body = _squeezed(b"\n".join(lines))
    return Wanted(needle, body, key=True) if body else Wanted(needle, value, key=False)


class Reader:
    """Looks for several secrets in a text, in all its readings."""

    def __init__(self, secrets: Iterable[Wanted]) -> None:
        secrets = list(secrets)
        self._plain = [w for w in secrets if not w.key and w.value]
        self._keys = [w for w in secrets if w.key]
        shortest = min((len(w.value) for w in secrets if w.value), default=0)
        self._run = min(_LINE, max(8, shortest * 4 // 3))
        self._hex_run = min(_LINE, max(8, 2 * shortest))
        # A secret with "%41" in it, say, is gone where all escapes are undone at once.
        turns = (*(turn for turn, _ in _ESCAPES), _unquoted)
        brittle = any(turn(w.value) != w.value for turn in turns for w in self._plain)
        # Two backslashes may be two layers, C within JSON, which undone at once lose a letter.
        self._apart = _ESCAPES if brittle else _ESCAPES[:1]

    @property
    def secrets(self) -> tuple[Wanted, ...]:
        """What is looked for."""
        return (*self._plain, *self._keys)

    @property
    def kinds(self) -> int:
        """How many readings there are of each secret."""
        return 7 * len(self._plain) + 5 * len(self._keys)

    def shown(self, path: str) -> str:
        """*path* as it may be told: without a secret that stands in it."""
        raw = path.encode("utf-8", "surrogateescape")
        for secret in self._plain:
            raw = raw.replace(secret.value, b"(a secret)")
        return raw.decode("utf-8", "surrogateescape") if not self.find(raw) else "(a secret)"

    def find(self, text: bytes, unreadable: list[str] | None = None) -> set[tuple[str, str]]:
        """(needle, encoding) of each secret in *text*, a file's or an object's bytes.

        What an archive holds that can't be read is put into *unreadable*, by its reason.
        """
        search = _Search(self)
        search.look(text)
        if unreadable is not None:
            unreadable += dict.fromkeys((*search.allowance.told, *search.allowance.bounds))
        return search.found

    def stands_in(self, text: bytes) -> Iterator[tuple[str, str]]:
        """(needle, "plain" or "multi-line") of each secret in *text* as it stands."""
        yield from ((w.needle, "plain") for w in self._plain if w.value in text)
        if self._keys:
            squeezed = _squeezed(text)
            yield from ((w.needle, "multi-line") for w in self._keys if w.value in squeezed)

    def undone(self, text: bytes) -> Iterator[tuple[str, bytes]]:
        """(name, reading) of each way to undo *text* once."""
        if b"\0" in text:
            yield "utf-16", text.replace(b"\0", b"")
        at_once = _unescaped(text)
        if at_once != text:
            yield "escaped", at_once
            for turn, sign in self._apart:
                near = _near(text, sign)
                alone = turn(near)
                if alone != near and alone != at_once:
                    yield "escaped", alone
        runs = list(_runs(text, _B64_TABLE, self._run))
        if runs:
            yield "base64", b"\n".join(_from_base64(runs))
            # A run of hex digits is one of these, too, and no shorter.
            digits = list(_runs(text, _HEX_TABLE, self._hex_run))
            if digits:
                yield "hex", b"\n".join(_from_hex(digits))
        dumps = list(_dumps(text))
        if dumps:
            yield "hex", b"\n".join(_from_hex(dumps))
        # Last: base64 that ends in "=" looks like it too, and is to be told by its own name.
        if _QUOTED.search(text):
            yield "quoted-printable", _unquoted(text)


class _Search:
    """One text, with all that it may stand for and all that is packed in it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._read: dict[bytes, tuple[int, int]] = {}
        self.found: set[tuple[str, str]] = set()
        self.allowance = Allowance()

    def look(self, text: bytes, outer: str = "", depth: int = 0, nested: int = 0) -> None:
        """Read *text*, which came of *depth* readings since the last of *nested* containers."""
        if (depth or nested) and not self._is_new(text, depth, nested):
            return
        # What was seen from further out is one place, told once.
        known = {needle for needle, _ in self.found}
        self.found |= {
            (needle, outer + how)
            for needle, how in self._reader.stands_in(text)
            if needle not in known
        }
        told = self.allowance.told
        for kind, inner, sound in within(text, self.allowance, whole=depth == 0):
            if nested == _NESTED:
                self.allowance.bounds[f"it lies more than {_NESTED} archives deep"] = None
                break
            before = len(told)
            self.look(inner, f"{outer}{kind}+", 0, nested + 1)
            # Encoded and quoted, or with something undone in it that only looked like an escape.
            if depth and not sound:
                del told[before:]
        if depth == _DEPTH:
            if self._goes_on(text):
                self.allowance.bounds[f"it is encoded more than {_DEPTH} times over"] = None
            return
        for name, inner in self._reader.undone(text):
            self.look(inner, f"{outer}{name}+", depth + 1, nested)

    def _goes_on(self, text: bytes) -> bool:
        """Whether what is text in *text* could be undone once more.

        What was decoded by mistake is full of bytes that look like an escape by chance.
        """
        pieces = _PRINTED.findall(text.replace(b"\0", b""))
        return any(True for _ in self._reader.undone(b"\xff".join(pieces)))

    def _is_new(self, text: bytes, depth: int, nested: int) -> bool:
        key = hashlib.blake2b(text, digest_size=16).digest()
        last = self._read.get(key)
        if last is not None and last[0] <= depth and last[1] <= nested:
            return False
        self._read[key] = depth, nested
        return self.allowance.read(len(text))


_PRINTED = re.compile(rb"[\t\r\n -~]{16,}")


def _squeezed(text: bytes) -> bytes:
    """*text* without anything that can stand between the letters of a key."""
    if b"\\" in text:
        text = re.sub(rb"\\+u000[aAdD9]|\\+[nrt](?=[\\\s\"'A-Za-z0-9+/=-])", b"", text)
    if b'"' in text or b"'" in text:
        text = re.sub(rb"[\"']\s*[+.]?\s*(?:\r?\n)?\s*[\"']", b"", text)
    return text.translate(None, _LOOSE)


def _unescaped(text: bytes) -> bytes:
    """*text* with the escapes of JSON, C, shells, URLs and HTML undone, once each."""
    return _unampersand(_unpercent(_unbackslash(text)))


def _unbackslash(text: bytes) -> bytes:
    return _BACKSLASH.sub(_from_backslash, text)


def _unbackslash_once(text: bytes) -> bytes:
    return _BACKSLASH_ONCE.sub(_from_backslash, text)


def _unpercent(text: bytes) -> bytes:
    return _PERCENT.sub(lambda found: bytes([int(found[1], 16)]), text)


def _unampersand(text: bytes) -> bytes:
    return _AMPERSAND.sub(_from_ampersand, text)


#: Each, and what has to stand where it makes a difference that the others do not make.
_ESCAPES = (
    (_unbackslash_once, b"\\\\"),
    (_unbackslash, b"\\"),
    (_unpercent, b"%"),
    (_unampersand, b"&"),
)
#: Lines around one with an escape that may be of the same text.
_AROUND = 3


def _near(text: bytes, sign: bytes) -> bytes:
    """The lines of *text* with *sign* in them or close by: most of a program has no escapes at all."""
    if sign not in text:
        return b""
    lines = text.split(b"\n")
    kept = bytearray(len(lines))
    for number, line in enumerate(lines):
        if sign in line:
            first, last = max(0, number - _AROUND), min(len(lines), number + _AROUND + 1)
            kept[first:last] = b"\1" * (last - first)
    return b"\n".join(line for line, keep in zip(lines, kept, strict=True) if keep)


#: Quoted-printable (RFC 2045, 6.7) always writes its own sign and long lines so.
_QUOTED = re.compile(rb"=(?:3[Dd]|\r?\n)")
_QUOTE = re.compile(rb"=(?:\r?\n|([0-9A-Fa-f]{2}))")


def _unquoted(text: bytes) -> bytes:
    return _QUOTE.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else b"", text)


def _from_backslash(found: re.Match[bytes]) -> bytes:
    if (digits := found[1] or found[2]) is not None:
        return bytes([int(digits, 16)])
    if found[3] is not None:
        return bytes([int(found[3], 8)])
    return _CONTROLS.get(found[4], found[4])


_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _from_ampersand(found: re.Match[bytes]) -> bytes:
    if found[3] is not None:
        return _NAMED[found[3]]
    code = int(found[1]) if found[1] is not None else int(found[2], 16)
    return bytes([code]) if code < 256 else found.group()


def _runs(text: bytes, table: bytes, least: int) -> Iterator[bytes]:
    """Runs of a class of letters of *least* or more, broken lines put together again."""
    classes = text.translate(table)
    probe = b"a" * least
    at = 0
    while (start := classes.find(probe, at)) >= 0:
        pieces = []
        while True:
            end = classes.find(b" ", start)
            end = len(text) if end < 0 else end
            pieces.append(text[start:end])
            at = end
            start = classes.find(b"a", end)
            # The next line of the same text: only loose characters, and at least one line end.
            between = text[end:start] if start >= 0 else b""
            if start < 0 or len(between) > 64 or b"\n" not in between:
                break
            if between.translate(None, _LOOSE):
                break
        yield b"".join(pieces)


#: What a dump of single bytes or of pairs looks like by classes of letters: ``1f 8b 08``,
#: ``0x1f, 0x8b``, ``1f8b 0800``.
_DUMP_TABLE = bytes(
    ord("a")
    if byte in _HEX
    else ord("-")
    if byte in b" :,-\t\r\n"
    else ord("x")
    if byte == 120
    else 32
    for byte in range(256)
)
_DUMP_PROBES = (
    b"aa-aa-aa-aa-aa-aa",
    b"axaa--axaa--axaa",
    b"axaa-axaa-axaa",
    b"aaaa-aaaa-aaaa",
)
_DUMP = re.compile(rb"(?:0x)?[0-9a-fA-F]{2}(?:[\s:,-]{0,40}(?:0x)?[0-9a-fA-F]{2})*")


def _dumps(text: bytes) -> Iterator[bytes]:
    """Hex digits of each dump with something between its bytes."""
    classes = text.translate(_DUMP_TABLE)
    for probe in _DUMP_PROBES:
        at = classes.find(probe)
        while at >= 0:
            found = _DUMP.match(text, at)
            if found is not None:
                yield re.sub(rb"0x|[^0-9a-fA-F]", b"", found.group())
            at = classes.find(probe, at + 1 if found is None else found.end())


def _from_base64(runs: Sequence[bytes]) -> Iterator[bytes]:
    """What *runs* are in base64 or base64url, wherever in each the text begins.

    All of them at once, each filled up to whole groups of letters, with line ends between.
    """
    for skip in range(4):
        parts = [run[skip:] + _FILL[(len(run) - skip) % 4] for run in runs]
        yield binascii.a2b_base64(b"CgoK".join(parts).translate(_STANDARD))


#: What fills a group of letters up, by how many there are, without making a zero byte.
_FILL = (b"", b"gIK", b"gK", b"K")


def _from_hex(runs: Sequence[bytes]) -> Iterator[bytes]:
    for skip in range(2):
        parts = [run[skip:] + b"0" * ((len(run) - skip) % 2) for run in runs]
        yield binascii.a2b_hex(b"0a".join(parts))
