"""What a provider that can list credentials implements, for the quarterly review. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from remediate.plugins.context import VendorContext


@dataclass(frozen=True)
class Listed:
    """One credential that there is. Nothing secret: its public id or its name."""

    provider: str
    kind: str
    """As in ``remediate providers``, or what the vendor calls it."""
    id: str
    owner: str
    created: str | None = None
    """RFC 3339; None where the vendor does not say."""
    last_used: str | None = None
    """RFC 3339; None: never, or the vendor does not say (`use_known`)."""
    use_known: bool = True
    """Whether the vendor says when it was used at all."""
    expires: str | None = None
    status: str = "active"
    where: str = ""
    """The page or the place where it is managed."""


@dataclass(frozen=True)
class Inventory:
    """What a provider could list."""

    credentials: tuple[Listed, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    """What could not be listed, and why."""


@runtime_checkable
class Lists(Protocol):
    """Can list the credentials that there are."""

    def listed(self, places: Sequence[str], vendor: VendorContext) -> Inventory:
        """Everything that the responder may see. *places*: addresses of repositories, without user info.

        Never raises for what the vendor refuses: that is `Inventory.unknown`.
        """
        ...
