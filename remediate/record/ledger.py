"""The rows, sorted by what they speak of. Keeps what was superseded and what was taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from remediate.incident.rows import WORD, Kind, Row
from remediate.plugins.outcome import Status
from remediate.record.reading import Data, mapping, maybe, text, whole

#: Stages whose effects ``undo`` takes back.
_UNDONE_STAGES = ("clean", "publish")
PENDING = "pending"
_SETTLED = frozenset(str(status) for status in Status if status.settled)


@dataclass
class Effect:
    """One outside effect with everything that was written about it."""

    key: str
    action: str = ""
    subject: str = ""
    stage: str | None = None
    meant_at: str | None = None
    attempts: int = 0
    outcomes: list[Row] = field(default_factory=list)
    taken_back: bool = False

    @property
    def last(self) -> Data:
        """The data of its last outcome; empty where nobody wrote one down."""
        return self.outcomes[-1].data if self.outcomes else {}

    @property
    def status(self) -> str:
        """The last outcome's status, or ``pending``."""
        return text(self.last, "status", PENDING)

    @property
    def settled(self) -> bool:
        """Whether it happened, or nothing was needed."""
        return self.status in _SETTLED

    @property
    def word(self) -> tuple[str, str] | None:
        """(whose, when) of the word on which it is settled; None where it is not, or was seen to be."""
        word = mapping(mapping(self.last, "data"), WORD)
        return (text(word, "by"), text(word, "at")) if self.settled and word else None

    @property
    def ended_at(self) -> str | None:
        """When the last outcome was written."""
        return self.outcomes[-1].at if self.outcomes else None

    def was_manual(self, before: int) -> bool:
        """Whether it waited for a person before its outcome number *before*."""
        return any(text(row.data, "status") == Status.MANUAL for row in self.outcomes[:before])

    @property
    def actor(self) -> str:
        """``person`` where one had to do it and it is done; else ``remediate``."""
        return actor(self, len(self.outcomes) - 1)


def actor(effect: Effect, index: int) -> str:
    """Who brought about the outcome number *index* of *effect*."""
    if index < 0:
        return "remediate"
    settled = text(effect.outcomes[index].data, "status") in _SETTLED
    return "person" if settled and effect.was_manual(index) else "remediate"


@dataclass
class Ledger:
    """Everything of an incident's rows."""

    rows: Sequence[Row] = ()
    opened: Row | None = None
    secrets: dict[str, Data] = field(default_factory=dict)
    credentials: dict[str, Row] = field(default_factory=dict)
    facts: dict[tuple[str | None, str], Row] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    past: list[Effect] = field(default_factory=list)
    """Effects that ``undo`` took back, in the order meant."""
    stages: dict[str, Row] = field(default_factory=dict)
    """Stage name to its last finished or skipped row."""
    rehearsed: Row | None = None
    verified: list[Row] = field(default_factory=list)
    advice: dict[str, None] = field(default_factory=dict)
    refusals: list[Row] = field(default_factory=list)
    custody: list[Row] = field(default_factory=list)
    concluded: Row | None = None
    closed: Row | None = None
    runs_it: str | None = None
    """Who ran remediate last on it."""
    undone: Row | None = None

    @property
    def at(self) -> str | None:
        """The time of the last row: the record's now."""
        return self.rows[-1].at if self.rows else None

    @property
    def opening(self) -> Data:
        """What the first row says."""
        return self.opened.data if self.opened else {}

    def fact(self, credential: str | None, topic: str) -> Data:
        """What was learned last of *topic*; empty where nothing was."""
        row = self.facts.get((credential, topic))
        return row.data if row else {}

    def known(self, credential: str | None, topic: str) -> Data:
        """The ``known`` of `fact`."""
        return mapping(self.fact(credential, topic), "known")

    def find(self, action: str, subject: str) -> Effect | None:
        """The effect of *action* on *subject*, as it stands now."""
        return next(
            (e for e in self.effects.values() if e.action == action and e.subject == subject), None
        )

    def of_action(self, action: str) -> list[Effect]:
        """Every effect of *action*, as it stands now."""
        return [e for e in self.effects.values() if e.action == action]

    def all_effects(self) -> list[Effect]:
        """Every effect there ever was, in the order first meant."""
        return [*self.past, *self.effects.values()]


def ledger(rows: Iterable[Row]) -> Ledger:
    """Sort *rows*, oldest first."""
    kept = [_readable(row) for row in rows]
    book = Ledger(kept)
    for row in kept:
        _add(book, row)
    return book


def _readable(row: Row) -> Row:
    data = whole(row.data)
    return replace(
        row,
        at=str(whole(row.at)),
        stage=None if row.stage is None else str(whole(row.stage)),
        key=None if row.key is None else str(whole(row.key)),
        data=data if isinstance(data, dict) else {},
    )


def _add(book: Ledger, row: Row) -> None:
    data = row.data
    match row.kind:
        case Kind.OPENED:
            book.opened = book.opened or row
            book.runs_it = maybe(data, "started_by")
        case Kind.SECRET:
            book.secrets[text(data, "fingerprint")] = data
        case Kind.CREDENTIAL:
            book.credentials[text(data, "id")] = row
        case Kind.FACT:
            book.facts[(maybe(data, "credential"), text(data, "topic"))] = row
        case Kind.INTENT:
            _meant(book, row)
        case Kind.OUTCOME:
            key = row.key or ""
            book.effects.setdefault(key, Effect(key, stage=row.stage)).outcomes.append(row)
        case Kind.STAGE_FINISHED | Kind.STAGE_SKIPPED:
            book.stages[row.stage or ""] = row
        case Kind.REHEARSED:
            book.rehearsed = row
        case Kind.VERIFIED:
            book.verified.append(row)
        case Kind.ADVICE:
            book.advice.setdefault(text(data, "text"))
        case Kind.REFUSAL:
            book.refusals.append(row)
        case Kind.CUSTODY:
            book.custody.append(row)
        case Kind.RESUMED:
            # Work goes on: what the last run concluded is no longer how things stand.
            book.concluded = book.closed = None
            book.runs_it = maybe(data, "by") or book.runs_it
        case Kind.UNDONE:
            _undo(book, row)
        case Kind.CONCLUDED:
            book.concluded = row
        case Kind.CLOSED:
            book.closed = row
        case _:
            pass


def _meant(book: Ledger, row: Row) -> None:
    key = row.key or ""
    effect = book.effects.setdefault(key, Effect(key))
    effect.action = text(row.data, "action")
    effect.subject = text(row.data, "subject")
    effect.stage = row.stage
    effect.meant_at = effect.meant_at or row.at
    effect.attempts += 1


def _undo(book: Ledger, row: Row) -> None:
    book.undone = row
    book.concluded = book.closed = None
    book.rehearsed = None
    for key in [k for k, e in book.effects.items() if e.stage in _UNDONE_STAGES]:
        effect = book.effects.pop(key)
        effect.taken_back = True
        book.past.append(effect)
    for name in _UNDONE_STAGES:
        book.stages.pop(name, None)
