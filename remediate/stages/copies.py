"""What a host keeps beside git: the wiki's repository searched, copies that its API shows named.

What was made from an old commit is a step until it is gone: the host is asked again by each resume. What
nobody can look into from here (a release's files, a package, a site) is named as not known, with its page.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from remediate.errors import Error
from remediate.history import remote
from remediate.history.model import Rehearsal, Verdict
from remediate.history.remote import verify_remote
from remediate.history.repo import Repo
from remediate.history.verify import verify
from remediate.incident.home import private_folder
from remediate.incident.rows import Action
from remediate.incident.run import Run
from remediate.model import Json, ManualStep
from remediate.plugins.host import Copies, KeepsCopies
from remediate.plugins.outcome import Facts, Outcome, Status
from remediate.secret import Secret
from remediate.stages.hosting import Hosted

_PAGES = 20
"""So many pages of a kind are named in the step; then how many more there are."""


def look_beside_git(run: Run, name: str, hosted: Hosted | None, rehearsal: Rehearsal) -> None:
    """Look for copies at the host of the remote *name*, and write down what there is."""
    if hosted is None or not isinstance(hosted.host, KeepsCopies):
        return
    _wiki(run, name, hosted)
    refs = [ref.name for ref in rehearsal.refs]
    found = hosted.host.copies(hosted.url, rehearsal.commits.keys(), refs, run.vendor())
    by_kind: dict[str, list[str]] = {}
    for one in found.found:
        by_kind.setdefault(one.kind, []).append(one.url)
    pages: dict[str, Json] = {
        kind: list(dict.fromkeys(urls))[:_PAGES] for kind, urls in by_kind.items()
    }
    run.learn(f"copies {name}", Facts(pages, found.unknown))
    bound = {one.kind for one in found.found if one.commit is not None}
    for kind in by_kind.keys() - bound:
        shown = ", ".join(str(page) for page in by_kind[kind][:_PAGES])
        run.advise(f"Nobody has searched the {kind} of {hosted.url}: {shown}. {found.how[kind]}.")
    key = f"remove-copies/{name}"
    if bound:
        step = _step(hosted, {k: v for k, v in by_kind.items() if k in bound}, found)
        said = ", ".join(f"{len(by_kind[kind])} {kind}" for kind in sorted(bound))
        outcome = Outcome(
            Status.MANUAL,
            f"{hosted.url} has copies that were made from old commits",
            reason=f"made from old commits: {said}",
            manual=step,
        )
        run.effect(Action.REMOVE_COPY, hosted.url, lambda: outcome, key=key)
    elif key in run.state.effects and not (set(found.how) & found.unknown.keys()):
        gone = Outcome(Status.UNCHANGED, "No copy that was made from an old commit is left")
        run.effect(Action.REMOVE_COPY, hosted.url, lambda: gone, key=key)


def _step(hosted: Hosted, kinds: dict[str, list[str]], found: Copies) -> ManualStep:
    lines: list[str] = []
    for kind in sorted(kinds):
        urls = list(dict.fromkeys(kinds[kind]))
        more = f" and {len(urls) - _PAGES} more" if len(urls) > _PAGES else ""
        lines += [f"{kind}: {', '.join(urls[:_PAGES])}{more}", found.how[kind]]
    return ManualStep(
        id=f"copies-{hosted.host.name}",
        title="Look through what the host made from old commits, and delete it",
        why="Logs, artifacts and deployments of old commits may show the secret, and keep their ids.",
        url=next(iter(kinds.values()))[0],
        instructions=(*lines, "Then: remediate resume"),
        check="remediate asks the host once more.",
    )


def wiki_of(repo: Repo, name: str, hosted: Hosted | None) -> Secret | None:
    """The address of the wiki beside the remote *name*, user info and all; None where its host has none."""
    if hosted is None or not isinstance(hosted.host, KeepsCopies):
        return None
    return Secret(hosted.host.wiki(remote.address(repo, name).reveal_text()))


def _wiki(run: Run, name: str, hosted: Hosted) -> None:
    """Search the wiki's git repository as the remote itself is searched; it has no other way in."""
    where = wiki_of(run.repo, name, hosted)
    assert where is not None
    shown = remote.shown(where.reveal_text())
    verdict = _searched(run, where)
    if isinstance(verdict, str):
        run.learn(f"wiki {name}", Facts(unknown={shown: verdict}))
        return
    known: dict[str, Json] = {"searched": shown, "clean": verdict.clean}
    run.learn(f"wiki {name}", Facts(known))
    key = f"remove-copies/{name}/wiki"
    if verdict.clean:
        if key in run.state.effects:
            gone = Outcome(Status.UNCHANGED, "The wiki is clean")
            run.effect(Action.REMOVE_COPY, shown, lambda: gone, key=key)
        return
    places: Sequence[str] = [r.path or str(r.object) for r in verdict.remnants[:_PAGES]]
    step = ManualStep(
        id=f"wiki-{name.replace('/', '-')}",
        title="Clean the wiki: it is a git repository of its own",
        why="Its pages, or older versions of them, hold the secret, or could not be read.",
        instructions=(
            f"git clone {shown} wiki",
            "remediate run REPORT --repo wiki",
            "Then here: remediate resume",
        ),
        check="remediate clones the wiki afresh and searches it.",
    )
    outcome = Outcome(
        Status.MANUAL,
        f"The wiki {shown} is NOT clean",
        reason=", ".join(places) or "parts of it could not be read",
        manual=step,
    )
    run.effect(Action.REMOVE_COPY, shown, lambda: outcome, key=key)


def _searched(run: Run, where: Secret) -> Verdict | str:
    """What a fresh clone holds; why there is none, where there is none to be had."""
    clone = private_folder(run.folder / "clone")
    try:
        return verify_remote(
            where, run.needles(), clone, verify, like=run.repo, progress=run.progress()
        )
    except Error as error:
        # A host says "not found" for a wiki without a page, and for one that it will not show.
        return f"there is none, or it is not shown to this user ({error.message})"
    finally:
        shutil.rmtree(clone, ignore_errors=True)
