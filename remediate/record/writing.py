"""The record on disk, beside the journal: the one file of this room that has an effect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from remediate.incident.home import write_private
from remediate.incident.rows import Row
from remediate.record.build import build
from remediate.record.html import to_html
from remediate.record.json_record import to_json
from remediate.record.markdown import to_markdown


class Recorded(Protocol):
    """An incident as far as its record needs it: a `remediate.incident.run.Run` is one."""

    folder: Path

    @property
    def rows(self) -> Sequence[Row]:
        """Every row of its journal."""
        ...


def write_record(incident: Recorded) -> Path:
    """Write record.json, record.md and record.html into the incident's folder (0600); the path of record.json.

    Raises `remediate.errors.StateError` where they can't be written.
    """
    return write_rows(incident.folder, incident.rows)


def write_rows(folder: Path, rows: Sequence[Row]) -> Path:
    """Like `write_record`, of *rows* into *folder*."""
    record = build(rows)
    path = folder / "record.json"
    write_private(path, to_json(record).encode())
    write_private(path.with_suffix(".md"), to_markdown(record).encode())
    write_private(path.with_suffix(".html"), to_html(record).encode())
    return path
