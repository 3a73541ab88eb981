"""The tokens of one OAuth app or GitHub App, where the policy names it: reset, refreshed and ended as that app.

It acts for what the policy hands it (``provider = "github-app"``) and is in all else GitHub's own provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Facts, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.secret import Secret
from remediate_providers.ending import end_all
from remediate_providers.github import app, app_tokens, facts, revoke
from remediate_providers.github.app import App, Settings
from remediate_providers.github.pages import ENDED
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.github.tokens import OAUTH, PART, REFRESH, USER

NAME = "github-app"
OURS = (OAUTH, USER, REFRESH)


class GitHubAppProvider(GitHubProvider):
    """GitHub's provider, with an app's client secret at hand."""

    name = NAME
    kinds: Sequence[Kind] = (
        Kind(
            "github-app-user-token",
            "token of an OAuth app or GitHub App that the policy names",
            revoke="api",
            reissue="api",
            page="https://github.com/settings/applications",
            check="api",
        ),
    )

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:  # noqa: ARG002
        """Nothing: a token does not tell which app it is of."""
        return ()

    def check_options(self, options: Mapping[str, Json]) -> None:
        """See `remediate.plugins.provider.TakesAny`."""
        app.check_options(options)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """What GitHub tells of it, and what it tells its app."""
        return _with(facts.describe(held, vendor), held, vendor)

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """The same of what dies with it."""
        return _with(facts.preserve(held, vendor), held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """With the token itself; else as its app."""
        if not _can(held, vendor) or held.credential.kind == REFRESH:
            return super().check(held, vendor)
        return app_tokens.Ending(held, vendor).look()

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """As the app; what is not its own, or was not seen dead, as any GitHub token."""
        mine = [held for held in batch if _can(held, vendor)]
        outcomes = end_all(
            mine,
            vendor,
            lambda held: app_tokens.Ending(held, vendor.about(held.id, batch)),
        )
        left = [h for h in batch if h.id not in outcomes or not outcomes[h.id].status.settled]
        if not left:
            return outcomes
        kinds = {held.id: held.credential.kind for held in left}
        for name, outcome in revoke.revoke(left, vendor).items():
            first = outcomes.get(name)
            if kinds[name] == REFRESH and outcome.status is Status.MANUAL:
                outcome = _from_a_person(name, outcome, vendor)
            outcomes[name] = outcome if first is None else _both(first, outcome)
        return outcomes

    def replaces_itself(self, held: Held, vendor: VendorContext) -> bool:
        """A reset or a refresh wants the old one alive, and ends it."""
        settings = Settings.of(vendor)
        if not _can(held, vendor) or settings.whole_grant:
            return False
        return held.credential.kind != REFRESH or vendor.use_leaked

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """Whether the app has it still."""
        return app_tokens.before(held, vendor) if self.replaces_itself(held, vendor) else {}

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """Reset or refreshed as its app; else the page where a person signs in again."""
        by_hand = super().reissue(held, vendor)
        if held.credential.kind not in OURS or Settings.of(vendor).whole_grant:
            return by_hand
        return app_tokens.reissue(held, vendor, by_hand)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """See `remediate.plugins.provider.Reissues`."""
        return app_tokens.reconcile(held, before, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """``GET /user`` with the new token; of a new pair, with its access token."""
        access = new.values.get(app_tokens.ACCESS)
        if access is None:
            return super().confirm(new, vendor)
        token = Held(replace(new.credential, kind=USER), {PART: access})
        return super().confirm(token, vendor)

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """Your own token, and the app's secret."""
        secret = Settings.of(vendor).secret
        own = super().responder_values(vendor)
        return own if secret is None else [*own, secret]


def _can(held: Held, vendor: VendorContext) -> bool:
    return (
        held.credential.kind in OURS
        and PART in held.values
        and Settings.of(vendor).secret is not None
    )


def _with(told: Facts, held: Held, vendor: VendorContext) -> Facts:
    if held.credential.kind not in OURS:
        return told
    more, check = app_tokens.described(held, vendor)
    unknown = {name: why for name, why in told.unknown.items() if name not in more}
    if not more:
        with App(vendor) as one:
            client = one.settings.client_id
        dead = f"the app {client} has no such token"
        unknown["app"] = check.reason or dead
    return Facts({**told.known, **more}, unknown, (*told.evidence, *check.evidence))


def _from_a_person(name: str, outcome: Outcome, vendor: VendorContext) -> Outcome:
    """A refresh token that was handed in, and whose app's authorisation a person saw ended."""
    if not Settings.of(vendor).ended:
        return outcome
    told = Evidence("the policy's `authorisation`", ENDED, vendor.now())
    summary = f"{name}: its user ended the app's authorisation, as a person says"
    return Outcome(Status.DONE, summary, evidence=(*outcome.evidence, told))


def _both(first: Outcome, second: Outcome) -> Outcome:
    """What came of asking as the app, and then of asking as anybody."""
    evidence = (*first.evidence, *second.evidence)
    reasons = [one for one in (first.reason, second.reason) if one]
    if second.status.settled:
        return replace(second, evidence=evidence)
    return replace(second, reason="; then: ".join(dict.fromkeys(reasons)), evidence=evidence)
