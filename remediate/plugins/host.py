"""The host interface: what a git server does beyond git. A plain server needs none of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts


class Host(Protocol):
    """A kind of git server. A class without arguments, asked in the order of its name."""

    name: str

    def matches(self, url: str) -> bool:
        """Whether a remote's URL is one of this host's. Offline."""
        ...

    def look(self, url: str, refs: Sequence[str], vendor: VendorContext) -> Facts:
        """What a push of *refs* would meet and set off: protection, open pull requests, forks."""
        ...
