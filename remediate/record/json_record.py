"""record.json: canonical, so that two machines write the same bytes from the same journal."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

from remediate.record.model import Record


def to_json(record: Record) -> str:
    """The record as JSON: sorted keys, two spaces, ASCII, a newline at the end.

    ASCII so that no terminal acts on what a path or a vendor's message holds.
    """
    return json.dumps(asdict(record), sort_keys=True, indent=2, allow_nan=False) + "\n"


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of record.json. More keys may join; those that it names stay."""
    text = files("remediate.record").joinpath("schema", "record-1.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
