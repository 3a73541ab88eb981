"""Kubernetes, with every call of every flow gone wrong in every way."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome
from remediate.plugins.provider import Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, StoreFaults, hold
from remediate_providers.kubernetes.external import ExternalSecretStore
from remediate_providers.kubernetes.local import LocalKubernetes, RunningKubernetes, kubeconfig
from remediate_providers.kubernetes.provider import KubernetesProvider
from remediate_providers.kubernetes.secrets import KubernetesStore


class Addressed:
    """A local cluster whose address stands in the environment, where the line can be put in its place."""

    def __init__(self) -> None:
        self.kube: RunningKubernetes = LocalKubernetes(lag=0.01).start()

    def environment(self) -> Mapping[str, str]:
        return {"ADDRESS": self.kube.server.url, "TOKEN": self.kube.token}

    def close(self) -> None:
        self.kube.close()


def configured(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The kubeconfig for the address that stands in the environment."""
    file = folder / f"config-{urlsplit(environment['ADDRESS']).port}"
    if not file.exists():
        file.write_text(kubeconfig(environment["ADDRESS"], environment["TOKEN"]))
    return {"KUBECONFIG": str(file)}


def through(vendor: VendorContext) -> VendorContext:
    folder = Path(tempfile.gettempdir()) / f"remediate-kube-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    return replace(vendor, environment=configured(vendor.environment, folder))


class Store(KubernetesStore):
    """The store, given a kubeconfig for the line."""

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        return super().put(target, values, through(vendor))

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        return super().holds(target, values, through(vendor))


@pytest.fixture(autouse=True)
def folder() -> Iterator[None]:
    yield
    shutil.rmtree(Path(tempfile.gettempdir()) / f"remediate-kube-{os.getpid()}", ignore_errors=True)


class TestKubernetesFaults(ProviderFaults):
    make = KubernetesProvider

    def start(self) -> Addressed:
        return Addressed()

    def leaked(self, running: Addressed) -> Held:
        running.kube.state.account("prod", "ci")
        value = running.kube.state.lasting("prod", "ci", "ci-token")
        return hold(KubernetesProvider(), {"value": value})

    def dead(self, running: Addressed, held: Held) -> bool:
        return running.kube.is_dead(held.values)

    def living(self, running: Addressed) -> int:
        return sum(
            found["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") == "remediate"
            for found in running.kube.state.objects.values()
        )

    def context(self, environment: Mapping[str, str], known: Mapping[str, Json]) -> VendorContext:
        return through(super().context(environment, known))


class TestKubernetesStoreFaults(StoreFaults):
    make = Store

    def start(self) -> Addressed:
        running = Addressed()
        running.kube.state.secret("prod", "app", {"KEY": b"leaked"})
        return running

    def target(self, running: Addressed) -> Target:
        return Target("kubernetes", "prod/app", (("KEY", None),), "kubernetes:prod/app#KEY")

    def stored(self, running: Addressed) -> Mapping[str, Secret]:
        data = running.kube.state.objects["secrets", "prod", "app"]["data"]
        return {"value": Secret(base64.b64decode(data["KEY"]))}


class TestASecretThatIsNotThereFaults(TestKubernetesStoreFaults):
    """Made, and not changed: once, whatever is lost."""

    def target(self, running: Addressed) -> Target:
        return Target("kubernetes", "prod/new", (("KEY", None),), "kubernetes:prod/new#KEY")

    def stored(self, running: Addressed) -> Mapping[str, Secret]:
        found = running.kube.state.objects.get(("secrets", "prod", "new"))
        return {"value": Secret(base64.b64decode(found["data"]["KEY"]))} if found else {}


class External(ExternalSecretStore):
    """The store, given a kubeconfig for the line."""

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        return super().put(target, values, through(vendor))

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        return super().holds(target, values, through(vendor))


class TestExternalSecretFaults(TestKubernetesStoreFaults):
    make = External

    def start(self) -> Addressed:
        running = super().start()
        rows = [{"secretKey": "KEY", "remoteRef": {"key": "prod/app"}}]
        running.kube.state.put("externalsecrets", "prod", "app", spec={"data": rows})
        running.kube.state.backend["prod/app"] = self.parts()["value"].reveal()
        return running

    def target(self, running: Addressed) -> Target:
        return Target("external-secret", "prod/app", (("KEY", None),), "external-secret:prod/app")


class TestOlderExternalSecretFaults(TestExternalSecretFaults):
    """One whose operator serves the version before: what is asked for first is not there."""

    def start(self) -> Addressed:
        running = super().start()
        running.kube.state.served["external-secrets.io"] = ("v1beta1",)
        return running
