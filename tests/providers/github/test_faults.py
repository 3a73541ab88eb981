"""GitHub, with every call of its flows gone wrong in every way."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from remediate.plugins.provider import Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, StoreFaults, hold
from remediate_providers.github.actions_secrets import (
    ActionsSecretsStore,
    AgentsSecretsStore,
    CodespacesSecretsStore,
    DependabotSecretsStore,
)
from remediate_providers.github.local import ORGANISATION, REPOSITORY, LocalGitHub, RunningGitHub
from remediate_providers.github.provider import GitHubProvider


class TestGitHubFaults(ProviderFaults):
    make = GitHubProvider

    def start(self) -> RunningGitHub:
        return LocalGitHub(lag=0.01).start()

    def leaked(self, running: RunningGitHub) -> Held:
        values = running.plant().values
        running.organisations.authorise(ORGANISATION, values["value"])
        return hold(GitHubProvider(), values)

    def living(self, running: RunningGitHub) -> int:
        return 0  # no call of ours makes one


class TestActionsSecretsFaults(StoreFaults):
    make = ActionsSecretsStore

    def start(self) -> RunningGitHub:
        # A clock that goes on a second at each look: updated_at counts whole seconds.
        seconds = itertools.count(1_800_000_000)
        return LocalGitHub(lag=0.01, now=lambda: datetime.fromtimestamp(next(seconds), UTC)).start()

    def target(self, running: RunningGitHub) -> Target:
        return Target("github-actions", REPOSITORY, (("TOKEN", None),), "github-actions:x")

    def stored(self, running: RunningGitHub) -> dict[str, Secret]:
        try:
            return {"value": running.stored(REPOSITORY, "TOKEN")}
        except KeyError:
            return {}


class TestAgentsSecretsFaults(TestActionsSecretsFaults):
    """The same for another of GitHub's programs."""

    make = AgentsSecretsStore

    def target(self, running: RunningGitHub) -> Target:
        scheme = self.make.scheme
        return Target(scheme, REPOSITORY, (("TOKEN", None),), f"{scheme}:x")

    def stored(self, running: RunningGitHub) -> dict[str, Secret]:
        try:
            return {"value": running.stored(f"{REPOSITORY}:{self.make.app}", "TOKEN")}
        except KeyError:
            return {}


class TestCodespacesSecretsFaults(TestAgentsSecretsFaults):
    make = CodespacesSecretsStore


class TestDependabotSecretsFaults(TestAgentsSecretsFaults):
    make = DependabotSecretsStore
