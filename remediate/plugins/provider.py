"""The provider interface: small protocols, each one thing that a vendor may be able to do.

A provider is a class without arguments that has a `name`, its `kinds`, and `identify`; beyond that it
implements what its vendor offers, and the stages ask with ``isinstance(provider, Revokes)``. What a
vendor can't do is no missing method but a manual step: an `Outcome` with `Status.MANUAL` and the
exact page.

A provider holds no state between calls, reads no repository, writes to no terminal, never journals:
the runner does that around it, intent before and outcome after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from remediate.model import Credential, Json, Location
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Facts, Outcome
from remediate.secret import Secret


@dataclass(frozen=True)
class Kind:
    """One kind of credential a provider knows: a row of ``remediate providers``."""

    name: str
    """``github-pat``; the field's standard term. Also stands in the replacement, REMOVED-<kind>."""
    title: str
    """"GitHub personal access token (classic)"."""
    revoke: str
    """``api``, ``manual`` or ``none``: who can end it."""
    reissue: str
    """``api``, ``manual`` or ``none``: who can make a new one."""
    page: str | None = None
    """The vendor's page for doing it by hand."""
    check: str = "none"
    """``api`` where a probe tells whether it is dead."""


@dataclass(frozen=True)
class Found:
    """A distinct value as it came out of a report, for `Provider.identify`."""

    fingerprint: str
    value: Secret
    locations: tuple[Location, ...] = ()
    groups: frozenset[int] = frozenset()
    """Numbers shared with other values that the report itself says belong together."""


@dataclass(frozen=True)
class Missing:
    """The other half of a found value, that the report does not hold and that stands near it as a rule."""

    fingerprint: str
    """Of the half that is there."""
    shape: str
    """A regular expression that all of the other half matches."""
    lines: int
    """How many lines apart they stand at most."""


@dataclass(frozen=True)
class Identified:
    """A credential that a provider made out of one or more found values, without any call."""

    credential: Credential
    kinds: Mapping[str, str]
    """Fingerprint of each part to its kind: what the replacement in history is named for."""


@dataclass(frozen=True)
class Held:
    """A credential together with its values, taken out of custody for one effect."""

    credential: Credential
    values: Mapping[str, Secret]
    """Part name to value; a part that the report did not hold is missing."""

    @property
    def id(self) -> str:
        """The credential's id."""
        return self.credential.id


@dataclass(frozen=True)
class Reissued:
    """What came of asking for a new credential."""

    outcome: Outcome
    values: Mapping[str, Secret] = field(default_factory=dict)
    """Part name to new value, where one was made; goes into custody before anything else."""
    public_id: str | None = None


class Provider(Protocol):
    """What every provider has."""

    name: str
    kinds: Sequence[Kind]

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """The credentials among *found* that are this vendor's, each value used at most once.

        Offline, from the values and their pairing alone: no call, never the rule's name.
        """
        ...


@runtime_checkable
class MissesHalves(Protocol):
    """Its credentials come in two halves, and reports often hold one."""

    def missing(self, found: Sequence[Found]) -> Sequence[Missing]:
        """What of *found* has no other half. Offline."""
        ...


@runtime_checkable
class TakesAny(Protocol):
    """Acts for whatever the policy hands it: ``provider`` in a ``[[credential]]`` table names it."""

    def check_options(self, options: Mapping[str, Json]) -> None:
        """Look at the table's ``with`` before anything is done; offline.

        Raises `remediate.errors.UsageError` with what is wrong. Later it comes as ``settings["with"]``.
        """
        ...


@runtime_checkable
class Describes(Protocol):
    """Can tell whose a credential is and what it may do, without changing anything."""

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """Owner, scopes, last use, reach. What can't be learned is named in `Facts.unknown`."""
        ...


@runtime_checkable
class Checks(Protocol):
    """Can tell whether a credential is dead."""

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """One probe, or a few seconds of them where the vendor lags. Read-only."""
        ...


@runtime_checkable
class Preserves(Protocol):
    """Can save what dies with the credential."""

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """Whatever can't be asked any more once it is dead. Within seconds."""
        ...


@runtime_checkable
class Revokes(Protocol):
    """Can end credentials: reversibly where the vendor has that (disable), else for good."""

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Credential id to outcome, one for each in *batch*. Safe to repeat on what is dead.

        `Status.DONE` only when a probe saw it refused (or, where the vendor's own list is the better
        witness, saw it disabled there); the evidence names the probe. A vendor that only says
        "accepted" is polled, within its pace, until it is so or the patience is over
        (`Status.UNKNOWN`).
        """
        ...


@runtime_checkable
class Reissues(Protocol):
    """Can make a successor, by API or by naming the page where a person can."""

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """What must be known to tell, after a crash, whether a new one was made (ids that exist).

        Written into the journal with the intent. Read-only.
        """
        ...

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """Make a new credential with the same rights, or say which manual step makes it."""
        ...

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """After a crash inside `reissue`: find one that was made and lost, and delete it.

        `Status.DONE` with ``data["deleted"]`` where one was found and deleted, `Status.UNCHANGED`
        where none had been made; then `reissue` may be called again. Anything else is told to a
        person and nothing new is made.
        """
        ...


@runtime_checkable
class Installs(Protocol):
    """Makes the successor's value on our side, and puts it in force in a call of its own.

    Its `Reissues.reissue` changes nothing at the vendor: so the value is in custody before it means
    anything, and no crash can lose one that is in force already (a password that nobody knows).
    """

    def install(self, old: Held, new: Held, vendor: VendorContext) -> Outcome:
        """Let the vendor take *new* in place of *old*. Safe to repeat: in force already is settled."""
        ...


@runtime_checkable
class ReplacesItself(Protocol):
    """Has credentials that nobody but themselves can replace, and that die in it."""

    def replaces_itself(self, held: Held, vendor: VendorContext) -> bool:
        """Whether *held* must be alive to get a successor: it is then killed by replacing it, not before.

        Offline: from what the responder has set, and *held*.
        """
        ...


@runtime_checkable
class Accepts(Protocol):
    """Can look at a new value that a person hands in for a manual reissue."""

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """The new credential out of *value*, or a refusal that says what is wrong with it.

        Refuses the old value, another vendor's, a dead one. Offline it looks at the shape alone.
        """
        ...


@runtime_checkable
class ConfirmsNew(Protocol):
    """Can see that a new credential works."""

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether the vendor accepts the *new* credential, within the time it takes to spread."""
        ...


@runtime_checkable
class Triages(Protocol):
    """Can look for footholds: what a thief would have left behind."""

    def triage(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """``known["footholds"]``: a list of ``{"what", "id", "at", "why"}``, empty for none.

        *since*: when the credential was first exposed, RFC 3339, None where not known.
        """
        ...


@runtime_checkable
class TriagesTogether(Protocol):
    """Looks for the footholds of several at once: what belongs to none of them alone is read once for all."""

    def triage_all(
        self, batch: Sequence[Held], since: str | None, vendor: VendorContext
    ) -> Mapping[str, Facts]:
        """Credential id to what `Triages.triage` tells, one for each in *batch*."""
        ...


@runtime_checkable
class Investigates(Protocol):
    """Can tell what was done with the credential while it was out."""

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:
        """``known["events"]``: a list of ``{"at", "what", "who", "from", "suspicious"}``.

        A gap in the vendor's retention goes to `Facts.unknown`: "no evidence kept", never "no abuse".
        """
        ...


@runtime_checkable
class FindsHolders(Protocol):
    """Can tell what at its vendor holds a value, or reads a store of it: what goes on with the old one."""

    beside: Sequence[str]
    """Schemes of stores: credentials that policy keeps there are looked for, whoever issued them."""

    def holders(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Facts]:
        """Credential id to ``known["holders"]``: a list of ``{"what", "id", "how", "then"}``, empty for none.

        Names alone. *then*: what gives it the new value, as an order to a person. Compared here; read-only.
        What could not be read is in `Facts.unknown`. Those in *batch* may be another vendor's, where policy
        stores them here.
        """
        ...


@runtime_checkable
class Deletes(Protocol):
    """Can delete for good what `Revokes.revoke` only disabled."""

    def delete(self, held: Held, vendor: VendorContext) -> Outcome:
        """Delete the old credential. Safe to repeat: what is gone is `Status.UNCHANGED`."""
        ...


@runtime_checkable
class NamesResponder(Protocol):
    """Knows which of a responder's own credentials it would use."""

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """The values that it would authenticate with, to be compared with the leaked ones."""
        ...
