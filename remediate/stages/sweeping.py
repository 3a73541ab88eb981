"""A host's own clean-up by call, after the push: old blobs out of what it keeps, then its garbage collected.

Three effects a remote, each asked for once: sweep, collect, and prune once the host's time of grace is
over, which is what a later `remediate resume` does. A host sweeps by rewriting every ref it has; it is asked
only where a rehearsal of that shows that nothing published would move.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from remediate.clock import parse
from remediate.errors import Error
from remediate.history import packs, remote
from remediate.history.model import Rehearsal
from remediate.history.publish import HOSTS_OWN
from remediate.history.streamed import would_move
from remediate.incident.home import private_folder
from remediate.incident.rows import Action
from remediate.incident.run import Run
from remediate.plugins.host import Sweeps
from remediate.plugins.outcome import Outcome, Status
from remediate.stages import rounds
from remediate.stages.hosting import Hosted
from remediate.wording import count


@dataclass(frozen=True)
class Swept:
    """How far a host's own clean-up is."""

    pending: str = ""
    """What has still to happen by itself or with time; empty where nothing has."""
    why_not: str = ""
    """Why it is not done by call, or that it was and was not enough."""


def blobs(run: Run, rehearsal: Rehearsal) -> list[str]:
    """The old ids of every blob that was replaced, sorted."""
    kinds = packs.types(run.repo, sorted(set(rehearsal.objects.values())))
    return sorted(old for old, new in rehearsal.objects.items() if kinds.get(new) == "blob")


def sweeps(run: Run, hosted: Hosted | None) -> bool:
    """Whether policy and host allow it at all."""
    return hosted is not None and isinstance(hosted.host, Sweeps) and run.policy.clean_up


def sweep(run: Run, name: str, hosted: Hosted | None, rehearsal: Rehearsal) -> Swept:
    """Do what of it is due now for the remote *name*, whose rewritten refs have all arrived."""
    if hosted is None or not isinstance(hosted.host, Sweeps):
        return Swept()
    if not run.policy.clean_up:
        return Swept(why_not="policy leaves the host's own clean-up alone")
    host, url = hosted.host, hosted.url
    old = blobs(run, rehearsal)
    if not old:
        return Swept(why_not="no file held it, and a host removes files alone")
    where = f"{name}/{rounds.current(run.state)}"

    def ask(action: str, do: Callable[[], Outcome]) -> Outcome:
        return run.effect(action, url, lambda: _optional(do()), key=f"{action}/{where}",
                          detail={"host": host.name, "blobs": len(old)})  # fmt: skip

    done = ask(Action.SWEEP, functools.partial(_sweep, run, name, host, url, old, rehearsal))
    if not done.status.settled:
        return Swept(why_not=done.reason)
    if done.status is Status.UNCHANGED:
        return Swept()
    done = ask(Action.COLLECT, lambda: host.collect(url, run.vendor()))
    if not done.status.settled:
        return Swept(why_not=done.reason)
    if (left := _left(done, host.settle)) is not None:
        return Swept(f"{host.name} drops them in two steps: remediate resume after {left}")
    done = ask(Action.PRUNE, lambda: host.prune(url, run.vendor()))
    if not done.status.settled:
        return Swept(why_not=done.reason)
    if (left := _left(done, host.settle)) is not None:
        return Swept(f"{host.name} is dropping them; look again after {left}: remediate resume")
    return Swept(why_not=f"{host.name} was told to drop them, and still has them")


def _sweep(
    run: Run, name: str, host: Sweeps, url: str, old: list[str], rehearsal: Rehearsal
) -> Outcome:
    summary = "The host's own clean-up was not asked for"
    why_not = _would_move(run, name, rehearsal)
    if why_not:
        return Outcome(Status.SKIPPED, summary, reason=why_not)
    return host.sweep(url, old, run.vendor())


def _would_move(run: Run, name: str, rehearsal: Rehearsal) -> str:
    """Why the host's rewrite would change what was published; empty where it would not."""
    folder = private_folder(run.folder / "streamed")
    try:
        there = remote.advertised(run.repo, name)
        refs = {
            ref: oid for ref, oid in there.items() if ref != "HEAD" and not HOSTS_OWN.match(ref)
        }
        here = packs.types(run.repo, sorted(set(refs.values()))).keys()
        if not set(refs.values()) <= here:
            return "the remote has refs that this clone does not, and its clean-up might move them"
        run.progress()("rehearsing the host's own clean-up", 0, None)
        moved = would_move(run.repo, refs, rehearsal.commits, folder)
    except Error as error:
        return error.message
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not moved:
        return ""
    return (
        f"it would give new ids to {count(len(moved), 'published ref')} ({moved[0]}), for it drops "
        "signatures and normalises commits"
    )


def _optional(outcome: Outcome) -> Outcome:
    """What a host does not do by call is done by hand: a step, no refusal of what was wanted.

    It is asked for again by the next resume.
    """
    return outcome if outcome.status.settled else replace(outcome, status=Status.SKIPPED)


def _left(done: Outcome, seconds: float) -> str | None:
    """When *seconds* after *done* is, for people; None where it is over."""
    if not done.evidence:
        return None
    until = parse(done.evidence[-1].at) + timedelta(seconds=seconds)
    return f"{until:%H:%M} UTC" if until > datetime.now(UTC) else None
