"""Vault and OpenBao as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Reissued
from remediate.plugins.standing import Standing
from remediate.secret import Secret
from remediate_providers.vault import facts, kinds, reissue, revoke
from remediate_providers.vault.look import look
from remediate_providers.vault.server import HOW, Api, NoServerError, Responder


class VaultProvider:
    """Service tokens by the server's own calls; batch and recovery tokens by hand."""

    name = kinds.NAME
    how = HOW
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
        if token is None:
            return Check(None, reason=facts.NO_VALUE)
        if held.credential.kind == kinds.RECOVERY:
            return Check(None, reason="a server has no call that looks at a recovery token")
        try:
            with Api(vendor) as api:
                return look(api, token, leaked=True).check
        except NoServerError as error:
            return Check(None, reason=str(error))

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Preserves`."""
        return facts.preserve(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """See `remediate.plugins.provider.Revokes`."""
        return revoke.revoke(batch, vendor)

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """See `remediate.plugins.provider.Reissues`."""
        return reissue.before_reissue(held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Reissues`."""
        return reissue.reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """See `remediate.plugins.provider.Reissues`."""
        return reissue.reconcile_reissue(held, before, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Accepts`."""
        return reissue.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.ConfirmsNew`."""
        return reissue.confirm(new, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:  # noqa: ARG002
        """See `remediate.plugins.provider.Investigates`. No call reads an audit device."""
        accessor = vendor.known.get("accessor")
        whose = f" by accessor {accessor}" if accessor else ""
        reason = (
            f"a server writes each request to its audit device and shows it to no call: search it{whose}"
            " (the accessor stands there as an HMAC: sys/audit-hash)"
        )
        return Facts(unknown={"events": reason})

    def standing(self, vendor: VendorContext) -> Standing | None:
        """Whose it is, and what it may do with tokens."""
        from remediate_providers.vault import standing

        return standing.standing(vendor)

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """See `remediate.plugins.provider.NamesResponder`."""
        return Responder.of(vendor.environment).every
