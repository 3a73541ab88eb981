"""The contracts that ship: for a provider, and for a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Found
from remediate.plugins.store import Target
from remediate.testing.providers import ProviderContract
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.github.actions_secrets import (
    ActionsSecretsStore,
    AgentsSecretsStore,
    CodespacesSecretsStore,
    DependabotSecretsStore,
)
from remediate_providers.github.local import REPOSITORY, LocalGitHub
from remediate_providers.github.local_state import make_value
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.github.tokens import KINDS


class TestGitHub(ProviderContract):
    make = GitHubProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        return [[found(make_value(kind.name).reveal())] for kind in KINDS]

    def foreign(self) -> Sequence[Found]:
        return [found("glpat-" + "a1B2" * 5), found("sk_live_" + "a1B2" * 6)]

    def environment(self, base: str) -> Mapping[str, str]:
        return {"GITHUB_API_URL": base, "GITHUB_TOKEN": "ghp_" + "a1B2" * 9}


class TestActionsSecrets(StoreContract):
    make = ActionsSecretsStore
    bad = (
        Target(
            "github-actions", "acme@production", (("A", None),), "github-actions:acme@production#A"
        ),
        Target("github-actions", "acme/app", (), "github-actions:acme/app"),
    )

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        # updated_at counts seconds: a clock that moves with every look needs no waiting.
        moments = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n) for n in count())
        self.github = LocalGitHub(now=lambda: next(moments)).start()
        yield
        self.github.close()

    def target(self) -> Target:
        spec = f"github-actions:{REPOSITORY}#DEPLOY_TOKEN"
        return Target("github-actions", REPOSITORY, (("DEPLOY_TOKEN", None),), spec)

    def vendor(self) -> VendorContext:
        return surroundings(self.github.environment())

    def unreachable(self) -> VendorContext:
        return surroundings({"GITHUB_API_URL": nowhere(), "GITHUB_TOKEN": "x"}, longest=0)


class TestAgentsSecrets(TestActionsSecrets):
    make = AgentsSecretsStore
    bad = (
        Target("github-agents", "acme/app@production", (("A", None),), "github-agents:x"),
        Target("github-agents", "acme/app", (), "github-agents:acme/app"),
    )

    def target(self) -> Target:
        scheme = self.make.scheme
        return Target(scheme, REPOSITORY, (("TOKEN", None),), f"{scheme}:{REPOSITORY}#TOKEN")


class TestCodespacesSecrets(TestAgentsSecrets):
    make = CodespacesSecretsStore


class TestDependabotSecrets(TestAgentsSecrets):
    make = DependabotSecretsStore
