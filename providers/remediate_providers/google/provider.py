"""Google's service accounts as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.plugins.standing import Standing, not_asked
from remediate.secret import Secret
from remediate_providers.ending import end_all
from remediate_providers.google import facts, footholds, keys, lifecycle, server


class GoogleProvider:
    """Keys of service accounts: disabled first, deleted after the investigation, made anew by upload."""

    name = keys.PROVIDER
    how = server.HOW
    kinds: Sequence[Kind] = keys.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Each key's file, and the same private key alone beside it."""
        return keys.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """The account, the key's state and dates, the last day it was used."""
        return facts.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """Google is asked for a token with it."""
        return lifecycle.check(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Disabled, a few side by side."""
        return end_all(batch, vendor, lambda held: lifecycle.Ending(held, vendor))

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """What bears our mark already."""
        return lifecycle.before(held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """A pair made here, its certificate uploaded, and the file that applications read."""
        return lifecycle.reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """Delete what was uploaded and lost, by its certificate's subject."""
        return lifecycle.reconcile(held, before, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A key file of the same account that Google accepts."""
        return lifecycle.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether Google takes the new one."""
        return lifecycle.confirm(new, vendor)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Keys of the account that are younger than the leak, roles on it, and what was made in its name."""
        return footholds.triage(held, since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """The project's audit log, by the key's name."""
        return facts.investigate(held, since, vendor)

    def delete(self, held: Held, vendor: VendorContext) -> Outcome:
        """Delete what was only disabled."""
        return lifecycle.delete(held, vendor)

    def standing(self, vendor: VendorContext) -> Standing | None:
        """What is needed; what there is is told to nobody before it is used."""
        return (
            not_asked(
                ("disable, make and delete keys", "Service Account Key Admin on the account"),
                (
                    "see what was done with one",
                    "Private Logs Viewer and Activity Analysis Viewer on the project",
                ),
            )
            if self.responder_values(vendor)
            else None
        )

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """Application default credentials, or a token in the environment."""
        return server.own_values(vendor.environment)
