"""What a stage is, and how the pipeline finds its stages: every module of this folder that has one."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remediate.incident.run import Run

DONE = "done"
WAITING = "waiting"


@dataclass(frozen=True)
class Result:
    """How a stage ended."""

    status: str
    """``done``, or ``waiting`` where a person, a vendor or the caller's flag is in the way."""
    summary: str
    """One sentence for people: "2 credentials are dead, 1 waits for you"."""
    later: str = ""
    """What is still to come with nothing in its way but time or a judgement: the incident stays open."""


def each_credential(run: Run) -> list[str]:
    """The plan of a stage that works on credentials: each, with what policy would have done for it."""
    lines = []
    for credential in run.credentials():
        table = run.policy.for_credential(credential)
        said = [f"{credential.kind} {credential.public_id or credential.id}", table.strategy]
        said += [f"store {spec}" for spec in table.stores]
        said += [f"run {' '.join(command)}" for command in (table.deploy, table.check) if command]
        said += [f"by {table.provider}"] if table.provider else []
        said += [
            f"told {name}: {value if isinstance(value, str) else ' '.join(value)}"
            for name, value in table.options
        ]
        said += ["insisted on"] if table.insist else []
        lines.append("; ".join(said))
    return lines


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline. A module of this folder defines one, named ``STAGE``."""

    name: str
    order: int
    """Stages run by it, lowest first; tens, so that one can be put between two others."""
    title: str
    """What it does, for people: "Kill the credential at its provider"."""
    act: Callable[[Run], Result]
    vendors: bool = False
    """Whether it is nothing without vendors, and so is left out under ``--offline``."""
    needs: tuple[str, ...] = ()
    """Stages that must be done before it, or it waits."""
    plan: Callable[[Run], Sequence[str]] = each_credential
    """What it would do now, a line each, for a second person to approve; nothing where there is none
    of it. The same lines again when it is gone on with, or fewer."""
    again: Callable[[Run], bool] = lambda _run: False
    """Whether a stage that was done has to be done once more, for the world has moved on."""
    tidy: Callable[[Run], None] = lambda _run: None
    """Puts back what a crash left half way. Called before any stage runs, whichever were asked for."""


@functools.cache
def stages() -> tuple[Stage, ...]:
    """Every stage, in the order it runs."""
    import remediate.stages as room

    found = []
    for module in pkgutil.iter_modules(room.__path__):
        stage = getattr(importlib.import_module(f"{room.__name__}.{module.name}"), "STAGE", None)
        if isinstance(stage, Stage):
            found.append(stage)
    return tuple(sorted(found, key=lambda stage: (stage.order, stage.name)))
