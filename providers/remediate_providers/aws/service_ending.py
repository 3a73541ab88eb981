"""Ending one service-specific credential: looked at in the account's list, switched off, later deleted there.

The list is the witness: the value itself is never tried.
"""

from __future__ import annotations

from collections.abc import Callable

from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Facts, Outcome, Status
from remediate.plugins.provider import Held
from remediate_providers.aws import service_credentials, steps
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.service_credentials import ServiceCredential
from remediate_providers.aws.session import Aws
from remediate_providers.ending import Asked


class Ending:
    """One credential of `remediate_providers.ending.Ends`. Its public id is its alias."""

    host = "IAM"

    def __init__(
        self,
        held: Held,
        vendor: VendorContext,
        service: str | None,
        by_hand: Callable[[str], ManualStep],
        untold: str = "",
    ) -> None:
        """*service*: None where the value does not tell. *untold*: why nothing is to be asked, if so."""
        self.held = held
        self.aws = Aws.responder(vendor)
        self.found: ServiceCredential | None = None
        self._vendor = vendor
        self._service = service
        self._by_hand = by_hand
        self._untold = untold
        self.failed = Status.MANUAL
        """How a question ends that nobody could answer."""

    def look(self) -> Check:
        """Dead, alive, or nothing proven."""
        credential = self.held.credential
        if self._untold:
            return Check(None, reason=self._untold)
        alias = credential.public_id or ""
        self.found = None
        try:
            mine = self.aws.me.account
            if credential.account != mine:
                return Check(None, reason=steps.foreign(credential, mine).why)
            user = credential.labels.get("user")
            self.found = service_credentials.find(
                self.aws, self._service, alias, user, self._known_id(alias)
            )
        except AwsError as error:
            self.failed = error.status
            return Check(None, reason=error.reason)
        saw = "not in the list: deleted"
        if self.found is not None:
            saw = f"{self.found.id} of {self.found.user}: {self.found.status}"
        seen = Evidence(service_credentials.LIST, f"{alias}: {saw}", self._vendor.now())
        return Check(self.found is not None and self.found.active, (seen,))

    def _known_id(self, alias: str) -> str | None:
        """Its id, where describing it has told. In a batch the context is that of one of them."""
        known = self._vendor.known
        name = known.get("credential") if known.get("alias") == alias else None
        return name if isinstance(name, str) else None

    def facts(self, unknown: dict[str, str]) -> Facts:
        """User, id, status, when it was made, when it ends. *unknown*: what nobody keeps."""
        credential = self.held.credential
        known: dict[str, Json] = {"account": credential.account} if credential.account else {}
        check = self.look()
        found = self.found
        if found is None:
            unknown["owner"] = check.reason or "the account's list has no such credential"
            return Facts(known, unknown, check.evidence)
        known |= {"ours": True, "owner": found.user, "user": found.user, "status": found.status}
        known |= {"credential": found.id, "alias": credential.public_id, "service": found.service}
        known |= {"created": found.created, "expires": found.expires}
        return Facts(known, unknown, check.evidence)

    def ask(self) -> Asked:
        """Switch it off."""
        if self.found is None:
            return Asked(status=self.failed, reason=self.look().reason)
        try:
            service_credentials.deactivate(self.aws, self.found)
        except AwsError as error:
            return Asked(accepted=error.doubtful, status=error.status, reason=error.reason)
        return Asked(accepted=True, data={"user": self.found.user, "credential": self.found.id})

    def step(self, reason: str) -> ManualStep:
        """How a person ends it."""
        return self._by_hand(reason)

    def delete(self) -> Outcome:
        """Delete it, where it is inactive."""
        check = self.look()
        found = self.found
        name = self.held.id
        if found is None:
            if check.alive is False:
                return Outcome(Status.UNCHANGED, f"{name} was deleted before", "", check.evidence)
            return Outcome(self.failed, f"Could not delete {name}", check.reason)
        if found.active:
            why = "it is active (again): deactivate it first, and see who needs it"
            return Outcome(Status.REFUSED, f"Did not delete {name}", why, check.evidence)
        try:
            service_credentials.delete(self.aws, found)
        except AwsError as error:
            if not error.gone:
                return error.outcome(f"Could not delete {name}")
        check = self.look()
        if self.found is None and check.alive is False:
            return Outcome(Status.DONE, f"Deleted {name}", evidence=check.evidence)
        reason = check.reason or "the account's list shows it still"
        return Outcome(Status.UNKNOWN, f"Asked to delete {name}", reason, check.evidence)
