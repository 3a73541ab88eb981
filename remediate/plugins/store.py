"""The store interface: a place that applications read a credential from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts, Outcome
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret


@dataclass(frozen=True)
class Target:
    """One store named in the policy: ``aws-secrets-manager:prod/app#AWS_ACCESS_KEY_ID=id``."""

    scheme: str
    place: str
    """What stands between the scheme and the ``#``: a path, an id, ``OWNER/REPO@ENV``."""
    keys: tuple[tuple[str, str | None], ...]
    """(key, part) in order; part None where the credential has but one. Empty: the whole value."""
    spec: str
    """The text as the policy has it, for the record."""
    root: Path | None = None
    """The work tree's root, which relative paths are relative to."""

    def assign(self, values: Mapping[str, Secret]) -> dict[str, Secret]:
        """Key to value, for *values* by part name. Raises KeyError for a part that is not there."""
        only = next(iter(values)) if len(values) == 1 else None
        return {
            key: values[part if part is not None else (only or "value")] for key, part in self.keys
        }


class Store(Protocol):
    """A kind of store. A class without arguments; the registry finds it by its scheme."""

    scheme: str

    def validate(self, target: Target) -> None:
        """Look at the target before anything is done with it; offline.

        Raises `remediate.errors.UsageError` with what is wrong (no ``#KEY``, a tracked file).
        """
        ...

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """Write the parts of a new credential, and read back what can be read back.

        All or nothing where the place allows it, other keys of the same place kept. Safe to repeat
        with the same values. Where a value can't be read back, the evidence is its timestamp.
        """
        ...

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """Whether the store holds exactly *values* now; None where it can't be read."""
        ...


@runtime_checkable
class Rotates(Protocol):
    """Has places whose values something of their owner's makes (a Lambda), which can be told to.

    It makes the successor where no provider can, and its value is then in the place already.
    """

    def before_rotation(self, target: Target, vendor: VendorContext) -> Mapping[str, Json]:
        """What must be known to tell, after a crash, whether it rotated (the version that is current).

        Empty where nothing there makes its values, or that can't be told. Written into the journal with
        the intent. Read-only.
        """
        ...

    def rotate(
        self, target: Target, old: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Reissued:
        """Let the place make a new value, wait until it has, and read it: the successor of *old*.

        Safe to repeat with the same *before*: one rotation, however often it is asked for, whose value
        can be read again. A value that is the leaked one still is refused.
        """
        ...


@runtime_checkable
class FindsUses(Protocol):
    """A store that can tell who else uses what lies in it. Read-only."""

    def uses(self, target: Target, leaked: Mapping[str, Secret], vendor: VendorContext) -> Facts:
        """``known["uses"]``: a list of ``{"where", "what", "sure"}``, each beside *target* itself.

        *leaked*: the old values by part name. *sure*: whether it was seen to hold, or to ask for, exactly that;
        else it has the same name, and its value is shown to nobody. What can't be read goes to `Facts.unknown`.
        """
        ...
