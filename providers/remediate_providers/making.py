"""Making one successor by a call that must not be repeated blindly: one new credential, never two.

Each attempt bears a name of its own, which begins with a mark of the leaked credential. Where an answer is
lost, what bears the name is looked for: its value is nobody's, so it is ended. After a crash the same is
done for every name with the mark that was not there before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from remediate.model import Json, ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers.rest import TroubleError

MARK = "remediate-"


@dataclass(frozen=True)
class Made:
    """A new credential."""

    values: Mapping[str, Secret]
    id: str
    """What the vendor calls it. Public."""
    evidence: tuple[Evidence, ...] = ()
    summary: str = ""
    data: Mapping[str, Json] = field(default_factory=dict)


class Makes(Protocol):
    """One vendor's way of making a successor of one credential."""

    host: str

    def make(self, name: str) -> Made:
        """Make one of that *name*. Raises `TroubleError`; `lost` where one may have been made."""
        ...

    def named(self, beginning: str) -> Mapping[str, str]:
        """Id to name of each living one whose name has that *beginning*. Raises `TroubleError`."""
        ...

    def end(self, id: str) -> Evidence:  # noqa: A002 - the vendor's word for it
        """End one that was made. Harmless on what is gone. Raises `TroubleError`."""
        ...

    def stray(self, name: str) -> ManualStep:
        """How a person looks for one of that *name* and ends it."""
        ...


def mark(held: Held) -> str:
    """What the names of a credential's successors begin with: tells whose they are, and no secret."""
    part = next(iter(held.credential.parts.values()), held.id)
    return f"{MARK}{part[:12]}-"


def before(way: Makes, held: Held) -> dict[str, Json]:
    """The ids with the mark that exist already; why not, where the list can't be had."""
    try:
        return {"ids": sorted(way.named(mark(held)))}
    except TroubleError as error:
        return {"unlisted": str(error)}


def make_one(way: Makes, held: Held, by_hand: Callable[[str], Reissued]) -> Reissued:
    """Make one, or end what came of a lost answer and say so; *by_hand* where the vendor refuses."""
    name = f"{mark(held)}{secrets.token_hex(4)}"
    try:
        made = way.make(name)
    except TroubleError as error:
        return _lost(way, held, name, error) if error.lost else _refused(held, error, by_hand)
    return Reissued(
        Outcome(
            Status.DONE,
            made.summary or f"Made {made.id} in place of {held.id}",
            evidence=made.evidence,
            data={"name": name, **made.data},
        ),
        made.values,
        public_id=made.id,
    )


def reconcile(way: Makes, held: Held, known: Mapping[str, Json]) -> Outcome:
    """See `remediate.plugins.provider.Reissues.reconcile_reissue`."""
    ids = known.get("ids")
    if not isinstance(ids, Sequence) or isinstance(ids, str):
        ids = ()  # the mark alone tells: nothing else bears it
    try:
        lost = [id_ for id_ in way.named(mark(held)) if id_ not in ids]
        seen = [way.end(id_) for id_ in lost]
    except TroubleError as error:
        return Outcome(
            error.status if error.status is not Status.MANUAL else Status.UNKNOWN,
            f"Whether a successor of {held.id} was made is not known",
            reason=str(error),
        )
    if not lost:
        return Outcome(Status.UNCHANGED, f"No successor of {held.id} had been made")
    return Outcome(
        Status.DONE,
        f"Ended {len(lost)} that had been made in place of {held.id} and lost",
        evidence=tuple(seen),
        data={"deleted": list(lost)},
    )


def _refused(held: Held, error: TroubleError, by_hand: Callable[[str], Reissued]) -> Reissued:
    if error.status is Status.UNREACHABLE:
        return Reissued(
            Outcome(error.status, f"No successor of {held.id} was made", reason=str(error))
        )
    return by_hand(str(error))


def _lost(way: Makes, held: Held, name: str, error: TroubleError) -> Reissued:
    """Nobody has the value of what may have been made: it must not live."""
    try:
        found = [id_ for id_, own in way.named(name).items() if own == name]
        seen = [way.end(id_) for id_ in found]
    except TroubleError as second:
        return Reissued(
            Outcome(
                Status.UNKNOWN,
                f"Asked for a successor of {held.id}; whether one was made is not known",
                reason=f"{error}; and then: {second}",
                data={"name": name},
                manual=way.stray(name),
            )
        )
    ended = "; the one that it had made was ended again" if found else ""
    data: dict[str, Json] = {"deleted": list(found)} if found else {}
    return Reissued(
        Outcome(
            Status.UNREACHABLE,
            f"No successor of {held.id} was made",
            reason=f"{error}{ended}",
            evidence=tuple(seen),
            data=data,
        )
    )
