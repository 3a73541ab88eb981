"""What was done, what a person has to do, what is not known: lists straight from the effects."""

from __future__ import annotations

from remediate.incident.rows import Topic
from remediate.record.ledger import Effect, Ledger
from remediate.record.model import (
    ActionEntry,
    CustodyEntry,
    FactEntry,
    Gap,
    ManualEntry,
    Refusal,
)
from remediate.record.reading import Data, flag, mapping, maybe, proofs, text, texts
from remediate.record.reruns import unasked_reruns


def action_entries(book: Ledger) -> tuple[ActionEntry, ...]:
    """Every effect, in the order first meant; those that undo took back first."""
    return tuple(_action(effect) for effect in book.all_effects())


def _action(effect: Effect) -> ActionEntry:
    last = effect.last
    return ActionEntry(
        key=effect.key,
        action=effect.action,
        subject=effect.subject,
        stage=effect.stage,
        status=effect.status,
        summary=text(last, "summary"),
        reason=text(last, "reason"),
        meant_at=effect.meant_at,
        ended_at=effect.ended_at,
        attempts=effect.attempts,
        actor=effect.actor,
        evidence=proofs(last),
        data=mapping(last, "data"),
        taken_back=effect.taken_back,
    )


def manual_entries(book: Ledger) -> tuple[ManualEntry, ...]:
    """Every manual step there was: first what is still to be done, then what is done."""
    steps = [
        entry for effect in book.effects.values() if (entry := _manual(effect, book)) is not None
    ]
    return tuple(sorted(steps, key=lambda step: step.done_at is not None))


def _manual(effect: Effect, book: Ledger) -> ManualEntry | None:
    # A refusal may name a step too: what a person can do where the vendor said no.
    asked = [row for row in effect.outcomes if mapping(row.data, "manual")]
    if not asked:
        return None
    last: Data = mapping(asked[-1].data, "manual")
    # An effect that moved on to "refused" or "unknown" waits for a vendor now, not for a person; the
    # step is told as open until the effect has happened.
    return ManualEntry(
        id=text(last, "id"),
        title=text(last, "title"),
        why=text(last, "why"),
        url=maybe(last, "url"),
        instructions=texts(last, "instructions"),
        check=text(last, "check"),
        takes_value=flag(last, "takes_value"),
        owner=maybe(last, "owner") or book.runs_it,
        action=effect.key,
        since=asked[0].at,
        done_at=effect.ended_at if effect.settled else None,
        on_word=flag(last, "on_word"),
        done_by=effect.word[0] if effect.word else None,
    )


def fact_entries(book: Ledger) -> tuple[FactEntry, ...]:
    """What was learned last of each topic."""
    return tuple(
        FactEntry(
            credential=credential,
            topic=topic,
            stage=row.stage,
            at=row.at,
            known=mapping(row.data, "known"),
            unknown=mapping(row.data, "unknown"),
            evidence=proofs(row.data),
        )
        for (credential, topic), row in book.facts.items()
    )


def gaps(book: Ledger) -> tuple[Gap, ...]:
    """What could not be learned, with the reason; then who was not looked at for abuse at all."""
    found = [
        Gap(credential, topic, name, reason if isinstance(reason, str) else "")
        for (credential, topic), row in book.facts.items()
        for name, reason in mapping(row.data, "unknown").items()
    ]
    unasked = [
        Gap(
            name,
            Topic.EVENTS,
            "what was done with it while it was out",
            "nobody has asked its vendor",
        )
        for name, row in book.credentials.items()
        if "replaces" not in mapping(row.data, "labels") and (name, Topic.EVENTS) not in book.facts
    ]
    return (*found, *unasked, *unasked_reruns(book))


def refusals(book: Ledger) -> tuple[Refusal, ...]:
    """What was asked for and not done; each said once."""
    said: dict[tuple[str, str], Refusal] = {}
    for row in book.refusals:
        asked, why = text(row.data, "asked"), text(row.data, "why")
        said.setdefault((asked, why), Refusal(row.at, asked, why))
    return tuple(said.values())


def custody_entries(book: Ledger) -> tuple[CustodyEntry, ...]:
    """Every coming and going of a value."""
    return tuple(
        CustodyEntry(
            row.at,
            row.stage,
            fingerprint,
            text(row.data, "purpose"),
            text(row.data, "action"),
        )
        for row in book.custody
        for fingerprint in texts(row.data, "fingerprints") or (text(row.data, "fingerprint"),)
    )
