"""Publish: the rewritten refs onto the remotes, each with a lease, and the remotes verified afresh."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.clock import utc_now
from remediate.errors import DeclinedError
from remediate.history import remote
from remediate.history.edits import Clean
from remediate.history.lfs import push_lfs
from remediate.history.matcher import cleaner
from remediate.history.publish import PushedRef, PushPlan, plan_push, push
from remediate.history.remote import Cause
from remediate.history.snapshot import keep_remote
from remediate.incident.home import private_folder
from remediate.incident.run import Run
from remediate.model import ManualStep
from remediate.plugins.host import Change
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.stages import hosting, rounds
from remediate.stages.aftermath import aftermath, verify_remotes
from remediate.stages.hosting import Hosted
from remediate.stages.interface import DONE, WAITING, Result, Stage
from remediate.stages.newvalues import found_again, look_for_new_values
from remediate.stages.remotes import published_to
from remediate.wording import bent, count

_PLANNED: weakref.WeakKeyDictionary[Run, dict[str, PushPlan]] = weakref.WeakKeyDictionary()
"""The plan that was approved is the one that is pushed, though the remote may have moved since."""


def act(run: Run) -> Result:
    """Raises `RemoteError` where a remote can't be reached, `RepositoryError` where there is no such
    remote, `DeclinedError` for a no.
    """
    names = published_to(run)
    if not names:
        return Result(DONE, "this clone has no remote: nothing to publish")
    rehearsal = rounds.together(run)
    pushed = 0
    if not run.options.offline:
        hosting.supersede(run)
    if rehearsal is not None:
        planned = _PLANNED.pop(run, {})
        for name in names:
            plan = planned.get(name) or plan_push(run.repo, rehearsal, name, _clean(run))
            pushed += _publish(run, plan)
    verify_remotes(run, names)
    later = aftermath(run, names, rehearsal) if rehearsal is not None else ""
    verdict = run.state.verified["after-push"]
    open_ones = any(
        e.action in ("push", "push-lfs", hosting.PUT_BACK)
        and e.outcome is not None
        and not e.outcome.status.settled
        for e in run.state.effects.values()
    )
    # Once more: what was deployed meanwhile may have been committed, or stand in the work tree.
    nowhere = look_for_new_values(run)
    if verdict.get("clean") is not True:
        return Result(WAITING, "the remote is NOT clean", later)
    if not nowhere:
        return Result(
            WAITING, "the remote is clean; a new value stands where it does not belong", later
        )
    if open_ones:
        return Result(WAITING, f"{count(pushed, 'ref')} pushed; some were not", later)
    return Result(
        DONE, f"{count(pushed, 'ref')} pushed; a fresh clone of the remote is clean", later
    )


def pushes(run: Run) -> list[str]:
    """The stage's plan: every ref that would be pushed, from where to where, and what is lifted."""
    rehearsal = rounds.together(run)
    if rehearsal is None:
        return []
    lines = []
    for name in published_to(run):
        plan = plan_push(run.repo, rehearsal, name, _clean(run))
        _PLANNED.setdefault(run, {})[name] = plan
        lines += [f"push to {plan.url}: {c.name} {c.old} -> {c.new}" for c in plan.changes]
        hosted = hosting.host_of(run, name)
        if hosted is not None:
            for change in hosting.wanted(run, name, hosted, [c.name for c in plan.refs]):
                lines.append(f"for the push, and put back: {change.title}")
    return lines


def _clean(run: Run) -> Clean:
    """Tells which names of refs hold a secret."""
    return cleaner(run.needles())


def _publish(run: Run, plan: PushPlan) -> int:
    """One remote: looked at, backed up, pushed to; the number of refs that are where they belong."""
    hosted = hosting.host_of(run, plan.remote)
    names = [change.name for change in plan.refs]
    changes: list[Change] = []
    if hosted is not None and names:
        hosting.look(run, plan.remote, hosted, names)
        changes = hosting.wanted(run, plan.remote, hosted, names)
    _confirm(run, plan, hosted, changes)
    pushed = len(plan.done)
    if plan.changes:
        _keep(run, plan)
        if _lfs(run, plan):
            with hosting.making_way(run, hosted, changes):
                pushed += _push(run, plan)
    _caught_up(run, plan)
    _left(run, plan)
    return pushed


def _confirm(run: Run, plan: PushPlan, hosted: Hosted | None, changes: Sequence[Change]) -> None:
    if not plan.changes:
        return
    facts = run.knows(hosting.topic(run, plan.remote)) if hosted is not None else None
    why = (
        "The remote still serves the keys' values to everybody who may read it.\n"
        "Yes: the clean history takes the old one's place there, each ref only if nobody has pushed "
        "meanwhile. Everybody who works from it has to clone it afresh, or to run `remediate rescue` "
        "in the old clone.\n"
        "No: nothing is pushed, and the remote goes on serving them.\n"
        "To take it back: not possible once somebody has fetched; what the remote had is kept "
        "encrypted beside the journal."
    )
    for topic, words in (("pulls", "open pull requests are affected"), ("forks", "forks keep it")):
        found = facts.known.get(topic) if facts is not None else None
        if isinstance(found, list | tuple) and found:
            why += f"\n{len(found)} {words}."
    if changes:
        why += f"\nFor the push, and put back after it: {'; '.join(c.title for c in changes)}."
    if not run.asks.confirm(
        f"Force-push {count(len(plan.refs), 'rewritten ref')} to {plan.url}{_also(plan)}?",
        option="--yes",
        default=True,
        why=why,
        typed=(run.repo.work_tree or run.repo.git_dir).resolve().name,
    ):
        raise DeclinedError(
            "Nothing was pushed: you said no. The remote still serves the secrets.",
            hint="When you are ready: remediate resume",
        )


def _also(plan: PushPlan) -> str:
    number = len(plan.renames)
    return f", and rename {number} whose names hold a secret" if number else ""


def _keep(run: Run, plan: PushPlan) -> None:
    """What the remote has now, encrypted beside the journal: a forced push takes it away."""
    number = rounds.current(run.state)
    path = run.folder / f"remote-{plan.remote.replace('/', '-')}-{number}.age"

    def do() -> Outcome:
        if not run.options.undo:
            return Outcome(Status.SKIPPED, "What the remote had was not kept", reason="--no-undo")
        seal = run.seal()
        if seal is None:
            return Outcome(
                Status.SKIPPED, "What the remote had was not kept", reason="there is no key"
            )
        made = keep_remote(
            remote.address(run.repo, plan.remote),
            [seal.recipient],
            path,
            private_folder(run.folder / "clone"),
            like=run.repo,
            progress=run.progress(),
        )
        if made is None:
            return Outcome(Status.UNCHANGED, "The remote is empty")
        return Outcome(
            Status.DONE,
            f"Kept {count(made.files, 'ref')} of {plan.url} and all {bent(made.files, 'it leads', 'they lead')} to, encrypted",
            data={"path": made.path, "sha256": made.sha256, "size": made.size},
        )

    run.effect("snapshot", plan.url, do, key=f"snapshot/{plan.remote}/{number}")


def _lfs(run: Run, plan: PushPlan) -> bool:
    """LFS objects first: a ref whose objects are not there breaks every checkout of it."""
    new = [change.new for change in (*plan.refs, *plan.renames)]

    def do() -> Outcome:
        done = push_lfs(run.repo, plan.remote, new)
        if not done.used:
            return Outcome(Status.UNCHANGED, "No LFS is used")
        if done.problem:
            return Outcome(
                Status.REFUSED,
                f"The LFS objects did not go up to {plan.url}, so no ref did either",
                reason=done.problem,
                manual=ManualStep(
                    id="push-lfs",
                    title="Push the LFS objects, and go on",
                    why="Refs that name LFS objects which the server lacks break every checkout.",
                    instructions=(
                        f"git lfs push --all {plan.remote}",
                        "Then: remediate resume",
                    ),
                    check="git-lfs is asked again; then the refs go up.",
                ),
            )
        return Outcome(Status.DONE, f"LFS objects are on {plan.url}")

    number = rounds.current(run.state)
    return run.effect(
        "push-lfs", plan.url, do, key=f"push-lfs/{plan.remote}/{number}"
    ).status.settled


def _push(run: Run, plan: PushPlan) -> int:
    """Push what has to be; the number of refs that are where they belong."""
    changes = {change.name: change for change in plan.changes}

    def send(names: Sequence[str]) -> Mapping[str, Outcome]:
        wanted = set(names)
        part = replace(
            plan,
            refs=tuple(c for c in plan.refs if c.name in wanted),
            host_refs=tuple(c for c in plan.host_refs if c.name in wanted),
            renames=tuple(c for c in plan.renames if c.name in wanted),
        )
        results = push(run.repo, part, clean=_clean(run), progress=run.progress()).refs
        return {ref.name: _outcome(ref, changes[ref.name].old) for ref in results}

    # No reconcile: `push` takes a ref at its new value for done, and every ref has its lease.
    keys = {name: _key(run, plan, name, change.new) for name, change in changes.items()}
    outcomes = run.effects(keys, "push", send)
    return sum(outcome.status.settled for outcome in outcomes.values())


def _key(run: Run, plan: PushPlan, ref: str, end: str) -> str:
    """An effect's key: a mirror's has its name in it."""
    where = "" if plan.remote == run.policy.remote else f"{plan.remote}:"
    return f"push/{where}{ref}/{end}"


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


def _caught_up(run: Run, plan: PushPlan) -> None:
    """Settle what was meant, refused or cut off before, and is where it belongs by now.

    The plan has no change for such a ref, so nothing else would ever end its effect.
    """
    ours = _key(run, plan, "", "").removesuffix("/")
    for effect in list(run.state.effects.values()):
        ended = effect.outcome is not None and effect.outcome.status.settled
        mine = effect.key.startswith(f"{ours}{effect.subject}/")
        if effect.action == "push" and mine and effect.subject in plan.done and not ended:
            seen = f"{effect.subject} is at its new value on the remote"
            run.effect(
                "push",
                effect.subject,
                functools.partial(Outcome, Status.UNCHANGED, seen, data={"ref": effect.subject}),
                key=effect.key,
            )


def _left(run: Run, plan: PushPlan) -> None:
    """What the plan could not take in: pushes since the preview, and refs nobody fetched."""
    keys = {ref.name: _key(run, plan, ref.name, "unseen") for ref in (*plan.moved, *plan.unknown)}
    for name, key in keys.items():
        run.effect("push", name, functools.partial(_unseen, name, plan.remote), key=key)
    for effect in list(run.state.effects.values()):
        waiting = effect.outcome is not None and effect.outcome.status is Status.MANUAL
        mine = effect.key == _key(run, plan, effect.subject, "unseen")
        if waiting and mine and effect.subject not in keys:
            run.effect(
                "push",
                effect.subject,
                lambda: Outcome(Status.UNCHANGED, "This clone has seen it now"),
                key=effect.key,
            )
    for name in plan.stuck:
        run.advise(f"{name} on the remote is at an object that has no successor; delete it there.")


STAGE = Stage(
    "publish",
    70,
    "Publish the clean history",
    act,
    needs=("clean",),
    plan=pushes,
    again=found_again,
    tidy=hosting.put_back_what_is_left,
)
