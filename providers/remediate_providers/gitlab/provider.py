"""GitLab as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.lists import Inventory
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.plugins.standing import Standing
from remediate.secret import Secret
from remediate_providers.ending import end_all
from remediate_providers.gitlab import accept, evidence, facts, reissue, review, tokens
from remediate_providers.gitlab.probe import look
from remediate_providers.gitlab.revoke import Ending
from remediate_providers.gitlab.server import HOW, Api, responder
from remediate_providers.rest import NO_VALUE


class GitLabProvider:
    """Access tokens of people, projects and groups; runner, deploy and trigger tokens."""

    name = tokens.PROVIDER
    how = HOW
    kinds: Sequence[Kind] = tokens.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Each value with one of GitLab's prefixes."""
        return tokens.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """Owner, scopes, role, dates, last use."""
        return facts.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """With the token itself, else as an administrator."""
        token = tokens.token_of(held)
        if token is None:
            return Check(None, reason=NO_VALUE)
        with Api(vendor) as api:
            return look(api, held.credential.kind, token, leaked=True).check

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """The projects and groups that it reaches."""
        return facts.preserve(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Each by itself, a few side by side."""
        return end_all(batch, vendor, lambda held: Ending(held, vendor.about(held.id, batch)))

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """What bears our mark already, and whether the old one lives."""
        return reissue.before(held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """Created by the responder, else rotated by itself while it lives, else by hand."""
        return reissue.reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """Revoke what was made and lost: by its name, or with its family."""
        return reissue.reconcile(held, before, vendor)

    def listed(self, places: Sequence[str], vendor: VendorContext) -> Inventory:
        """Your tokens and keys; what the clone's projects and their groups have."""
        return review.listed(places, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A token of the same kind and owner that GitLab accepts."""
        return accept.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether GitLab accepts the new one."""
        return accept.confirm(new, vendor)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Tokens, keys and webhooks that are younger than the leak."""
        return evidence.triage(held, since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Last use, its owner's events, the audit log where there is one."""
        return evidence.investigate(held, since, vendor)

    def standing(self, vendor: VendorContext) -> Standing | None:
        """Its scopes and its end."""
        from remediate_providers.gitlab import standing

        return standing.standing(vendor)

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """``GITLAB_TOKEN`` or ``GITLAB_ACCESS_TOKEN``."""
        own = responder(vendor.environment)
        return () if own is None else (own,)
