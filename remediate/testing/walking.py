"""What the walks of faults have in common: a vendor that is up, the troubles, and what is held of an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from remediate.plugins.outcome import Outcome
from remediate.secret import Secret
from remediate.testing.proxy import LOOPBACK, Trouble

LONGEST_PAUSE = 0.005
"""Seconds that anybody really sleeps at a time."""

every_trouble = pytest.mark.parametrize("trouble", list(Trouble), ids=lambda t: t.name.lower())


class Running(Protocol):
    """A vendor that is up: as much of `remediate.plugins.local.RunningVendor` as is needed here."""

    def environment(self) -> Mapping[str, str]:
        """The base address and the responder's own credential."""
        ...

    def close(self) -> None:
        """Stop."""
        ...


def address_in(environment: Mapping[str, str]) -> str:
    """The loopback address that *environment* names. Raises AssertionError unless it is one."""
    found_there = {v for v in environment.values() if v.startswith(f"http://{LOOPBACK}:")}
    bases = {f"http://{urlsplit(url).netloc}" for url in found_there}
    hold_that(len(bases) == 1, "override address(): the environment names no one address")
    return bases.pop()


def no_value(outcome: Outcome, values: Mapping[str, Secret]) -> None:
    """Hold that *outcome* shows none of *values*."""
    for value in values.values():
        hold_that(value.reveal_text() not in repr(outcome), "no value in an outcome")


def hold_that(condition: bool, what: str) -> None:
    """An assertion that python -O does not drop."""
    if not condition:
        raise AssertionError(what)
