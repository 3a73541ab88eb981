"""The flags of a command, whether they came from a command line or from a program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from remediate.errors import UsageError

if TYPE_CHECKING:
    from remediate.incident.options import Options
    from remediate.incident.state import State


#: The stages of the pipeline that a planned rotation is.
ROTATION = ("assess", "preserve", "recover")


@dataclass(frozen=True)
class Flags:
    """The flags of one command, as they were given; each means the same as on the command line."""

    repo: Path = Path()
    policy: Path | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    yes: bool = False
    offline: bool = False
    no_push: bool = False
    no_undo: bool = False
    key_file: Path | None = None
    expressions: Path | None = None
    planned: bool = False

    def options(self) -> Options:
        """As the pipeline wants them. Raises `UsageError` for a stage that does not exist."""
        from remediate.incident.options import Options
        from remediate.stages.interface import stages

        known = [stage.name for stage in stages()]
        for name in (*self.only, *self.skip):
            if name not in known:
                raise UsageError(
                    f"There is no stage named {name!r}.", hint=f"Stages: {', '.join(known)}."
                )
        return Options(
            repository=self.repo,
            policy_file=self.policy,
            only=self.only,
            skip=self.skip,
            offline=self.offline,
            push=not self.no_push,
            undo=not self.no_undo,
            agreed=self.yes,
            expressions=self.expressions,
            planned=self.planned,
        )

    def rotating(self) -> Flags:
        """These flags for a credential that has not leaked: it is replaced, and nothing is cleaned or published."""
        return replace(self, only=ROTATION, skip=(), no_push=True, planned=True)

    def inheriting(self, state: State) -> Flags:
        """These flags; where none was given, those of the run that *state* was left by.

        A run that was cut off, or that waits for a person, is gone on with as it was begun: with the
        yes and with the limits that it had. One that ended as asked is not: what is left then was
        left out on the caller's word, and wants a new one.
        """
        given = (self.only, self.skip, self.yes, self.offline, self.no_push, self.no_undo)
        ended = (state.concluded or {}).get("status")
        if any(given) or ended in ("clean", "partial"):
            return self
        asked = state.asked
        policy, rules = asked.get("policy"), asked.get("expressions")
        return replace(
            self,
            policy=self.policy or (Path(policy) if isinstance(policy, str) else None),
            expressions=self.expressions or (Path(rules) if isinstance(rules, str) else None),
            only=_words(asked.get("only")),
            skip=_words(asked.get("skip")),
            yes=asked.get("agreed") is True,
            offline=asked.get("offline") is True,
            no_push=asked.get("push") is False,
            no_undo=asked.get("undo") is False,
            planned=asked.get("planned") is True,
        )


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
