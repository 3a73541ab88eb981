"""The GitHub provider: what it can do for each of GitHub's tokens, and where each part is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.plugins.by_hand import MadeByHand
from remediate.plugins.context import VendorContext
from remediate.plugins.lists import Inventory
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.plugins.standing import Standing
from remediate.secret import Secret
from remediate_providers.github import (
    evidence,
    facts,
    replace,
    responder,
    review,
    revoke,
    tokens,
    triage,
)
from remediate_providers.github.probe import look
from remediate_providers.github.server import Api, Server


class GitHubProvider(MadeByHand):
    """Personal access tokens of both sorts, OAuth tokens, and the tokens of GitHub Apps."""

    name = tokens.PROVIDER
    how = responder.HOW
    kinds: Sequence[Kind] = tokens.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """Each value that has the shape of a GitHub token."""
        return tokens.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """Owner, scopes, expiry."""
        return facts.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """``GET /user`` with the token: only ``401 Bad credentials`` means dead."""
        token = held.values.get(tokens.PART)
        if token is None:
            return Check(None, reason="its value is not at hand")
        with Api(vendor) as api:
            return look(api, held.credential.kind, token, vendor, patient=True).check

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """What `describe` tells, its owner's organisations, and its hash for their audit logs."""
        return facts.preserve(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Bulk revocation without authentication, then looking until each is refused."""
        return revoke.revoke(batch, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """The page where a person makes the new one, prefilled as far as it allows."""
        return replace.reissue(held, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A GitHub token, not the old one, that GitHub accepts for the same account."""
        return replace.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """``GET /user`` with the new token."""
        return replace.confirm(new, vendor)

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """New keys, webhooks, apps, people: in lists, and in organisations' audit logs by the token's hash."""
        return self.triage_all([held], since, vendor)[held.id]

    def triage_all(
        self, batch: Sequence[Held], since: str | None, vendor: VendorContext
    ) -> Mapping[str, Facts]:
        """The same of several: what does not belong to one of them is read once."""
        return triage.triage(batch, since, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """Organisations' audit logs by the token's hash."""
        return evidence.investigate(held, since, vendor)

    def standing(self, vendor: VendorContext) -> Standing | None:
        """Whose the token is, and its scopes."""
        from remediate_providers.github import standing

        return standing.standing(vendor)

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """``GITHUB_TOKEN``, ``GH_TOKEN``, what ``gh auth token`` prints."""
        return responder.tokens(vendor, Server.of(vendor.environment))

    def listed(self, places: Sequence[str], vendor: VendorContext) -> Inventory:
        """Your token and SSH keys, the repository's deploy keys and Actions secrets."""
        return review.listed(places, vendor)
