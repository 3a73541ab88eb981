"""Rescue: an old clone brought onto the new history, with everything in it that was never pushed.

Nothing is rebased. The same rewrite is done here once more, over this clone with its own branches,
stashes and half-done work: from the same objects and the same values come the same ids, so what
was published is what was fetched, and what was not is the same work on top of it, without a conflict.
The commit map proves it before anything is touched.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyrage

from remediate.clones.midway import in_progress, map_midway
from remediate.errors import RepositoryError
from remediate.history import packs, remote
from remediate.history.apply import apply
from remediate.history.backup import back_up
from remediate.history.model import Needle, Progress, Rehearsal, Verdict, no_progress
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import Repo, require_rewritable
from remediate.history.verify import verify
from remediate.incident.home import private_folder
from remediate.stages import rounds
from remediate.wording import count


@dataclass(frozen=True)
class Plan:
    """What a rescue would do. No secret in it."""

    rehearsal: Rehearsal
    published: int
    """Commits that have the id which the map gives them."""
    own: tuple[str, ...]
    """Old ids of commits that were never published and move too."""
    under_way: tuple[str, ...]
    """Half-done work that is moved as it is."""


@dataclass(frozen=True)
class Rescued:
    """What came of it."""

    refs: int
    own: int
    removed: int
    """Old objects that are gone."""
    left_alone: tuple[str, ...]
    """Files that somebody is working on and that hold a secret: named, never changed."""
    notes: tuple[str, ...]
    kept: tuple[str, ...]
    """Old objects that could not be removed, with the reason."""
    verdict: Verdict


def fetch(repo: Repo, name: str) -> None:
    """Fetch the new history, tags apart: an old tag of the same name is moved by the rescue itself.

    Raises `remediate.errors.RemoteError`.
    """
    done = remote.run(
        remote.place(repo),
        ["fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "--", name],
    )
    if done.returncode:
        url = remote.shown(remote.address(repo, name).reveal_text())
        raise remote.unreachable(url, remote.words(done))


def fetch_tags(repo: Repo, name: str) -> bool:
    """Tags too, now that those of the same name agree; False where one does not."""
    words = ["fetch", "--quiet", "--tags", "--no-recurse-submodules", "--", name]
    return not remote.run(remote.place(repo), words).returncode


def folder_of(home: Path, repo: Repo) -> Path:
    """Where a rescue of *repo* keeps its plan until it is done."""
    name = hashlib.sha256(os.fsencode(repo.common_dir.resolve())).hexdigest()[:32]
    return private_folder(private_folder(home / "rescues") / name)


def plan_rescue(
    repo: Repo,
    needles: Sequence[Needle],
    commits: Mapping[str, str],
    folder: Path,
    *,
    progress: Progress = no_progress,
) -> Plan:
    """Rehearse it, and hold it against the map. Touches nothing.

    Raises `RepositoryError` where the clone can't be rewritten, or the same commits would get other
    ids here than they got there.
    """
    require_rewritable(repo, midway=True)
    quarantine = private_folder(folder / "quarantine") / "git"
    if quarantine.exists():
        shutil.rmtree(quarantine)
    rehearsal = rehearse(repo, needles, quarantine, progress=progress)
    wrong = [
        old
        for old, new in rehearsal.commits.items()
        if old in commits and commits[old] not in (new, old)
    ]
    here = packs.types(repo, list(commits)).keys()
    missed = [old for old in commits if old in here and old not in rehearsal.commits]
    if wrong or missed:
        raise RepositoryError(
            f"{count(len(wrong) + len(missed), 'published commit')} would get other ids here than "
            f"there ({(wrong or missed)[0][:12]}…): the values that were removed could not all be told "
            "from the two histories. Nothing was changed.",
            hint="Ask for the scanner's report and give it too: remediate rescue MAP --report REPORT",
        )
    own = tuple(old for old in rehearsal.commits if old not in commits)
    rounds.save(folder, 1, rehearsal)
    return Plan(rehearsal, len(rehearsal.commits) - len(own), own, tuple(in_progress(repo)))


def begun(folder: Path) -> Rehearsal | None:
    """The rehearsal of a rescue that was cut off after it had begun to change things."""
    return rounds.saved(folder, 1) if (folder / "begun").exists() else None


def carry_out(
    repo: Repo,
    rehearsal: Rehearsal,
    needles: Sequence[Needle],
    folder: Path,
    *,
    recipients: Sequence[pyrage.x25519.Recipient] = (),
    archive: Path | None = None,
    progress: Progress = no_progress,
) -> Rescued:
    """Do it: back up where there is a key, move everything, drop what is old, look again.

    Called again after a crash it goes on to the same end.
    """
    if archive is not None and recipients and not (folder / "begun").exists():
        back_up(repo, rehearsal, recipients, archive, needles=needles, progress=progress)
    (folder / "begun").touch(mode=0o600)
    done = apply(repo, rehearsal, needles, progress=progress)
    map_midway(repo, rehearsal)
    gone = purge(repo, rehearsal, progress=progress)
    verdict = verify(repo, needles, progress=progress)
    shutil.rmtree(folder / "quarantine", ignore_errors=True)
    for name in ("begun", "rehearsal-1.json"):
        (folder / name).unlink(missing_ok=True)
    return Rescued(
        refs=done.refs,
        own=0,
        removed=gone.objects,
        left_alone=done.left_alone,
        notes=done.notes,
        kept=gone.kept,
        verdict=verdict,
    )


def still_old(repo: Repo, commits: Mapping[str, str]) -> list[str]:
    """Old commits of the map that the clone still has."""
    olds = [old for old, new in commits.items() if old != new]
    return sorted(packs.types(repo, olds))
