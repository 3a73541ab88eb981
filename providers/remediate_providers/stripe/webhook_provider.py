"""Webhook secrets of Stripe whose endpoint the policy names: replaced by a second endpoint, then switched off.

A leaked signing secret opens nothing at Stripe: with it, anybody can sign events that the receiver believes. What
ends that is the receiver's new secret, so the old endpoint is disabled after that is in place, never before:
until then it is the only one that delivers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.errors import UsageError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Facts, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate_providers import making
from remediate_providers.rest import TroubleError
from remediate_providers.stripe import accept, steps
from remediate_providers.stripe.kinds import DASHBOARD, WEBHOOK
from remediate_providers.stripe.provider import StripeProvider
from remediate_providers.stripe.webhooks import Endpoints

NAME = "stripe-webhook"
RECEIVER = "a receiver that checks with the old secret still believes whoever has it"
OTHER = "it is no webhook secret of Stripe's"


class StripeWebhookProvider(StripeProvider):
    """Stripe's provider, for a secret whose endpoint is known."""

    name = NAME
    kinds: Sequence[Kind] = (
        Kind(
            "stripe-webhook-endpoint",
            "Stripe webhook secret, where the policy names its endpoint",
            revoke="api",
            reissue="api",
            page=f"{DASHBOARD}/webhooks",
            check="api",
        ),
    )

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:  # noqa: ARG002
        """Nothing: a secret does not tell which endpoint it is of."""
        return ()

    def check_options(self, options: Mapping[str, Json]) -> None:
        """See `remediate.plugins.provider.TakesAny`."""
        if set(options) - {"endpoint"}:
            raise UsageError("`with` has a name that is not known.", hint="Known: endpoint.")
        if not re.fullmatch(r"we_[A-Za-z0-9]{8,64}", str(options.get("endpoint") or "")):
            raise UsageError(
                "`endpoint` in `with` has to be the id of the endpoint that the secret is of.",
                hint='As in endpoint = "we_1AbC…": it stands on the endpoint\'s page at Stripe.',
            )

    def replaces_itself(self, held: Held, vendor: VendorContext) -> bool:  # noqa: ARG002
        """The old endpoint goes on delivering until the new one does."""
        return held.credential.kind == WEBHOOK

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """The endpoint: where it delivers, what, in which version."""
        if held.credential.kind != WEBHOOK:
            return Facts(unknown={"endpoint": OTHER})
        try:
            endpoint, seen = Endpoints(held, vendor).get(_id(held, vendor))
        except TroubleError as error:
            return Facts(unknown={"endpoint": str(error)})
        if endpoint is None:
            return Facts(unknown={"endpoint": "it is deleted"}, evidence=(seen,))
        return Facts(endpoint.public(), evidence=(seen,))

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """The same: it goes with the endpoint."""
        return self.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """Whether Stripe signs with it: its endpoint is enabled."""
        if held.credential.kind != WEBHOOK:
            return Check(None, reason=OTHER)
        return _look(Endpoints(held, vendor), _id(held, vendor))

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Disabled, once a new endpoint delivers in its place; deleted later."""
        return {held.id: _revoke(held, vendor) for held in batch}

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """The endpoints that bear our mark already."""
        return making.before(Endpoints(held, vendor), held)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """A second endpoint like the first, with a secret of its own."""

        def by_hand(reason: str) -> Reissued:
            way = Endpoints(held, vendor)
            text = f"The successor of {held.id} has to be made by hand"
            step = steps.replace(way.api.server, held, reason)
            return Reissued(Outcome(Status.MANUAL, text, reason, manual=step))

        if held.credential.kind != WEBHOOK:
            return by_hand(OTHER)
        return making.make_one(Endpoints(held, vendor), held, by_hand)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """One that was made and whose secret nobody has is deleted."""
        way = Endpoints(held, vendor)
        if way.api.responder.key is None and not before.get("ids"):
            return Outcome(Status.UNCHANGED, f"No successor of {held.id} had been made")
        return making.reconcile(way, held, before)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether Stripe signs with the new one: its endpoint is enabled."""
        id_ = new.credential.public_id or ""
        if not id_.startswith("we_"):
            return accept.confirm(new, vendor)
        return _look(Endpoints(new, vendor), id_)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """As for a key, without what remediate made itself."""
        told = super().triage(held, since, vendor)
        try:
            mine = {one.id for one in Endpoints(held, vendor).ours(making.MARK)}
        except TroubleError:
            return told
        found = told.known.get("footholds")
        left = [
            one
            for one in (found if isinstance(found, list) else [])
            if not (isinstance(one, Mapping) and one.get("id") in mine)
        ]
        return replace(told, known={**told.known, "footholds": left})

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """As for a key; and what Stripe can't see of a forged event."""
        told = super().investigate(held, since, vendor)
        forged = (
            "an event that somebody signed with it never passed Stripe: look in the receiver's own log for "
            "events whose id Stripe does not know"
        )
        return replace(told, unknown={**told.unknown, "forged_events": forged})

    def delete(self, held: Held, vendor: VendorContext) -> Outcome:
        """Delete the old endpoint, where another delivers in its place."""
        way = Endpoints(held, vendor)
        try:
            if held.credential.kind != WEBHOOK:
                raise TroubleError(OTHER, Status.MANUAL)
            old, seen = way.get(way.id)
            if old is None:
                return Outcome(Status.UNCHANGED, f"The endpoint {way.id} is gone", evidence=(seen,))
            if old.enabled:
                raise TroubleError("the old endpoint is enabled still", Status.MANUAL)
            ended = way.end(way.id)
        except TroubleError as error:
            return _not_ended(held, way, error, "deleted")
        return Outcome(Status.DONE, f"Deleted the endpoint {way.id}", evidence=(seen, ended))


def _id(held: Held, vendor: VendorContext) -> str:
    return Endpoints(held, vendor).id


def _look(way: Endpoints, id_: str) -> Check:
    try:
        endpoint, seen = way.get(id_)
    except TroubleError as error:
        return Check(None, reason=str(error))
    return Check(endpoint is not None and endpoint.enabled, (seen,))


def _revoke(held: Held, vendor: VendorContext) -> Outcome:
    way = Endpoints(held, vendor)
    seen: list[Evidence] = []
    try:
        if held.credential.kind != WEBHOOK:
            raise TroubleError(OTHER, Status.MANUAL)
        old, looked = way.get(way.id)
        seen.append(looked)
        if old is None or not old.enabled:
            text = f"Stripe signs nothing with {held.id} any more; {RECEIVER}"
            return Outcome(Status.UNCHANGED, text, evidence=tuple(seen))
        new = way.successor()
        if new is None or new.url != old.url:
            reason = (
                "no endpoint of ours delivers in its place: what is disabled before would lose events, and "
                "stop nobody who signs with the leaked secret"
            )
            raise TroubleError(reason, Status.MANUAL)
        seen.append(way.disable(way.id))
        after, looked = way.get(way.id)
        seen.append(looked)
    except TroubleError as error:
        return _not_ended(held, way, error, "disabled", seen)
    if after is not None and after.enabled:
        still = TroubleError("Stripe lists it as enabled still", Status.UNKNOWN)
        return _not_ended(held, way, still, "disabled", seen)
    text = f"Disabled the endpoint {way.id}; {new.id} delivers in its place; {RECEIVER}"
    return Outcome(Status.DONE, text, evidence=tuple(seen), data={"in_its_place": new.id})


def _not_ended(
    held: Held, way: Endpoints, error: TroubleError, what: str, seen: Sequence[Evidence] = ()
) -> Outcome:
    by_hand = error.status in (Status.MANUAL, Status.REFUSED)
    return Outcome(
        Status.MANUAL if by_hand else error.status,
        f"The endpoint of {held.id} was not {what}",
        str(error),
        tuple(seen),
        manual=steps.revoke(way.api.server, held, str(error)),
    )
