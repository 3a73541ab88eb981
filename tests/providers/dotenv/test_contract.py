"""The .env store keeps what every store promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.store import Target
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import surroundings
from remediate_providers.dotenv.store import DotenvStore


class TestDotenv(StoreContract):
    make = DotenvStore
    bad = (
        Target("dotenv", ".env", (), "dotenv:.env"),
        Target("dotenv", "", (("A", None),), "dotenv:#A"),
        Target("dotenv", ".env", (("A-B", None),), "dotenv:.env#A-B"),
        Target("dotenv", ".env", (("A", None),), "dotenv:.env#A", root=None),
    )

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.root = tmp_path

    def target(self) -> Target:
        return Target("dotenv", ".env", (("KEY", None),), "dotenv:.env#KEY", self.root)

    def vendor(self) -> VendorContext:
        return surroundings({})
