"""Whether a remote still hands old objects to whoever knows their ids, though no ref leads there.

A git server keeps what nothing names until it collects garbage, and most hand it out to a ``want``
with its id: over protocol 2 every plain one does (git's upload-pack.c), over the older ones those
with ``uploadpack.allowAnySHA1InWant``. Ids stand in CI logs, in scanners' reports and in chats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.history import remote
from remediate.history.model import Progress, Rehearsal, no_progress
from remediate.history.remote import Cause
from remediate.history.repo import Repo
from remediate.secret import Secret

MOST = 24
"""How many ids are asked for: where they are gone, each costs a connection of its own."""

#: What a server or git itself says of an id that is not to be had (upload-pack.c, fetch-pack.c).
_GONE = ("not our ref", "unadvertised object", "no such remote ref", "couldn't find remote ref")


@dataclass(frozen=True)
class ById:
    """What became of the ids that were asked for."""

    served: tuple[str, ...]
    """Handed out to a stranger."""
    gone: tuple[str, ...]
    unasked: int
    """How many more old commits there are that were not asked for."""


def choose(
    rehearsal: Rehearsal, tips: Sequence[str], first: Sequence[str]
) -> tuple[list[str], int]:
    """The ids worth asking for, and how many old commits are left unasked.

    *tips*: where refs were before; *first*: the first changed commits. A server that has dropped
    those has dropped what lies between, for garbage goes by what still reaches it.
    """
    known = [oid for oid in (*tips, *first) if oid in rehearsal.objects]
    chosen = list(dict.fromkeys([*known, *reversed(list(rehearsal.commits))]))[:MOST]
    return chosen, len(rehearsal.commits.keys() - set(chosen))


def still_served(
    url: Secret,
    ids: Sequence[str],
    workdir: Path,
    *,
    unasked: int = 0,
    like: Repo | None = None,
    progress: Progress = no_progress,
) -> ById:
    """Ask the remote for each of *ids* as a stranger would, by fetching it into an empty repository.

    What comes is below *workdir* and gone afterwards. Raises `remediate.errors.RemoteError` where the
    remote can't be reached: that is never "gone".
    """
    name = remote.shown(url.reveal_text())
    served: list[str] = []
    gone: list[str] = []
    with remote.scratch(workdir, url, like) as folder:
        progress("asking for old commits by id", 0, len(ids))
        if ids and _had(folder, ids, name):
            return ById(tuple(ids), (), unasked)
        for number, oid in enumerate(ids, 1):
            (served if _had(folder, [oid], name) else gone).append(oid)
            progress("asking for old commits by id", number, len(ids))
    return ById(tuple(served), tuple(gone), unasked)


def _had(folder: Path, ids: Sequence[str], name: str) -> bool:
    """Whether the remote gives all of *ids*. One commit deep: its history is no news."""
    done = remote.run(
        folder,
        [
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"),
            *("--depth=1", "--", "origin", *ids),
        ],
        settings=[("fetch.unpackLimit", "1"), ("transfer.fsckObjects", "false")],
    )
    if not done.returncode:
        return True
    said = remote.words(done)
    if any(words in said for words in _GONE):
        return False
    if remote.cause_of(said) in (Cause.OTHER, Cause.HIDDEN):
        # An answer in words of the server's own (a host's "reference is not a tree"): it gave none.
        return False
    raise remote.unreachable(name, said)
