"""Rows to record: a pure function. The same rows give the same record, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable

from remediate.incident.rows import Row, Topic
from remediate.record.actions import (
    action_entries,
    custody_entries,
    fact_entries,
    gaps,
    manual_entries,
    refusals,
)
from remediate.record.communication import communication
from remediate.record.credentials import credential_entries, secret_entries
from remediate.record.duties import duties
from remediate.record.ledger import ledger
from remediate.record.lessons import lessons
from remediate.record.milestones import milestones as reached_milestones
from remediate.record.milestones import response
from remediate.record.model import SCHEMA, Record
from remediate.record.reading import mapping, maybe, text
from remediate.record.repository import history, not_searched, searches
from remediate.record.reruns import rerun_entries
from remediate.record.timeline import conclusion, status, timeline, times


def build(rows: Iterable[Row]) -> Record:
    """The record of an incident, from its journal's rows (oldest first).

    At any moment of the incident: a journal that a crash cut off gives a record that says what is
    not known. Never raises, whatever the rows hold.
    """
    book = ledger(rows)
    opening = book.opening
    secrets = secret_entries(book)
    credentials = credential_entries(book)
    stands = status(book, credentials)
    milestones = times(book, secrets, credentials)
    manual = manual_entries(book)
    rewritten = history(book)
    searched = searches(book)
    unsearched = not_searched(book)
    unknown = gaps(book)
    reached = reached_milestones(book, milestones, credentials, searched)
    responded = response(book, milestones, reached)
    return Record(
        schema=SCHEMA,
        incident=text(opening, "incident"),
        generated_at=book.at,
        version=text(opening, "version"),
        started_by=text(opening, "started_by"),
        status=stands,
        conclusion=conclusion(book),
        severity=text(opening, "severity", "high"),
        repository=text(opening, "repository"),
        remote=maybe(opening, "remote"),
        report=mapping(opening, "report"),
        options=mapping(opening, "options"),
        times=milestones,
        secrets=secrets,
        credentials=credentials,
        manual=manual,
        reruns=rerun_entries(book),
        actions=action_entries(book),
        history=rewritten,
        searches=searched,
        not_searched=unsearched,
        gaps=unknown,
        facts=fact_entries(book),
        refusals=refusals(book),
        custody=custody_entries(book),
        advice=tuple(book.advice),
        timeline=timeline(book, milestones),
        communication=communication(
            book, stands, milestones, secrets, credentials, manual, rewritten, searched
        ),
        milestones=reached,
        response=responded,
        duties=duties(book, milestones, credentials),
        lessons=lessons(
            responded,
            credentials,
            manual,
            unknown,
            searched,
            unsearched,
            mapping(book.fact(None, Topic.EXPOSURE), "unknown"),
        ),
    )
