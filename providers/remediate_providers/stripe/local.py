"""The local Stripe: a stand-in server on loopback that the demo and the tests start."""

from __future__ import annotations

import re
from collections.abc import Mapping

from remediate.http import Http
from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.loopback import Fault, Loopback
from remediate_providers.stripe.kinds import NAME, PART
from remediate_providers.stripe.local_api import SHOWN, Answers
from remediate_providers.stripe.local_state import DAY, LocalKey, State

PERMISSIONS = ("charge_write", "customer_read", "payment_intent_write")


class LocalStripe:
    """Starts one.

    *lag*: seconds for which an expired key still works; about 9 at the real one. *managed*: whether the
    account has the managed-keys API. *live*: whether its keys are of live mode.
    """

    name = NAME
    in_demo = True

    def __init__(self, *, lag: float = 0.4, managed: bool = True, live: bool = True) -> None:
        self._lag = lag
        self._managed = managed
        self._live = live

    def start(self) -> RunningStripe:
        """Up and answering when this returns."""
        return RunningStripe(State(lag=self._lag, live=self._live, managed=self._managed))


class RunningStripe:
    """A local Stripe that is up. `state` is its truth; tests look into it and change it."""

    name = NAME

    def __init__(self, state: State) -> None:
        self.state = state
        self._server = Loopback(Answers(state), "Stripe")
        self._planted: LocalKey | None = None

    @property
    def url(self) -> str:
        """The base address, of the API and of the dashboard."""
        return self._server.url

    @property
    def requests(self) -> list[str]:
        """Every request so far: method and path."""
        return [f"{one.method} {one.path}" for one in list(self._server.requests)]

    def environment(self) -> Mapping[str, str]:
        """The base address, the platform's key, the account whose keys it manages."""
        return {
            "STRIPE_API_BASE": self.url,
            "STRIPE_API_KEY": self.state.platform.reveal_text(),
            "STRIPE_CONTEXT": self.state.account,
        }

    def plant(self) -> Planted:
        """A restricted key of the shop's in a settings file."""
        key = self.state.issue(
            name="shop backend",
            age=90 * DAY,
            managed=self.state.managed,
            permissions=PERMISSIONS,
        )
        self._planted = key
        text = key.token.reveal_text()
        return Planted(
            files={
                "config/payments.ini": f"[stripe]\n# ask Ada before changing\napi_key = {text}\n"
            },
            values={PART: key.token},
            policy=(
                "[[credential]]\n"
                f'match = "{NAME}"\n'
                'stores = ["dotenv:.env.payments#STRIPE_API_KEY"]\n'
            ),
        )

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether every one of *values* is refused now."""
        keys = [self.state.holder(value.reveal_text()) for value in values.values()]
        return all(key is None or not key.works for key in keys)

    def person(self, step: ManualStep) -> Secret | None:
        """Roll the planted key on the step's page, and copy what it shows.

        Where it was rolled for an earlier step, the person still has what was shown.
        """
        key = self._planted
        if key is None or not (step.url or "").startswith(f"{self.url}/"):
            return None
        shown = self.state.shown.get(key.id) or self._roll(key, step.url or "")
        return shown if step.takes_value else None

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path (``*`` as in a shell) go wrong, in order."""
        self._server.fail(method, path, *faults)

    def close(self) -> None:
        """Stop."""
        self._server.close()

    def _roll(self, key: LocalKey, page: str) -> Secret | None:
        with Http({}) as http:
            listed = http.send("GET", page).body.decode()
            found = re.search(rf'action="([^"]*{re.escape(key.id)}/roll)"', listed)
            if found is None:
                return None
            made = http.send("POST", f"{self.url}{found[1]}", form={"expiration": "now"})
        shown = re.search(rf'id="{SHOWN}">([^<]+)<', made.body.decode())
        return Secret(shown[1]) if shown else None
