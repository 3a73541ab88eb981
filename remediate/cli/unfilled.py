"""Commands of the table that are not filled yet. Each says so in one line, and leaves with 2."""

from __future__ import annotations

from typing import NoReturn

from remediate.cli import options as o
from remediate.errors import UsageError


def _not_yet(name: str, instead: str) -> NoReturn:
    raise UsageError(f"`remediate {name}` is not filled yet.", hint=instead)


def notify(incident: o.Incident = None, json: o.Json = False) -> None:
    """Send the notification (not filled yet)."""
    _not_yet("notify", "Copy it from the record: remediate record --format md")
