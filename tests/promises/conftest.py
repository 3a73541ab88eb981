"""Worlds for the promises: a leak, its vendors, its repository, put back for each try."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from remediate_providers.stripe.local import LocalStripe

from .trial import Tried, try_once
from .world import StripeTruth, World, every_vendor

KILLS = int(os.environ.get("KILLS", "0"))
"""How many kills in all; 0: a handful of each kind."""
thorough = pytest.mark.skipif(not KILLS, reason="takes its time: with KILLS=100 or so")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One leaked key at the local Stripe: everything goes by call, the quickest whole run there is."""
    with ExitStack() as stack:
        running = LocalStripe(lag=0.05).start()
        stack.callback(running.close)
        yield World(tmp_path / "world", [StripeTruth(running)])


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """A world that was run through once undisturbed, for trials that are to end like that."""
    with ExitStack() as stack:
        running = LocalStripe(lag=0.05).start()
        stack.callback(running.close)
        yield try_once(World(tmp_path_factory.mktemp("kills") / "world", [StripeTruth(running)]))


@pytest.fixture(scope="session")
def tried_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """The same with three credentials: AWS (moto), Stripe, and GitHub, whose new token a person makes."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("kills-of-all") / "world"
        yield try_once(World(folder, every_vendor(stack)))
