"""The text of a ``.env`` file: how a value is written so that every reader gets the same, and how a
binding is changed so that everything around it stays.

Readers differ. Compared were python-dotenv 1.2.4, compose-go (docker compose; dotenv/parser.go) and the
shell (POSIX XCU 2.2):

- python-dotenv puts variables into ``${…}`` even within single quotes, and takes ``\\\\`` and ``\\'``
  as escapes there; a shell takes neither.
- compose-go takes a backslash before the closing quote as an escape within single quotes too, and its
  older releases strip every quote off a value's ends.
- a shell runs what stands between backticks in double quotes, and all three read ``$`` there.

So each form below is used only for values that all three read alike, and a value that has none is
refused: a credential that is another one in each program is worse than none.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping

from dotenv.parser import Binding, parse_stream

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a shell takes as the name of a variable (POSIX XBD 8.1)."""

_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=^-]+")
#: What python-dotenv takes for a variable, in whatever quotes.
_VARIABLE = re.compile(r"\$\{[^}]*\}")
#: Control characters but tab and newline. A carriage return does not survive reading a file as text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")

_BINDING = re.compile(
    r"""
    (?P<head> \s* (?:export[^\S\r\n]+)? )
    (?: '[^']+' | [^=\#\s]+ ) [^\S\r\n]*
    (?:
        = [^\S\r\n]* (?P<quoted> ' (?:\\.|[^'\\])* ' | " (?:\\.|[^"\\])* " )
      | = [^\S\r\n]+ (?=\#)
      | = [^\S\r\n]* (?P<bare> [^\r\n]+? ) (?= [^\S\r\n]+\# | [^\S\r\n]* (?:[\r\n]|$) )
      | = [^\S\r\n]*
      |
    )
    (?P<comment> (?: [^\S\r\n]* \# [^\r\n]* )? )
    [^\S\r\n]*
    (?P<end> \r\n | \n | \r | )
    """,
    re.VERBOSE | re.DOTALL,
)


class UnwritableError(ValueError):
    """A value that no form of a ``.env`` file carries to all its readers; says why, not the value."""


def written(value: str, quote: str = "") -> str:
    """*value* as it stands after the ``=``; in *quote* where that can be. Raises `UnwritableError`."""
    if not value:
        raise UnwritableError("it is empty")
    if _CONTROL.search(value):
        raise UnwritableError("it holds a control character")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise UnwritableError("it is not UTF-8")
    if _VARIABLE.search(value):
        raise UnwritableError("it holds ${…}, which readers take for a variable")
    forms = {"": _bare(value), "'": _single(value), '"': _double(value)}
    for form in (forms.get(quote), *forms.values()):
        if form is not None:
            return form
    raise UnwritableError(
        "it mixes quotes, dollars, backticks or backslashes so that readers disagree about it"
    )


def _bare(value: str) -> str | None:
    return value if _BARE.fullmatch(value) else None


def _single(value: str) -> str | None:
    if "'" in value or "\\\\" in value or value.endswith("\\"):
        return None
    return f"'{value}'"


def _double(value: str) -> str | None:
    if "$" in value or "`" in value or value.endswith(("\\", '"')):
        return None
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def edited(text: str, values: Mapping[str, str]) -> str:
    """*text* with each name in *values* set, wherever it stands, and added at the end where it does
    not. All else is kept: order, comments, line endings, ``export``, a byte-order mark.

    A name that is bound twice is set twice: the old value must not stay. Raises `UnwritableError`.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    missing = dict(values)
    parts: list[str] = []
    for binding in _bindings(text):
        line = binding.original.string
        if binding.key is not None and binding.key in values:
            line = _rebound(line, binding.key, values[binding.key])
            missing.pop(binding.key, None)
        parts.append(line)
    result = "".join(parts)
    newline = "\r\n" if "\r\n" in text else "\n"
    for name, value in missing.items():
        if result and not result.endswith(("\n", "\r")):
            result += newline
        result += f"{name}={written(value)}{newline}"
    return mark + result


def values_in(text: str) -> dict[str, str | None]:
    """What python-dotenv's parser reads out of *text*, variables left as they stand."""
    # Universal newlines, as where python-dotenv opens a file itself.
    stream = io.StringIO(text.removeprefix("\ufeff"), newline=None)
    return {b.key: b.value for b in parse_stream(stream) if b.key is not None}


def _bindings(text: str) -> Iterator[Binding]:
    return parse_stream(io.StringIO(text.removeprefix("\ufeff"), newline=""))


def _rebound(line: str, name: str, value: str) -> str:
    """One binding's text with another value. Spaces around ``=`` go: a shell can't read them."""
    found = _BINDING.fullmatch(line)
    if found is None:  # the two parsers disagree: say it rather than guess
        raise UnwritableError(f"the line that sets {name} can't be read")
    quote, comment = (found["quoted"] or "")[:1], found["comment"]
    if comment and not comment.split("#")[0].endswith(" "):
        # compose-go takes a comment only after a space; a tab does not do.
        comment = comment.replace("#", " #", 1)
    return f"{found['head']}{name}={written(value, quote)}{comment}{found['end']}"
