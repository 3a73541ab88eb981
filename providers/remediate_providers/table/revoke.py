"""Ending the table's credentials by their vendors' calls, and seeing each refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from remediate.errors import Error
from remediate.http import LONGEST, HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate_providers.table.asking import CannotError, Line
from remediate_providers.table.calls import Ask
from remediate_providers.table.row import Row

WORKERS = 8
"""Credentials dealt with side by side."""
WATCHED = 60.0
"""Seconds for which a credential that a vendor took is looked at, at most."""
FIRST_PAUSE = 0.25

ByHand = Callable[[Held, str, Sequence[Evidence]], Outcome]


def revoke(
    batch: Sequence[tuple[Row, Held]], vendor: VendorContext, by_hand: ByHand
) -> Mapping[str, Outcome]:
    """Each credential's outcome. One that can't be ended by a call is a step for a person."""
    if not batch:
        return {}
    # Looked up before any thread does: a wrong address stops, and is said once.
    for row, held in batch:
        if row.calls is not None:
            with Line(row.calls, held, vendor) as line:
                _ = line.host

    def one(pair: tuple[Row, Held]) -> Outcome:
        row, held = pair
        try:
            return _one(row, held, vendor.about(held.id, batch), by_hand)
        except Error:
            raise
        except Exception as error:
            # A fault over one must not keep the others alive; its text may hold a value.
            return Outcome(
                Status.UNKNOWN,
                f"A fault while {held.id} was ended",
                reason=type(error).__name__,
            )

    with ThreadPoolExecutor(min(WORKERS, len(batch))) as pool:
        outcomes = list(pool.map(one, batch))
    return {held.id: outcome for (_, held), outcome in zip(batch, outcomes, strict=True)}


def _one(row: Row, held: Held, vendor: VendorContext, by_hand: ByHand) -> Outcome:
    calls = row.calls
    if calls is None:
        return by_hand(held, "remediate has no call that ends one at this vendor", ())
    with Line(calls, held, vendor) as line:
        if calls.revoke is None:
            return _looked_at(line, held, by_hand, "this vendor has no call that ends one")
        before = line.look() if calls.regions else None
        accepted = before is not None and before.check.alive is True
        if before is not None and before.check.alive is False:
            return _dead_already(line, held, before.check)
        try:
            ident = line.find(calls.lookup) if calls.lookup is not None else ""
            status, reason, evidence = _end(line, calls.revoke, {"id": ident} if ident else {})
        except CannotError as error:
            return _looked_at(line, held, by_hand, str(error))
        except HttpError as error:
            # The lookup got no answer.
            return _unreachable(held, line.refusal(error), by_hand)
        # An address that ends a credential knew it.
        taken = status is Status.DONE
        seen = _watch(line, accepted=accepted or taken, patient=taken)
        everything = (*evidence, *seen.evidence)
        if seen.alive is False:
            if status is Status.REFUSED:
                return _dead_already(line, held, seen)
            return Outcome(Status.DONE, f"{line.host} refuses {held.id}", evidence=everything)
        if status is Status.DONE:
            still = "it still accepts it" if seen.alive else seen.reason
            return Outcome(
                Status.UNKNOWN,
                f"Asked {line.host} to end {held.id}; it has not been seen dead",
                reason=f"{line.host} took the request; {still}",
                evidence=everything,
                data={"note": calls.note} if calls.note else {},
            )
        made = by_hand(held, reason, everything)
        return Outcome(status, f"{held.id} was not ended", reason, everything, manual=made.manual)


def _end(
    line: Line, ask: Ask, names: Mapping[str, str]
) -> tuple[Status, str, tuple[Evidence, ...]]:
    """The one call: how it went, why not, and what was seen. DONE: taken, not yet seen dead."""
    try:
        # Ending what is ended is harmless.
        answer = line.ask(ask, names=names, repeat=True)
    except HttpError as error:
        return Status.UNREACHABLE, line.refusal(error), ()
    seen = (Evidence(line.probe_name(ask), str(answer.status), line.vendor.now()),)
    if answer.status in ask.good:
        return Status.DONE, "", seen
    down = answer.status >= 500 or answer.limited
    return Status.UNREACHABLE if down else Status.REFUSED, line.refusal(answer), seen


def _watch(line: Line, *, accepted: bool, patient: bool) -> Check:
    """Look until it is refused; once only where nothing was taken."""
    pause, left = FIRST_PAUSE, WATCHED
    while True:
        looked = line.look(accepted=accepted)
        wait = max(pause, looked.answer.wait or 0.0) if looked.answer is not None else pause
        left -= wait
        if looked.check.alive is False or not patient or not looked.again or left < 0:
            return looked.check
        if not line.patience.wait(wait):
            return looked.check
        pause = min(2 * pause, LONGEST)


def _looked_at(line: Line, held: Held, by_hand: ByHand, reason: str) -> Outcome:
    """By hand, unless it is seen to be dead: a resumed run finds out that a person did it."""
    check = line.look().check
    if check.alive is False:
        return _dead_already(line, held, check)
    return by_hand(held, reason, check.evidence)


def _dead_already(line: Line, held: Held, check: Check) -> Outcome:
    return Outcome(Status.DONE, f"{line.host} refuses {held.id}", evidence=check.evidence)


def _unreachable(held: Held, reason: str, by_hand: ByHand) -> Outcome:
    return Outcome(
        Status.UNREACHABLE,
        f"{held.id} was not ended",
        reason=reason,
        manual=by_hand(held, reason, ()).manual,
    )
