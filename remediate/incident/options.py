"""What the caller asked for, beside the report: one value for the whole run, written into the journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from remediate.model import Json


@dataclass(frozen=True)
class Options:
    """The flags of a run. Nothing in it is secret."""

    repository: Path
    policy_file: Path | None = None
    """None: ``remediate.toml`` in the repository's root, where there is one."""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    offline: bool = False
    """No vendor is called."""
    push: bool = True
    undo: bool = True
    """False: no backup is made, and the rewrite can't be taken back."""
    expressions: Path | None = None
    typed: frozenset[str] = field(default_factory=frozenset)
    """Fingerprints of values that a person typed: they may be acted on wherever they stand."""
    planned: bool = False
    """Nothing has leaked: a credential is replaced before its time, and no more is asked for."""
    agreed: bool = False
    """Whether the caller said yes to every default beforehand (``--yes``)."""

    def limits(self) -> list[str]:
        """The flags by which the caller left something out; a run under them is ``partial``."""
        if self.planned:
            return []
        said = [f"--only {name}" for name in self.only] + [f"--skip {name}" for name in self.skip]
        if self.offline:
            said.append("--offline")
        if not self.push:
            said.append("--no-push")
        return said

    def journalled(self) -> dict[str, Json]:
        """The options as a row's data."""
        return {
            "policy": str(self.policy_file.absolute()) if self.policy_file else None,
            "expressions": str(self.expressions.absolute()) if self.expressions else None,
            "agreed": self.agreed,
            "planned": self.planned,
            "offline": self.offline,
            "push": self.push,
            "undo": self.undo,
            "only": list(self.only),
            "skip": list(self.skip),
        }
