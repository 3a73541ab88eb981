"""The journal's rows: the contract between the runner, which writes them, and the record.

A row is append-only and holds no secret value. Rows are read in the order of `Row.seq`. A reader
takes missing keys and unknown kinds calmly: an older journal has fewer, a newer one has more, and a
crash can end one anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from remediate.model import Json

SCHEMA = 2
"""Version of the rows below. A journal begun under a higher one is refused, with "upgrade"; one begun
under a lower one is read, and gone on with in the rows below:

1. The first one. No second copy of the head, no `Kind.POLICY`.
2. Those are there; `Kind.CUSTODY` may name several values at once.
"""
WITNESSED_SINCE = 2
"""The first schema under which a journal's head is kept in a second place too."""


WORD = "word"
"""Where in `Outcome.data` it stands whose word it was, and when: ``{by, at}``."""
_OBJECT = re.compile(r"(.*: )?object [0-9a-f]{40,64}")


@dataclass(frozen=True)
class Row:
    """One row of the journal."""

    seq: int
    """Counts from 1, without a gap."""
    at: str
    """When it was written: UTC, RFC 3339, milliseconds, ``Z``."""
    kind: str
    """One of `Kind`."""
    stage: str | None
    """The stage that wrote it; None for rows of the incident as a whole."""
    key: str | None
    """The effect's key: the same for an intent and each of its outcomes."""
    data: Mapping[str, Json]
    """What `Kind` says for the kind."""


class Kind(StrEnum):
    """Every kind of row, with what its `Row.data` holds. ``|null`` marks what may be null."""

    OPENED = "opened"
    """``{schema, incident, version, repository: path, remote: URL without userinfo|null,
    started_by, report: {name, format}, options: {…}, severity}``. The first row, once."""
    SECRET = "secret"  # noqa: S105 - the name of a kind of row
    """``{fingerprint, kind, rules: [], detected_at|null, locations: [{commit, path, start_line,
    end_line, url, date}]}``. One row for each distinct leaked value. ``placeless``, where there are any:
    the pages of alerts that name no place."""
    CREDENTIAL = "credential"
    """``{id, provider, kind, parts: {part: fingerprint}, public_id|null, account|null, labels: {}}``."""
    FACT = "fact"
    """``{credential|null, topic, known: {}, unknown: {}, evidence: [{probe, saw, at}]}``. `Row.stage`
    is the stage that learned it; `topic` is one of `Topic` or a stage's own."""
    INTENT = "intent"
    """``{action, subject, detail: {}}``: about to be done. `action` is one of `Action`; `subject` is
    a credential's id, a ref or a path."""
    OUTCOME = "outcome"
    """``{status, summary, reason, evidence: [], data: {}, manual|null}``: a
    `remediate.plugins.outcome.Outcome` as it is. A later one of the same key supersedes. ``data`` of one that is
    done on a person's word holds ``word: {by, at}``; ``manual`` then had ``on_word``."""
    STAGE_STARTED = "stage-started"
    """``{}``."""
    STAGE_FINISHED = "stage-finished"
    """``{status, summary}``, status ``done``, ``waiting`` (manual steps, or a vendor that refused) or
    ``failed``; a failed one has ``exit``, ``message`` and ``hint`` too."""
    STAGE_SKIPPED = "stage-skipped"
    """``{reason}``."""
    REHEARSED = "rehearsed"
    """``{commits_total, commits_rewritten, blobs, refs: [{name, old, new}], lost: [{kind, object}],
    places: [Place], searched: {}, unreadable: [{what, reason}]}``."""
    VERIFIED = "verified"
    """``{scope: {local, remote_refs, remote_by_id, copies}, clean, searched: {}, remnants: [],
    unreadable: [{what, reason}], when}``, with ``sha256`` of what was read of a file there. `when` is ``after-purge``, ``after-push`` or ``new-value``."""
    CUSTODY = "custody"
    """``{fingerprint, purpose, action}``. `action` is ``put``, ``take`` or ``emptied``. Where several
    values are taken at once, ``fingerprint`` is empty and ``fingerprints: []`` names them."""
    RESUMED = "resumed"
    """``{version, by, options: {…}}``: a further run of the same incident."""
    POLICY = "policy"
    """``{source|null, sha256|null, signers: {path, sha256}|null, settings: {}, changed: []}``: what was
    allowed from here on, at the opening and at each resume; ``changed`` names what is other than
    in the row of this kind before it."""
    REFUSAL = "refusal"
    """``{asked, why}``: something that was asked for and not done, for an auditor. Where no stage was
    at work, ``by`` says who asked."""
    ADVICE = "advice"
    """``{text}``: good to do, wanted by nobody; never a manual step."""
    UNDONE = "undone"
    """``{summary}``: everything of history is back as it was."""
    CONCLUDED = "concluded"
    """``{status, exit}``: how one run ended; the incident may go on with another."""
    CLOSED = "closed"
    """``{status, exit}``: nothing is left to do, custody is empty."""


class Topic(StrEnum):
    """What a fact is about."""

    IDENTITY = "identity"
    """Whose credential it is: ``account``, ``owner``, ``name``, ``created``."""
    PRESERVED = "preserved"
    """What dies with it."""
    REACH = "reach"
    """What it may do: ``scopes``, ``policies``."""
    EXPOSURE = "exposure"
    """How far it was out: ``introduced``, ``first_out`` (RFC 3339), ``public``."""
    AUTHORITY = "authority"
    """Why it may, or may not, be acted on."""
    ANSWERS = "answers"
    """``files``: name in the incident's folder ``answers`` to its SHA-256, of raw answers that are kept."""
    HOLDERS = "holders"
    """``holders: [{what, id, how, then}]``: what runs with the old value, and goes on with it."""
    FOOTHOLDS = "footholds"
    """``footholds: [{what, id, at, why}]``."""
    USES = "uses"
    """``uses: [{where, what, sure}]``: who else uses the old value, as far as stores tell."""
    RERUNS = "reruns"
    """``reruns: [{store, what, id, state, began|null, ended|null, page|null, command|null, sure, why}]``: jobs to run
    again with the new value. ``again``: whether another look may tell more; ``mute: []``: the stores, among what
    is unknown, that tell of no jobs at all."""
    EVENTS = "events"
    """``events: [{at, what, who, from, suspicious}]``."""


class Action(StrEnum):
    """What an intent means to do."""

    REVOKE = "revoke"
    REISSUE = "reissue"
    INSTALL = "install"
    """Put a successor that was made on our side in force at its vendor."""
    STORE = "store"
    DEPLOY = "deploy"
    CHECK_NEW = "check-new"
    DELETE = "delete"
    BACK_UP = "back-up"
    APPLY = "apply"
    PURGE = "purge"
    PUSH = "push"
    SNAPSHOT = "snapshot"
    """What a remote has, kept encrypted before it is pushed to."""
    LFS = "push-lfs"
    LIFT = "lift"
    """A host's protection, or what a push would set off, changed for the push."""
    PUT_BACK = "put-back"
    CLOSE_ALERT = "close-alert"
    REMOVE_BY_ID = "remove-by-id"
    """Old commits that a server still hands out by id: gone from there."""
    REMOVE_COPY = "remove-copy"
    """A copy outside of what a rewrite reaches."""
    SWEEP = "sweep"
    """Old blobs, out of all that a host keeps for itself."""
    COLLECT = "collect"
    """A host's garbage collection, started."""
    PRUNE = "prune"
    """What nothing reaches any more, dropped by the host."""
    APPROVE = "approve"
    """A second person's signature on a stage (the subject): waited for, then there."""
    VOUCH = "vouch"
    """A person's word for what could not be read in a search (the subject: its ``when``). ``data`` of the outcome:
    ``things: [{what, reason, sha256}]``, and ``word: {by, at}`` once it is given."""
    NOTIFY = "notify"
    """The notification, to a host (the subject). Nothing of the incident hangs on it."""


class Thing(NamedTuple):
    """Something that could not be read, as exactly as it can be named."""

    what: str
    reason: str
    sha256: str | None = None

    @property
    def nameable(self) -> bool:
        """Whether what was looked at can be told from what will be there tomorrow: an object, a file's content."""
        return self.sha256 is not None or _OBJECT.fullmatch(self.what) is not None

    def data(self) -> dict[str, Json]:
        """As a row has it."""
        mark: dict[str, Json] = {"sha256": self.sha256} if self.sha256 else {}
        return {"what": self.what, "reason": self.reason, **mark}


def things(data: Mapping[str, Any], name: str) -> list[Thing]:
    """The things in the list *name* of a row's data, or of an outcome's."""
    found = data.get(name)
    return [
        Thing(str(item.get("what")), str(item.get("reason")), item.get("sha256"))
        for item in (found if isinstance(found, list | tuple) else ())
        if isinstance(item, Mapping)
    ]
