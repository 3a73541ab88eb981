"""GitHub, with every call of its flows gone wrong in every way."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome
from remediate.plugins.provider import Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, Scene, StoreFaults, every_trouble, hold
from remediate.testing.proxy import Trouble
from remediate_providers.github.actions_secrets import (
    ActionsSecretsStore,
    AgentsSecretsStore,
    CodespacesSecretsStore,
    DependabotSecretsStore,
)
from remediate_providers.github.local import (
    ORGANISATION,
    REPOSITORY,
    RESPONDER,
    LocalGitHub,
    RunningGitHub,
)
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Fault


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


class TestOneThatLosesItsOrganisations(TestGitHubFaults):
    """GitHub is not let hear of its end, so that its access is taken away."""

    def start(self) -> RunningGitHub:
        running = super().start()
        running.fail("POST", "/credentials/revoke", *[Fault(403)] * 20)
        running.responder = running.state.issue(RESPONDER, scopes=("admin:org", "read:audit_log"))
        return running

    def leaked(self, running: RunningGitHub) -> Held:
        held = super().leaked(running)
        (row,) = running.organisations.authorised[ORGANISATION]
        self.row = {
            "organisation": ORGANISATION,
            "what": "single sign-on",
            "sure": True,
            "id": row["credential_id"],
        }
        return held

    def context(self, environment: Mapping[str, str], known: Mapping[str, Json]) -> VendorContext:
        return super().context(environment, {**known, "organisation_access": [self.row]})

    @every_trouble
    def test_what_is_said_to_be_revoked_is(self, trouble: Trouble) -> None:
        asked = set()
        for scene, call in self._cases(trouble, self._revoking):
            asked.add(call.method)
            for _ in range(2):
                outcome = self._revoking(scene)
                scene.line.heal()
                assert not outcome.status.settled, f"{call}: it lives"
                assert outcome.manual is not None, f"{call}: a person ends it"
            gone = scene.running.organisations.authorised[ORGANISATION] == []
            assert gone, f"{call}: its access is gone in the end"
        assert "DELETE" in asked

    def _revoking(self, scene: Scene) -> Outcome:
        outcome: Outcome = scene.provider.revoke([scene.held], scene.vendor())[scene.held.id]
        return outcome


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
