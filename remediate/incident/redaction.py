"""Taking known values out of a text that is about to be shown or kept, in the forms they travel in."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from remediate.errors import Error
from remediate.secret import Secret

SHOWN = "[redacted]"
_SHORTEST = 6
"""A value shorter than this would turn ordinary words into marks; such a text is rather dropped."""

_SURELY_ITS = 12


def forms(value: bytes) -> set[bytes]:
    """The forms in which a program that was given *value* is likely to print it."""
    text = value.decode("utf-8", "surrogateescape")
    found = {value, value.strip()}
    found |= {base64.b64encode(value), base64.urlsafe_b64encode(value)}
    found |= {base64.b64encode(value).rstrip(b"="), base64.urlsafe_b64encode(value).rstrip(b"=")}
    found |= {quote(value, safe="").encode(), quote_plus(value).encode()}
    found |= {value.hex().encode(), value.hex().upper().encode()}
    found.add(json.dumps(text)[1:-1].encode("utf-8", "surrogateescape"))
    found |= {repr(value)[2:-1].encode(), repr(text)[1:-1].encode("utf-8", "surrogateescape")}
    found |= _within_base64(value)
    found |= {line.strip() for line in value.splitlines() if len(line.strip()) >= 16}
    return {form for form in found if len(form) >= _SHORTEST}


def _within_base64(value: bytes) -> set[bytes]:
    """The letters that are *value*'s alone in the base64 of something longer: ``Basic dXNlcjp…``."""
    found = set()
    for before in range(3):
        letters = base64.b64encode(b"\0" * before + value)
        core = letters[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in found if len(form) >= _SURELY_ITS}


def redactor(values: Iterable[Secret]) -> Callable[[str], str]:
    """A function that takes every form of *values* out of a text, the longest first."""
    secrets = list(values)
    known: dict[bytes, list[bytes]] | None = None

    def redact(text: str) -> str:
        nonlocal known
        beginnings = known
        if beginnings is None:
            # Made when first needed: the forms of thousands of values take a second. Whole before any
            # other thread sees it.
            beginnings = {}
            for form in {f for v in secrets for f in forms(v.reveal())}:
                beginnings.setdefault(form[:_SHORTEST], []).append(form)
            known = beginnings
        raw = text.encode("utf-8", "surrogateescape")
        # One look at each place of the text, however many values there are.
        begun = {raw[at : at + _SHORTEST] for at in range(len(raw) - _SHORTEST + 1)}
        there = sorted(
            (f for b in begun & beginnings.keys() for f in beginnings[b] if f in raw),
            key=lambda f: (-len(f), f),
        )
        if not there:
            return text
        pattern = b"|".join(map(re.escape, there))
        return re.sub(pattern, SHOWN.encode(), raw).decode("utf-8", "surrogateescape")

    return redact


@contextlib.contextmanager
def unsaid(redact: Callable[[], Callable[[str], str]]) -> Iterator[None]:
    """An `Error` that leaves the body says nothing that the redactor takes out.

    git's words name refs and paths, and those can hold a secret.
    """
    try:
        yield
    except Error as error:
        said = redact()
        error.message, error.hint = said(error.message), said(error.hint)
        error.args = (error.message,)
        raise


_ACTING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def harmless(text: str) -> str:
    """*text* without what a terminal would obey: control and escape characters become ``?``.

    Line feeds stay. Also C1 controls, what changes the direction or is not seen (Unicode TR36), and lone
    surrogates (bytes of a path that are no UTF-8), which no terminal's encoding could write.
    """
    return _ACTING.sub("?", text)
