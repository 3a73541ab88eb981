"""Ending credentials one by one, and seeing each refused: the same for every vendor that ends at once.

Looked at first (a person may have ended it since), ended, and looked at until it is refused or the patience
is over. A few side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from remediate.http import LONGEST, Patience
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held

WORKERS = 8
"""Credentials that are ended side by side."""
FIRST_PAUSE = 0.25
"""Seconds between the first look and the second; each pause after it is twice as long."""


@dataclass(frozen=True)
class Asked:
    """What came of asking a vendor to end one."""

    accepted: bool = False
    """Whether it took the request, or may have taken it."""
    status: Status = Status.UNKNOWN
    """Where it did not: how that ends."""
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    data: Mapping[str, Json] = field(default_factory=dict)
    """Public facts for later stages."""


class Ends(Protocol):
    """One vendor's way of ending one credential. Made anew for each: nothing is shared by threads."""

    host: str

    def look(self) -> Check:
        """One look: dead, alive, or nothing proven. Read-only."""
        ...

    def ask(self) -> Asked:
        """Ask for its end. Harmless on what is dead."""
        ...

    def step(self, reason: str) -> ManualStep:
        """How a person ends it."""
        ...


def end_all(
    batch: Sequence[Held], vendor: VendorContext, make: Callable[[Held], Ends]
) -> dict[str, Outcome]:
    """Credential id to outcome, one for each in *batch*."""
    if not batch:
        return {}
    patience = Patience.of(vendor)

    def one(held: Held) -> Outcome:
        return end(held, vendor, make(held), Patience.of(vendor))

    if len(batch) == 1 or patience.left <= 0:
        return {held.id: one(held) for held in batch}
    with ThreadPoolExecutor(min(WORKERS, len(batch))) as pool:
        return dict(zip((held.id for held in batch), pool.map(one, batch), strict=True))


def end(held: Held, vendor: VendorContext, way: Ends, patience: Patience) -> Outcome:
    """End one credential."""
    first = way.look()
    if first.alive is False:
        return Outcome(
            Status.UNCHANGED, f"{way.host} refuses {held.id} already", evidence=first.evidence
        )
    asked = way.ask()
    check = _watch(way, asked, vendor, patience)
    evidence = (*asked.evidence, *check.evidence)
    if check.alive is False:
        return Outcome(
            Status.DONE, f"{way.host} refuses {held.id}", evidence=evidence, data=asked.data
        )
    if asked.accepted:
        still = "it still accepts it" if check.alive else check.reason
        return Outcome(
            Status.UNREACHABLE if asked.status is Status.UNREACHABLE else Status.UNKNOWN,
            f"Asked {way.host} to end {held.id}; it has not been seen dead",
            reason="; ".join(part for part in (asked.reason, still) if part),
            evidence=evidence,
            data=asked.data,
            manual=way.step(still),
        )
    by_hand = asked.status is Status.MANUAL
    return Outcome(
        asked.status,
        f"{held.id} has to be ended by hand" if by_hand else f"{held.id} was not ended",
        reason=asked.reason,
        evidence=evidence,
        data=asked.data,
        manual=way.step(asked.reason),
    )


def _watch(way: Ends, asked: Asked, vendor: VendorContext, patience: Patience) -> Check:
    """Look until it is refused; once where the request was not taken, for a lost answer may have worked."""
    pause = FIRST_PAUSE
    while True:
        check = way.look()
        if check.alive is False or not asked.accepted:
            return check
        vendor.progress(f"{way.host} has not ended it yet")
        if not patience.wait(pause):
            return check
        pause = min(2 * pause, LONGEST)
