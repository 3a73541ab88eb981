"""Opening a `Repository` quietens libraries for good; here for one test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from remediate.hardening import _TALKATIVE


@pytest.fixture(autouse=True)
def as_talkative_as_before() -> Iterator[None]:
    """What other tests of this process want to hear is heard again afterwards."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
