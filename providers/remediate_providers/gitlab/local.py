"""The local GitLab: a stand-in server on loopback that the demo and the tests start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.gitlab import tokens
from remediate_providers.gitlab.local_api import PREFIX, PROJECT, PROJECT_PATH, Answers
from remediate_providers.gitlab.local_host import HostAnswers
from remediate_providers.gitlab.local_state import State, Token, utc
from remediate_providers.loopback import Fault, Loopback, Request

HOME = ("projects", PROJECT)
SCOPES = ("read_api", "write_repository")


class LocalGitLab:
    """Starts one. *lag*: seconds for which a revoked token still works. *admin*: whether the responder is one."""

    name = "gitlab"

    def __init__(
        self, lag: float = 0.3, *, admin: bool = False, now: Callable[[], datetime] = utc
    ) -> None:
        self._lag = lag
        self._admin = admin
        self._now = now

    def start(self) -> RunningGitLab:
        """Up and answering when this returns."""
        return RunningGitLab(State(self._lag, self._now), admin=self._admin)


class RunningGitLab:
    """A local GitLab that is up. `state` is its truth; tests look into it and change it."""

    name = "gitlab"

    def __init__(self, state: State, *, admin: bool) -> None:
        self.state = state
        self.ada = state.user("ada-responds", admin=admin)
        self.bob = state.user("bob-develops")
        state.maintainers[HOME] = {self.ada}
        self.responder = state.issue(self.ada, name="ada's own")
        self.host = HostAnswers(state, Answers(state))
        self._server = Loopback(self.host, "nginx", PREFIX)

    @property
    def url(self) -> str:
        """The base address, of the API and of the pages."""
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order."""
        return list(self._server.requests)

    def environment(self) -> Mapping[str, str]:
        """The base address, and the responder's own token."""
        return {
            "GITLAB_API_URL": self.url,
            "GITLAB_TOKEN": self.responder.value.reveal_text(),
        }

    def leak(self, *, of: str = "project", kind: str = tokens.ACCESS, **more: object) -> Token:
        """A token that leaks: of the ``project``, or of a ``person``."""
        made = self.state.now() - timedelta(days=80)
        ends = (self.state.now() + timedelta(days=100)).date().isoformat()
        given = {"name": "deploy", "scopes": SCOPES, "created": made, "expires": ends, **more}
        if kind != tokens.ACCESS or of == "person":
            token = self.state.issue(self.bob, kind=kind, **given)  # type: ignore[arg-type]
        else:
            token = self.state.issue_for(HOME, access_level=30, **given)
        token.used = self.state.now() - timedelta(hours=2)
        return token

    def plant(self) -> Planted:
        """A project's token in a deployment script, and what a thief did with it."""
        token = self.leak()
        self.state.event(token.user, "pushed new", "branch")
        text = token.value.reveal_text()
        return Planted(
            files={"ops/mirror.sh": f'#!/bin/sh\nexport GITLAB_TOKEN="{text}"\nexec ./mirror\n'},
            values={tokens.PART: token.value},
            policy=(
                "[[credential]]\n"
                'match = "gitlab"\n'
                f'stores = ["gitlab:{PROJECT_PATH}#MIRROR_TOKEN"]\n'
            ),
        )

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether every one of *values* is refused now."""
        found = [self.state.find(value) for value in values.values()]
        return all(token is None or not token.works for token in found)

    def living(self) -> list[Token]:
        """Tokens that live beside the responder's own."""
        return [t for t in self.state.tokens if not t.revoked and t is not self.responder]

    def variable(self, name: str, scope: str = "*") -> Secret | None:
        """A variable's value: for tests, a hidden one too."""
        found = [
            v
            for v in self.state.variables
            if v["key"] == name and v.get("environment_scope", "*") == scope
        ]
        return Secret(str(found[0]["value"])) if found else None

    def person(self, step: ManualStep) -> Secret | None:
        """Do what *step* asks at its page: revoke, or make a new token."""
        if not (step.url or "").startswith(self.url):
            return None
        if not step.takes_value:
            for token in self.living():
                self.state.revoke(token)
            return None
        if "/projects/" in (step.url or ""):
            return self.state.issue_for(HOME, scopes=SCOPES, name="by hand").value
        return self.state.issue(self.bob, scopes=SCOPES, name="by hand").value

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path (``*`` as in a shell) go wrong, in order."""
        self._server.fail(method, path, *faults)

    def close(self) -> None:
        """Stop."""
        self._server.close()
