"""The sample reports, and an error looked at as a person sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from remediate.plugins.report import Document
from remediate.testing.reports import document

SAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "reports"

Sample: TypeAlias = Callable[[str], Document]
Entries: TypeAlias = Sequence[Mapping[str, Any]]


def sample_document(name: str) -> Document:
    """A sample report."""
    return document(SAMPLES / name)


@pytest.fixture
def sample() -> Sample:
    """A sample report by its file's name."""
    return sample_document


@pytest.fixture
def written() -> Callable[..., Document]:
    """A report out of Python values, as a scanner would write it."""

    def make(value: Any, name: str = "report.json") -> Document:
        return Document(name, json.dumps(value, indent=1, ensure_ascii=False).encode())

    return make


@pytest.fixture
def planted() -> dict[str, str]:
    """The truth about the sample repository: name to value."""
    values: dict[str, str] = json.loads((SAMPLES / "planted.json").read_text("utf-8"))
    return values
