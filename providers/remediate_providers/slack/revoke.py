"""Ending Slack tokens with themselves (``auth.revoke``), and seeing them refused; webhooks by hand."""

from __future__ import annotations

from remediate.model import ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Status
from remediate.plugins.provider import Held
from remediate_providers.ending import Asked
from remediate_providers.rest import NO_VALUE, NOT_USED, TroubleError, mapping, text_of
from remediate_providers.slack import exchange, rotation, steps
from remediate_providers.slack.server import DEAD, Api, Probe, look_at
from remediate_providers.slack.tokens import WEBHOOK, token_of

REVOKE = "/auth.revoke"


class Ending:
    """How one is ended: `remediate_providers.ending.Ends`."""

    def __init__(self, held: Held, vendor: VendorContext) -> None:
        self._api = Api(vendor)
        self._held = held
        # Slack took it for the exchange, from here: that it lived then is known.
        self._exchanged = exchange.exchanged(vendor)
        self._lived = self._exchanged
        self._used_up: Check | None = None
        self.host = self._api.site.host

    def look(self) -> Check:
        """With itself. What Slack accepted from here and now calls invalid_auth is dead."""
        if rotation.is_refresh(self._held):
            return self._used_up or rotation.traded(self._api.vendor)
        probe: Probe = look_at(self._held, self._api, patient=False)
        self._lived = self._lived or probe.check.alive is True
        if probe.doubtful and self._lived:
            return Check(False, probe.check.evidence)
        return probe.check

    def ask(self) -> Asked:
        """``auth.revoke`` with the token itself; a webhook has no such call."""
        if rotation.is_refresh(self._held):
            asked, self._used_up = rotation.use_up(self._api, self._held)
            return asked
        token = token_of(self._held)
        if self._held.credential.kind == WEBHOOK:
            return Asked(status=Status.MANUAL, reason="Slack has no call that ends a webhook")
        if token is None:
            return Asked(status=Status.MANUAL, reason=NO_VALUE)
        if not self._api.vendor.use_leaked:
            return Asked(status=Status.MANUAL, reason=NOT_USED)
        if self._exchanged:
            # Revoked, it would take its successor along.
            return Asked(accepted=True, reason="Slack expires it, now that its pair was refreshed")
        try:
            answer = self._api.effect("POST", REVOKE, token, good=(200,), repeat=True)
        except TroubleError as error:
            return Asked(error.lost, error.status, str(error))
        data = mapping(answer)
        code = text_of(data, "error")
        seen = (self._api.seen("POST auth.revoke", code or f"revoked={data.get('revoked')}"),)
        if data.get("ok") is True and data.get("revoked") is True:
            return Asked(accepted=True, evidence=seen)
        if code in DEAD:
            return Asked(accepted=True, evidence=seen)
        if code is None:
            return Asked(True, Status.UNREACHABLE, self._api.refusal(answer), seen)
        return Asked(status=Status.REFUSED, reason=f"{self.host} says {code}", evidence=seen)

    def step(self, reason: str) -> ManualStep:
        """The app's page."""
        return steps.revoke(self._api.page, self._held, reason)
