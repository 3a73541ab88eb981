"""Prevent: what keeps the secret from coming back. Advice and ready texts; never a commit."""

from __future__ import annotations

from collections.abc import Iterator

from remediate.history.pins import pins
from remediate.incident.run import Run
from remediate.prevention import staged
from remediate.prevention.patches import is_dotenv
from remediate.stages import rounds
from remediate.stages.interface import DONE, Result, Stage
from remediate.wording import count

_NAMED = 20


def act(run: Run) -> Result:
    """Write the advice that this incident calls for."""
    before = len(run.state.advice)
    for text in _called_for(run):
        run.advise(text)
    _pinned(run)
    # What the pre-commit hook looks for, where it was put in already.
    staged.remember(run.folder.parent.parent, run.state.secrets)
    return Result(DONE, f"{count(len(run.state.advice) - before, 'piece')} of advice")


def more_to_say(run: Run) -> bool:
    """Whether the incident calls for advice that was not given: the history was cleaned since."""
    return any(text not in run.state.advice for text in _called_for(run))


def _called_for(run: Run) -> Iterator[str]:
    if (run.state.rehearsed or {}).get("commits_rewritten"):
        yield (
            "Every other clone still holds the secrets. The note for everybody who has one, and the map "
            "that goes with it: remediate show --commit-map FILE. Whoever has unpublished work runs "
            "remediate rescue FILE, anybody else clones afresh; nobody merges an old branch back."
        )
    if any(is_dotenv(path) for path in _paths(run)):
        yield (
            "A .env file was committed. Add it to .gitignore, and keep an .env.example without values: "
            "remediate prevent proposes both."
        )
    if run.state.secrets:
        yield (
            "Keep it from coming back: remediate prevent puts in hooks and proposes patches; on a server "
            "of your own, remediate prevent --server PATH. Switch on push protection where the host has it."
        )


def _paths(run: Run) -> set[str]:
    return {loc.path for s in run.state.secrets.values() for loc in s.locations if loc.path}


def _pinned(run: Run) -> None:
    """Name the files that name old commits: they point at what is not there any more."""
    rehearsal = rounds.together(run)
    if rehearsal is None:
        return
    pinned = pins(run.repo, rehearsal.commits)
    for pin in pinned.found[:_NAMED]:
        new = rehearsal.commits[pin.commit]
        where = "" if pin.ref == "HEAD" else f" ({pin.ref})"
        run.advise(
            f"{pin.path}{where} names the old commit {pin.commit[:12]}; it is {new[:12]} now."
        )
    if pinned.unseen:
        run.advise(
            f"{count(pinned.unseen, 'older branch', 'older branches')} may name old commits in files: "
            "look with git grep -E '[0-9a-f]{40}' BRANCH, and remediate show --commit-map FILE."
        )


STAGE = Stage("prevent", 90, "Keep it from coming back", act, again=more_to_say)
