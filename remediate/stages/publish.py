"""Publish: the rewritten refs onto the remotes, each with a lease, and the remotes verified afresh."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.errors import DeclinedError
from remediate.history import remote
from remediate.history.edits import Clean
from remediate.history.lfs import push_lfs
from remediate.history.matcher import cleaner
from remediate.history.publish import HOSTS_OWN, PushPlan, plan_push, push
from remediate.history.snapshot import keep_remote
from remediate.incident.home import private_folder
from remediate.incident.run import Run
from remediate.model import ManualStep
from remediate.plugins.host import Change
from remediate.plugins.outcome import Outcome, Status
from remediate.stages import hosting, pushed, rounds
from remediate.stages.aftermath import aftermath, verify_remotes
from remediate.stages.hosting import Hosted
from remediate.stages.interface import DONE, WAITING, Result, Stage
from remediate.stages.newvalues import found_again, look_for_new_values
from remediate.stages.remotes import published_to
from remediate.stages.sweeping import Swept, sweep, sweeps
from remediate.stages.vouching import AFTER_PUSH, judged
from remediate.wording import bent, count

_MOST_NAMED = 5
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
    arrived = 0
    plans: dict[str, PushPlan] = {}
    swept: dict[str, Swept] = {}
    if not run.options.offline:
        hosting.supersede(run)
    if rehearsal is not None:
        planned = _PLANNED.pop(run, {})
        for name in names:
            plans[name] = planned.get(name) or plan_push(run.repo, rehearsal, name, _clean(run))
            number, whole = _publish(run, plans[name])
            arrived += number
            if whole:
                swept[name] = sweep(run, name, hosting.host_of(run, name), rehearsal)
    verify_remotes(run, names)
    later = aftermath(run, plans, rehearsal, swept) if rehearsal is not None else ""
    found = judged(run, AFTER_PUSH)
    open_ones = any(
        e.action in ("push", "push-lfs", hosting.PUT_BACK)
        and e.outcome is not None
        and not e.outcome.status.settled
        for e in run.state.effects.values()
    )
    # Once more: what was deployed meanwhile may have been committed, or stand in the work tree.
    nowhere = look_for_new_values(run)
    if found is not None and found.status != DONE:
        return Result(WAITING, f"the remote is {found.summary}", later)
    if not nowhere:
        seen = "is clean" if found is None else f"was searched ({found.summary})"
        said = f"the remote {seen}; a new value stands where it does not belong"
        return Result(WAITING, said, later)
    if open_ones:
        return Result(WAITING, f"{count(arrived, 'ref')} pushed; some were not", later)
    seen = "a fresh clone of the remote is clean"
    if found is not None:
        seen = f"in a fresh clone of the remote {found.summary}"
    return Result(DONE, f"{count(arrived, 'ref')} pushed; {seen}", later)


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
            if plan.changes and sweeps(run, hosted):
                lines.append(f"after the push, for good: have {plan.url} drop the old blobs")
    return lines


def _clean(run: Run) -> Clean:
    """Tells which names of refs hold a secret."""
    return cleaner(run.needles())


def _publish(run: Run, plan: PushPlan) -> tuple[int, bool]:
    """One remote: looked at, backed up, pushed to: how many refs are where they belong, whether all are."""
    hosted = hosting.host_of(run, plan.remote)
    names = [change.name for change in plan.refs]
    changes: list[Change] = []
    if hosted is not None and names:
        hosting.look(run, plan.remote, hosted, names)
        changes = hosting.wanted(run, plan.remote, hosted, names)
    _confirm(run, plan, hosted, changes)
    arrived, whole = set(plan.done), not plan.changes
    if plan.changes:
        _keep(run, plan)
        if _lfs(run, plan):
            with hosting.making_way(run, hosted, changes):
                ended = _push(run, plan)
            arrived |= {name for name, outcome in ended.items() if outcome.status.settled}
            # A ref of the host's own is for the host to move, and holds nothing up.
            whole = all(
                outcome.status.settled or HOSTS_OWN.match(name) for name, outcome in ended.items()
            )
    pushed.caught_up(run, plan, arrived)
    pushed.left(run, plan)
    return len(arrived), whole and not plan.stuck and not pushed.unseen(plan)


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
    for topic, one, many in (
        ("pulls", "open pull request is affected", "open pull requests are affected"),
        ("forks", "fork keeps the old history", "forks keep the old history"),
    ):
        found = facts.known.get(topic) if facts is not None else None
        if isinstance(found, list | tuple) and found:
            why += f"\n{count(len(found), one, many)}: {_named(found)}."
    if changes:
        why += f"\nFor the push, and put back after it: {'; '.join(c.title for c in changes)}."
    if sweeps(run, hosted):
        why += (
            "\nAfter it the host is told to drop the old files from all that it keeps, by their ids. That "
            "can't be taken back; it is done only where nothing that was pushed changes by it."
        )
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


def _named(rows: Sequence[object]) -> str:
    """The first few of what a host listed, by its own names."""
    shown = [str(row.get("id")) for row in rows[:_MOST_NAMED] if isinstance(row, Mapping)]
    more = len(rows) - _MOST_NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


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


def _push(run: Run, plan: PushPlan) -> Mapping[str, Outcome]:
    """Push what has to be; what came of each ref."""
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
        return {ref.name: pushed.outcome(ref, changes[ref.name].old) for ref in results}

    # No reconcile: `push` takes a ref at its new value for done, and every ref has its lease.
    keys = {name: pushed.key(run, plan, name, change.new) for name, change in changes.items()}
    return run.effects(keys, "push", send)


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
