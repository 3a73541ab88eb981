"""JSON reports read entry by entry, so that an error can name the line.

`entries` takes whatever a scanner, ``jq`` or ``gh api --paginate`` makes of a list of objects: one
array, one object, objects one after another (JSON Lines), arrays one after another, an array of
arrays. No error holds a value or a name out of the report: either may be the secret.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from remediate.errors import ReportError
from remediate.plugins.report import Document
from remediate.reports.text import decode, shown_name

_SPACE = re.compile(r"[ \t\r\n]*")
_DIGITS = 20
_MISSING: Final = object()

_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


class _UnfitError(ValueError):
    """JSON that no scanner writes: *args[0]* says what was expected, *args[1]* what was found."""


@dataclass(frozen=True)
class Entry:
    """One object of a report, and where it stands. Its fields may hold secrets and are not shown."""

    file: str
    line: int
    """Where the entry begins, from 1."""
    name: str
    """What errors call it: ``entry 3``."""
    fields: Mapping[str, Any] = field(repr=False)

    def has(self, name: str) -> bool:
        """Whether there is such a field, and it is not null."""
        return self.fields.get(name) is not None

    def text(self, name: str) -> str:
        """A field that has to be there and be text. Raises `ReportError`."""
        value = self.fields.get(name, _MISSING)
        if not isinstance(value, str):
            raise self.wrong(name, "text")
        if not _encodable(value):
            raise self.wrong(name, "text", found="half a character (a lone surrogate)")
        return value

    def optional_text(self, name: str) -> str:
        """A field that is text where it is there; empty where it is not, or is null."""
        return self.text(name) if self.has(name) else ""

    def number(self, name: str) -> int:
        """A field that has to be a whole number, not negative. Raises `ReportError`."""
        value = self.fields.get(name, _MISSING)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(name, "a whole number")
        if not 0 <= value < 1 << 31:
            raise self.wrong(name, "a whole number from 0 to 2147483647", found="another number")
        return value

    def optional_number(self, name: str) -> int | None:
        """Like `number`; None where the field is not there, or is null."""
        return self.number(name) if self.has(name) else None

    def optional_real(self, name: str) -> float | None:
        """A field that is a number where it is there."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(name, "a number")
        return float(value)

    def optional_flag(self, name: str) -> bool:
        """A field that is true or false where it is there; False where it is not, or is null."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return bool(value)

    def optional_entry(self, name: str) -> Entry | None:
        """A field that is an object where it is there."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return Entry(self.file, self.line, f'field "{name}" of {self.name}', value)

    def entry(self, name: str) -> Entry:
        """A field that has to be an object. Raises `ReportError`."""
        found = self.optional_entry(name)
        if found is None:
            raise self.wrong(name, "an object")
        return found

    def inner(self, name: str) -> tuple[Entry, ...]:
        """A field that has to be a list of objects. Raises `ReportError`."""
        if not self.has(name):
            raise self.wrong(name, "a list of objects")
        return self.optional_entries(name)

    def optional_texts(self, name: str) -> dict[str, str]:
        """A field that is an object of nothing but texts where it is there; those that are empty left out."""
        found = self.optional_entry(name)
        texts = dict(found.fields) if found else {}
        # The names within are the report's own, and not told.
        for text in texts.values():
            if text is not None and not (isinstance(text, str) and _encodable(text)):
                raise self.wrong(name, "an object of texts", found="other values in it")
        return {each: text for each, text in texts.items() if text}

    def optional_entries(self, name: str) -> tuple[Entry, ...]:
        """A field that is a list of objects where it is there; empty where it is not."""
        value = self.fields.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(name, "a list of objects")
        return tuple(
            Entry(self.file, self.line, f'item {i} of field "{name}" of {self.name}', item)
            for i, item in enumerate(value, 1)
        )

    def wrong(self, name: str, expected: str, *, found: str = "", hint: str = "") -> ReportError:
        """The error for a field that is not as *expected*; *found* defaults to its type."""
        return ReportError(
            self.file,
            f'{expected} in field "{name}" of {self.name}',
            line=self.line,
            found=found or kind_of(self.fields.get(name, _MISSING)),
            hint=hint or "Let the scanner write the report again, and give it unchanged.",
        )


def kind_of(value: object) -> str:
    """What a JSON value is, in plain words; never the value."""
    return next((name for types, name in _TYPES if isinstance(value, types)), "no such field")


def entries(document: Document) -> Iterator[Entry]:
    """Every object of the report, in order, with its line.

    Raises `ReportError` at the first place that is not JSON, not an object, nested too deeply to be
    read, holds a name twice in one object, or a number no scanner writes.
    """
    return _Reader(document).entries()


class _Reader:
    def __init__(self, document: Document) -> None:
        self._file = shown_name(document)
        self._text = decode(document)
        self._at = 0
        self._line = 1
        self._counted = 0
        self._number = 0
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_real,
            parse_constant=_constant,
        )

    def entries(self) -> Iterator[Entry]:
        self._skip()
        while self._at < len(self._text):
            yield from self._value(depth=0)
            self._skip()

    def _value(self, depth: int) -> Iterator[Entry]:
        """The entries at the reading position: of an array that is opened here, or the one there."""
        # A third level would be no list of pages any more.
        if depth < 2 and self._peek() == "[":
            yield from self._array(depth)
        else:
            yield self._entry()

    def _array(self, depth: int) -> Iterator[Entry]:
        self._at += 1
        self._skip()
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield from self._value(depth + 1)
            self._skip()
            end, self._at = self._peek(), self._at + 1
            if end == "]":
                return
            if end != ",":
                self._at -= 1
                raise self._broken("a comma or the list's end after entry", self._at)
            self._skip()

    def _entry(self) -> Entry:
        line = self._line_at(self._at)
        self._number += 1
        value = self._decode(line)
        # Raised out here, not where it was caught: a JSONDecodeError holds the whole report, and
        # would stay on as this error's context.
        if isinstance(value, ReportError):
            raise value
        if not isinstance(value, dict):
            raise ReportError(
                self._file, f"an object as entry {self._number}", line=line, found=kind_of(value)
            )
        return Entry(self._file, line, f"entry {self._number}", value)

    def _decode(self, line: int) -> Any:
        try:
            value, self._at = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated string")
            return self._broken("JSON in entry", len(self._text) if cut else error.pos)
        except _UnfitError as error:
            expected, found = error.args
        except RecursionError:
            expected, found = "JSON of a sane depth", "thousands of lists or objects in each other"
        else:
            return value
        return ReportError(
            self._file,
            f"{expected} in entry {self._number}",
            line=line,
            found=found,
            hint="No scanner writes that. Let it write the report again.",
        )

    def _broken(self, expected: str, at: int) -> ReportError:
        ended = not self._text[at:].strip()
        at = min(at, max(len(self._text.rstrip()) - 1, 0))
        return ReportError(
            self._file,
            f"{expected} {self._number}",
            line=self._text.count("\n", 0, at) + 1,
            found="the end of the text" if ended else "something else",
            hint="The report is cut off: let the scanner write it again, to its end."
            if ended
            else "The report is damaged: let the scanner write it again.",
        )

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        if found:
            self._at = found.end()

    def _line_at(self, at: int) -> int:
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Which of two values a reader takes is anybody's guess, so a report with two could tell two
    # readers two stories (RFC 8259 section 4).
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _UnfitError("each name once in an object", "one that stands there twice")
    return made


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise _UnfitError(f"numbers of at most {_DIGITS} digits", "a longer one")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _UnfitError("numbers that can be held", "one that is too large")
    return value


def _constant(_name: str) -> float:
    raise _UnfitError("numbers", "NaN or Infinity, which are not JSON")


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
