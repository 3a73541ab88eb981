"""The host interface: what a git server does beyond git. A plain server needs none of it.

A host is a class without arguments with a `name`, `matches` and `look`; beyond that it implements what
its server offers, and the publish stage asks with ``isinstance(host, Lifts)``. Addresses that it is
given hold no user info. It never journals and keeps no state: what it changes comes back to it as the
`Change` that it named, maybe in another process, after a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts, Outcome


@dataclass(frozen=True)
class Change:
    """One thing on the host that has to be otherwise while the push goes through."""

    id: str
    """Names it on this host for good: ``ruleset/12``, ``workflow/7``."""
    why: Literal["protection", "trigger"]
    """Whether it stands in the push's way, or would be set off by it."""
    title: str
    """What is done to it, for people: "Let admins bypass the ruleset main (12)"."""
    before: Mapping[str, Json]
    """Everything that is needed to put it back. Written into the journal: no secret."""

    def to_json(self) -> dict[str, Json]:
        """As an effect's detail holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Change:
        """The change that `to_json` wrote. Raises KeyError or TypeError for anything else."""
        return cls(data["id"], data["why"], data["title"], dict(data["before"]))


class Host(Protocol):
    """A kind of git server. A class without arguments, asked in the order of its name."""

    name: str

    def matches(self, url: str, vendor: VendorContext) -> bool:
        """Whether a remote's address is one of this host's. Offline."""
        ...

    def look(self, url: str, refs: Sequence[str], vendor: VendorContext) -> Facts:
        """What a push of *refs* (full names) would meet and concern. Read-only; never raises.

        In `Facts.known`, as far as the host tells: ``pulls`` and ``forks`` (lists of ``{"id", "url"}``),
        ``pushers`` (logins), ``immutable`` (tags that can't be moved), and whatever else is worth
        telling.
        """
        ...


@runtime_checkable
class Lifts(Protocol):
    """Can make way for a push, and put back what it changed for that."""

    def changes(self, url: str, refs: Sequence[str], vendor: VendorContext) -> Sequence[Change]:
        """What has to be changed for a forced push of *refs*, each by the smallest means.

        Nothing where this user may bypass the rule as it is. Read-only. Raises
        `remediate.errors.VendorError` where the host can't be asked.
        """
        ...

    def lift(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """Make *change*. Safe to repeat; a refusal names the permission that is missing."""
        ...

    def put_back(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """Bring it to `Change.before`, whether it was lifted or not. Safe to repeat.

        `remediate.plugins.outcome.Status.DONE` only where it was read again and is as before.
        """
        ...


@runtime_checkable
class ServesById(Protocol):
    """Can tell whether the host's own pages and API still show a commit that no ref leads to."""

    def still_served(
        self, url: str, ids: Sequence[str], vendor: VendorContext
    ) -> Mapping[str, bool | None]:
        """Each id to whether it is shown; None where the host would not say."""
        ...


@runtime_checkable
class Guards(Protocol):
    """Can look for secrets in what is pushed, and refuse it."""

    def unguarded(self, url: str, vendor: VendorContext) -> Change | None:
        """What would be switched on for that; None where it is on. Read-only.

        Raises `remediate.errors.VendorError` where the host would not say.
        """
        ...

    def guard(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """Switch it on. Safe to repeat; done only where it was read again and is on."""
        ...

    def unguard(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """Bring it to `Change.before`. Safe to repeat."""
        ...


@runtime_checkable
class ReadsAlerts(Protocol):
    """Can fetch the alert that somebody was sent the address of."""

    def read_alert(self, alert: str, vendor: VendorContext) -> bytes | None:
        """The alert at the address *alert* as a report that `remediate.reports` reads; None where that
        is no alert of this host. Read-only. Raises `remediate.errors.VendorError`.
        """
        ...


@runtime_checkable
class ClosesAlerts(Protocol):
    """Can close the alert that a finding came from."""

    def close_alert(self, url: str, alert: str, why: str, vendor: VendorContext) -> Outcome | None:
        """Close the alert at the address *alert*; None where that is no alert of this host."""
        ...


@dataclass(frozen=True)
class SupportCase:
    """What a host's support has to be told, for what nobody else can remove."""

    url: str
    """The repository's address."""
    pulls: int
    """How many pull requests' refs still lead to old commits."""
    first_changed: Sequence[str]
    """The first changed commits, old ids."""
    lfs_orphans: Sequence[str] = ()
    """LFS objects that nothing names any more, by their SHA-256."""
    served: Sequence[str] = ()
    """Old commits that are still handed out by id."""
    blobs: Sequence[str] = ()
    """Blobs that held a secret, old ids; not all of them where there are very many."""


@runtime_checkable
class HasSupport(Protocol):
    """Has a support that removes what only it can remove."""

    def support(self, case: SupportCase) -> ManualStep:
        """The request, ready to be sent: where to, and the text with exactly what they ask for."""
        ...


@dataclass(frozen=True)
class Copy:
    """One thing on the host, beside git, that may hold what was taken out of the history."""

    kind: str
    """What it is one of, for people, plural: ``workflow runs``. A key of `Copies.how`."""
    url: str
    """Its page."""
    commit: str | None = None
    """The old commit that it was made from; None where nobody can tell what is in it."""


@dataclass(frozen=True)
class Copies:
    """What a host's API shows of them."""

    found: Sequence[Copy]
    how: Mapping[str, str]
    """Kind to how one looks into it and takes it away, one sentence."""
    unknown: Mapping[str, str]
    """Kind to why the host would not tell, with the page where a person sees them."""


@runtime_checkable
class KeepsCopies(Protocol):
    """Makes copies of what is pushed: CI logs and artifacts, releases, packages, pages, deployments."""

    def copies(
        self, url: str, old: Collection[str], refs: Sequence[str], vendor: VendorContext
    ) -> Copies:
        """Those that were made from one of the commits *old*, or belong to one of *refs*, or of which
        nobody can tell. Read-only; never raises `remediate.errors.VendorError`.
        """
        ...

    def wiki(self, address: str) -> str:
        """The address of the wiki's own git repository, from the repository's, user info and all."""
        ...


@runtime_checkable
class Sweeps(Protocol):
    """Can drop, by call, the old objects that it keeps for itself once no ref of ours leads there.

    It does so by a rewrite of its own over all refs, which drops signatures: it is asked only where
    that moves nothing that was published. Object ids are sent, never a secret.
    """

    settle: float
    """Seconds that have to pass between `collect` and `prune`, for younger objects are kept."""

    def sweep(self, url: str, blobs: Sequence[str], vendor: VendorContext) -> Outcome:
        """Take *blobs* (old ids) out of everything that it keeps. Safe to repeat; can't be undone."""
        ...

    def collect(self, url: str, vendor: VendorContext) -> Outcome:
        """Start to collect garbage. Safe to repeat."""
        ...

    def prune(self, url: str, vendor: VendorContext) -> Outcome:
        """Drop what nothing reaches any more. Safe to repeat."""
        ...
