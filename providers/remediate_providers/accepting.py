"""What a provider says of a value that a person hands in and that it does not take."""

from __future__ import annotations

from collections.abc import Sequence

from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Reissued


def not_taken(reason: str, evidence: Sequence[Evidence] = ()) -> Reissued:
    """*reason*: what is wrong with it, a clause without the value."""
    return Reissued(
        Outcome(Status.REFUSED, "The value was not taken", reason=reason, evidence=tuple(evidence))
    )


def not_seen(check: Check, what: str) -> Reissued:
    """One that *check* could tell nothing of. *what*: ``token``, ``key``, ``value``."""
    return Reissued(
        Outcome(
            Status.UNREACHABLE,
            f"The new {what} could not be looked at, and was not taken",
            reason=check.reason,
            evidence=check.evidence,
        )
    )
