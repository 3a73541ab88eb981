"""A note outside the journal that a host's protection is lifted just now.

It is written before anything is lifted and goes when all is put back, so that whoever types the next
`remediate`, in whatever folder, learns of one that a crash left open. Reading every journal would cost
too much for that.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import BusyError, StateError
from remediate.incident.home import private_folder, write_private
from remediate.incident.lock import hold

_FOLDER = "lifted"


@dataclass(frozen=True)
class Lifted:
    """An incident that left something lifted."""

    incident: str
    where: str
    """The remote's address, without user info."""
    what: tuple[str, ...]
    """Each change, for people."""


def mark(folder: Path, where: str, what: Sequence[str]) -> None:
    """Note that the incident in *folder* is about to change *what* at *where*."""
    note = {"where": where, "what": list(what)}
    write_private(private_folder(_notes(folder)) / folder.name, json.dumps(note).encode())


def unmark(folder: Path) -> None:
    """Everything is put back."""
    (_notes(folder) / folder.name).unlink(missing_ok=True)


def left_open(home: Path) -> list[Lifted]:
    """What was lifted by a run that is not there any more; nothing where all is well."""
    found = []
    notes = home / _FOLDER
    for path in sorted(notes.iterdir()) if notes.is_dir() else ():
        if path.name.startswith("."):
            continue
        lock = home / "incidents" / path.name / "lock"
        try:
            with hold(lock, path.name, "looking"):
                note = json.loads(path.read_bytes())
                what = tuple(map(str, note["what"]))
                found.append(Lifted(path.name, str(note["where"]), what))
        except (BusyError, StateError, FileNotFoundError):
            continue  # under way, or put back just now
        except (ValueError, KeyError, TypeError):
            found.append(Lifted(path.name, "the remote", ("something that its journal names",)))
    return found


def _notes(folder: Path) -> Path:
    return folder.parent.parent / _FOLDER


def remind(home: Path) -> list[str]:
    """A line for each, for people. Never raises: a warning must not stop what was typed."""
    with contextlib.suppress(OSError):
        return [
            f"{each.incident} was cut off while protection of {each.where} was lifted: "
            f"{'; '.join(each.what)}. Put it back now: remediate resume {each.incident}"
            for each in left_open(home)
        ]
    return []
