"""The incident record: ``remediate.record/1``. Frozen, without a secret, computed from rows alone.

Field names here are the keys of record.json. ``at`` and every other time is UTC, RFC 3339, with ``Z``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from remediate.model import Json

SCHEMA = "remediate.record/1"


class IncidentStatus(StrEnum):
    """Where an incident stands, in the words of the communication template."""

    INVESTIGATING = "Investigating"
    """A leaked credential may still work."""
    CONTAINED = "Contained"
    """Every leaked credential is dead or was left alone on purpose; work is left."""
    RESOLVED = "Resolved"
    """The incident is closed: all is done, and verified or vouched for, and no value is kept any more."""


class CredentialState(StrEnum):
    """What is known of a leaked credential."""

    DEAD = "dead"
    """Refused by its vendor; `CredentialEntry.proof` names the probe."""
    ASSUMED_ALIVE = "assumed-alive"
    """Nothing proves that it is dead."""
    UNKNOWN = "unknown"
    """Its end was asked for, and nobody could tell whether it happened."""
    LEFT_ALONE = "left-alone"
    """Not acted on, by policy, by the caller's flag, or because it is not ours."""


class Replacement(StrEnum):
    """How far the successor of a leaked credential is."""

    NOT_BEGUN = "not-begun"
    WAITING = "waiting"
    """A person or a vendor is in the way."""
    ISSUED = "issued"
    """It exists, and is not in all of its places yet, or was not seen to work."""
    IN_PLACE = "in-place"
    """In every store that was named, and checked as far as there is a check."""
    LEFT_OUT = "left-out"
    """Not wanted: by policy, by the caller's flag, or because it is not ours."""


@dataclass(frozen=True)
class Moment:
    """A time that may not be known."""

    at: str | None
    note: str = ""
    """Why it is not known, or how it is meant."""


@dataclass(frozen=True)
class Milestone:
    """One station of the leak's life, on the way from its first commit to the proof that it is gone."""

    name: str
    """``introduced``, ``pushed``, ``public``, ``detected``, ``revoked``, ``replaced``, ``rewritten``,
    ``published``, ``verified``; in this order."""
    at: str | None
    """None where it is not reached, or not known; `note` says which."""
    who: str
    """``person``, ``scanner``, ``remediate``; empty where it is not known."""
    what: str
    """What did it, or what was seen: for people."""
    note: str


@dataclass(frozen=True)
class ResponseTime:
    """How long one part of the response took, against its target."""

    name: str
    """``out-before-detection``, ``detection-to-containment``, ``detection-to-replacement``,
    ``detection-to-verified``."""
    seconds: float | None
    """None while it is not over, or where one of its ends is not known."""
    so_far: float | None
    """Seconds until the record's own time, while it is not over."""
    target: float | None
    """Seconds; None where there is none."""
    met: bool | None
    """None where there is no target, or it can't be said yet."""


@dataclass(frozen=True)
class Clock:
    """A term that begins to run when somebody becomes aware of a breach."""

    rule: str
    """Which law or contract, and where in it."""
    within: str
    due: str | None
    """Counted from the detection, the earliest that anybody could have been aware; None where that is not known,
    or the term has no fixed length."""


@dataclass(frozen=True)
class Duty:
    """Something that a person has to decide: the journal can't."""

    id: str
    question: str
    known: str
    """What the journal tells about it."""
    clocks: tuple[Clock, ...]


@dataclass(frozen=True)
class Proof:
    """What was seen, by which probe, when."""

    probe: str
    saw: str
    at: str


@dataclass(frozen=True)
class Times:
    """The incident's milestones."""

    introduced: Moment
    """The earliest commit that is known to have held one of the secrets."""
    first_out: Moment
    """When one was first out of its owner's hands: pushed, published."""
    detected: Moment
    opened: Moment
    contained: Moment
    """When the last of the leaked credentials was dead."""
    resolved: Moment
    detection_to_containment_seconds: float | None


@dataclass(frozen=True)
class Location:
    """Where the report saw a secret, in its words."""

    commit: str | None
    path: str | None
    start_line: int | None
    end_line: int | None
    url: str | None
    """A place that is not in git."""
    date: str | None


@dataclass(frozen=True)
class Place:
    """Where our own scan found a secret: the commit that brought it in, not each copy."""

    where: str
    """``file``, ``commit-message``, ``tag-message``, ``note``, ``reflog``…"""
    commit: str | None
    path: str | None
    line: int | None
    encoding: str
    """Outermost first, joined by ``+``: ``gzip+plain``."""
    author: str | None
    date: str | None


@dataclass(frozen=True)
class SecretEntry:
    """One distinct leaked value."""

    fingerprint: str
    kind: str
    credential: str | None
    """The credential that it is a part of."""
    part: str | None
    rules: tuple[str, ...]
    detected_at: str | None
    introduced: str | None
    """The earliest commit that is known to have held it."""
    locations: tuple[Location, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class FactEntry:
    """Something learned."""

    credential: str | None
    topic: str
    stage: str | None
    at: str
    known: Mapping[str, Json]
    unknown: Mapping[str, Json]
    """Name to the reason why it could not be learned."""
    evidence: tuple[Proof, ...]


@dataclass(frozen=True)
class StoreEntry:
    """A place that applications read the successor from."""

    store: str
    status: str
    summary: str
    reason: str
    at: str | None


@dataclass(frozen=True)
class Successor:
    """What was issued in place of a leaked credential."""

    id: str
    public_id: str | None
    at: str


@dataclass(frozen=True)
class CredentialEntry:
    """One leaked credential, with what became of it."""

    id: str
    provider: str
    kind: str
    parts: Mapping[str, Json]
    """Part name to fingerprint."""
    public_id: str | None
    account: str | None
    owner: str | None
    labels: Mapping[str, Json]
    state: CredentialState
    state_reason: str
    dead_since: str | None
    proof: Proof | None
    """The first evidence that shows a refusal; all of it stands in `Record.actions`."""
    deleted_at: str | None
    """When what was only disabled was deleted for good."""
    replacement: Replacement
    replacement_reason: str
    successor: Successor | None
    stores: tuple[StoreEntry, ...]
    footholds: tuple[Json, ...]
    events: tuple[Json, ...]


@dataclass(frozen=True)
class ActionEntry:
    """One outside effect: what was meant, what came of it, with the proof."""

    key: str
    action: str
    subject: str
    stage: str | None
    status: str
    """A `remediate.plugins.outcome.Status`, or ``pending``: nobody wrote down what came of it."""
    summary: str
    reason: str
    meant_at: str | None
    ended_at: str | None
    attempts: int
    actor: str
    evidence: tuple[Proof, ...]
    data: Mapping[str, Json]
    taken_back: bool
    """Whether ``undo`` put back what it had changed."""


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened."""

    at: str
    actor: str
    """``remediate``, ``person``, ``scanner``, or ``not known``."""
    stage: str | None
    what: str
    status: str


@dataclass(frozen=True)
class RefMove:
    """A ref that moves; `old` and `new` are ids of what it points at directly."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Lost:
    """A signature or header that a rewrite can't keep; `object` is the old id of what had it."""

    kind: str
    object: str


@dataclass(frozen=True)
class History:
    """What was done to the repository's history."""

    state: str
    """``not-begun``, ``rehearsed``, ``applied``, ``purged``, ``pushed`` or ``undone``."""
    commits_total: int
    commits_rewritten: int
    blobs: int
    refs: tuple[RefMove, ...]
    lost: tuple[Lost, ...]
    backup: Mapping[str, Json] | None
    """``{path, sha256, size, …}`` of the encrypted backup."""
    pushed: tuple[str, ...]
    """Refs on the remote that hold the new history."""


@dataclass(frozen=True)
class NotSearched:
    """Something that nobody looked into, so that nobody can call it clean."""

    what: str
    reason: str


@dataclass(frozen=True)
class Remnant:
    """A secret that was still there."""

    fingerprint: str
    where: str
    encoding: str
    object: str | None
    path: str | None


@dataclass(frozen=True)
class Vouched:
    """One thing that a search could not read, and that a person says they have looked into."""

    what: str
    """As in `Search.unreadable`."""
    by: str
    at: str


@dataclass(frozen=True)
class Search:
    """One search for what is left, and its verdict."""

    when: str
    at: str
    scope: Mapping[str, Json]
    clean: bool
    stands: bool
    """False where a later search, or an undo, took its place."""
    searched: Mapping[str, Json]
    remnants: tuple[Remnant, ...]
    unreadable: tuple[NotSearched, ...]
    vouched: tuple[Vouched, ...]
    """Who said of which of the unreadable that the secret is not in it, and when. It makes nothing clean."""


@dataclass(frozen=True)
class ManualEntry:
    """Something that was wanted and that a person has to do, or has done."""

    id: str
    title: str
    why: str
    url: str | None
    instructions: tuple[str, ...]
    check: str
    takes_value: bool
    owner: str | None
    """Who does it: as the step names them, else whoever ran remediate last."""
    action: str
    """The key of the action that waits for it."""
    since: str | None
    done_at: str | None
    """None: still to be done."""
    on_word: bool
    """Whether nobody but a person can tell that it is done."""
    done_by: str | None
    """On whose word it is done; None where remediate saw it, or it is not."""


@dataclass(frozen=True)
class RerunEntry:
    """A job that ran into the old value's death, to be run again now that the new one is in place.

    Nothing of the incident hangs on it. Jobs of which nobody can tell are in `Record.gaps`, topic ``reruns``.
    """

    credential: str
    store: str
    """Where it read the old value, as the policy has it."""
    what: str
    """What it is called."""
    id: int | None
    """Its vendor's number for it."""
    state: str
    """``failed``; ``running`` where it had begun with the old value and not ended when it was looked at."""
    sure: bool
    """Whether it was seen to ask for that value; else it may have been given it."""
    why: str
    """How that is known."""
    began: str | None
    ended: str | None
    page: str | None
    command: str | None
    """What runs it again; None where only the page does."""


@dataclass(frozen=True)
class Gap:
    """Something that is not known."""

    about: str | None
    """A credential's id; None for the incident as a whole."""
    topic: str
    what: str
    reason: str


@dataclass(frozen=True)
class Refusal:
    """Something that was asked for and not done."""

    at: str
    asked: str
    why: str


@dataclass(frozen=True)
class CustodyEntry:
    """A value went into custody, was taken out for a purpose, or custody was emptied."""

    at: str
    stage: str | None
    """The stage that did it; None before and after the stages."""
    fingerprint: str
    purpose: str
    action: str


@dataclass(frozen=True)
class Communication:
    """The notification, ready to send."""

    severity: str
    time_detected: str
    affected_systems: tuple[str, ...]
    status: str
    summary: str
    impact: str
    actions_taken: tuple[str, ...]
    next_update: str


@dataclass(frozen=True)
class Conclusion:
    """How the last run ended."""

    status: str
    exit: int | None
    at: str


@dataclass(frozen=True)
class Record:
    """The whole record. `generated_at` is the time of the journal's last row."""

    schema: str
    incident: str
    generated_at: str | None
    version: str
    """The remediate that opened the incident."""
    started_by: str
    status: IncidentStatus
    conclusion: Conclusion | None
    severity: str
    repository: str
    remote: str | None
    report: Mapping[str, Json]
    options: Mapping[str, Json]
    times: Times
    secrets: tuple[SecretEntry, ...]
    credentials: tuple[CredentialEntry, ...]
    manual: tuple[ManualEntry, ...]
    reruns: tuple[RerunEntry, ...]
    actions: tuple[ActionEntry, ...]
    history: History
    searches: tuple[Search, ...]
    not_searched: tuple[NotSearched, ...]
    gaps: tuple[Gap, ...]
    facts: tuple[FactEntry, ...]
    refusals: tuple[Refusal, ...]
    custody: tuple[CustodyEntry, ...]
    advice: tuple[str, ...]
    timeline: tuple[TimelineEntry, ...]
    communication: Communication
    milestones: tuple[Milestone, ...]
    response: tuple[ResponseTime, ...]
    duties: tuple[Duty, ...]
    lessons: tuple[str, ...]
