"""What came of a push, ref by ref, and what the push could not take in."""

from __future__ import annotations

import functools
from collections.abc import Collection

from remediate.clock import utc_now
from remediate.history import remote
from remediate.history.publish import HOSTS_OWN, PushedRef, PushPlan, RemoteRef
from remediate.history.remote import Cause
from remediate.incident.run import Run
from remediate.model import ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status


def key(run: Run, plan: PushPlan, ref: str, end: str) -> str:
    """An effect's key: a mirror's has its name in it."""
    where = "" if plan.remote == run.policy.remote else f"{plan.remote}:"
    return f"push/{where}{ref}/{end}"


def outcome(ref: PushedRef, old: str) -> Outcome:
    """How the push of one ref, from *old*, ended: for the journal."""
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
    told = remote.NEXT.get(ref.cause) if ref.cause is not None else None
    return Outcome(status, summary, reason=f"{ref.why} {told}" if told else ref.why, data=data)


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


def caught_up(run: Run, plan: PushPlan, arrived: Collection[str]) -> None:
    """Settle what was meant, refused or cut off before, and is where it belongs by now.

    *arrived*: the refs that are at the new value by now. The effect of an earlier attempt, which
    wanted another value there, would else never end. A ref of the host's own is where it belongs
    once the host has taken it off the old commit.
    """
    ours = key(run, plan, "", "").removesuffix("/")
    changed = {change.name for change in plan.changes}
    for effect in list(run.state.effects.values()):
        ended = effect.outcome is not None and effect.outcome.status.settled
        mine = effect.key.startswith(f"{ours}{effect.subject}/")
        there = effect.subject in arrived
        off = HOSTS_OWN.match(effect.subject) and effect.subject not in (*changed, *plan.stuck)
        if effect.action == "push" and mine and (there or off) and not ended:
            seen = f"{effect.subject} is at its new value on the remote"
            if not there:
                seen = f"{effect.subject} is not at an old commit any more"
            run.effect(
                "push",
                effect.subject,
                functools.partial(Outcome, Status.UNCHANGED, seen, data={"ref": effect.subject}),
                key=effect.key,
            )


def unseen(plan: PushPlan) -> list[RemoteRef]:
    """The refs that a fetch has to bring first.

    Not those that the host makes itself: no fetch brings a fork's pull request, and the verification
    of the remote looks into it all the same.
    """
    return [ref for ref in (*plan.moved, *plan.unknown) if not HOSTS_OWN.match(ref.name)]


def left(run: Run, plan: PushPlan) -> None:
    """What the plan could not take in: pushes since the preview, and refs nobody fetched."""
    keys = {ref.name: key(run, plan, ref.name, "unseen") for ref in unseen(plan)}
    for name, where in keys.items():
        run.effect("push", name, functools.partial(_unseen, name, plan.remote), key=where)
    for effect in list(run.state.effects.values()):
        waiting = effect.outcome is not None and effect.outcome.status is Status.MANUAL
        mine = effect.key == key(run, plan, effect.subject, "unseen")
        if waiting and mine and effect.subject not in keys:
            run.effect(
                "push",
                effect.subject,
                lambda: Outcome(Status.UNCHANGED, "This clone has seen it now"),
                key=effect.key,
            )
    for name in plan.stuck:
        run.advise(f"{name} on the remote is at an object that has no successor; delete it there.")
