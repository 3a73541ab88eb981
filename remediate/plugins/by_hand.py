"""What the providers share whose successors people make: there is nothing to note before, or to find after."""

from __future__ import annotations

from collections.abc import Mapping

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome, Status
from remediate.plugins.provider import Held


class MadeByHand:
    """Two of `remediate.plugins.provider.Reissues`' three methods, for who asks a person in `reissue`."""

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:  # noqa: ARG002
        """Nothing: a person makes the new one."""
        return {}

    def reconcile_reissue(
        self,
        held: Held,
        before: Mapping[str, Json],  # noqa: ARG002
        vendor: VendorContext,  # noqa: ARG002
    ) -> Outcome:
        """Nothing can have been made: no call of ours makes any."""
        return Outcome(Status.UNCHANGED, f"No successor of {held.id} was made by us")
