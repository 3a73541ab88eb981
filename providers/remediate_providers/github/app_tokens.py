"""Ending and replacing the tokens of one app, with that app's own secret.

A reset (``PATCH /applications/{client_id}/token``) makes the successor and ends the old one in one call, so it
is not repeated. A refresh token is used up by its one successor. Of either, one whose answer was lost is
nobody's: it can't be ended by call, for every call wants its value, so a person ends the app's authorisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from remediate.model import Credential, Json, ManualStep
from remediate.plugins.context import REISSUED, VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate.wording import sentence
from remediate_providers.ending import Asked
from remediate_providers.github import pages, revoke
from remediate_providers.github.app import App, Pair
from remediate_providers.github.probe import NOT_USED, look
from remediate_providers.github.tokens import PART, REFRESH, USER
from remediate_providers.rest import TroubleError, text_of, texts_of

CLIENT_ID = "client_id"
"""Among the facts: the app that GitHub said the token is of."""
TRADED = "traded_at"
"""Among what reissuing told: when a refresh token was used up by its successor."""
ACCESS = "access_token"
"""The part of a refresh token's successor that opens anything; ``value`` is the next refresh token."""


class Ending:
    """How one token of the app's is ended: `remediate_providers.ending.Ends`."""

    def __init__(self, held: Held, vendor: VendorContext) -> None:
        self._app = App(vendor)
        self._held, self._vendor = held, vendor
        self._token = held.values[PART]
        self._ours = vendor.known.get(CLIENT_ID) == self._app.settings.client_id
        self._used_up: Check | None = None
        self.host = self._app.host

    def look(self) -> Check:
        """With the token itself; else as the app, whose word counts for what it was seen to have."""
        if self._held.credential.kind == REFRESH:
            return self._used_up or _traded(self._vendor, self.host)
        probe = look(
            self._app.api, self._held.credential.kind, self._token, self._vendor, patient=False
        )
        if probe.check.alive is not None:
            return probe.check
        check, _data = self._app.look(self._token)
        self._ours = self._ours or check.alive is True
        if check.alive is False and not self._ours:
            reason = (
                f"the app {self._app.settings.client_id} has no such token: it may be another's"
            )
            return Check(None, check.evidence, reason)
        return check

    def ask(self) -> Asked:
        """As the app; a refresh token by using it up."""
        if self._held.credential.kind == REFRESH:
            return self._use_up()
        try:
            ended, seen = self._app.end(self._token)
        except TroubleError as error:
            return Asked(error.lost, error.status, str(error))
        if ended:
            self._ours = True
            return Asked(accepted=True, evidence=(seen,))
        reason = f"the app {self._app.settings.client_id} has no such token"
        return Asked(status=Status.MANUAL, reason=reason, evidence=(seen,))

    def step(self, reason: str) -> ManualStep:
        """Its owner's page."""
        return pages.revoke_step(self._app.api.server, self._held, reason)

    def _use_up(self) -> Asked:
        """Traded for its successors, which are ended at once; refused is as good."""
        if not self._vendor.use_leaked:
            return Asked(status=Status.MANUAL, reason=NOT_USED)
        try:
            pair, seen = self._app.refresh(self._token)
        except TroubleError as error:
            # Taken or not, looking at it would tell nothing.
            return Asked(status=error.status, reason=str(error))
        if pair is None:
            client = self._app.settings.client_id
            reason = f"the app {client} has no such refresh token any more, or it is another app's"
            return Asked(status=Status.UNKNOWN, reason=reason, evidence=(seen,))
        # That it was traded proves that it was this app's, and it has one successor.
        self._used_up = Check(False, (seen,))
        data: dict[str, Json] = {"came_of_it": _ended(pair, self._vendor)}
        return Asked(accepted=True, evidence=(seen,), data=data)


def _traded(vendor: VendorContext, host: str) -> Check:
    """Dead where its successor came of it in this incident: it has one, however often it is asked for."""
    made = vendor.known.get(REISSUED)
    at = made.get(TRADED) if isinstance(made, Mapping) else None
    if not isinstance(at, str):
        return Check(None, reason="a refresh token can't be looked at")
    probe = f"POST /login/oauth/access_token, before the next pair came of it ({host})"
    return Check(False, (Evidence(probe, "used up", at),))


def _ended(pair: Pair, vendor: VendorContext) -> str:
    """End what a refresh token was traded for; how that went."""
    both = [
        Held(Credential(f"github:{name}", "github", kind, {PART: name}), {PART: value})
        for name, kind, value in (
            ("next-access-token", USER, pair.access),
            ("next-refresh-token", REFRESH, pair.refresh),
        )
    ]
    outcome = revoke.revoke(both, replace(vendor, use_leaked=True))[both[0].id]
    if outcome.status.settled:
        return "the pair that came of it was ended at once"
    return f"the pair that came of it is nobody's, and was not seen dead: {outcome.reason}"


# -- the successor --------------------------------------------------------------------------------


def before(held: Held, vendor: VendorContext) -> dict[str, Json]:
    """Whether the app has it: one that it has no more afterwards was reset."""
    token = held.values.get(PART)
    with App(vendor) as app:
        if token is None or app.settings.secret is None or held.credential.kind == REFRESH:
            return {}
        check, _data = app.look(token)
        return {"alive": check.alive}


def reissue(held: Held, vendor: VendorContext, by_hand: Reissued) -> Reissued:
    """Reset or refreshed; *by_hand* with the reason where it can't be."""
    with App(vendor) as app:
        token = held.values.get(PART)
        if token is None or app.settings.secret is None:
            why = app.settings.why or "its value is not at hand"
            return _told(by_hand, why)
        if held.credential.kind == REFRESH:
            return _refreshed(app, held, token, by_hand)
        try:
            value, data, seen = app.reset(token)
        except TroubleError as error:
            if error.lost:
                return _reset_lost(app, held, token, error, by_hand)
            if error.status is Status.UNREACHABLE:
                text = f"No successor of {held.id} was made"
                return Reissued(Outcome(error.status, text, reason=str(error)))
            return _told(by_hand, str(error))
        return Reissued(
            Outcome(
                Status.DONE,
                f"Reset {held.id} as the app {app.settings.client_id}; the old one died with that",
                evidence=(seen,),
                data=_public(data),
            ),
            {PART: value},
        )


def reconcile(held: Held, known: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """After a crash: one that was reset, and whose new value nobody has, is a person's to end."""
    token = held.values.get(PART)
    untouched = Outcome(Status.UNCHANGED, f"No successor of {held.id} had been made")
    if known.get("alive") is not True or token is None:
        # A refresh token has one successor, however often it is asked for: asking again tells.
        return untouched
    with App(vendor) as app:
        if app.settings.secret is None:
            text = f"Whether {held.id} was reset is not known"
            return Outcome(Status.UNKNOWN, text, app.settings.why, manual=_stray(app, held))
        check, _data = app.look(token)
        if check.alive is True:
            return replace(untouched, evidence=check.evidence)
        if check.alive is None:
            text = f"Whether {held.id} was reset is not known"
            return Outcome(Status.UNREACHABLE, text, check.reason, check.evidence)
        return Outcome(
            Status.MANUAL,
            f"{held.id} was reset, and nobody has the new value",
            "it was reset before the interruption, or ended by somebody else",
            check.evidence,
            manual=_stray(app, held),
        )


def described(held: Held, vendor: VendorContext) -> tuple[dict[str, Json], Check]:
    """What the app itself can tell: which it is, when the token was made, for whom."""
    token = held.values.get(PART)
    with App(vendor) as app:
        if token is None or app.settings.secret is None or held.credential.kind == REFRESH:
            return {}, Check(None, reason=app.settings.why or "nothing tells more of it")
        check, data = app.look(token)
        if not data:
            return {}, check
        return {**_public(data), CLIENT_ID: app.settings.client_id}, check


def _refreshed(app: App, held: Held, token: Secret, by_hand: Reissued) -> Reissued:
    if not app.vendor.use_leaked:
        return _told(by_hand, NOT_USED)
    try:
        pair, seen = app.refresh(token)
    except TroubleError as error:
        if error.lost:
            text = f"Asked to trade {held.id}, and the answer was lost"
            step = _stray(app, held, f"What came of it may live, and nobody has it: {error}.")
            return Reissued(Outcome(Status.UNKNOWN, text, str(error), manual=step))
        if error.status is Status.UNREACHABLE:
            text = f"No successor of {held.id} is at hand"
            return Reissued(Outcome(error.status, text, reason=str(error)))
        return _told(by_hand, str(error))
    if pair is None:
        why = (
            "it was used up already, by the app, by us before an interruption, or by whoever found it: "
            "what came of it lives until the app's authorisation is ended"
        )
        told = _told(by_hand, why, (seen,)).outcome
        return Reissued(replace(told, manual=_stray(app, held, f"I{why[1:]}.")))
    text = f"Traded {held.id} for the next pair; the old one was used up with that"
    return Reissued(
        Outcome(Status.DONE, text, evidence=(seen,), data={TRADED: seen.at}),
        {PART: pair.refresh, ACCESS: pair.access},
    )


def _reset_lost(
    app: App, held: Held, token: Secret, error: TroubleError, by_hand: Reissued
) -> Reissued:
    """The answer never came: was it reset? The app tells whether it has the old one."""
    check, _data = app.look(token)
    if check.alive is True:
        return Reissued(Outcome(Status.UNREACHABLE, f"{held.id} was not reset", reason=str(error)))
    reason = f"{error}; and then: {check.reason}" if check.alive is None else str(error)
    gone = "it was reset and nobody has the new value" if check.alive is False else reason
    return Reissued(
        replace(
            _told(by_hand, gone, check.evidence).outcome,
            status=Status.UNKNOWN,
            summary=f"Asked to reset {held.id}, and the answer was lost",
            manual=_stray(app, held),
        )
    )


def _told(by_hand: Reissued, reason: str, seen: tuple[Evidence, ...] = ()) -> Reissued:
    outcome = by_hand.outcome
    if outcome.manual is None:
        return by_hand
    step = replace(outcome.manual, why=sentence(reason))
    return Reissued(replace(outcome, reason=reason, manual=step, evidence=seen))


_LOST = (
    "A new token was made and its value was lost on the way: nobody has it, and no call can end it."
)


def _stray(app: App, held: Held, why: str = _LOST) -> ManualStep:
    """End the authorisation, and with it a token that nobody has; then sign in once more."""
    server = app.api.server
    step = pages.replace_step(server, held, app.vendor.known)
    return replace(
        step,
        why=why,
        instructions=(
            "Sign in as the account that the token belongs to.",
            f"Find the app {app.settings.client_id} in the list, and click Revoke: that ends what nobody has.",
            "Sign in to the app again, and copy its new token.",
        ),
    )


def _public(data: Mapping[str, object]) -> dict[str, Json]:
    """What of a token's description is fit for the record: never its value."""
    user, app = data.get("user"), data.get("app")
    told: dict[str, Json] = {
        "owner": text_of(user, "login") if isinstance(user, dict) else None,
        "app": text_of(app, "name") if isinstance(app, dict) else None,
        "scopes": list(texts_of(data, "scopes")),
        "created": text_of(data, "created_at"),
        "expires": text_of(data, "expires_at"),
    }
    return {name: value for name, value in told.items() if value not in (None, [])}
