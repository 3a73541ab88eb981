"""Microsoft Entra as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.plugins.standing import Standing, not_asked
from remediate.secret import Secret
from remediate_providers.azure import facts, footholds, roles, secrets, server
from remediate_providers.ending import end_all


class AzureProvider:
    """Secrets of application registrations, through Microsoft Graph."""

    name = server.PROVIDER
    how = server.HOW
    kinds: Sequence[Kind] = server.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Each value with the shape of an application's secret."""
        return server.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """The application, its rights, the secret's dates."""
        return facts.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """Entra is asked for a token with it."""
        return secrets.check(held, vendor, leaked=True)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """``removePassword`` on each one's application, a few side by side."""
        # What was learned is of one credential; with several, each is looked for anew.
        around = vendor if len(batch) == 1 else replace(vendor, known={})
        return end_all(batch, around, lambda held: secrets.Ending(held, around))

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """What bears our mark already."""
        return secrets.before(held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """``addPassword`` on the same application, else the page where a person adds one."""
        return secrets.reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """Take away what was added and lost, by its name."""
        return secrets.reconcile(held, before, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A secret that Entra takes for the same application."""
        return secrets.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether Entra takes the new one."""
        return secrets.check(new, vendor, leaked=False)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Secrets, certificates, owners and more that were added to it since."""
        return footholds.triage(held, since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Sign-ins as the application, and what it changed."""
        return facts.investigate(held, since, vendor)

    def standing(self, vendor: VendorContext) -> Standing | None:
        """What is needed; what there is is told to nobody before it is used."""
        return (
            not_asked(
                (
                    "take secrets away and make new ones",
                    "Application.ReadWrite.OwnedBy for applications that yours owns, else Application.ReadWrite.All",
                ),
                ("see what was done with one", "AuditLog.Read.All"),
                ("see its roles in Azure", f"{roles.NEEDED} on the subscriptions"),
            )
            if self.responder_values(vendor)
            else None
        )

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """``AZURE_CLIENT_SECRET``, ``AZURE_ACCESS_TOKEN``, ``AZURE_MANAGEMENT_TOKEN``."""
        return server.own_values(vendor.environment)
