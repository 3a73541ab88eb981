"""Jobs to run again: what the newest look found, and of which credentials nobody looked."""

from __future__ import annotations

from remediate.incident.rows import Action, Topic
from remediate.plugins.outcome import Status
from remediate.record.ledger import Ledger
from remediate.record.model import Gap, RerunEntry
from remediate.record.reading import flag, mappings, maybe, maybe_number, text


def rerun_entries(book: Ledger) -> tuple[RerunEntry, ...]:
    """Every job that was found, by credential, in the order it was told in: failed ones and sure ones first."""
    return tuple(
        RerunEntry(
            credential=credential,
            store=text(row, "store"),
            what=text(row, "what"),
            id=maybe_number(row, "id"),
            state=text(row, "state"),
            sure=flag(row, "sure"),
            why=text(row, "why"),
            began=maybe(row, "began"),
            ended=maybe(row, "ended"),
            page=maybe(row, "page"),
            command=maybe(row, "command"),
        )
        for credential, topic in book.facts
        if topic == Topic.RERUNS and credential is not None
        for row in mappings(book.known(credential, Topic.RERUNS), "reruns")
    )


def unasked_reruns(book: Ledger) -> tuple[Gap, ...]:
    """Credentials that were replaced without a look for their jobs: by an older remediate, or cut off before it."""
    replaced = {
        effect.subject
        for effect in book.of_action(Action.CHECK_NEW)
        if effect.status in (Status.DONE, Status.UNCHANGED)
    }
    return tuple(
        Gap(name, Topic.RERUNS, "jobs that failed for it, to be run again", "nobody has looked")
        for name in book.credentials
        if name in replaced
        and (name, Topic.RERUNS) not in book.facts
        and book.find(Action.REVOKE, name) is not None
    )
