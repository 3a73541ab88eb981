"""Rounds: a history is cleaned once, and once more where old commits came back (a fetch, a merge).

Each round has its own rehearsal and backup beside the journal, and effects of its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from remediate.history.model import Rehearsal
from remediate.incident.home import write_private
from remediate.incident.run import Run
from remediate.incident.state import State


def current(state: State) -> int:
    """The number of the round that is to be done, or is being done; the first is 1."""
    number = 1
    while (purged := state.outcome(f"purge/{number}")) is not None and purged.status.settled:
        number += 1
    return number


def begun(state: State) -> list[int]:
    """The rounds in which anything was changed, oldest first."""
    numbers: list[int] = []
    while f"apply/{len(numbers) + 1}" in state.effects:
        numbers.append(len(numbers) + 1)
    return numbers


def archive(folder: Path, number: int) -> Path:
    """A round's backup."""
    return folder / f"backup-{number}.age"


def save(folder: Path, number: int, rehearsal: Rehearsal) -> None:
    """Keep a round's rehearsal beside the journal. It holds ids and names, no secret."""
    write_private(_plan(folder, number), json.dumps(rehearsal.to_json()).encode())


def saved(folder: Path, number: int) -> Rehearsal | None:
    """A round's rehearsal; None where there is none, or it is damaged."""
    try:
        return Rehearsal.from_json(json.loads(_plan(folder, number).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def together(run: Run) -> Rehearsal | None:
    """Every round's rehearsal as one: what became of each object that was ever replaced."""
    return of(run.folder, run.state)


def of(folder: Path, state: State) -> Rehearsal | None:
    """`together`, of the incident in *folder* that nobody works on now."""
    found = [r for n in begun(state) if (r := saved(folder, n)) is not None]
    if not found:
        return None
    whole = found[0]
    for each in found[1:]:
        whole = replace(
            each,
            objects={**whole.objects, **each.objects},
            commits={**whole.commits, **each.commits},
            doomed=tuple(sorted({*whole.doomed, *each.doomed})),
            lfs={**whole.lfs, **each.lfs},
        )
    return whole


def picture(run: Run) -> str:
    """Where every ref is now, as one hash: another picture means that a clean verdict is out of date."""
    refs = sorted(f"{ref.name} {ref.oid}" for ref in run.repo.refs())
    return hashlib.sha256("\n".join(refs).encode("utf-8", "surrogateescape")).hexdigest()


def _plan(folder: Path, number: int) -> Path:
    return folder / f"rehearsal-{number}.json"
