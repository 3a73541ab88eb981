"""GitLab, with every call of its flows gone wrong in every way."""

from __future__ import annotations

from remediate.plugins.provider import Held
from remediate.plugins.reruns import Window
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.every_call import EveryCall
from remediate.testing.faults import ProviderFaults, Scene, StoreFaults, hold
from remediate.testing.host_faults import HostFaults
from remediate.testing.proxy import FaultyLine
from remediate_providers.gitlab import tokens
from remediate_providers.gitlab.host import GitLabHost
from remediate_providers.gitlab.local import LocalGitLab, RunningGitLab
from remediate_providers.gitlab.local_api import PROJECT_PATH
from remediate_providers.gitlab.local_jobs import CHILD, job, pipeline
from remediate_providers.gitlab.provider import GitLabProvider
from remediate_providers.gitlab.variables import (
    GroupVariablesStore,
    InstanceVariablesStore,
    VariablesStore,
)
from remediate_providers.loopback import Fault
from tests.providers.gitlab.test_host import NAME, REFS, guarded


class TestAProjectsToken(ProviderFaults):
    """Created by the responder."""

    make = GitLabProvider

    def start(self) -> RunningGitLab:
        return LocalGitLab(lag=0.01).start()

    def leaked(self, running: RunningGitLab) -> Held:
        return hold(GitLabProvider(), {"value": running.leak().value})

    def living(self, running: RunningGitLab) -> int:
        return len(running.living())


class TestAPersonsTokenThatRotatesItself(TestAProjectsToken):
    """Nobody may create one for somebody else; while it lives it rotates itself."""

    def leaked(self, running: RunningGitLab) -> Held:
        scopes = ("api", "self_rotate")
        return hold(GitLabProvider(), {"value": running.leak(of="person", scopes=scopes).value})

    def living(self, running: RunningGitLab) -> int:
        return sum(token.id != token.family for token in running.living())

    def before_reissue(self, scene: Scene) -> None:
        """Replace first: it lives when its successor is asked for."""
        scene.known |= dict(scene.provider.describe(scene.held, scene.vendor()).known)


class TestARunnersToken(TestAProjectsToken):
    """Reset: each reset ends the one before."""

    one_at_a_time = True

    def leaked(self, running: RunningGitLab) -> Held:
        token = running.leak(kind=tokens.RUNNER)
        return hold(GitLabProvider(), {"value": token.value})

    def living(self, running: RunningGitLab) -> int:
        return len(running.living())


class TestOneThatAnAdministratorEnds(TestAProjectsToken):
    """A deploy token: it can't end itself, and no call makes its successor."""

    def start(self) -> RunningGitLab:
        return LocalGitLab(lag=0.0, admin=True).start()

    def leaked(self, running: RunningGitLab) -> Held:
        return hold(GitLabProvider(), {"value": running.leak(kind="gitlab-deploy-token").value})


class TestOneThatMayNotEndItself(TestAProjectsToken):
    """Ended by its id, with the responder's own token. Its project's credentials are listed, too."""

    def start(self) -> RunningGitLab:
        running = LocalGitLab(lag=0.01, admin=True).start()
        guarded(running)
        running.fail("DELETE", "*/personal_access_tokens/self", *[Fault(403)] * 9)
        return running

    def places(self, line: FaultyLine) -> list[str]:
        return [f"{line.url}/{NAME}.git"]

    # Its successor is made as any other's.
    test_there_is_one_successor_or_a_step = None
    test_a_successor_is_not_called_dead = None
    test_what_a_person_brings_is_taken_or_refused = None
    test_one_that_was_lost_is_found_and_ended = None


class TestVariablesFaults(StoreFaults):
    make = VariablesStore

    def start(self) -> RunningGitLab:
        return LocalGitLab().start()

    def target(self, running: RunningGitLab) -> Target:
        place = f"{PROJECT_PATH}@production"
        return Target("gitlab", place, (("TOKEN", None),), f"gitlab:{place}#TOKEN")

    def stored(self, running: RunningGitLab) -> dict[str, Secret]:
        value = running.variable("TOKEN", "production")
        return {} if value is None else {"value": value}

    def failed_job(self, running: RunningGitLab, target: Target, window: Window) -> None:
        page, began, ended = f"{running.url}/{PROJECT_PATH}", window.start, window.end
        running.state.configured["c0ffee"] = (
            "deploy:\n  environment: production\n  script: $TOKEN\n"
        )
        for number, source in ((7, "push"), (8, CHILD)):
            running.state.pipelines.append(
                pipeline(number, page, began=began, ended=ended, sha="c0ffee", source=source)
            )
            running.state.jobs[number] = [job(10 * number, page, began=began, ended=ended)]


class TestVariablesThatAreThereFaults(TestVariablesFaults):
    def start(self) -> RunningGitLab:
        running = super().start()
        for scope in ("*", "production"):
            running.state.variables.append(
                {"key": "TOKEN", "value": f"old-{scope}-value", "environment_scope": scope}
            )
        return running


class TestVariablesOfAGroupFaults(TestVariablesFaults):
    make = GroupVariablesStore

    def start(self) -> RunningGitLab:
        running = super().start()
        running.state.maintainers["groups", 0] = {running.ada}
        return running

    def target(self, running: RunningGitLab) -> Target:
        return Target("gitlab-group", "acme", (("TOKEN", None),), "gitlab-group:acme#TOKEN")

    def stored(self, running: RunningGitLab) -> dict[str, Secret]:
        return values(running.state.group_variables.get("acme", []))


class TestVariablesOfTheServerFaults(TestVariablesFaults):
    make = InstanceVariablesStore

    def start(self) -> RunningGitLab:
        return LocalGitLab(admin=True).start()

    def target(self, running: RunningGitLab) -> Target:
        return Target("gitlab-instance", "all", (("TOKEN", None),), "gitlab-instance:all#TOKEN")

    def stored(self, running: RunningGitLab) -> dict[str, Secret]:
        return values(running.state.instance_variables)


def values(rows: list[dict[str, object]]) -> dict[str, Secret]:
    return {"value": Secret(str(rows[0]["value"]))} if rows else {}


class TestTheHost(HostFaults):
    make = GitLabHost
    refs = REFS
    served = ("a" * 40,)
    blobs = ("b" * 40,)

    def start(self) -> RunningGitLab:
        running = LocalGitLab().start()
        there = guarded(running)
        there.commits |= set(self.served)
        there.site = "https://acme.gitlab.io/app"
        # Without a repository behind it this project says that it has no blob.
        running.fail("GET", "*/repository/blobs/*", *[Fault(403)] * 9)
        return running

    def url(self, line: FaultyLine) -> str:
        return f"{line.url}/{NAME}.git"

    def state(self, running: RunningGitLab) -> object:
        return running.host.projects[NAME].snapshot()


class TestEveryCall(EveryCall):
    package = "remediate_providers.gitlab"
    shared = "remediate_providers"
    walks = (
        TestAProjectsToken,
        TestAPersonsTokenThatRotatesItself,
        TestARunnersToken,
        TestOneThatAnAdministratorEnds,
        TestOneThatMayNotEndItself,
        TestVariablesFaults,
        TestVariablesThatAreThereFaults,
        TestVariablesOfAGroupFaults,
        TestVariablesOfTheServerFaults,
        TestTheHost,
    )
