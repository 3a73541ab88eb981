"""What on a line could be a secret, told by structure alone: quotes, assignments, runs, PEM blocks.

Nothing here decides; `remediate.reports.recover` does, by what the report still tells.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from remediate.reports.canonical import PEM_HEADER

_SHORTEST = 6
"""Bytes. Shorter text on a line is not looked at, unless the report's own columns cut it out."""

_LONGEST_QUOTED = 4096
"""Bytes. Keeps a line of nothing but quotes from taking quadratic time."""

_DECODE_DEPTH = 2
"""How often what is found is decoded again: scanners find secrets within encoded text."""


@dataclass(frozen=True)
class Candidate:
    """A piece of text that could be a secret."""

    value: bytes = field(repr=False)
    start: int
    """Where it begins in the text that was looked at, from 0."""
    end: int
    rank: int
    """0 for a PEM block, 1 for a password or parameter in an address, 2 for what stands in quotes or after a
    name, 3 for a run of token characters, 4 for anything else, `DECODED` for what was decoded."""


DECODED = 5

_NAME = rb"(?<![\w.-])[\w.-]++"
# Plain quotes, and the escaped ones of a string within a string.
_IN_QUOTES = (
    rb"(?<!\\)\"((?:[^\"\\\n]|\\.){1,%d})\"|(?<!\\)\\++\"([^\"\\\n]+)\\+\"|'([^'\n]{1,%d})'|`([^`\n]{1,%d})`"
    % ((_LONGEST_QUOTED,) * 3)
)
_ASSIGNED = re.compile(
    _NAME + rb"[\"'`]?[ \t]*(?:=>|:=|==|=|:|,)[ \t]*(?:" + _IN_QUOTES + rb"|([^\s\"'`,;]+))"
)
_TO_LINE_END = re.compile(_NAME + rb"[ \t]*[=:][ \t]*([^\s\"'`][^\n]*[^\s])")
_QUOTED = re.compile(_IN_QUOTES)
_IN_ADDRESS = re.compile(rb"://[^\s:/@]*:([^\s/@]+)@|[?&][\w.-]++=([^\s&#\"'`]+)")
_RUNS = (
    re.compile(rb"[A-Za-z0-9_-]+"),
    re.compile(rb"[A-Za-z0-9+/]+={0,2}"),
    re.compile(rb"[A-Za-z0-9_.~+/=-]+"),
    re.compile(rb"[A-Za-z0-9_.~+/=:@$%&*!?^#|-]+"),
)
_SPACED = re.compile(rb"[^\s\"'`<>(){}\[\],;]+|\S+")
# The value is passed over with its name, so that nothing within it is taken for a name in turn; a
# ":" or "=" that no value follows (Base64's padding before a quote) makes no name.
_NAMED = re.compile(
    rb"(?<![\w.-])([A-Za-z_][\w.-]*+)\\*+[\"'`]?[ \t]*+(?:=>|:=|==|=|:)[ \t]*+(?=\\*+[\"'`]?[\w/+.~$-])(?:"
    + _IN_QUOTES
    + rb"|[^\s\"'`,;]*)"
)


def candidates(text: bytes) -> Iterator[Candidate]:
    """Everything in *text* (one line, or a few) that could be a secret, likeliest kinds first."""
    plain = list(_standing(text))
    yield from plain
    yield from _encoded(plain, _DECODE_DEPTH)


def blocks(text: bytes) -> Iterator[Candidate]:
    """The PEM blocks of *text*, in order: real line ends or escaped ones."""
    done = 0
    ends: dict[bytes, int] = {}
    for begin in PEM_HEADER.finditer(text):
        mark = b"-----END " + begin[1] + b"-----"
        # Where the next END is does not change between the BEGINs before it.
        if 0 <= ends.get(mark, 0) < begin.end():
            ends[mark] = text.find(mark, begin.end())
        if ends[mark] < 0 or begin.start() < done:
            continue
        done = ends[mark] + len(mark)
        yield Candidate(text[begin.start() : done], begin.start(), done, 0)


def header(block: bytes) -> bytes:
    """The first line of a PEM block: all of it that some scanners report."""
    found = PEM_HEADER.match(block)
    return found[0] if found else b""


def names(text: bytes) -> list[tuple[int, int]]:
    """Where names stand in *text*: what comes right before ``=`` or ``:`` and a value."""
    return [found.span(1) for found in _NAMED.finditer(text)]


def entropy(value: bytes) -> float:
    """Shannon entropy in bits a character, counted as gitleaks does: characters over bytes.

    https://github.com/gitleaks/gitleaks/blob/master/detect/utils.go, shannonEntropy.
    """
    if not value:
        return 0.0
    counts = Counter(value.decode("utf-8", "replace"))
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())


_STANDING = (
    (1, _IN_ADDRESS),
    (2, _ASSIGNED),
    (2, _QUOTED),
    *((3, run) for run in _RUNS),
    (4, _TO_LINE_END),
    (4, _SPACED),
)


def _standing(text: bytes) -> Iterator[Candidate]:
    yield from blocks(text)
    for rank, pattern in _STANDING:
        for found in pattern.finditer(text):
            for group in range(1, pattern.groups + 1) if pattern.groups else (0,):
                yield from _piece(found, group, rank)


def _piece(found: re.Match[bytes], group: int, rank: int) -> Iterator[Candidate]:
    start, end = found.span(group)
    if end - start >= _SHORTEST:
        yield Candidate(found[group], start, end, rank)


def _encoded(outer: list[Candidate], depth: int) -> Iterator[Candidate]:
    """What the candidates hold in Base64, hex or percent signs. Where it stands is where they do."""
    seen: set[bytes] = set()
    for candidate in outer:
        for plain in _decodings(candidate.value):
            if plain in seen:
                continue
            seen.add(plain)
            inner = [Candidate(plain, candidate.start, candidate.end, DECODED)]
            inner += [
                Candidate(c.value, candidate.start, candidate.end, DECODED)
                for c in _standing(plain)
            ]
            yield from inner
            if depth > 1:
                yield from _encoded(inner, depth - 1)


def _decodings(value: bytes) -> Iterator[bytes]:
    if len(value) >= 12 and re.fullmatch(rb"[A-Za-z0-9+/_-]+={0,2}", value):
        padded = value.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        yield from _text(padded + b"=" * (-len(padded) % 4), base64.b64decode)
    if len(value) >= 12 and re.fullmatch(rb"(?:[0-9A-Fa-f]{2})+", value):
        yield from _text(value, binascii.unhexlify)
    if re.search(rb"%[0-9A-Fa-f]{2}", value):
        yield unquote_to_bytes(value)


def _text(value: bytes, decode: Callable[[bytes], bytes]) -> Iterator[bytes]:
    try:
        plain = decode(value)
        readable = plain.decode("utf-8").isprintable() or b"-----BEGIN " in plain
    except ValueError:
        return
    if readable:
        yield plain
