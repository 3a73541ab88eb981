"""GitHub, with every call of its flows gone wrong in every way."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts, Outcome
from remediate.plugins.provider import Held
from remediate.plugins.reruns import Window
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import (
    SINCE,
    ProviderFaults,
    Scene,
    StoreFaults,
    every_trouble,
    hold,
)
from remediate.testing.proxy import Trouble
from remediate_providers.github import tokens
from remediate_providers.github.actions_secrets import (
    ActionsSecretsStore,
    AgentsSecretsStore,
    CodespacesSecretsStore,
    DependabotSecretsStore,
)
from remediate_providers.github.local import (
    ORGANISATION,
    OWNER,
    REPOSITORY,
    RESPONDER,
    LocalGitHub,
    RunningGitHub,
)
from remediate_providers.github.local_footholds import Organisation
from remediate_providers.github.local_host import HostedRepository
from remediate_providers.github.local_runs import run
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

    def failed_job(self, running: RunningGitHub, target: Target, window: Window) -> None:
        path = ".github/workflows/deploy.yml"
        actor = "dependabot[bot]" if target.scheme == "github-dependabot" else "bob-develops"
        failed = run(
            7,
            repository=REPOSITORY,
            path=path,
            began=window.start,
            ended=window.end,
            actor={"login": actor},
        )
        running.state.runs[REPOSITORY] = [failed]
        running.state.files[REPOSITORY] = {path: "env: {T: '${{ secrets.TOKEN }}'}"}


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


class TestRefreshTokenFaults(TestGitHubFaults):
    """One whose app is not known: handed in, never used, and what is left is a person's."""

    def start(self) -> RunningGitHub:
        return LocalGitHub(lag=0).start()

    def leaked(self, running: RunningGitHub) -> Held:
        return hold(GitHubProvider(), {"value": running.state.issue(OWNER, tokens.REFRESH)})

    @every_trouble
    def test_what_is_said_to_be_revoked_is(self, trouble: Trouble) -> None:
        super().test_what_is_said_to_be_revoked_is(trouble)
        for scene, call in self._cases(trouble, self._handing_in):
            for _ in range(2):
                self._handing_in(scene)
                scene.line.heal()
            assert self.dead(scene.running, scene.held), f"{call}: it came to GitHub in the end"

    def _handing_in(self, scene: Scene) -> Outcome:
        outcome: Outcome = scene.provider.revoke([scene.held], scene.vendor())[scene.held.id]
        return outcome


class TestUnusedFaults(TestRefreshTokenFaults):
    """One that policy lets nobody use: handed in, and seen dead by a person alone."""

    use_leaked = False

    def leaked(self, running: RunningGitHub) -> Held:
        return hold(GitHubProvider(), {"value": running.state.issue(OWNER)})


class TestFootholdFaults(TestGitHubFaults):
    """One foothold in each list: whichever call goes wrong, each is found, or its list is not known."""

    #: What is planted, the call that shows it, and whose list it is.
    SHOWN: ClassVar[Sequence[tuple[str, str, str]]] = (
        ("deploy key", f"/repos/{REPOSITORY}/keys", REPOSITORY),
        ("webhook", f"/repos/{REPOSITORY}/hooks", REPOSITORY),
        ("invitation", f"/repos/{REPOSITORY}/invitations", REPOSITORY),
        ("workflow", f"/repos/{REPOSITORY}/actions/workflows", REPOSITORY),
        ("organisation webhook", f"/orgs/{ORGANISATION}/hooks", ORGANISATION),
        ("GitHub App", f"/orgs/{ORGANISATION}/installations", ORGANISATION),
        ("SSH key", "/user/keys", OWNER),
        ("GPG key", "/user/gpg_keys", OWNER),
        ("SSH signing key", "/user/ssh_signing_keys", OWNER),
        ("hook.create", f"/orgs/{ORGANISATION}/audit-log", ORGANISATION),
    )
    BESIDE = (
        f"/repos/{REPOSITORY}",
        f"/repos/{REPOSITORY}/activity",
        f"/repos/{REPOSITORY}/collaborators",
        f"/repos/{REPOSITORY}/actions/runners",
        f"/orgs/{ORGANISATION}/invitations",
        f"/orgs/{ORGANISATION}/outside_collaborators",
        f"/orgs/{ORGANISATION}/actions/runners",
        "/user",
    )

    def start(self) -> RunningGitHub:
        running = super().start()
        scopes = ("repo", "admin:org", "admin:org_hook", "read:audit_log")
        keys = ("read:gpg_key", "read:ssh_signing_key")
        running.responder = running.state.issue(OWNER, scopes=(*scopes, *keys))
        running.state.owners[ORGANISATION] = frozenset({OWNER})
        return running

    def leaked(self, running: RunningGitHub) -> Held:
        held = super().leaked(running)
        # Too young for an audit log to clear it.
        now = running.state.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        one: dict[str, Any] = {"id": 1, "created_at": now}
        repository = HostedRepository(admins={OWNER: 1})
        repository.deploy_keys = [{**one, "key": "ssh-ed25519 AAAA"}]
        repository.hooks = {1: {**one, "config": {}}}
        repository.invitations = [one]
        repository.workflows = {1: {**one, "path": ".github/workflows/new.yml"}}
        repository.activity = [{"timestamp": now, "actor": {"login": OWNER}}]
        running.host.repositories[REPOSITORY] = repository
        running.footholds.organisations[ORGANISATION] = Organisation(
            hooks=[{**one, "config": {}}], installations=[one]
        )
        running.host.ssh_keys[OWNER] = [{**one, "key": "ssh-ed25519 AAAA"}]
        running.footholds.gpg_keys[OWNER] = [one]
        running.footholds.ssh_signing_keys[OWNER] = [one]
        running.state.log(ORGANISATION, held.values["value"], OWNER, "hook.create")
        return held

    def context(self, environment: Mapping[str, str], known: Mapping[str, Json]) -> VendorContext:
        learned: dict[str, Json] = {"owner": OWNER, "organisations": [ORGANISATION]}
        context = super().context(environment, {**learned, **known})
        remote = f"{environment['GITHUB_API_URL']}/{REPOSITORY}.git"
        return replace(context, remotes=lambda: [remote])

    @every_trouble
    def test_looking_is_honest_whatever_goes_wrong(self, trouble: Trouble) -> None:
        asked = set()
        for scene, call in self._cases(trouble, self._looking):
            asked.add(call.path)
            facts = self._looking(scene)
            footholds = facts.known["footholds"]
            assert isinstance(footholds, list)
            found = {row["what"] for row in footholds if isinstance(row, dict)}
            for what, _path, place in self.SHOWN:
                whose = "what was made with it in" if what == "hook.create" else f"{what}s of"
                told = (f"{whose} {place}", f"footholds in {place}")
                known = what in found or not facts.unknown.keys().isdisjoint(told)
                assert known, f"{call}: {what} is found, or {told[0]} is not known"
            assert all(facts.unknown.values()), f"{call}: what is not known has a reason"
        missing = {*(path for _what, path, _place in self.SHOWN), *self.BESIDE} - asked
        assert not missing, f"each call went wrong once, {missing} did not"

    def _looking(self, scene: Scene) -> Facts:
        facts: Facts = scene.provider.triage(scene.held, SINCE, scene.vendor())
        scene.fit("triage", facts)
        return facts

    # The other flows are the same as of any token.
    test_a_dead_one_is_never_called_alive = None  # type: ignore[assignment]
    test_what_is_said_to_be_revoked_is = None  # type: ignore[assignment]
    test_there_is_one_successor_or_a_step = None  # type: ignore[assignment]
    test_what_is_said_to_be_deleted_is = None  # type: ignore[assignment]
