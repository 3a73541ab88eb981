"""What a responder's own credential may do at a vendor: told before an incident, by ``remediate doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from remediate.plugins.context import VendorContext


@dataclass(frozen=True)
class Right:
    """Something that the pipeline wants to do at a vendor, and whether it may."""

    does: str
    """"put new values into Actions secrets"."""
    needs: str
    """What the vendor calls the permission: "the scope repo", "iam:UpdateAccessKey"."""
    may: bool | None
    """None where the vendor tells nobody."""
    reason: str = ""
    """Where it may not, or that is not known: why."""


@dataclass(frozen=True)
class Standing:
    """The responder's credential, as far as its vendor tells. No secret in it."""

    works: bool | None = None
    """Whether the vendor accepts it; None where it could not be asked."""
    who: str = ""
    """Whose it is."""
    reason: str = ""
    """Where it does not work, or could not be asked: why."""
    rights: tuple[Right, ...] = ()


@runtime_checkable
class TellsStanding(Protocol):
    """Knows what a responder needs at its vendor, and maybe what they have."""

    how: str
    """How a responder brings a credential: "set GITHUB_TOKEN, or sign in with: gh auth login"."""

    def standing(self, vendor: VendorContext) -> Standing | None:
        """What the responder's credential may do; None where there is none. Read-only, within seconds."""
        ...


def not_asked(*rights: tuple[str, str]) -> Standing:
    """Where a vendor tells a credential's permissions to nobody: (does, needs), all of them not known."""
    why = "its vendor tells nobody; it is seen when it is used"
    return Standing(rights=tuple(Right(does, needs, None, why) for does, needs in rights))


def each(
    rights: Sequence[tuple[str, str]], may: bool | None, reason: str = ""
) -> tuple[Right, ...]:
    """Every one of *rights* (does, needs) with the same answer."""
    return tuple(Right(does, needs, may, reason) for does, needs in rights)
