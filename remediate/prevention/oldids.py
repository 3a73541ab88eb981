"""The ids of everything that a clean-up replaced, as the hooks read them: a sorted list, one a line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from remediate.errors import StateError
from remediate.history.durable import replace_file
from remediate.history.model import Rehearsal

NAME = "old-ids"


def of(rehearsals: Iterable[Rehearsal]) -> set[str]:
    """Every old commit, blob, tree and tag of *rehearsals* that has another in its place."""
    gone: set[str] = set()
    came: set[str] = set()
    for rehearsal in rehearsals:
        gone |= set(rehearsal.doomed) | set(rehearsal.objects)
        came |= set(rehearsal.objects.values())
    return gone - came


def add(path: Path, ids: Iterable[str]) -> int:
    """Join *ids* to the list in *path*, made if need be; gives how many it holds."""
    known = set(path.read_text("ascii").split()) if path.is_file() else set()
    known |= set(ids)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (f"{oid}\n".encode() for oid in sorted(known)))
    except OSError as error:
        raise StateError(
            f"{path} can't be written: {error.strerror}. Nothing guards against the old history yet.",
            hint="Mend the permissions and say it again.",
        ) from None
    return len(known)


def hashed(ids: Iterable[str]) -> list[str]:
    """SHA-256 of each id: a list that may lie in the repository and leads nobody to an old object."""
    return sorted(hashlib.sha256(oid.encode("ascii")).hexdigest() for oid in ids)
