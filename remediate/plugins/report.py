"""The report format interface: bytes to findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from remediate.model import Finding


@dataclass(frozen=True)
class Document:
    """A report as it was read: never trusted, of bounded size."""

    name: str
    """The file's name as the user gave it, ``-`` for standard input: for messages."""
    data: bytes = field(repr=False)
    """Holds secrets: never shown."""


class ReportFormat(Protocol):
    """A format. A class without arguments; recognised by content, never by the file's name."""

    name: str
    title: str
    """"gitleaks JSON report"."""

    def recognises(self, document: Document) -> bool:
        """Whether this is surely one of ours. Cheap, never raises, whatever the bytes."""
        ...

    def read(self, document: Document) -> Sequence[Finding]:
        """Every finding, in order. Raises `remediate.errors.ReportError` with the line."""
        ...
