"""Pushes rewritten refs: each with a lease on what the remote has now, and nothing else.

What has to be pushed is told by ids, not names: wherever the remote is at an object that was replaced,
it gets the successor. So branches that the clone knows only as ``refs/remotes/*`` go too, and work
that was never pushed stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from remediate.errors import RemoteError
from remediate.history import git, packs, remote
from remediate.history.edits import Clean
from remediate.history.model import Progress, RefChange, Rehearsal, no_progress
from remediate.history.remote import MEANS, Cause
from remediate.history.remotenames import rename, renamed
from remediate.history.repo import Repo

#: Refs that hosts make themselves and, as a rule, let nobody push to: tried, but apart from the rest.
HOSTS_OWN = re.compile(
    r"refs/(pull|pull-requests|merge-requests|changes|keep-around|pipelines|environments)/"
)

#: How many bytes of refspecs and leases go on one command line (Linux takes 2 MiB with the environment).
_COMMAND_LINE = 500_000

#: `git push --porcelain`: flag, refspec, summary (git-push(1), "Output").
_LINE = re.compile(r"([ +\-*!=])\t([^\t]*):([^\t]*)\t(.*)")


@dataclass(frozen=True)
class RemoteRef:
    """A ref on the remote that can't be told clean or not."""

    name: str
    oid: str
    """What it is at; the clone has no such object."""
    expected: str | None = None
    """Where the clone last saw it; None where it never did."""


@dataclass(frozen=True)
class PushPlan:
    """What a push would do. No secret in it."""

    remote: str
    """Its name in the clone."""
    url: str
    """Its address, without user info."""
    refs: tuple[RefChange, ...]
    """To be pushed: `old` is what the remote has now, and the lease."""
    host_refs: tuple[RefChange, ...]
    """The same, but of the host's own making (pull requests): most hosts refuse them."""
    done: tuple[str, ...]
    """At their new value already."""
    moved: tuple[RemoteRef, ...]
    """Somebody pushed there since the clone last saw them: fetch and preview again."""
    unknown: tuple[RemoteRef, ...]
    """The clone never fetched them; nobody can say what is in them."""
    stuck: tuple[str, ...]
    """At a doomed object that has no successor."""
    clean: int
    """How many others the remote has, none of them affected."""
    renames: tuple[RefChange, ...] = ()
    """Refs whose names hold a secret: the new name, what the old one is at, what the new one gets."""

    @property
    def changes(self) -> tuple[RefChange, ...]:
        """All that would change there."""
        return (*self.refs, *self.host_refs, *self.renames)


@dataclass(frozen=True)
class PushedRef:
    """What became of one ref."""

    name: str
    new: str
    pushed: bool
    """Whether the remote is at `new`, now or since before."""
    cause: Cause | None = None
    why: str = ""
    """One sentence for people where it was refused."""


@dataclass(frozen=True)
class PushResult:
    """What became of each ref of a plan."""

    refs: tuple[PushedRef, ...]
    atomic: bool
    """Whether the server took (or refused) the plan's `refs` as a whole."""

    @property
    def refused(self) -> tuple[PushedRef, ...]:
        """Those that the remote did not take."""
        return tuple(ref for ref in self.refs if not ref.pushed)


def plan_push(repo: Repo, rehearsal: Rehearsal, name: str, clean: Clean = bytes) -> PushPlan:
    """What the remote *name* has now, and what has to be pushed there. Pushes nothing.

    *clean* tells which names hold a secret. Raises `remediate.errors.RemoteError` where it can't be reached.
    """
    there = {ref: oid for ref, oid in remote.advertised(repo, name).items() if ref != "HEAD"}
    new = frozenset(rehearsal.objects.values())
    doomed = frozenset(rehearsal.doomed)
    here = packs.types(repo, sorted(set(there.values()))).keys()
    seen = _last_seen(repo, rehearsal, name)
    refs: list[RefChange] = []
    host_refs: list[RefChange] = []
    moved: list[RemoteRef] = []
    unknown: list[RemoteRef] = []
    done: list[str] = []
    stuck: list[str] = []
    names = renamed(there, clean)
    renames: list[RefChange] = []
    unaffected = 0
    for ref, oid in sorted(there.items()):
        if ref in names:
            if oid in rehearsal.objects or (oid in here and oid not in doomed):
                target = rehearsal.objects.get(oid, oid)
                renames.append(RefChange(names[ref], oid, target, renamed=True))
            else:
                unknown.append(RemoteRef(names[ref], oid))
        elif oid in rehearsal.objects:
            change = RefChange(ref, oid, rehearsal.objects[oid])
            (host_refs if HOSTS_OWN.match(ref) else refs).append(change)
        elif oid in new:
            done.append(ref)
        elif oid in doomed:
            stuck.append(ref)
        elif oid not in here:
            expected = seen.get(ref)
            (unknown if expected is None else moved).append(RemoteRef(ref, oid, expected))
        else:
            unaffected += 1
    return PushPlan(
        remote=name,
        url=remote.shown(remote.address(repo, name).reveal_text()),
        refs=tuple(refs),
        host_refs=tuple(host_refs),
        done=tuple(done),
        moved=tuple(moved),
        unknown=tuple(unknown),
        stuck=tuple(stuck),
        clean=unaffected,
        renames=tuple(renames),
    )


def push(
    repo: Repo, plan: PushPlan, *, clean: Clean = bytes, progress: Progress = no_progress
) -> PushResult:
    """Push each ref of *plan*, in one transaction where the server knows how.

    Never mirrors, never forces without a lease, and deletes nothing but the old name of a ref that
    gets another, which *clean* tells. Called again after a crash it takes
    refs at their new value for done. Refusals are in the result, with the cause; raises
    `remediate.errors.RemoteError` where the remote can't be reached before anything was sent.
    """
    there = remote.advertised(repo, plan.remote)
    everything = (*plan.refs, *plan.host_refs)
    arrived = {change.name for change in everything if there.get(change.name) == change.new}
    todo = [change for change in plan.refs if change.name not in arrived]
    apart = [change for change in plan.host_refs if change.name not in arrived]
    progress("pushing", 0, len(todo) + len(apart))
    atomic, refused = _push_together(repo, plan.remote, todo)
    if apart:
        for batch in _batches(apart):
            refused |= _send(repo, plan.remote, batch)[1]
    for ref, why in rename(repo, plan.remote, plan.renames, clean).items():
        if why is not None:
            refused[ref] = why
    progress("pushing", len(todo) + len(apart), len(todo) + len(apart))
    results = tuple(
        PushedRef(change.name, change.new, pushed=True)
        if (cause := refused.get(change.name)) is None
        else PushedRef(change.name, change.new, pushed=False, cause=cause, why=MEANS[cause])
        for change in plan.changes
    )
    _follow(repo, plan.remote, [change for change in everything if change.name not in refused])
    return PushResult(results, atomic)


def tracking(repo: Repo, name: str) -> Iterator[tuple[re.Pattern[str], str]]:
    """How the remote *name*'s refs are called in the clone: (pattern, template) a fetch refspec."""
    # --default goes with --get alone in git 2.39, and exit 1 says that there is none.
    raw = git.run(repo.git_dir, "config", "--get-all", f"remote.{name}.fetch", accept=(0, 1))
    for spec in raw.decode("utf-8", "surrogateescape").splitlines():
        source, colon, target = spec.removeprefix("+").partition(":")
        if colon and not spec.startswith("^"):
            pattern = re.escape(source).replace(r"\*", "(.*)")
            yield re.compile(pattern), target.replace("\\", "\\\\").replace("*", r"\1")


def _tracking_name(ref: str, names: Iterable[tuple[re.Pattern[str], str]]) -> str | None:
    found = ((pattern.fullmatch(ref), target) for pattern, target in names)
    return next((match.expand(target) for match, target in found if match), None)


def _last_seen(repo: Repo, rehearsal: Rehearsal, name: str) -> Mapping[str, str]:
    """Where the clone last saw each of the remote's refs, in the old history's ids."""
    back = {change.name: change for change in rehearsal.refs}
    ours = {ref.name: ref.oid for ref in repo.refs()}
    names = list(tracking(repo, name))
    seen = {}
    for pattern, target in names:
        # The refspec the other way round: from the clone's name to the remote's.
        prefix, _, suffix = target.partition(r"\1")
        source = pattern.pattern
        for local, oid in ours.items():
            if local.startswith(prefix) and local.endswith(suffix):
                middle = local[len(prefix) : len(local) - len(suffix)]
                theirs = re.sub(r"\\(.)", r"\1", source.replace("(.*)", middle))
                change = back.get(local)
                seen[theirs] = change.old if change and oid == change.new else oid
    return seen


def _push_together(
    repo: Repo, name: str, todo: Sequence[RefChange]
) -> tuple[bool, dict[str, Cause]]:
    """Push in one transaction, or as near to it as the server can: (whether atomic, refusals)."""
    refused: dict[str, Cause] = {}
    atomic = True
    for batch in _batches(todo):
        can, causes = _send(repo, name, batch, "--atomic")
        hidden = {ref for ref, cause in causes.items() if cause is Cause.HIDDEN}
        if can and hidden and hidden != causes.keys():
            # Nobody can push to those; the others need not stay back for them.
            refused |= dict.fromkeys(hidden, Cause.HIDDEN)
            batch = [change for change in batch if change.name not in hidden]
            can, causes = _send(repo, name, batch, "--atomic")
        if not can:
            atomic = False
            causes = _one_by_one(repo, name, batch)
        refused |= causes
    return atomic, refused


def _one_by_one(repo: Repo, name: str, batch: Sequence[RefChange]) -> dict[str, Cause]:
    """For a server without transactions: together first, then alone what one hook refused as a whole."""
    _, refused = _send(repo, name, batch)
    hooked = {Cause.HOOK, Cause.PROTECTED, Cause.PUSH_PROTECTION}
    if len(batch) > 1 and len(refused) == len(batch) and set(refused.values()) <= hooked:
        refused = {}
        for change in batch:
            refused |= _send(repo, name, [change])[1]
    return refused


def _send(
    repo: Repo, name: str, batch: Sequence[RefChange], *options: str
) -> tuple[bool, dict[str, Cause]]:
    """One ``git push``: (whether the server knows the options, the cause of each refusal)."""
    if not batch:
        return True, {}
    leases = [f"--force-with-lease={change.name}:{change.old}" for change in batch]
    refspecs = [f"{change.new}:{change.name}" for change in batch]
    done = remote.run(
        remote.place(repo),
        [
            *("push", "--porcelain", "--no-verify", "--no-follow-tags", *options, *leases),
            *("--", name, *refspecs),
        ],
        settings=[
            (f"remote.{name}.mirror", "false"),
            ("push.recurseSubmodules", "no"),
            ("push.useForceIfIncludes", "false"),
        ],
    )
    said = remote.words(done)
    if "does not support --atomic" in said or "does not support the atomic" in said:
        return False, {}
    output = done.stdout.decode("utf-8", "surrogateescape")
    told = dict(_results(output, said))
    if not done.returncode:
        return True, {ref: cause for ref, cause in told.items() if cause is not None}
    unsaid = {Cause.TOGETHER, Cause.OTHER}
    if (
        Cause.STALE in told.values()
        or any(change.name not in told for change in batch)
        or {cause for cause in told.values() if cause is not None} <= unsaid
    ):
        # Cut off in the middle, hidden from who pushes, or a race that the server does not lay at
        # any one ref's door: what the remote has now is the answer.
        told = _ask(repo, name, batch, told, _leased(output), remote.cause_of(said))
    return True, {ref: cause for ref, cause in told.items() if cause is not None}


def _results(output: str, said: str) -> Iterator[tuple[str, Cause | None]]:
    """Each ref's name and why it was refused (None: it was not)."""
    for line in output.splitlines():
        if (found := _LINE.fullmatch(line)) is None:
            continue
        flag, _, ref, summary = found.groups()
        if flag != "!":
            yield ref, None
            continue
        cause = remote.cause_of(summary)
        if cause in (Cause.HOOK, Cause.OTHER):
            # The ref's own line says little; what the hook printed says more.
            deeper = remote.cause_of(said)
            # A hook runs before any ref is looked at: what it prints of a race is another push's.
            unlike = (Cause.OTHER, Cause.TOGETHER, *((Cause.STALE,) if cause is Cause.HOOK else ()))
            cause = cause if deeper in unlike else deeper
        yield ref, cause


def _leased(output: str) -> set[str]:
    """The refs that git itself held back, for the lease on them was none."""
    lines = (_LINE.fullmatch(line) for line in output.splitlines())
    return {found[3] for found in lines if found and found[1] == "!" and "stale info" in found[4]}


def _ask(
    repo: Repo,
    name: str,
    batch: Sequence[RefChange],
    told: Mapping[str, Cause | None],
    leased: Collection[str],
    cause: Cause,
) -> dict[str, Cause | None]:
    """What became of each ref, told from what the remote shows now; *cause* where nothing else does.

    *leased*: the refs that git itself did not send, for their lease was none.
    """
    try:
        there = remote.advertised(repo, name)
    except RemoteError:
        return {change.name: told.get(change.name, cause) for change in batch}
    result: dict[str, Cause | None] = {}
    for change in batch:
        now = there.get(change.name)
        known = told.get(change.name, cause)
        if now == change.new:
            result[change.name] = None
        elif known is Cause.STALE and now == change.old:
            # Shown to who fetches, not to who pushes: for git there is nothing to lease.
            hidden = change.name in leased
            result[change.name] = Cause.HIDDEN if hidden else Cause.OTHER
        elif known in (Cause.TOGETHER, Cause.OTHER) and now != change.old:
            result[change.name] = Cause.STALE
        else:
            result[change.name] = known
    return result


def _batches(changes: Sequence[RefChange]) -> Iterator[list[RefChange]]:
    """*changes* in parts that fit on a command line."""
    batch: list[RefChange] = []
    size = 0
    for change in changes:
        length = 2 * len(change.name) + len(change.old) + len(change.new) + 40
        if batch and size + length > _COMMAND_LINE:
            yield batch
            batch, size = [], 0
        batch.append(change)
        size += length
    if batch:
        yield batch


def _follow(repo: Repo, name: str, pushed: Sequence[RefChange]) -> None:
    """Bring the clone's picture of the remote up to date."""
    names = list(tracking(repo, name))
    ours = {ref.name: ref.oid for ref in repo.refs()}
    for change in pushed:
        local = _tracking_name(change.name, names)
        if local is not None and ours.get(local) not in (None, change.new):
            repo.git("update-ref", "--no-deref", local, change.new)
