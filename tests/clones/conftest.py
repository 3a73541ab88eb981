"""The labs and the kill points of the history's tests."""

from __future__ import annotations

from ..history.conftest import kill_points, killed_at, make_lab, make_needle

__all__ = ["kill_points", "killed_at", "make_lab", "make_needle"]
