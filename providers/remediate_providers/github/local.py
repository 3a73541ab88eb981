"""The local GitHub: a stand-in server on loopback that the demo and the tests start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import Message
from urllib.parse import urlsplit

from remediate.http import Http
from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.github import tokens
from remediate_providers.github.local_api import PREFIX, Answers
from remediate_providers.github.local_apps import AppAnswers
from remediate_providers.github.local_footholds import FootholdAnswers
from remediate_providers.github.local_host import HostAnswers
from remediate_providers.github.local_orgs import OrganisationAnswers
from remediate_providers.github.local_pages import Form
from remediate_providers.github.local_state import Place, State
from remediate_providers.loopback import Fault, Loopback

ORGANISATION = "acme"
REPOSITORY = "acme/app"
ENVIRONMENT = "production"
OWNER = "acme-deploy"
"""The account whose token leaks."""
RESPONDER = "ada-responds"
"""The account that answers the incident, an owner of the organisation."""
SCOPES = ("repo", "workflow", "read:org")


class LocalGitHub:
    """Starts one. *lag*: seconds for which a revoked token still works."""

    name = "github"
    in_demo = True

    def __init__(
        self, lag: float = 0.5, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._lag = lag
        self._now = now

    def start(self) -> RunningGitHub:
        """Up and answering when this returns."""
        return RunningGitHub(State(self._lag, self._now))


class RunningGitHub:
    """A local GitHub that is up. `state` is its truth; tests look into it and change it."""

    name = "github"

    def __init__(self, state: State) -> None:
        self.state = state
        state.organisations |= {OWNER: (ORGANISATION,), RESPONDER: (ORGANISATION,)}
        state.owners[ORGANISATION] = frozenset({RESPONDER})
        state.writers[REPOSITORY] = frozenset({OWNER, RESPONDER})
        state.places |= {REPOSITORY: Place(), f"{REPOSITORY}@{ENVIRONMENT}": Place()}
        self.responder = state.issue(RESPONDER, scopes=("repo", "read:org", "read:audit_log"))
        self.footholds = FootholdAnswers(state, Answers(state))
        self.organisations = OrganisationAnswers(state, self.footholds)
        self.host = HostAnswers(state, AppAnswers(state, self.organisations))
        self.footholds.ssh_keys = self.host.ssh_keys
        self._server = Loopback(self.host, "github.com", PREFIX)
        state.requests = self._server.requests

    @property
    def url(self) -> str:
        """The base address, of the API and of the pages."""
        return self._server.url

    def environment(self) -> Mapping[str, str]:
        """The base address, and the responder's own token."""
        return {"GITHUB_API_URL": self.url, "GITHUB_TOKEN": self.responder.reveal_text()}

    def plant(self) -> Planted:
        """A classic token in a file of settings and in a commit's message, and what a thief did with it."""
        ends = self.state.now() + timedelta(days=90)
        value = self.state.issue(OWNER, scopes=SCOPES, expires=ends)
        self._misuse(value)
        text = value.reveal_text()
        return Planted(
            files={"deploy/.env": f"# settings of the release job\nGITHUB_TOKEN={text}\nCI=true\n"},
            values={tokens.PART: value},
            policy=(
                "[[credential]]\n"
                'match = "github"\n'
                f'stores = ["github-actions:{REPOSITORY}#DEPLOY_TOKEN", '
                '"dotenv:.env.local#GITHUB_TOKEN"]\n'
            ),
            message=f"Make the release job push tags\n\nTried with GITHUB_TOKEN={text}, works.\n",
        )

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether every one of *values* is refused now."""
        return all(self.state.living(value) is None for value in values.values())

    def person(self, step: ManualStep) -> Secret | None:
        """Open the step's page, press its button as the token's owner, and copy what it shows."""
        url = step.url or ""
        if not step.takes_value or not url.startswith(f"{self.url}/settings/"):
            return None
        with Http({}) as http:
            form = Form(http.send("GET", url).body.decode())
            if not form.action:
                return None
            address = f"{self.url}{urlsplit(form.action).path}"
            made = http.send("POST", address, form={**form.fields, "login": OWNER})
        shown = Form(made.body.decode()).token
        return Secret(shown) if shown else None

    def stored(self, place: str, name: str) -> Secret:
        """What lies in an Actions secret, opened: for tests, no call gives it."""
        return self.state.places[place].value(name)

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path (``*`` as in a shell) go wrong, in order."""
        self._server.fail(method, path, *faults)

    def asked(self, method: str, path: str) -> Sequence[Message]:
        """The headers of every such request, in order."""
        return [
            one.headers
            for one in list(self.state.requests)
            if (one.method, one.path) == (method, path)
        ]

    def close(self) -> None:
        """Stop."""
        self._server.close()

    def _misuse(self, value: Secret) -> None:
        thief = {
            "actor_ip": "203.0.113.77",
            "user_agent": "python-requests/2.32",
            "repo": REPOSITORY,
        }
        self.state.log(ORGANISATION, value, OWNER, "repo.download_zip", **thief)
        self.state.log(ORGANISATION, value, OWNER, "migration.create", **thief)
