"""The values that every room speaks of. All frozen, none holds a secret in clear.

A `Finding` is the one that carries a value, wrapped in `Secret`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from remediate.secret import Secret

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True)
class Location:
    """Where a report says that it saw a secret. Nothing in it is believed before it is looked at.

    Lines count from 1. Columns are left out: gitleaks' are off by one on every line but the first.
    """

    commit: str | None = None
    """A commit id as the report gives it, maybe abbreviated."""
    path: str | None = None
    """A path within the repository, with ``/``."""
    start_line: int | None = None
    end_line: int | None = None
    url: str | None = None
    """A place that is not in git (an issue, a comment, a wiki page): a person has to go there."""
    date: str | None = None
    """When the commit was made, as the report has it (RFC 3339)."""
    alert: str | None = field(default=None, compare=False)
    """The page of the host's alert that told of this place, to be closed in the end. No part of where
    it is: two alerts for one place are one place."""


@dataclass(frozen=True)
class Digest:
    """A hash of a value, by which what really stands somewhere can be proven to be it."""

    algorithm: str
    """``sha1``, ``sha256``, or ``hmsl``: GitGuardian's scrypt (`remediate.reports.digests`)."""
    hex: str = field(repr=False)
    """Whoever has it can try guesses at a weak value: not shown."""
    after: str = ""
    """What was hashed behind the value."""


@dataclass(frozen=True)
class Hints:
    """What a redacted entry still tells of its value, to know it again where it stands.

    Each only chooses among the values that really stand there: none is ever taken for the value.
    """

    columns: tuple[int, int] | None = None
    """Its first and last byte within the line, from 1, as the report has it: maybe off by one."""
    entropy: float | None = None
    """Its Shannon entropy, bits a character."""
    beginning: Secret | None = None
    """How the value begins, where not all of it was taken out."""
    before: Secret | None = None
    """What stands right before it."""
    after: Secret | None = None
    """What stands right after it."""
    tolerance: float = 1e-5
    """How far `entropy` may be off. Reports give a 32-bit float, or two decimals."""
    digest: Digest | None = None
    """Its hash."""
    mask: Secret | None = None
    """The value with ``*`` in place of each character that was taken out."""


@dataclass(frozen=True)
class Finding:
    """One entry of a report: a secret seen at a place."""

    value: Secret | None
    """None where the report was redacted: then the value is read at `location`."""
    location: Location
    rule: str = ""
    """The scanner's own name for what it found. Shown to people; decides nothing."""
    detected_at: str | None = None
    """When the scanner or host saw it (RFC 3339), where the report says."""
    source: str = ""
    """The entry's own id in its report: an alert number, a fingerprint of the scanner's."""
    part_of: int | None = None
    """Findings of one report that its writer says belong together carry the same number."""
    hints: Hints | None = None
    """Where `value` is None: what may help to recover it."""


@dataclass(frozen=True)
class LeakedSecret:
    """One distinct leaked value, by its fingerprint, with everywhere that a report saw it."""

    fingerprint: str
    kind: str
    """What the value is, told offline from it and its pairing alone."""
    locations: tuple[Location, ...]
    detected_at: str | None = None
    rules: tuple[str, ...] = ()
    placeless: tuple[str, ...] = ()
    """Pages of the host's alerts that show it and name no place."""

    @property
    def short(self) -> str:
        """The first twelve digits of the fingerprint, enough to tell secrets apart on a screen."""
        return self.fingerprint[:12]


@dataclass(frozen=True)
class Credential:
    """What a provider knows: one or more secrets, a public id, an owner. Goes into the journal."""

    id: str
    """Stable and without a secret: ``aws:AKIA…``, ``github:<fingerprint's first 12>``."""
    provider: str
    kind: str
    """The kind of its main part: ``aws-access-key-id`` for a pair."""
    parts: Mapping[str, str]
    """Part name to fingerprint: ``{"id": …, "secret": …}``; ``{"value": …}`` where there is one."""
    public_id: str | None = None
    """What the vendor calls it in the open: an access key id. Never a secret."""
    account: str | None = None
    """The vendor's account that it belongs to, where it can be told without a call."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Whatever else is known offline and public, for people."""


@dataclass(frozen=True)
class ManualStep:
    """An effect of the pipeline that was wanted and that a person has to do."""

    id: str
    """What ``resume --value`` and ``resume --done`` name: ``replace-github-1a2b3c4d``. Unique in an incident."""
    title: str
    """One line, an order: "Create a new personal access token"."""
    why: str
    """Why remediate can't: one sentence."""
    url: str | None = None
    """The exact page, prefilled as far as it allows."""
    instructions: tuple[str, ...] = ()
    """What to click, in order."""
    check: str = ""
    """What remediate does afterwards by itself to see that it was done."""
    takes_value: bool = False
    """Whether the step yields a new secret value, to be handed in by `resume --value`."""
    owner: str | None = None
    """Who can do it, where it is not the one at the keyboard."""
    on_word: bool = False
    """Whether nobody but a person can tell that it is done: then `resume --done` takes their word for it."""
