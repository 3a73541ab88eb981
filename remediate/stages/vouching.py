"""What a search could not read: named, and a step for a person to look into it and to give their word.

An archive that is encrypted, or of a kind that nothing here opens, may hold the secret. So the search is never clean;
but where nothing else was found, a person who has opened it may say so, and the work goes on.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from remediate.incident.rows import Action, Thing, things
from remediate.incident.run import Run
from remediate.incident.word import accepted, vouched_for
from remediate.model import ManualStep
from remediate.plugins.outcome import Outcome, Status
from remediate.stages.interface import DONE, WAITING, Result
from remediate.wording import count, vouching

AFTER_PUSH = "after-push"
_NAMED = 10


def judged(run: Run, when: str) -> Result | None:
    """How far the newest search *when* lets its stage go: None where it is clean.

    Done where nothing was found and somebody has vouched for all that could not be read; else waiting, with a step
    where a word would do.
    """
    verdict = run.state.verified[when]
    _ask(run, when, verdict)
    if verdict.get("clean") is True:
        return None
    remnants, dark = verdict.get("remnants"), things(verdict, "unreadable")
    left = len(remnants) if isinstance(remnants, list | tuple) else 0
    number = len({thing.what for thing in dark})
    if not accepted(run.state, verdict):
        said = f"NOT clean: {count(left, 'remnant')}, {count(number, 'thing')} could not be read"
        return Result(WAITING, said)
    known = vouched_for(run.state)
    return Result(DONE, vouching(number, (known[thing].by for thing in dark)))


def _ask(run: Run, when: str, verdict: Mapping[str, Any]) -> None:
    """A step for exactly what nobody has vouched for yet; none where something was found, for then that comes first."""
    known = vouched_for(run.state)
    dark = things(verdict, "unreadable")
    asked = sorted({thing for thing in dark if thing.nameable and thing not in known}, key=str)
    key = ""
    if asked and not verdict.get("remnants"):
        digest = hashlib.sha256(json.dumps([thing.data() for thing in asked]).encode()).hexdigest()
        key = f"{Action.VOUCH}/{when}/{digest[:16]}"
    for effect in list(run.state.effects.values()):
        waits = effect.outcome is not None and effect.outcome.status is Status.MANUAL
        if effect.action == Action.VOUCH and effect.subject == when and waits and effect.key != key:
            run.leave(
                effect, "Other things than these can't be read now", "the search was made anew"
            )
    if key:
        outcome = _step(run, when, asked, digest[:8])
        run.effect(Action.VOUCH, when, functools.partial(_same, outcome), key=key)


def _same(outcome: Outcome) -> Outcome:
    return outcome


def _step(run: Run, when: str, asked: Sequence[Thing], digest: str) -> Outcome:
    by_name: dict[str, list[str]] = {}
    for thing in asked:
        by_name.setdefault(thing.what, []).append(thing.reason)
    number = len(by_name)
    named = [f"{what} ({'; '.join(reasons)})" for what, reasons in by_name.items()]
    more = number - _NAMED
    objects = [what.rsplit(" ", 1)[-1] for what in by_name if "object " in what]
    return Outcome(
        Status.MANUAL,
        f"{count(number, 'thing')} could not be read",
        reason="nothing was found elsewhere; what is in there nobody knows",
        data={"things": [thing.data() for thing in asked]},
        manual=ManualStep(
            id=f"vouch-{digest}",
            title=f"Look into {count(number, 'thing')} that remediate can't read",
            why="Nothing was found, but what can't be opened may hold the secret, so nobody here calls it clean.",
            instructions=(
                *named[:_NAMED],
                *([f"and {more} more, which the record names"] if more > 0 else []),
                *_open(run, when, objects),
                "Open each with tools of your own, and look for the secret in it.",
                *_remove(run, objects),
                (
                    "Where it is in none of them, give your word. It holds for exactly these: what changes, or "
                    "comes later, is asked for anew."
                ),
            ),
            on_word=True,
        ),
    )


def _open(run: Run, when: str, objects: Sequence[str]) -> list[str]:
    """How to get at an object's bytes."""
    if not objects:
        return []
    if when != AFTER_PUSH:
        return [f"An object's content: git cat-file blob {objects[0]} > FILE"]
    return [
        f"From a new clone of the remote: git clone --mirror {_remote(run)} FOLDER",
        f"An object's content: git -C FOLDER cat-file blob {objects[0]} > FILE",
    ]


def _remove(run: Run, objects: Sequence[str]) -> list[str]:
    """What to do where the secret is in one. Only rewriting takes it out of history, and not by us: nobody can
    replace what they can't read."""
    said = ["Where it is in a file that is not committed: delete the file, then: remediate resume"]
    if objects:
        said += [
            (
                "Where it is in an object of the history, git rm leaves it there. Write the object's id into "
                "FILE, then: git filter-repo --force --strip-blobs-with-ids FILE"
            ),
            f"That takes the remote away from the clone; so then: git remote add origin {_remote(run)}",
            "And publish it yourself: git push --force --all origin && git push --force --tags origin",
            "Then: remediate resume",
        ]
    return said


def _remote(run: Run) -> str:
    return str(run.state.opened.get("remote") or "URL")
