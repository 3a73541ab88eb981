"""GitLab, with every call of its flows gone wrong in every way."""

from __future__ import annotations

from remediate.plugins.provider import Held
from remediate.plugins.reruns import Window
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, Scene, StoreFaults, hold
from remediate_providers.gitlab import tokens
from remediate_providers.gitlab.local import LocalGitLab, RunningGitLab
from remediate_providers.gitlab.local_api import PROJECT_PATH
from remediate_providers.gitlab.local_jobs import CHILD, job, pipeline
from remediate_providers.gitlab.provider import GitLabProvider
from remediate_providers.gitlab.variables import (
    GroupVariablesStore,
    InstanceVariablesStore,
    VariablesStore,
)


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
