"""A successor made by a vendor's call, with the rights of the old one and the responder's credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from remediate.http import HttpError
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers.table.asking import CannotError, Line, dig
from remediate_providers.table.calls import Calls, Renew

IDS = "ids"


def before(calls: Calls, renew: Renew, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
    """The ids that exist now; nothing where they can't be listed."""
    with Line(calls, held, vendor) as line:
        ids = _ids(line, renew)
    return {} if ids is None else {IDS: list(ids)}


def make(calls: Calls, renew: Renew, held: Held, vendor: VendorContext) -> Reissued | str:
    """The new credential; else why no call makes one, for the step that asks a person."""
    known = {name: vendor.known.get(name) for name in renew.copies}
    missing = [name for name, fact in known.items() if not fact]
    if missing:
        return f"its {' and '.join(missing)} could not be read while it lived"
    with Line(calls, held, vendor) as line:
        if line.own_is_leaked():
            return "your own credential here is the leaked one: replace that by hand first"
        ids = _ids(line, renew)
        if ids is None:
            return (
                "the credentials that exist can't be listed, so one that is lost could not be found"
            )
        made = _asked(line, renew, held, known, vendor)
    if isinstance(made, str) or made.outcome.status is not Status.UNKNOWN:
        return made
    # Nobody has the value of what may have been made: it must not live beside the next one.
    ended = reconcile(calls, renew, held, {IDS: list(ids)}, vendor)
    if not ended.status.settled:
        reason = f"{made.outcome.reason}; and then: {ended.reason}"
        stray = ManualStep(
            id=f"stray-{held.id.replace(':', '-')}",
            title="Look for a credential that was made just now, and end it",
            why="The answer to its making was lost, and nobody has its value.",
            instructions=(f"Look at the list at {line.host}: {reason}", "Then: remediate resume"),
        )
        return Reissued(replace(made.outcome, reason=reason, manual=stray))
    gone = "; what it had made was ended again" if ended.status is Status.DONE else ""
    return Reissued(
        replace(
            made.outcome,
            status=Status.UNREACHABLE,
            reason=f"{made.outcome.reason}{gone}",
            data=ended.data,
        )
    )


def _asked(
    line: Line, renew: Renew, held: Held, known: Mapping[str, Json], vendor: VendorContext
) -> Reissued | str:
    """What came of asking once; `Status.UNKNOWN` where one may have been made and is lost."""
    try:
        # Never twice: each sending makes one.
        answer = line.ask(renew.ask, names=known, repeat=False)
    except CannotError as error:
        return str(error)
    except HttpError as error:
        if error.sent:
            return Reissued(
                Outcome(
                    Status.UNKNOWN,
                    f"Asked {line.host} for a successor of {held.id}; no answer came",
                    reason=line.refusal(error),
                )
            )
        return line.refusal(error)
    value, public = dig(answer.json(), renew.value), dig(answer.json(), renew.id)
    seen = (Evidence(line.probe_name(renew.ask), str(answer.status), vendor.now()),)
    if answer.status not in renew.ask.good:
        if answer.status >= 500:
            return Reissued(
                Outcome(
                    Status.UNKNOWN,
                    f"Asked {line.host} for a successor of {held.id}; it may have made one",
                    reason=line.refusal(answer),
                    evidence=seen,
                )
            )
        return line.refusal(answer)
    if not isinstance(value, str) or not value:
        reason = f"{line.host} answered without a value"
        return Reissued(Outcome(Status.UNKNOWN, f"{held.id} may have a successor", reason, seen))
    name = str(public) if isinstance(public, str | int) else None
    return Reissued(
        Outcome(
            Status.DONE,
            f"Made a successor of {held.id} at {line.host}",
            evidence=seen,
            data={"id": name},
        ),
        {"value": Secret(value)},
        public_id=name,
    )


def reconcile(
    calls: Calls, renew: Renew, held: Held, was: Mapping[str, Json], vendor: VendorContext
) -> Outcome:
    """End what was made and lost: every id that was not there before, where there is exactly one."""
    old = was.get(IDS)
    with Line(calls, held, vendor) as line:
        now = _ids(line, renew)
        if now is None or not isinstance(old, list | tuple):
            return Outcome(
                Status.UNKNOWN,
                f"Nobody knows whether a successor of {held.id} was made",
                reason=f"{line.host} did not list what there is",
            )
        new = [name for name in now if name not in set(old)]
        if not new:
            return Outcome(
                Status.UNCHANGED,
                f"No successor of {held.id} was made",
                reason="the vendor's list has none that was not there before",
            )
        if len(new) > 1:
            return Outcome(
                Status.UNKNOWN,
                f"Several credentials are new since a successor of {held.id} was asked for",
                reason=f"{', '.join(new)}: end by hand the one that is named as a replacement",
            )
        try:
            answer = line.ask(renew.drop, names={"id": new[0]}, repeat=True)
        except (CannotError, HttpError) as error:
            reason = line.refusal(error) if isinstance(error, HttpError) else str(error)
            return Outcome(Status.UNKNOWN, f"{new[0]} was made and is lost", reason=reason)
        if answer.status not in renew.drop.good and answer.status != 404:
            return Outcome(
                Status.UNKNOWN, f"{new[0]} was made and is lost", reason=line.refusal(answer)
            )
        return Outcome(
            Status.DONE, f"Ended {new[0]}, which was made and lost", data={"deleted": new[0]}
        )


def _ids(line: Line, renew: Renew) -> list[str] | None:
    try:
        answer = line.ask(renew.ids)
    except (CannotError, HttpError):
        return None
    entries = dig(answer.json(), renew.entries)
    if answer.status != 200 or not isinstance(entries, list):
        return None
    return [str(one) for entry in entries if (one := dig(entry, renew.entry)) is not None]
