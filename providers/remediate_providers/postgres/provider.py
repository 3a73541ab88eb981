"""PostgreSQL as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Reissued
from remediate.plugins.standing import Standing, not_asked
from remediate.secret import Secret
from remediate_providers.postgres import kinds


class PostgresProvider:
    """Passwords of roles. psycopg is imported when a server is asked, and is an extra."""

    name = kinds.NAME
    how = "set PGSERVICE, or PGUSER with ~/.pgpass, to a role that may alter others"
    kinds = kinds.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """See `remediate.plugins.provider.Provider.identify`."""
        return kinds.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Describes`."""
        from remediate_providers.postgres import facts

        return facts.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.Checks`."""
        from remediate_providers.postgres.look import look

        return look(kinds.address_of(held), vendor)

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Preserves`."""
        from remediate_providers.postgres import facts

        return facts.preserve(held, vendor)

    def replaces_itself(self, held: Held, vendor: VendorContext) -> bool:
        """See `remediate.plugins.provider.ReplacesItself`."""
        from remediate_providers.postgres import revoke

        return revoke.replaces_itself(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """See `remediate.plugins.provider.Revokes`."""
        from remediate_providers.postgres import revoke

        return revoke.revoke(batch, vendor)

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:  # noqa: ARG002
        """Nothing: `reissue` changes nothing at the server."""
        return {}

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Reissues`."""
        from remediate_providers.postgres import reissue

        return reissue.reissue(held, vendor)

    def reconcile_reissue(
        self,
        held: Held,
        before: Mapping[str, Json],  # noqa: ARG002
        vendor: VendorContext,  # noqa: ARG002
    ) -> Outcome:
        """Nothing was made at the server: a password that was lost before it was kept never meant anything."""
        return Outcome(Status.UNCHANGED, f"No new password of {held.id} is in force")

    def install(self, old: Held, new: Held, vendor: VendorContext) -> Outcome:
        """See `remediate.plugins.provider.Installs`."""
        from remediate_providers.postgres import reissue

        return reissue.install(old, new, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Accepts`."""
        from remediate_providers.postgres import reissue

        return reissue.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.ConfirmsNew`."""
        from remediate_providers.postgres import reissue

        return reissue.confirm(new, vendor)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Triages`. What is younger than the leak, where times are kept."""
        from remediate_providers.postgres import triage

        return triage.triage(held, since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:  # noqa: ARG002
        """See `remediate.plugins.provider.Investigates`. A server shows what was done to no query."""
        reason = (
            "a server keeps no record of statements that a query could read: look for log-ins of the "
            "role in its log (log_connections), or in pgaudit's"
        )
        return Facts(unknown={"events": reason})

    def standing(self, vendor: VendorContext) -> Standing | None:
        """What is needed; what there is is told to nobody before it is used."""
        return (
            not_asked(
                (
                    "give a role another password",
                    "a superuser, or CREATEROLE and ADMIN OPTION on the role",
                ),
                ("end its sessions", "membership in the role or in pg_signal_backend"),
            )
            if self.responder_values(vendor)
            else None
        )

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """See `remediate.plugins.provider.NamesResponder`."""
        from remediate_providers.postgres import responder

        return responder.values(vendor.environment)
