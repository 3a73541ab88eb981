"""Vercel as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.plugins.standing import Standing, not_asked
from remediate.secret import Secret
from remediate_providers.ending import end_all
from remediate_providers.rest import NO_VALUE
from remediate_providers.vercel import facts, server, tokens


class VercelProvider:
    """Tokens that end themselves, and are made anew where the responder is the same user."""

    name = server.PROVIDER
    how = server.HOW
    kinds: Sequence[Kind] = server.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Each value with the shape of a Vercel token."""
        return server.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """Owner, scopes, dates, last use."""
        return facts.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """``GET /v5/user/tokens/current`` with it."""
        return _check(held, vendor, leaked=True)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Each by itself, a few side by side."""
        return end_all(batch, vendor, lambda held: tokens.Ending(held, vendor))

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """What bears our mark already."""
        return tokens.before(held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """One of the same user and team, else the page where a person makes it."""
        return tokens.reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """Delete what was made and lost, by its name."""
        return tokens.reconcile(held, before, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A token of the same user that Vercel accepts."""
        return tokens.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether Vercel accepts the new one."""
        return _check(new, vendor, leaked=False)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Tokens of the same user that are younger than the leak."""
        return facts.triage(held, since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Last use, and what its owner did since."""
        return facts.investigate(held, since, vendor)

    def standing(self, vendor: VendorContext) -> Standing | None:
        """What is needed; what there is is told to nobody before it is used."""
        return (
            not_asked(("end and make tokens, write variables", "full account access"))
            if self.responder_values(vendor)
            else None
        )

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """``VERCEL_TOKEN``."""
        own = server.responder(vendor.environment)
        return () if own is None else (own,)


def _check(held: Held, vendor: VendorContext, *, leaked: bool) -> Check:
    value = held.values.get(server.PART)
    if value is None:
        return Check(None, reason=NO_VALUE)
    return server.look(server.Api(vendor), value, leaked=leaked).check
