"""An incident's folder and key, without a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.incident.home import private_folder
from remediate.secret import InstallationKey


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A private folder, as an incident has it."""
    return private_folder(tmp_path / "incident")


@pytest.fixture
def key() -> InstallationKey:
    """An installation's key, the same in each test."""
    return InstallationKey(bytes(range(32)))
