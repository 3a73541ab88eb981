"""Stripe as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Reissued
from remediate.plugins.standing import Standing, not_asked
from remediate.secret import Secret
from remediate_providers.stripe import accept, evidence, facts, kinds, revoke, triage
from remediate_providers.stripe.probe import look
from remediate_providers.stripe.server import Api, Responder


class StripeProvider:
    """Keys by the managed-keys API where the account has it, else by hand at the exact page.

    Reissuing is imported when it is asked for: cryptography takes 20 ms, and killing needs none of it.
    """

    name = kinds.NAME
    how = "set STRIPE_API_KEY to a key of yours, of the mode (live or test) of the leaked one"
    kinds = kinds.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """See `remediate.plugins.provider.Provider.identify`."""
        return kinds.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Describes`."""
        return facts.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.Checks`."""
        token = kinds.token_of(held)
        if held.credential.kind == kinds.WEBHOOK:
            return Check(None, reason="Stripe has no way to ask about a webhook secret")
        if held.credential.kind == kinds.PUBLISHABLE:
            return Check(None, reason="a publishable key is public by design; nobody asked")
        if token is None:
            return Check(None, reason=revoke.NO_VALUE)
        return look(Api(vendor), token, leaked=True, patient=True).check

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Preserves`."""
        return facts.preserve(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """See `remediate.plugins.provider.Revokes`."""
        return revoke.revoke(batch, vendor)

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """See `remediate.plugins.provider.Reissues`."""
        from remediate_providers.stripe import reissue

        return reissue.before_reissue(held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Reissues`."""
        from remediate_providers.stripe import reissue

        return reissue.reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """See `remediate.plugins.provider.Reissues`."""
        from remediate_providers.stripe import reissue

        return reissue.reconcile_reissue(held, before, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Accepts`."""
        return accept.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.ConfirmsNew`."""
        return accept.confirm(new, vendor)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Triages`."""
        return triage.triage(held, since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Investigates`."""
        return evidence.investigate(held, since, vendor)

    def standing(self, vendor: VendorContext) -> Standing | None:
        """What is needed; what there is is told to nobody before it is used."""
        return (
            not_asked(
                ("see what was done with a key", "a secret key of the same mode"),
                (
                    "end keys and make new ones",
                    "an account with managed keys, a private preview of Stripe's",
                ),
            )
            if self.responder_values(vendor)
            else None
        )

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """See `remediate.plugins.provider.NamesResponder`."""
        own = Responder.of(vendor.environment).key
        return () if own is None else (own,)
