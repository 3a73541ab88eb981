"""The tables of record.md, one function a section; each gives nothing where there is nothing to tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from remediate.model import Json
from remediate.record.escaping import code, link, prose, table
from remediate.record.model import CredentialEntry, Record, RerunEntry, Search, SecretEntry
from remediate.record.repository import vouching
from remediate.wording import rewriting

T = TypeVar("T")

_MOST_ROWS = 200
"""Rows of one table; record.json has them all."""
NOT_KNOWN = "not known"

_REACHABLE = (
    "scopes",
    "policies",
    "permissions",
    "groups",
    "account",
    "owner",
    "arn",
    "login",
    "expires",
)
"""What tells, among the facts of a credential, how far it reached."""


def secrets(record: Record) -> str:
    """What leaked, and every place of it."""

    def cells(secret: SecretEntry) -> tuple[str, ...]:
        return (
            code(secret.fingerprint[:12]),
            code(secret.kind),
            code(secret.credential or ""),
            prose(secret.introduced or NOT_KNOWN),
            str(len(secret.places) or len(secret.locations)),
        )

    shown = rows(
        ("Fingerprint", "Kind", "Credential", "First commit", "Places"), record.secrets, cells
    )
    listed = rows(
        ("Fingerprint", "Where", "Commit", "Path", "Line", "Encoding"),
        [cells for secret in record.secrets for cells in _places(secret)],
        lambda cells: cells,
    )
    return f"{shown}\n\nEach place that it was found at:\n\n{listed}" if listed else shown


def _places(secret: SecretEntry) -> list[tuple[str, ...]]:
    """Where our scan found it; where it has not looked yet, where the report saw it."""
    name = code(secret.fingerprint[:12])
    found: list[tuple[str, ...]] = [
        (
            name,
            prose(place.where),
            code((place.commit or "")[:12]),
            code(place.path or ""),
            str(place.line or ""),
            code(place.encoding),
        )
        for place in secret.places
    ]
    reported: list[tuple[str, ...]] = [
        (
            name,
            "report",
            code((place.commit or "")[:12]),
            link(place.url) if place.url and not place.path else code(place.path or ""),
            str(place.start_line or ""),
            "",
        )
        for place in secret.locations
        if not found or place.commit is None
    ]
    return found + reported


def credentials(record: Record) -> str:
    """What became of each credential."""

    def cells(entry: CredentialEntry) -> tuple[str, ...]:
        proof = entry.proof
        told = f"{code(proof.probe)}: {prose(proof.saw)}" if proof else prose(entry.state_reason)
        after = entry.successor.public_id or entry.successor.id if entry.successor else ""
        replaced = prose(str(entry.replacement)) + (
            f": {prose(entry.replacement_reason)}" if entry.replacement_reason else ""
        )
        return (
            code(entry.id),
            prose(" ".join(filter(None, (entry.account, entry.owner))) or NOT_KNOWN),
            f"**{entry.state}**" + (" (deleted)" if entry.deleted_at else ""),
            prose(entry.dead_since or ""),
            told,
            code(entry.public_id or ""),
            code(after),
            replaced,
            "<br>".join(f"{code(s.store)}: {prose(s.status)}" for s in entry.stores),
        )

    return rows(
        (
            "Credential",
            "Whose",
            "State",
            "Dead since",
            "Proof",
            "Public id before",
            "Public id after",
            "Replaced",
            "Stores",
        ),
        record.credentials,
        cells,
    )


def timeline(record: Record) -> str:
    """Everything that happened."""
    return rows(
        ("Time", "Who", "Stage", "What", ""),
        record.timeline,
        lambda e: (
            prose(e.at),
            prose(e.actor),
            prose(e.stage or ""),
            prose(e.what),
            prose(e.status),
        ),
    )


def actions(record: Record) -> str:
    """Every effect, with its evidence."""
    return rows(
        ("Action", "On", "Result", "What happened", "Evidence", "Ended"),
        record.actions,
        lambda a: (
            prose(a.action),
            code(a.subject),
            prose(a.status) + (" (taken back)" if a.taken_back else ""),
            prose(a.summary) + (f" ({prose(a.reason)})" if a.reason else ""),
            "<br>".join(f"{code(p.probe)}: {prose(p.saw)}, {prose(p.at)}" for p in a.evidence),
            prose(a.ended_at or NOT_KNOWN),
        ),
    )


def history(record: Record) -> str:
    """What was done to the history."""
    done = record.history
    lines = [
        (
            f"State: **{prose(done.state)}**. "
            f"{rewriting(done.commits_rewritten, done.commits_total, done.blobs)}."
        )
    ]
    if done.backup:
        lines.append(
            f"Encrypted backup: {code(said(done.backup.get('path')))}, "
            f"SHA-256 {code(said(done.backup.get('sha256')))}. It holds the secrets."
        )
    if done.refs:
        lines.append(
            rows(
                ("Ref", "Before", "After"),
                done.refs,
                lambda ref: (code(ref.name), code(ref.old), code(ref.new)),
            )
        )
    if done.lost:
        lines.append("What the rewrite can't keep:")
        lines.append(
            rows(
                ("What", "Object"),
                done.lost,
                lambda item: (prose(item.kind), code(item.object)),
            )
        )
    return "\n\n".join(lines)


def searches(record: Record) -> str:
    """Every search, and what the standing ones found."""

    def cells(search: Search) -> tuple[str, ...]:
        verdict = "clean" if search.clean else "**NOT clean**"
        if said_so := vouching(search):
            verdict += f": {prose(said_so)}"
        scopes = [name for name, asked in search.scope.items() if asked is True]
        searched = ", ".join(f"{said(n)} {name}" for name, n in search.searched.items())
        return (
            prose(search.when),
            prose(search.at),
            prose(", ".join(scopes)),
            prose(searched),
            verdict + ("" if search.stands else " (superseded)"),
            str(len(search.remnants)),
            str(len(search.unreadable)),
        )

    shown = rows(
        ("Search", "Time", "Where", "How much", "Verdict", "Remnants", "Unreadable"),
        record.searches,
        cells,
    )
    vouched = dict.fromkeys(v for s in record.searches if s.stands for v in s.vouched)
    if vouched:
        shown += "\n\nNot read, and vouched for by a person:\n\n" + rows(
            ("What", "Who vouches", "Since"),
            list(vouched),
            lambda one: (prose(one.what), prose(one.by), prose(one.at)),
        )
    remnants = [r for search in record.searches if search.stands for r in search.remnants]
    if not remnants:
        return shown
    listed = rows(
        ("Fingerprint", "Where", "Encoding", "Object or path"),
        remnants,
        lambda r: (
            code(r.fingerprint[:12]),
            prose(r.where),
            code(r.encoding),
            code(r.path or r.object or ""),
        ),
    )
    return f"{shown}\n\nStill there:\n\n{listed}"


def not_searched(record: Record) -> str:
    """What nobody looked into."""
    return rows(
        ("What", "Why"), record.not_searched, lambda item: (prose(item.what), prose(item.reason))
    )


def gaps(record: Record) -> str:
    """What could not be learned."""
    return rows(
        ("About", "What", "Why it is not known"),
        record.gaps,
        lambda gap: (
            code(gap.about or "the incident"),
            prose(f"{gap.topic}: {gap.what}"),
            prose(gap.reason),
        ),
    )


def reruns(record: Record) -> str:
    """Jobs to run again; of which nobody can tell, `gaps` has."""

    def cells(job: RerunEntry) -> tuple[str, ...]:
        how = code(job.command) if job.command else link(job.page) if job.page else NOT_KNOWN
        ended = prose(job.ended or NOT_KNOWN) if job.state != "running" else "had not ended"
        read = code(job.store) + ("" if job.sure else " (may)")
        return (
            how,
            prose(job.what),
            ended,
            read,
            prose(job.why),
            link(job.page) if job.page else "",
        )

    return rows(
        ("Run again with", "Job", "Failed", "Read", "How that is known", "Page"),
        record.reruns,
        cells,
    )


def footholds(record: Record) -> str:
    """What a thief may have left behind."""
    found = [(entry.id, item) for entry in record.credentials for item in entry.footholds]
    return rows(
        ("Credential", "What", "Id", "Since", "Why it may be one"),
        found,
        lambda one: (code(one[0]), *_columns(one[1], "what", "id", "at", "why")),
    )


def events(record: Record) -> str:
    """What was done with each credential; what looks like misuse comes first."""
    found = [(entry.id, item) for entry in record.credentials for item in entry.events]
    return rows(
        ("Credential", "Time", "What", "Who", "From", "Suspicious"),
        sorted(found, key=lambda one: not _suspicious(one[1])),
        lambda one: (
            code(one[0]),
            *_columns(one[1], "at", "what", "who", "from"),
            f"**yes** {_columns(one[1], 'why')[-1]}" if _suspicious(one[1]) else "no",
        ),
    )


def _suspicious(item: Json) -> bool:
    return isinstance(item, Mapping) and bool(item.get("suspicious"))


def _columns(item: Json, *names: str) -> tuple[str, ...]:
    """The named values of *item*; the whole of it in the first column where it has no names."""
    if isinstance(item, Mapping):
        return tuple(prose(said(item.get(name))) for name in names)
    return (prose(said(item)), *("" for _ in names[1:]))


def learned(record: Record) -> str:
    """What was learned; footholds, events and jobs to run again have tables of their own."""
    found = [(fact, name, value) for fact in record.facts for name, value in fact.known.items()]
    return rows(
        ("About", "What", "Known"),
        [one for one in found if one[1] not in ("footholds", "events", "reruns")],
        lambda one: (
            code(one[0].credential or "the incident"),
            prose(f"{one[0].topic}: {one[1]}"),
            prose(said(one[2]) or "none"),
        ),
    )


def reachable(record: Record) -> list[tuple[str, str, str]]:
    """(credential, what, known) of all that tells how far each credential reached."""
    found = [
        (fact.credential, name, said(value) or "none")
        for fact in record.facts
        if fact.credential
        for name, value in fact.known.items()
        if fact.topic == "reach" or name in _REACHABLE
    ]
    # Several stages ask the same of a vendor.
    return sorted(dict.fromkeys(found))


def reach(record: Record) -> str:
    """What was reachable; that nobody knows it is said, for the duties lean on it."""
    known = rows(
        ("Credential", "What", "Known"),
        reachable(record),
        lambda one: (code(one[0]), prose(one[1]), prose(one[2])),
    )
    return known or "Not known: nobody has learned what the credentials may do."


def refusals(record: Record) -> str:
    """What was asked for and not done."""
    return rows(
        ("Time", "Asked for", "Why it was not done"),
        record.refusals,
        lambda r: (prose(r.at), prose(r.asked), prose(r.why)),
    )


def rows(
    heads: tuple[str, ...],
    items: Sequence[T],
    cells: Callable[[T], tuple[str, ...]],
) -> str:
    """A table of *items*: of the first of them where there are very many, nothing for none."""
    if not items:
        return ""
    shown = table(heads, [cells(item) for item in items[:_MOST_ROWS]])
    more = len(items) - _MOST_ROWS
    return f"{shown}\n\n{more} more are in record.json." if more > 0 else shown


def said(value: Json) -> str:
    """A value of the journal in a few words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {said(item) or 'none'}" for name, item in value.items())
    if isinstance(value, Sequence):
        return ", ".join(map(said, value))
    return json.dumps(value)
