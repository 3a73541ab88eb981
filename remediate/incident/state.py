"""What an incident is, folded from its journal's rows: the one view that stages and commands read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from remediate.incident.rows import Kind, Row
from remediate.model import Credential, Json, LeakedSecret, Location, ManualStep
from remediate.plugins.outcome import Evidence, Facts, Outcome, Status


@dataclass
class Effect:
    """One outside effect: what was meant, and what came of it, if it is known."""

    key: str
    action: str
    subject: str
    stage: str | None
    detail: Mapping[str, Json]
    meant_at: str
    outcome: Outcome | None = None
    ended_at: str | None = None

    @property
    def pending(self) -> bool:
        """Meant, and nobody wrote down what came of it: a crash, or it is under way."""
        return self.outcome is None

    @property
    def doubtful(self) -> bool:
        """Whether it may have happened without our having seen it: to be looked into before it is
        done again."""
        return self.outcome is None or self.outcome.status in (Status.UNKNOWN, Status.UNREACHABLE)


@dataclass
class State:
    """The incident as of its last row."""

    id: str = ""
    opened: Mapping[str, Json] = field(default_factory=dict)
    opened_at: str = ""
    secrets: dict[str, LeakedSecret] = field(default_factory=dict)
    credentials: dict[str, Credential] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    facts: dict[tuple[str | None, str], Facts] = field(default_factory=dict)
    stages: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    """Stage name to its last finished row's data; a skipped one has status ``skipped``."""
    rehearsed: Mapping[str, Json] | None = None
    verified: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)
    concluded: Mapping[str, Json] | None = None
    asked: Mapping[str, Json] = field(default_factory=dict)
    """The options of the newest run."""
    emptied: bool = False
    """Whether custody was, or is being, emptied: nothing is left to do but to close."""
    closed: bool = False
    undone: bool = False
    last_at: str = ""

    @classmethod
    def of(cls, rows: Iterable[Row]) -> State:
        """Fold *rows*, oldest first."""
        state = cls()
        for row in rows:
            state.add(row)
        return state

    def add(self, row: Row) -> None:
        """Take in one more row."""
        self.last_at = row.at
        data = cast("Mapping[str, Any]", row.data)
        match row.kind:
            case Kind.OPENED:
                self.id, self.opened, self.opened_at = data["incident"], data, row.at
                self.asked = data.get("options", {})
            case Kind.RESUMED:
                self.asked, self.concluded = data.get("options", self.asked), None
            case Kind.SECRET:
                self.secrets[data["fingerprint"]] = LeakedSecret(
                    fingerprint=data["fingerprint"],
                    kind=data["kind"],
                    locations=tuple(Location(**place) for place in data["locations"]),
                    detected_at=data["detected_at"],
                    rules=tuple(data["rules"]),
                    placeless=tuple(data.get("placeless", ())),
                )
            case Kind.CREDENTIAL:
                self.credentials[data["id"]] = Credential(**data)
            case Kind.FACT:
                self.facts[(data["credential"], data["topic"])] = Facts(
                    data["known"], data["unknown"], tuple(Evidence(**e) for e in data["evidence"])
                )
            case Kind.INTENT:
                self.effects[row.key or ""] = Effect(
                    row.key or "",
                    data["action"],
                    data["subject"],
                    row.stage,
                    data["detail"],
                    row.at,
                )
            case Kind.OUTCOME:
                effect = self.effects[row.key or ""]
                effect.outcome, effect.ended_at = read_outcome(data), row.at
            case Kind.STAGE_FINISHED:
                self.stages[row.stage or ""] = data
            case Kind.STAGE_SKIPPED:
                self.stages[row.stage or ""] = {"status": "skipped", **data}
            case Kind.REHEARSED:
                self.rehearsed = data
            case Kind.VERIFIED:
                self.verified[data["when"]] = data
            case Kind.ADVICE:
                if data["text"] not in self.advice:
                    self.advice.append(data["text"])
            case Kind.CUSTODY:
                self.emptied = data["action"] == "emptied"
            case Kind.UNDONE:
                self._undo()
            case Kind.CONCLUDED:
                self.concluded = data
            case Kind.CLOSED:
                self.closed = True
            case _:
                pass

    def _undo(self) -> None:
        """The history is as it was: what clean did counts no more."""
        self.undone = True
        self.rehearsed = None
        self.verified.pop("after-purge", None)
        self.stages.pop("clean", None)
        for key in [k for k, e in self.effects.items() if e.stage in ("clean", "publish")]:
            del self.effects[key]

    def outcome(self, key: str) -> Outcome | None:
        """What came of the effect *key*, None where it is not known or never was meant."""
        effect = self.effects.get(key)
        return effect.outcome if effect else None

    def manual_steps(self) -> list[ManualStep]:
        """The manual steps that are still to be done, in the order they came up.

        A refusal may come with one too: what a person can do where the vendor said no.
        """
        return [
            e.outcome.manual
            for e in self.effects.values()
            if e.outcome is not None and e.outcome.manual and not e.outcome.status.settled
        ]


def write_outcome(outcome: Outcome) -> dict[str, Json]:
    """An outcome as a row's data."""
    manual = outcome.manual
    # Only where it is so: a remediate that knows no such steps reads all others.
    on_word: dict[str, Json] = {"on_word": True} if manual is not None and manual.on_word else {}
    return {
        "status": str(outcome.status),
        "summary": outcome.summary,
        "reason": outcome.reason,
        "evidence": [{"probe": e.probe, "saw": e.saw, "at": e.at} for e in outcome.evidence],
        "data": dict(outcome.data),
        "manual": None
        if manual is None
        else {
            **on_word,
            "id": manual.id,
            "title": manual.title,
            "why": manual.why,
            "url": manual.url,
            "instructions": list(manual.instructions),
            "check": manual.check,
            "takes_value": manual.takes_value,
            "owner": manual.owner,
        },
    }


def read_outcome(data: Mapping[str, Any]) -> Outcome:
    """The outcome that `write_outcome` wrote."""
    manual = data.get("manual")
    return Outcome(
        status=Status(data["status"]),
        summary=data["summary"],
        reason=data["reason"],
        evidence=tuple(Evidence(**e) for e in data["evidence"]),
        data=data["data"],
        manual=None
        if manual is None
        else ManualStep(**{**manual, "instructions": tuple(manual["instructions"])}),
    )


def location_data(location: Location) -> dict[str, Json]:
    """A location as a row's data."""
    alert: dict[str, Json] = {"alert": location.alert} if location.alert else {}
    return {
        **alert,
        "commit": location.commit,
        "path": location.path,
        "start_line": location.start_line,
        "end_line": location.end_line,
        "url": location.url,
        "date": location.date,
    }


def credential_data(credential: Credential) -> dict[str, Json]:
    """A credential as a row's data."""
    return {
        "id": credential.id,
        "provider": credential.provider,
        "kind": credential.kind,
        "parts": dict(credential.parts),
        "public_id": credential.public_id,
        "account": credential.account,
        "labels": dict(credential.labels),
    }
