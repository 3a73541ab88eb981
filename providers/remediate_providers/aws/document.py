"""A value as a store of AWS keeps it: the whole string, or a JSON object in which some keys are ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from remediate.errors import UsageError
from remediate.plugins.store import Target
from remediate.secret import Secret


class DocumentError(Exception):
    """A value that can't be put there; the text says why, without the value."""


def validate(target: Target) -> None:
    """What both stores ask of a target. Raises `UsageError`."""
    example = f"{target.scheme}:{target.place or 'NAME'}#KEY=part,KEY=part"
    if not target.place:
        raise UsageError(f"{target.spec}: it names no place.", hint=f"Write {example}")
    names = [key for key, _ in target.keys]
    if not all(names) or len(set(names)) != len(names):
        raise UsageError(f"{target.spec}: a key is empty, or named twice.", hint=f"Write {example}")


def merged(target: Target, current: str | None, values: Mapping[str, Secret]) -> str:
    """The new text: *current* with our keys replaced, or the one value. Raises `DocumentError`."""
    try:
        if not target.keys:
            if len(values) != 1:
                raise DocumentError(
                    f"the credential has {len(values)} parts: name a key for each "
                    f"({target.scheme}:{target.place}#KEY={',KEY='.join(values)})"
                )
            return _text(next(iter(values.values())))
        found = _object(current)
        found |= {key: _text(value) for key, value in _assigned(target, values).items()}
    except UnicodeDecodeError:
        raise DocumentError("the new value is not text (UTF-8)") from None
    # Written as it was: on one line, or indented for people.
    return json.dumps(found, ensure_ascii=False, indent=2 if current and "\n" in current else None)


def holds(target: Target, current: str, values: Mapping[str, Secret]) -> bool:
    """Whether *current* holds exactly *values* where the target says."""
    try:
        if not target.keys:
            return len(values) == 1 and Secret(current) == next(iter(values.values()))
        found = _object(current)
        assigned = _assigned(target, values)
    except DocumentError:
        return False
    return all(
        isinstance(found.get(key), str) and Secret(found[key]) == value
        for key, value in assigned.items()
    )


def taken(target: Target, current: str, parts: Sequence[str]) -> dict[str, Secret]:
    """The values of *parts* that *current* holds where the target says. Raises `DocumentError`."""
    if not target.keys:
        if len(parts) != 1:
            raise DocumentError(f"it holds one value, and the credential has {len(parts)} parts")
        return {parts[0]: Secret(current)}
    found, values = _object(current), dict[str, Secret]()
    for key, part in target.keys:
        if not isinstance(found.get(key), str):
            raise DocumentError(f"it holds no text at {key}")
        values[part or parts[0]] = Secret(found[key])
    missing = [part for part in parts if part not in values]
    if missing:
        raise DocumentError(f"no key of it is named for the part {missing[0]!r}")
    return {part: values[part] for part in parts}


def _assigned(target: Target, values: Mapping[str, Secret]) -> dict[str, Secret]:
    try:
        return target.assign(values)
    except KeyError as error:
        parts = ", ".join(values)
        raise DocumentError(
            f"the credential has no part {error.args[0]!r}; its parts: {parts}"
        ) from None


def _object(current: str | None) -> dict[str, Any]:
    try:
        found = json.loads(current or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DocumentError(
            "what it holds now is not a JSON object, so that there are no keys in it"
        )
    return found


def _text(value: Secret) -> str:
    return value.reveal().decode("utf-8")
