"""Reading a row's data calmly: what is missing or of another type is empty, never an error.

The journal's rows are ours, yet an older or newer remediate may have written them, and a record must
come out of any journal that can be opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import TypeAlias

from remediate.clock import parse, rfc3339
from remediate.model import Json
from remediate.record.model import Proof

Data: TypeAlias = Mapping[str, Json]

_DEEPEST = 32
_SURROGATE = re.compile("[\ud800-\udfff]")


def whole(value: Json, depth: int = 0) -> Json:
    """*value* as JSON that every reader takes: no lone surrogate, no NaN, no endless nesting.

    git's paths and names are bytes; what is not UTF-8 in them arrives as a surrogate, and is shown
    as ``\\xe9``.
    """
    if isinstance(value, str):
        return _SURROGATE.sub(_shown, value)
    if isinstance(value, float) and not isfinite(value):
        return None
    if depth >= _DEEPEST and not isinstance(value, bool | int | float | None):
        return "…"
    if isinstance(value, Mapping):
        return {str(whole(k)): whole(v, depth + 1) for k, v in value.items()}
    if isinstance(value, Sequence):
        return [whole(v, depth + 1) for v in value]
    return value


def _shown(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def text(data: Data, name: str, default: str = "") -> str:
    """A text; *default* where there is none."""
    value = data.get(name)
    return value if isinstance(value, str) else default


def maybe(data: Data, name: str) -> str | None:
    """A text that is not empty, or None."""
    return text(data, name) or None


def number(data: Data, name: str) -> int:
    """A whole number; 0 where there is none."""
    return maybe_number(data, name) or 0


def maybe_number(data: Data, name: str) -> int | None:
    """A whole number, or None."""
    value = data.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(data: Data, name: str) -> bool:
    """True only where it says so."""
    return data.get(name) is True


def mapping(data: Data, name: str) -> Data:
    """An object; an empty one where there is none."""
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}


def listed(data: Data, name: str) -> tuple[Json, ...]:
    """A list; an empty one where there is none."""
    value = data.get(name)
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def mappings(data: Data, name: str) -> tuple[Data, ...]:
    """The objects of a list."""
    return tuple(item for item in listed(data, name) if isinstance(item, Mapping))


def texts(data: Data, name: str) -> tuple[str, ...]:
    """The texts of a list."""
    return tuple(item for item in listed(data, name) if isinstance(item, str))


def fingerprint_of(data: Data) -> str:
    """Which secret a place or a remnant is of."""
    return text(data, "fingerprint") or text(data, "needle")


def proofs(data: Data) -> tuple[Proof, ...]:
    """A row's ``evidence``."""
    return tuple(
        Proof(text(item, "probe"), text(item, "saw"), text(item, "at"))
        for item in mappings(data, "evidence")
    )


def moment(value: str | None) -> datetime | None:
    """The moment that a time names, None where it names none. A time without a zone is UTC."""
    if not value:
        return None
    try:
        read = parse(value)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def earliest(*values: str | None) -> str | None:
    """The first of some times, in the record's own form; None where none can be read."""
    read = [found for found in map(moment, values) if found is not None]
    return rfc3339(min(read)) if read else None


def latest(*values: str | None) -> str | None:
    """The last of some times, in the record's own form; None where none can be read."""
    read = [found for found in map(moment, values) if found is not None]
    return rfc3339(max(read)) if read else None
