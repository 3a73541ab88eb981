"""``remediate rescue``: in an old clone, unpublished work moves onto the new history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import Flags, installation, intake, repository
from remediate.errors import DeclinedError, ExitStatus, RepositoryError, UsageError
from remediate.wording import bent, count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from remediate.clones.rescue import Plan, Rescued
    from remediate.history.model import Needle
    from remediate.history.repo import Repo
    from remediate.incident.opening import Installation
    from remediate.incident.policy import Policy


def rescue(
    commit_map: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MAP]", help="The commit map that you were sent (remediate show --commit-map)."
        ),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(metavar="REPORT", help="The scanner's report, where the map is not enough."),
    ] = None,
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    yes: o.Yes = False,
    no_undo: o.NoUndo = False,
    key_file: o.KeyFile = None,
    json: o.Json = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
) -> None:
    """Move unpublished work in an old clone onto the new history, and let nothing old back.

    Example: remediate rescue commit-map
    """
    from remediate.clones import rescue as clones
    from remediate.history.commitmap import read_map
    from remediate.incident.opening import load_policy

    console = Console(as_json=json, plain=plain, quiet=quiet)
    where, here = repository(repo), installation()
    rules = load_policy(Flags(repo=repo, policy=policy).options(), where)
    folder = clones.folder_of(here.home.path, where)
    if commit_map is None and report is None:
        raise UsageError(
            "Neither a commit map nor a report was given, so what is old can't be told.",
            hint="Ask whoever cleaned the history: remediate show --commit-map FILE",
        )
    commits = read_map(commit_map) if commit_map is not None else {}
    cut_off = clones.begun(folder)
    if cut_off is None:
        console.note(f"Fetching {rules.remote}")
        clones.fetch(where, rules.remote)
    needles = _needles(where, here, rules, commits, report)
    if cut_off is None and not needles:
        _nothing(console, where, commits)
        return
    plan = None
    if cut_off is None:
        console.note("Rehearsing the same rewrite over this clone")
        plan = clones.plan_rescue(where, needles, commits, folder)
        _confirm(console, plan, yes=yes, backup=key_file is not None and not no_undo)
    rehearsal = cut_off or (plan.rehearsal if plan else None)
    assert rehearsal is not None
    archive = folder / "backup.age"
    done = clones.carry_out(
        where,
        rehearsal,
        needles,
        folder,
        recipients=_recipients(folder, key_file) if not no_undo else (),
        archive=archive if key_file is not None and not no_undo else None,
    )
    clones.fetch_tags(where, rules.remote)
    left = clones.still_old(where, commits)
    guard = _guard(where, rehearsal.doomed, commits)
    data = _document(plan, done, left, archive if archive.exists() else None, guard)
    if json:
        console.document(data)
    else:
        _show(console, data)
    raise typer.Exit(int(ExitStatus.DONE if data["clean"] else ExitStatus.REMNANTS))


def _needles(
    where: Repo, here: Installation, rules: Policy, commits: Mapping[str, str], report: str | None
) -> Sequence[Needle]:
    from remediate.clones.derive import removed_values
    from remediate.incident.intake import UNKNOWN_KIND
    from remediate.plugins.registry import providers

    kinds = {kind.name for provider in providers for kind in provider.kinds} | {UNKNOWN_KIND}
    told = removed_values(where, commits, rules.replacement, kinds, here.key)
    found = {needle.id: needle for needle in told}
    if report is not None:
        found |= {n.id: n for n in intake(report, where, here).needles(rules.replacement)}
    return list(found.values())


def _nothing(console: Console, where: Repo, commits: Mapping[str, str]) -> None:
    """Nothing to do, or nothing that can be told: which of the two."""
    from remediate.clones.rescue import still_old

    left = still_old(where, commits)
    if left:
        raise RepositoryError(
            f"This clone has {count(len(left), 'old commit')}, and what was removed from them can't be told: "
            "the new history is not here, or it names no REMOVED-<kind>.",
            hint="Look at git fetch; or give the report too: remediate rescue MAP --report REPORT",
        )
    guard = _guard(where, (), commits)
    if console.as_json:
        console.document({"clean": True, "moved": {"refs": 0, "commits": 0}, "guard": guard})
    else:
        console.say(
            "This clone has nothing of the old history. Nothing was to be done.", style="bold"
        )


def _confirm(console: Console, plan: Plan, *, yes: bool, backup: bool) -> None:
    from remediate.cli.prompts import asks

    kept = "" if backup else " No backup is made (give --key-file FILE for one)."
    for what in plan.under_way:
        console.note(f"Under way, and moved as it is: {what}")
    if not asks(console, yes=yes).confirm(
        f"Move {count(len(plan.rehearsal.refs), 'ref')} and {count(len(plan.own), 'unpublished commit')} "
        "of yours onto the "
        "new history?",
        option="--yes",
        default=True,
        why=f"Rehearsed already: {count(plan.published, 'published commit')} got exactly what the map "
        f"gives as new id. The old objects leave this clone; your work tree stays.{kept}",
    ):
        raise DeclinedError(
            "Nothing was changed: you said no. This clone still holds the secret; do not push from it.",
            hint="When you are ready: remediate rescue MAP",
        )


def _recipients(folder: Path, key_file: Path | None) -> list[Any]:
    from remediate.incident import sealing

    if key_file is None:
        return []
    key = sealing.read_key_file(key_file)
    if sealing.exists(folder):
        return [sealing.unlock(folder, key, name=folder.name).recipient]
    made = sealing.make(folder, key, name=folder.name)
    return [made.recipient] if made is not None else []


def _guard(where: Repo, doomed: Sequence[str], commits: Mapping[str, str]) -> str:
    """The hook that lets nothing old back into this clone; where it is."""
    from remediate.prevention import hooks, oldids

    olds = {*doomed, *(old for old, new in commits.items() if old != new)} - {*commits.values()}
    if not olds:
        return ""
    oldids.add(where.common_dir / hooks.FOLDER / oldids.NAME, olds)
    (where.common_dir / hooks.FOLDER / hooks.STRICT).touch()
    return str(hooks.install(hooks.folder(where.git_dir), "reference-transaction").path)


def _document(
    plan: Plan | None, done: Rescued, left: list[str], backup: Path | None, guard: str
) -> dict[str, Any]:
    from remediate.stages.verdicts import verdict_data

    verdict = verdict_data(done.verdict)
    return {
        **verdict,
        "clean": done.verdict.clean and not left and not done.kept,
        "moved": {"refs": done.refs, "commits": len(plan.own) if plan else None},
        "under_way": list(plan.under_way) if plan else [],
        "removed": done.removed,
        "left_alone": list(done.left_alone),
        "notes": list(done.notes),
        "kept": [*done.kept, *left],
        "backup": str(backup) if backup else None,
        "guard": guard,
    }


def _show(console: Console, data: Mapping[str, Any]) -> None:
    own = data["moved"]["commits"]
    console.say(
        f"Moved {count(data['moved']['refs'], 'ref')}"
        + (f" and {count(own, 'commit')} of yours" if own is not None else "")
        + f"; {count(data['removed'], 'old object')} {bent(data['removed'], 'is', 'are')} gone."
    )
    for what in data["under_way"]:
        console.say(f"  {what} is as it was: go on with it.")
    for path in data["left_alone"]:
        console.say(
            f"  NOT moved: {path} holds the secret and you are working on it. Take it out there."
        )
    for note in data["notes"]:
        console.say(f"  {note}")
    for kept in data["kept"]:
        console.say(f"  STILL HERE: {kept}")
    for remnant in data["remnants"]:
        where = remnant.get("path") or remnant.get("object")
        console.say(f"  LEFT: {remnant['where']} {where} [{remnant['encoding']}]")
    for thing in data["unreadable"]:
        console.say(f"  COULD NOT BE READ: {thing['what']}: {thing['reason']}")
    if data["backup"]:
        console.say(f"  Backup, encrypted: {data['backup']}")
    if data["guard"]:
        console.say(f"  Old history is refused from here on: {data['guard']}")
    console.say(
        "Clean: go on working, and push as usual." if data["clean"] else "NOT clean: see above.",
        style="bold",
    )
