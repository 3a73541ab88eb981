"""One secret, one value: whatever quoting or escaping a report, a shell or a file put around it."""

from __future__ import annotations

import re
from typing import Final

_QUOTES = b"\"'`"

#: The first line of a PEM block (RFC 7468 section 2; OpenPGP's armour of RFC 9580 section 6.2 is alike).
PEM_HEADER: Final = re.compile(rb"-----BEGIN ([^\r\n-]{1,100})-----")

# Each begins only where its run begins: else a long run of backslashes or spaces takes quadratic time.
_ESCAPED_NEWLINE = re.compile(rb"(?<!\\)(?:\\++r)?\\++n|\r\n?")
# PHP writes \/ for a slash, .NET \u002B for a plus, Gson \u003d for an equals sign.
_ESCAPED_CHARACTER = re.compile(rb"(?<!\\)\\++(?:/|u00(2[bBdDfF]|3[dD]))")
_MARGIN = re.compile(rb"(?<![ \t])[ \t]*+\n[ \t]*+")
_FLAT_BODY = re.compile(rb" [A-Za-z0-9+/= ]+ ")


def canonical(value: bytes) -> bytes:
    """The value as it is kept and compared. The same again for what it gave (idempotent).

    Surrounding quotes and trailing newlines are no part of it. A PEM block gets real LF line ends
    and loses its indentation and escapes, so that a key out of a JSON file, a YAML file and a
    ``.pem`` is one value.
    """
    while True:
        bare = _bare(value)
        plain = _pem(bare) if PEM_HEADER.match(bare) else bare
        if plain == value:
            return plain
        value = plain


def _bare(value: bytes) -> bytes:
    start, end = 0, len(value)
    while True:
        while end > start and value[end - 1] in b"\r\n":
            end -= 1
        if end - start >= 2 and value[start] in _QUOTES and value[start] == value[end - 1]:
            start, end = start + 1, end - 1
            continue
        bare = value[start:end]
        # Space is kept: a password may end in one. Around a PEM block it never means anything.
        return bare.strip() if PEM_HEADER.match(bare.lstrip()) else bare


def _pem(value: bytes) -> bytes:
    if b"\\" in value or b"\r" in value:
        value = _ESCAPED_CHARACTER.sub(_unescaped, _ESCAPED_NEWLINE.sub(b"\n", value))
    if b" \n" in value or b"\n " in value or b"\t" in value:
        value = _MARGIN.sub(b"\n", value)
    value = value.strip()
    return value if b"\n" in value else _unflattened(value)


def _unflattened(value: bytes) -> bytes:
    """A key on one line with its lines parted by spaces, as it often stands in an .env file."""
    header = PEM_HEADER.match(value)
    end = value.rfind(b"-----END ")
    if header is None or end < header.end() or not _FLAT_BODY.fullmatch(value, header.end(), end):
        return value
    return b"\n".join([header[0], *value[header.end() : end].split(), value[end:]])


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else b"/"
