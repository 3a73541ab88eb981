"""What came of an effect. "Could not" is data here: an exception is for stopping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from remediate.model import Json, ManualStep


class Status(StrEnum):
    """How an effect ended."""

    DONE = "done"
    """It happened, and was seen to have happened."""
    UNCHANGED = "unchanged"
    """Nothing was needed: it was so already."""
    MANUAL = "manual"
    """A person has to do it; `Outcome.manual` says how."""
    REFUSED = "refused"
    """The vendor said no; the reason says which permission is missing, where it told."""
    UNREACHABLE = "unreachable"
    """The vendor did not answer, or not in its right mind (5xx, malformed)."""
    UNKNOWN = "unknown"
    """It was asked for, and nobody could tell us whether it happened."""
    SKIPPED = "skipped"
    """Left out by the caller's own flag, by policy, or because it is not ours to do."""

    @property
    def settled(self) -> bool:
        """Whether a resumed run need not try again."""
        return self in (Status.DONE, Status.UNCHANGED)


@dataclass(frozen=True)
class Evidence:
    """What was seen, when, by which probe. Fit for the record: no secret, public ids only."""

    probe: str
    """The exact question: ``GET /user``, ``iam:ListAccessKeys``."""
    saw: str
    """The answer in a few words: ``401 Bad credentials``, ``Status=Inactive``."""
    at: str
    """When it was seen, UTC, RFC 3339 with ``Z``."""


@dataclass(frozen=True)
class Outcome:
    """How an effect ended, with the proof. Written into the journal as it is."""

    status: Status
    summary: str
    """One sentence for the record: "Deactivated access key AKIA…"."""
    reason: str = ""
    """Why not, where it is not done."""
    evidence: tuple[Evidence, ...] = ()
    data: Mapping[str, Json] = field(default_factory=dict)
    """Public facts that later stages need: new public ids, version ids."""
    manual: ManualStep | None = None


@dataclass(frozen=True)
class Check:
    """Whether a credential is accepted by its vendor now."""

    alive: bool | None
    """True: accepted. False: dead, refused by the probe. None: the probe proved nothing."""
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    """Where `alive` is None: why (rate limit, no network, 403 that may be a missing scope)."""


@dataclass(frozen=True)
class Facts:
    """Things learned about a credential, public and fit for the record."""

    known: Mapping[str, Json] = field(default_factory=dict)
    """Name to value: ``{"owner": "ci-bot", "scopes": ["repo"], "last_used": "2026-…"}``."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Name to the reason why it could not be learned."""
    evidence: tuple[Evidence, ...] = ()
