"""That no call to GitHub is left out of the walks of faults; and walks of what the others don't come to."""

from __future__ import annotations

from collections.abc import Mapping

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.testing.every_call import EveryCall
from remediate.testing.faults import ProviderFaults, hold
from remediate.testing.proxy import FaultyLine
from remediate_providers.github import tokens
from remediate_providers.github.local import LocalGitHub, RunningGitHub
from remediate_providers.github.provider import GitHubProvider
from tests.providers.github import (
    test_app,
    test_faults,
    test_host_faults,
    test_organisation_secrets,
    test_ssh,
)
from tests.providers.github.hosted import NAME, guarded


class TestAnInstallationToken(ProviderFaults):
    """It ends itself. What is listed is a repository's."""

    make = GitHubProvider

    def start(self) -> RunningGitHub:
        running = LocalGitHub(lag=0.01).start()
        guarded(running)
        return running

    def leaked(self, running: RunningGitHub) -> Held:
        value = running.state.issue("acme-bot[bot]", tokens.INSTALLATION)
        return hold(GitHubProvider(), {"value": value})

    def dead(self, running: RunningGitHub, held: Held) -> bool:
        return running.is_dead(held.values)

    def living(self, running: RunningGitHub) -> int:
        return 0

    def places(self, line: FaultyLine) -> list[str]:
        return [f"{line.url}/{NAME}.git"]


class RefreshToken(test_app.TestAppFaults):
    """Its successor is asked for by itself, once."""

    def leaked(self, running: RunningGitHub) -> Held:
        held = self.shop.token(tokens.REFRESH)
        self.old = held.values["value"]
        return held

    def context(self, environment: Mapping[str, str], known: Mapping[str, Json]) -> VendorContext:
        context: VendorContext = super().context(environment, known)
        return context


class TestEveryCall(EveryCall):
    package = "remediate_providers.github"
    shared = "remediate_providers"
    walks = (
        test_app.TestAppFaults,
        RefreshToken,
        TestAnInstallationToken,
        test_faults.TestGitHubFaults,
        test_faults.TestOneThatLosesItsOrganisations,
        test_faults.TestActionsSecretsFaults,
        test_faults.TestAgentsSecretsFaults,
        test_faults.TestCodespacesSecretsFaults,
        test_faults.TestDependabotSecretsFaults,
        test_organisation_secrets.TestOrganisationSecretsFaults,
        test_ssh.TestSshFaults,
        test_host_faults.TestTheHost,
    )
    walked_elsewhere = {  # noqa: RUF012
        "host.py: GitHubHost.close_alert: talk.ask('PATCH', path)": (
            "test_host: once more without the validity, where GitHub's own word on it stands"
        ),
        "footholds.py: Lists.account: self._all('/user', login)": (
            "the same lists as of another's account, which are walked"
        ),
        "footholds.py: Lists.pushed: self._api.ask('GET', path)": (
            "test_triage; what can't be learned exonerates nobody"
        ),
        "host_look.py: _pushers: talk.every('/collaborators', {'permission': 'push'})": (
            "walked: its rows are read on the next line"
        ),
        "organisations.py: _grants: _pages(api, own)": "test_organisations, a fault at each list",
        "organisations.py: _token_id: api.ask('GET', f\"/orgs/{quote(name, safe='')}/audit-log\")": (
            "test_organisations: without it nothing is surely its own, and a person is told"
        ),
    }
