"""Slack as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.model import Json
from remediate.plugins.by_hand import MadeByHand
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.plugins.standing import Standing, not_asked
from remediate.secret import Secret
from remediate_providers.accepting import not_seen, not_taken
from remediate_providers.ending import end_all
from remediate_providers.rest import NO_VALUE, own_token, text_of
from remediate_providers.slack import evidence, exchange, rotation, steps, tokens
from remediate_providers.slack.revoke import Ending
from remediate_providers.slack.server import Api, look, look_at, responder


class SlackProvider(MadeByHand):
    """Tokens by call; webhooks, and everything new, by the exact page."""

    name = tokens.PROVIDER
    how = "set SLACK_TOKEN to a user token of yours with the scope admin"
    kinds: Sequence[Kind] = tokens.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Each value with one of Slack's shapes."""
        return tokens.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """Workspace, user, scopes."""
        if rotation.is_refresh(held):
            return Facts(unknown=dict.fromkeys(("owner", "scopes"), rotation.UNASKABLE))
        probe = look_at(held, Api(vendor))
        if held.credential.kind == tokens.WEBHOOK or probe.check.alive is not True:
            reason = probe.check.reason or "Slack says no more of it"
            unknown = dict.fromkeys(("owner", "scopes"), reason)
            return Facts(unknown=unknown, evidence=probe.check.evidence)
        fields = {"owner": "user", "user_id": "user_id", "team": "team", "team_id": "team_id",
                  "bot_id": "bot_id", "workspace": "url"}  # fmt: skip
        known: dict[str, Json] = {
            name: value for name, field in fields.items() if (value := text_of(probe.data, field))
        }
        missing = {"last_used": "Slack tells it to nobody by call"}
        if probe.scopes is None:
            missing["scopes"] = "Slack named none"
        else:
            known["scopes"] = list(probe.scopes)
        return Facts(known, missing, probe.check.evidence)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """``auth.test``; for a webhook a message without a text, which is not posted."""
        if rotation.is_refresh(held):
            return rotation.traded(vendor)
        return look_at(held, Api(vendor)).check

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """``auth.revoke``, a few side by side."""
        return end_all(batch, vendor, lambda held: Ending(held, vendor.about(held.id, batch)))

    def replaces_itself(self, held: Held, vendor: VendorContext) -> bool:
        """A refresh token can be traded for the next one, a long-lived one exchanged, and dies in it."""
        return (rotation.is_refresh(held) and vendor.use_leaked) or exchange.wanted(held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """By rotation where its app has that; else the page where a person makes the new one."""
        if rotation.is_refresh(held):
            return rotation.reissue(Api(vendor), held)
        if exchange.wanted(held, vendor):
            return exchange.reissue(Api(vendor), held)
        step = steps.replace(Api(vendor).page, held)
        return Reissued(
            Outcome(Status.MANUAL, f"{held.id} needs a successor", reason=step.why, manual=step)
        )

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A value of the same kind and workspace that Slack accepts."""
        value = Secret(value.reveal().strip())
        kind = held.credential.kind
        if value in held.values.values():
            return not_taken("it is the leaked one itself")
        if tokens.kind_of(value) != kind:
            return not_taken(f"it does not look like a {tokens.title(kind)}")
        if value.reveal().startswith(b"xoxe-"):
            text = f"Took in a new value for {held.id}; nothing tells whether Slack takes a refresh token"
            return Reissued(Outcome(Status.DONE, text), {tokens.PART: value})
        probe = look(Api(vendor), kind, value)
        if probe.check.alive is False or probe.doubtful:
            return not_taken("Slack refuses it", probe.check.evidence)
        if probe.check.alive is None and not _unaskable(value):
            return not_seen(probe.check, "value")
        team, before = text_of(probe.data, "team_id"), text_of(vendor.known, "team_id")
        if team and before and team != before:
            return not_taken(f"it is of workspace {team}, and the leaked one of {before}")
        return Reissued(
            Outcome(
                Status.DONE, f"Took in a new value for {held.id}", evidence=probe.check.evidence
            ),
            {tokens.PART: value},
        )

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether Slack accepts the new one; of a new pair, its access token."""
        access = new.values.get(rotation.ACCESS)
        if access is not None:
            new = Held(new.credential, {tokens.PART: access})
        if rotation.is_refresh(new):
            return Check(None, reason=rotation.UNASKABLE)
        if tokens.token_of(new) is None:
            return Check(None, reason=NO_VALUE)
        return look_at(new, Api(replace(vendor, use_leaked=True))).check

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Its owner's log-ins, where the workspace keeps them."""
        return evidence.investigate(held, since, vendor)

    def standing(self, vendor: VendorContext) -> Standing | None:
        """What is needed; what there is is told to nobody before it is used."""
        return (
            not_asked(
                ("end leaked tokens", "nothing: each ends itself"),
                ("read access logs", "the scope admin"),
            )
            if self.responder_values(vendor)
            else None
        )

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """``SLACK_TOKEN``, and the secret of an app of yours."""
        own = (responder(vendor.environment), own_token(vendor.environment, rotation.CLIENT[1]))
        return [value for value in own if value is not None]


def _unaskable(value: Secret) -> bool:
    """Whether it is a workflow's address, which can't be asked without setting it off."""
    return tokens.kind_of(value) == tokens.WEBHOOK and tokens.hook_path(value) is None
