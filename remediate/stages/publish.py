"""Publish: the rewritten refs onto the remote, each with a lease, and the remote verified afresh."""

from __future__ import annotations

import functools
import shutil
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.clock import utc_now
from remediate.errors import DeclinedError
from remediate.history import remote
from remediate.history.publish import PushedRef, PushPlan, plan_push, push
from remediate.history.remote import Cause, verify_remote
from remediate.history.verify import verify
from remediate.incident.home import private_folder
from remediate.incident.rows import Kind
from remediate.incident.run import Run
from remediate.model import ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.stages import rounds
from remediate.stages.interface import DONE, WAITING, Result, Stage
from remediate.stages.newvalues import found_again, look_for_new_values
from remediate.stages.verdicts import verdict_data

_PLANNED: weakref.WeakKeyDictionary[Run, PushPlan] = weakref.WeakKeyDictionary()
"""The plan that was approved is the one that is pushed, though the remote may have moved since."""


def act(run: Run) -> Result:
    """Raises `RemoteError` where the remote can't be reached, `DeclinedError` for a no."""
    name = run.policy.remote
    if not _has_remote(run):
        return Result(DONE, "this clone has no remote: nothing to publish")
    rehearsal = rounds.together(run)
    pushed = 0
    if rehearsal is not None:
        plan = _PLANNED.pop(run, None) or plan_push(run.repo, rehearsal, name)
        _confirm(run, plan)
        pushed = _push(run, plan)
        _caught_up(run, plan)
        _left(run, plan)
    _verify(run, name)
    verdict = run.state.verified["after-push"]
    open_ones = any(
        e.action == "push" and e.outcome is not None and not e.outcome.status.settled
        for e in run.state.effects.values()
    )
    # Once more: what was deployed meanwhile may have been committed, or stand in the work tree.
    nowhere = look_for_new_values(run)
    if verdict.get("clean") is not True:
        return Result(WAITING, "the remote is NOT clean")
    if not nowhere:
        return Result(WAITING, "the remote is clean; a new value stands where it does not belong")
    if open_ones:
        return Result(WAITING, f"{pushed} refs pushed; some were not")
    return Result(DONE, f"{pushed} refs pushed; a fresh clone of the remote is clean")


def pushes(run: Run) -> list[str]:
    """The stage's plan: every ref that would be pushed, from where to where."""
    rehearsal = rounds.together(run)
    if rehearsal is None or not _has_remote(run):
        return []
    plan = _PLANNED[run] = plan_push(run.repo, rehearsal, run.policy.remote)
    changes = (*plan.refs, *plan.host_refs)
    return [f"push to {plan.url}: {c.name} {c.old} -> {c.new}" for c in changes]


def _has_remote(run: Run) -> bool:
    names = run.repo.git("remote").decode("utf-8", "surrogateescape").split("\n")
    return run.policy.remote in names


def _confirm(run: Run, plan: PushPlan) -> None:
    if not plan.refs and not plan.host_refs:
        return
    if not run.asks.confirm(
        f"Force-push {len(plan.refs)} rewritten refs to {plan.url}?",
        option="--yes",
        default=True,
        why="Everybody who works from this remote has to clone it afresh. From here on there is no "
        "undo. Each ref is pushed only if nobody has pushed there meanwhile.",
    ):
        raise DeclinedError(
            "Nothing was pushed: you said no. The remote still serves the secrets.",
            hint="When you are ready: remediate resume",
        )


def _push(run: Run, plan: PushPlan) -> int:
    """Push what has to be; the number of refs that are where they belong."""
    changes = {change.name: change for change in (*plan.refs, *plan.host_refs)}

    def send(names: Sequence[str]) -> Mapping[str, Outcome]:
        wanted = set(names)
        part = replace(
            plan,
            refs=tuple(c for c in plan.refs if c.name in wanted),
            host_refs=tuple(c for c in plan.host_refs if c.name in wanted),
        )
        results = push(run.repo, part, progress=run.progress()).refs
        return {ref.name: _outcome(ref, changes[ref.name].old) for ref in results}

    # No reconcile: `push` takes a ref at its new value for done, and every ref has its lease.
    keys = {name: f"push/{name}/{change.new}" for name, change in changes.items()}
    outcomes = run.effects(keys, "push", send)
    return sum(outcome.status.settled for outcome in outcomes.values()) + len(plan.done)


def _outcome(ref: PushedRef, old: str) -> Outcome:
    data = {"ref": ref.name, "old": old, "new": ref.new}
    if ref.pushed:
        evidence = (
            Evidence("git push --force-with-lease", f"{ref.name} at {ref.new[:12]}", utc_now()),
        )
        return Outcome(Status.DONE, f"Pushed {ref.name}", evidence=evidence, data=data)
    summary = f"{ref.name} was not pushed"
    if ref.cause is Cause.HIDDEN:
        return Outcome(Status.MANUAL, summary, ref.why, data=data, manual=_support(ref.name))
    status = Status.UNREACHABLE if ref.cause is Cause.UNREACHABLE else Status.REFUSED
    return Outcome(status, summary, reason=ref.why, data=data)


def _support(ref: str) -> ManualStep:
    return ManualStep(
        id=f"support-{ref.replace('/', '-')}",
        title=f"Ask the host's support to remove the old commits of {ref}",
        why="The host keeps this ref to itself; nobody can push there.",
        instructions=(
            (
                "Write to the host's support: the repository, the refs, and the first changed commits "
                "(the record names them)."
            ),
            "When they have done it: remediate resume",
        ),
        check="remediate clones the remote afresh and looks.",
    )


def _unseen(name: str, remote_name: str) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"{name} was left as it is on the remote",
        reason="somebody pushed there, and this clone has not seen what",
        manual=ManualStep(
            id=f"fetch-{name.replace('/', '-')}",
            title=f"Fetch {name}, and go on",
            why="Somebody pushed commits that this clone does not have; none is lost by force.",
            instructions=(f"git fetch {remote_name}", "Then: remediate resume"),
            check="The new commits are rewritten too, and pushed.",
        ),
    )


def _caught_up(run: Run, plan: PushPlan) -> None:
    """Settle what was meant, refused or cut off before, and is where it belongs by now.

    The plan has no change for such a ref, so nothing else would ever end its effect.
    """
    for effect in list(run.state.effects.values()):
        ended = effect.outcome is not None and effect.outcome.status.settled
        if effect.action == "push" and effect.subject in plan.done and not ended:
            seen = f"{effect.subject} is at its new value on the remote"
            run.effect(
                "push",
                effect.subject,
                functools.partial(Outcome, Status.UNCHANGED, seen, data={"ref": effect.subject}),
                key=effect.key,
            )


def _left(run: Run, plan: PushPlan) -> None:
    """What the plan could not take in: pushes since the preview, and refs nobody fetched."""
    for ref in (*plan.moved, *plan.unknown):
        run.effect(
            "push",
            ref.name,
            functools.partial(_unseen, ref.name, plan.remote),
            key=f"push/{ref.name}/unseen",
        )
    seen = {ref.name for ref in (*plan.moved, *plan.unknown)}
    for effect in list(run.state.effects.values()):
        waiting = effect.outcome is not None and effect.outcome.status is Status.MANUAL
        if waiting and effect.key.endswith("/unseen") and effect.subject not in seen:
            run.effect(
                "push",
                effect.subject,
                lambda: Outcome(Status.UNCHANGED, "This clone has seen it now"),
                key=effect.key,
            )
    for name in plan.stuck:
        run.advise(f"{name} on the remote is at an object that has no successor; delete it there.")


def _verify(run: Run, name: str) -> None:
    clone = private_folder(run.folder / "clone")
    try:
        verdict = verify_remote(
            remote.address(run.repo, name),
            run.needles(),
            clone,
            verify,
            like=run.repo,
            progress=run.progress(),
        )
    finally:
        # A remote that is not clean has just been copied here.
        shutil.rmtree(clone, ignore_errors=True)
    run.write(Kind.VERIFIED, {"when": "after-push", **verdict_data(verdict)})
    run.emit(
        "verified",
        when="after-push",
        clean=verdict.clean,
        remnants=len(verdict.remnants),
        unreadable=len(verdict.unreadable),
    )


STAGE = Stage(
    "publish",
    70,
    "Publish the clean history",
    act,
    needs=("clean",),
    plan=pushes,
    again=found_again,
)
