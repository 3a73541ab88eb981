"""A real back end of our own, in a file, trusted by the store only because a test says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keyring.core
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from remediate_providers.keyring.store import KeyringStore


class FileKeyring(KeyringBackend):
    """Keeps passwords in one JSON file; can be made to lose, to change or to refuse them."""

    priority = 0.1  # type: ignore[assignment]

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.loses = False
        self.refuses: set[str] = set()
        self.writes = 0

    def _all(self) -> dict[str, str]:
        return dict(json.loads(self.file.read_text())) if self.file.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(json.dumps([service, username]))

    def set_password(self, service: str, username: str, password: str) -> None:
        if username in self.refuses:
            raise RuntimeError(f"can't keep {password}")
        self.writes += 1
        if not self.loses:
            self._write(self._all() | {json.dumps([service, username]): password})

    def delete_password(self, service: str, username: str) -> None:
        kept = self._all()
        if kept.pop(json.dumps([service, username]), None) is None:
            raise PasswordDeleteError("not found")
        self._write(kept)

    def _write(self, kept: dict[str, str]) -> None:
        self.file.write_text(json.dumps(kept))


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileKeyring:
    ring = FileKeyring(tmp_path / "ring.json")
    monkeypatch.setattr(keyring.core, "_keyring_backend", ring)
    return ring


@pytest.fixture
def store(ring: Any) -> KeyringStore:
    return KeyringStore(also=(FileKeyring,))
