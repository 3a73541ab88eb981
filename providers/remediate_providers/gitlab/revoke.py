"""Ending GitLab tokens, and seeing them refused.

An access token ends itself (``DELETE /personal_access_tokens/self``, any scope since 15.4). A runner's token is reset
with itself: the new value is dropped at once, and `reissue` asks for another. Deploy and trigger tokens
the like are ended by an administrator of a server of one's own, who need not know whose they are.
"""

from __future__ import annotations

from dataclasses import replace

from remediate.model import ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.ending import Asked
from remediate_providers.gitlab import steps
from remediate_providers.gitlab.probe import ADMIN, SELF, Probe, look
from remediate_providers.gitlab.server import HOW, Api
from remediate_providers.gitlab.tokens import ACCESS, RUNNER, token_of
from remediate_providers.rest import NO_VALUE, NOT_USED, TroubleError, number_of

_ADMIN = "an administrator's token, of the scope api"
RESET = "/runners/reset_authentication_token"


class Ending:
    """How one token is ended: `remediate_providers.ending.Ends`."""

    def __init__(self, held: Held, vendor: VendorContext) -> None:
        self._api = Api(vendor)
        self._held = held
        self._kind = held.credential.kind
        self._token: Secret | None = token_of(held)
        self._last = Probe(Check(None, reason=NO_VALUE))
        self._lived = False
        self.host = self._api.site.host

    def look(self) -> Check:
        """With the token itself, else as an administrator."""
        if self._token is not None:
            known = self._last
            self._last = look(self._api, self._kind, self._token, leaked=True, patient=False)
            self._lived = self._lived or self._last.check.alive is True
            if not self._last.data:
                self._last = replace(self._last, data=known.data, revocable=known.revocable)
            if self._last.elsewhere and self._lived:
                return Check(False, self._last.check.evidence)
        return self._last.check

    def ask(self) -> Asked:
        """By itself, by its id, or as an administrator: the first of these that may."""
        if self._token is None:
            return Asked(status=Status.MANUAL, reason=NO_VALUE)
        if self._last.elsewhere:
            return Asked(status=Status.MANUAL, reason=self._last.check.reason)
        if self._kind in (ACCESS, RUNNER) and self._api.vendor.use_leaked:
            by_itself = self._by_itself(self._token)
            if by_itself.accepted or by_itself.status is Status.UNREACHABLE:
                return by_itself
            by_id = self._by_id()
            if by_id is None or by_id.accepted:
                return by_id or by_itself
            return replace(
                by_itself, reason=f"{by_itself.reason}; and with your own: {by_id.reason}"
            )
        if self._last.revocable:
            return self._as_admin(self._token)
        used = NOT_USED if self._kind in (ACCESS, RUNNER) else self._last.check.reason
        return Asked(status=Status.MANUAL, reason=used or f"no administrator's token: {HOW}")

    def step(self, reason: str) -> ManualStep:
        """Its owner's page."""
        return steps.revoke(self._api.server, self._held, reason, {})

    def _by_itself(self, token: Secret) -> Asked:
        if self._kind == RUNNER:
            return self._call("POST", RESET, None, (200, 201), {"token": token.reveal_text()})
        return self._call("DELETE", SELF, token, (204,))

    def _by_id(self) -> Asked | None:
        """With the responder's own token, where the token itself was not let end itself."""
        id_ = number_of(self._last.data, "id")
        if self._kind != ACCESS or self._api.own is None or id_ is None:
            return None
        return self._call("DELETE", f"/personal_access_tokens/{id_}", self._api.own, (204,))

    def _as_admin(self, token: Secret) -> Asked:
        return self._call("DELETE", ADMIN, self._api.own, (204,), {"token": token.reveal_text()})

    def _call(
        self,
        method: str,
        path: str,
        token: Secret | None,
        good: tuple[int, ...],
        json: dict[str, str] | None = None,
    ) -> Asked:
        """One request. Ending what is dead is refused and harmless, so it may be repeated."""
        try:
            needed = _ADMIN if token is not None and token == self._api.own else ""
            answer = self._api.effect(
                method, path, token, good=good, repeat=True, needed=needed, json=json
            )
        except TroubleError as error:
            return Asked(error.lost, error.status, str(error))
        seen = self._api.seen(f"{method} {path}", str(answer.status))
        return Asked(accepted=True, evidence=(seen,))
