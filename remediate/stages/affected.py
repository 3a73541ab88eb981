"""Whom a push would concern, asked of the remote's host beforehand: pull requests, forks, people with clones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remediate.errors import Error
from remediate.history.repo import Repo
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.stages.hosting import host_at

NOT_ASKED = "not asked: --remote asks the remote's host, and changes nothing there"


@dataclass(frozen=True)
class Affected:
    """What a host told; everything empty where it was not asked."""

    host: str | None = None
    """The remote's address, without user info; None where nobody was asked."""
    reason: str = NOT_ASKED
    """Why nobody was asked."""
    pulls: tuple[Mapping[str, Json], ...] = ()
    """Open pull or merge requests of what is pushed: ``{"id", "url"}`` each."""
    pulls_count: int = 0
    """How many: a host's list may be longer than what is named."""
    forks: tuple[Mapping[str, Json], ...] = ()
    """They keep the old history."""
    people: tuple[str, ...] = ()
    """Who may push, and so has a clone."""
    immutable: tuple[str, ...] = ()
    """Tags of releases that nobody can move any more."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """What the host would not tell, and why."""

    def document(self) -> dict[str, Json]:
        """For ``preview --json``."""
        return {
            "host": self.host,
            "reason": self.reason,
            "pulls": list(self.pulls),
            "pulls_count": self.pulls_count,
            "forks": list(self.forks),
            "people": list(self.people),
            "immutable": list(self.immutable),
            "unknown": dict(self.unknown),
        }


def affected(repo: Repo, remote: str, moved: Sequence[str], vendor: VendorContext) -> Affected:
    """Ask the host of the remote *remote* about a push of the refs *moved* (full names, of this clone).

    Read-only. Where there is no such remote, or no host is known for it, the reason says so.
    """
    try:
        hosted = host_at(repo, remote, vendor)
    except Error as error:
        return Affected(reason=f"not known: {error.message}")
    if hosted is None:
        return Affected(reason=f"not known: {remote} is on no host that could be asked")
    known = (facts := hosted.host.look(hosted.url, _there(remote, moved), vendor)).known
    pulls, count = _named(known.get("pulls")), known.get("pulls_count")
    return Affected(
        host=hosted.url,
        reason="",
        pulls=pulls,
        pulls_count=count if isinstance(count, int) else len(pulls),
        forks=_named(known.get("forks")),
        people=_words(known.get("pushers")),
        immutable=_words(known.get("immutable")),
        unknown=facts.unknown,
    )


def _there(remote: str, moved: Sequence[str]) -> list[str]:
    """What the refs of a clone are called on its remote, those that a push concerns."""
    tracking = f"refs/remotes/{remote}/"
    names = (
        f"refs/heads/{name.removeprefix(tracking)}" if name.startswith(tracking) else name
        for name in moved
    )
    return sorted({name for name in names if name.startswith(("refs/heads/", "refs/tags/"))})


def _named(rows: Json) -> tuple[Mapping[str, Json], ...]:
    if not isinstance(rows, list | tuple):
        return ()
    return tuple(row for row in rows if isinstance(row, Mapping))


def _words(rows: Json) -> tuple[str, ...]:
    return tuple(map(str, rows)) if isinstance(rows, list | tuple) else ()
