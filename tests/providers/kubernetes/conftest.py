"""A local API server, and a responder's surroundings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import found, surroundings
from remediate_providers.kubernetes.local import LocalKubernetes, RunningKubernetes
from remediate_providers.kubernetes.provider import KubernetesProvider

pytest.importorskip("lightkube", reason="lightkube is not installed: remediate[kubernetes]")


@pytest.fixture
def kube() -> Iterator[RunningKubernetes]:
    running = LocalKubernetes(lag=0.05).start()
    yield running
    running.close()


@pytest.fixture
def around(kube: RunningKubernetes) -> Callable[..., VendorContext]:
    """Surroundings of a responder who may do what is named, or everything."""

    def make(*may: str, **more: Any) -> VendorContext:
        token = kube.user(*may) if may else None
        return surroundings(kube.environment(token), longest=0.02, seconds=10, **more)

    return make


@pytest.fixture
def hold() -> Callable[[Secret], Held]:
    """A token as the pipeline would hold it."""

    def make(value: Secret) -> Held:
        (one,) = KubernetesProvider().identify([found(value)])
        return Held(one.credential, {"value": value})

    return make
