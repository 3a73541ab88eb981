"""The local vendor interface: a stand-in server on loopback with the vendor's own quirks.

The demo and the tests start the same ones, by entry point. They are no mocks of our code but servers,
spoken to over a socket by the same client as the real vendor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from remediate.model import ManualStep
from remediate.secret import Secret


@dataclass(frozen=True)
class Planted:
    """A credential that the local vendor has just issued, to be leaked."""

    files: Mapping[str, str]
    """Path to text as a careless developer would have committed it, the values within."""
    values: Mapping[str, Secret]
    """Part name to value."""
    policy: str
    """A ``[[credential]]`` table (TOML) that names stores for its successor."""
    message: str = ""
    """A commit message of the kind that leaks; may hold a value; empty for a plain one."""


class RunningVendor(Protocol):
    """A local vendor that is up."""

    name: str

    def environment(self) -> Mapping[str, str]:
        """What a responder's environment holds: the base address, their own credential."""
        ...

    def plant(self) -> Planted:
        """Issue a credential to be leaked."""
        ...

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """The vendor's own truth, for tests and for the demo's closing words."""
        ...

    def person(self, step: ManualStep) -> Secret | None:
        """Do what *step* asks, as a person at the vendor's page would; the new value, if any."""
        ...

    def close(self) -> None:
        """Stop, and leave nothing running."""
        ...


class LocalVendor(Protocol):
    """Starts one. A class without arguments.

    One with ``in_demo = True`` plays in ``remediate demo`` unasked, any other when it is named there.
    """

    name: str

    def start(self) -> RunningVendor:
        """Up and answering on a loopback port of its own when this returns.

        Raises `remediate.errors.PluginError` where a part of the demo's extra is not installed.
        """
        ...
