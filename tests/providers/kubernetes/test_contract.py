"""Kubernetes' provider and its stores keep what every one promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Found
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.providers import ProviderContract
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.kubernetes.external import ExternalSecretStore
from remediate_providers.kubernetes.local import RunningKubernetes, State, kubeconfig
from remediate_providers.kubernetes.provider import KubernetesProvider
from remediate_providers.kubernetes.secrets import KubernetesStore


class TestKubernetes(ProviderContract):
    make = KubernetesProvider

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def ours(self) -> Sequence[Sequence[Found]]:
        state = State(0)
        state.account("prod", "ci")
        state.secret("prod", "bound-to", {})
        values = (
            state.lasting("prod", "ci", "ci-token"),
            state.bound("prod", "ci"),
            state.bound("prod", "ci", "secret", "bound-to"),
        )
        return [[found(value)] for value in values]

    def foreign(self) -> Sequence[Found]:
        return [found("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "a1" * 20)]

    def environment(self, base: str) -> Mapping[str, str]:
        file = self.folder / "config"
        file.write_text(kubeconfig(base, "of-the-responder"))
        return {"KUBECONFIG": str(file)}


class TestKubernetesStore(StoreContract):
    make = KubernetesStore
    bad = (
        Target("kubernetes", "app", (("A", None),), "kubernetes:app#A"),
        Target("kubernetes", "prod/app", (), "kubernetes:prod/app"),
        Target("kubernetes", "prod/App", (("A", None),), "kubernetes:prod/App#A"),
        Target("kubernetes", "prod/app", (("A B", None),), "kubernetes:prod/app#A B"),
        Target("kubernetes", "prod/app@", (("A", None),), "kubernetes:prod/app@#A"),
    )

    @pytest.fixture(autouse=True)
    def server(self, kube: RunningKubernetes, tmp_path: Path) -> None:
        self.kube, self.folder = kube, tmp_path
        kube.state.secret("prod", "app", {"OTHER": b"1", "KEY": b"leaked"})

    def target(self) -> Target:
        return Target("kubernetes", "prod/app", (("KEY", None),), "kubernetes:prod/app#KEY")

    def vendor(self) -> VendorContext:
        return surroundings(self.kube.environment())

    def unreachable(self) -> VendorContext:
        file = self.folder / "nowhere"
        file.write_text(kubeconfig(nowhere(), "x"))
        return surroundings({"KUBECONFIG": str(file)}, seconds=2, longest=0)


class TestExternalSecretStore(TestKubernetesStore):
    make = ExternalSecretStore
    bad = (Target("external-secret", "app", (), "external-secret:app"),)

    @pytest.fixture(autouse=True)
    def operator(self, server: None) -> None:
        rows = [{"secretKey": "KEY", "remoteRef": {"key": "prod/app"}}]
        self.kube.state.put("externalsecrets", "prod", "app", spec={"data": rows, "target": {}})

    def target(self) -> Target:
        return Target("external-secret", "prod/app", (("KEY", None),), "external-secret:prod/app")

    def parts(self, which: int) -> Mapping[str, Secret]:
        made = super().parts(which)
        if which != 2:  # the one that the suite never puts
            self.kube.state.backend["prod/app"] = made["value"].reveal()
        return made
