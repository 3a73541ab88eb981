"""A local GitLab, a responder's surroundings, and tokens held for an effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.faults import hold as held_by
from remediate.testing.surroundings import surroundings
from remediate_providers.gitlab.local import LocalGitLab, RunningGitLab
from remediate_providers.gitlab.provider import GitLabProvider


@pytest.fixture
def start() -> Iterator[Callable[..., RunningGitLab]]:
    """Starts local GitLabs, and stops them."""
    running: list[RunningGitLab] = []

    def make(**more: Any) -> RunningGitLab:
        running.append(LocalGitLab(**{"lag": 0.02, **more}).start())
        return running[-1]

    yield make
    for one in running:
        one.close()


@pytest.fixture
def gitlab(start: Callable[..., RunningGitLab]) -> RunningGitLab:
    """A local GitLab whose responder owns the project."""
    return start()


@pytest.fixture
def around() -> Callable[..., VendorContext]:
    """Surroundings in which nobody sleeps for real longer than 10 ms at a time."""

    def make(environment: Mapping[str, str], **more: Any) -> VendorContext:
        return surroundings(environment, longest=0.01, **more)

    return make


@pytest.fixture
def hold() -> Callable[[Secret], Held]:
    """A value as the pipeline would hold it."""
    return lambda value: held_by(GitLabProvider(), {"value": value})
