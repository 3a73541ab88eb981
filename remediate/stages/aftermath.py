"""After the push: the remotes searched as a stranger would, and what no push can take away.

A server hands old commits to whoever knows their ids until it collects its garbage, and a host shows
them on pages of its own. That is looked for each time the incident is gone on with; it stays open,
watching, until they are gone.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.clock import utc_now
from remediate.errors import Error
from remediate.history import remote
from remediate.history.byid import ById, choose, still_served
from remediate.history.commitmap import first_changed
from remediate.history.model import Rehearsal, Verdict
from remediate.history.publish import HOSTS_OWN, PushPlan
from remediate.history.remote import verify_remote
from remediate.history.repo import Repo
from remediate.history.verify import verify
from remediate.incident.home import private_folder
from remediate.incident.rows import Kind
from remediate.incident.run import Run
from remediate.incident.state import State
from remediate.incident.word import accepted
from remediate.model import Json
from remediate.plugins.host import ClosesAlerts, HasSupport, ServesById, SupportCase
from remediate.plugins.outcome import Evidence, Facts, Outcome, Status
from remediate.stages import hosting
from remediate.stages.copies import look_beside_git
from remediate.stages.sweeping import Swept, blobs
from remediate.stages.verdicts import joined, verdict_data, verified_data
from remediate.wording import bent, count

TOPIC = "by-id"
_BLOBS = 50
"""So many old blobs are named in a support's text."""


def verify_remotes(run: Run, names: Sequence[str]) -> None:
    """Clone each remote afresh, search everything that it shows, and write the verdict down."""
    verdict: Verdict | None = None
    clone = private_folder(run.folder / "clone")
    try:
        for name in names:
            found = verify_remote(
                remote.address(run.repo, name),
                run.needles(),
                clone,
                verify,
                like=run.repo,
                progress=run.progress(),
            )
            verdict = found if verdict is None else joined(verdict, found)
    finally:
        # A remote that is not clean has just been copied here.
        shutil.rmtree(clone, ignore_errors=True)
    assert verdict is not None
    run.write(Kind.VERIFIED, {"when": "after-push", **verdict_data(verdict)})
    run.emit("verified", **verified_data("after-push", verdict))


def aftermath(
    run: Run, plans: Mapping[str, PushPlan], rehearsal: Rehearsal, swept: Mapping[str, Swept]
) -> str:
    """Look for old commits by id, close alerts, ready the support's text; what is still to come.

    *plans*: what was pushed, by remote; *swept*: how far each host's own clean-up is.
    """
    for name in plans:
        look_beside_git(run, name, hosting.host_of(run, name), rehearsal)
    if not accepted(run.state, run.state.verified["after-push"]):
        # The refs come first: what they lead to is served by id for sure.
        kept = [_kept_by_host(run, plan, rehearsal, swept.get(n)) for n, plan in plans.items()]
        return "; ".join(said for said in kept if said)
    later = [said for n in plans if (said := _by_id(run, n, rehearsal, swept.get(n)))]
    _close_alerts(run, list(plans))
    return "; ".join(later)


def _kept_by_host(run: Run, plan: PushPlan, rehearsal: Rehearsal, swept: Swept | None) -> str:
    """For a remote whose own refs may lead to the secret, while ours do not any more."""
    names = [ref.name for ref in plan.host_refs] + [ref.name for ref in plan.unknown]
    kept = [name for name in names if HOSTS_OWN.match(name)]
    if not kept or swept is None:
        return ""
    said = f"{plan.url} has refs of its own ({kept[0]}) that may lead to the old history"
    ids, first, _ = old_ids(run.repo, run.state, rehearsal)
    return _ask_host(run, plan.remote, plan.url, said, first, rehearsal, swept, served=ids)


def old_ids(repo: Repo, state: State, rehearsal: Rehearsal) -> tuple[list[str], list[str], int]:
    """(ids to ask for, the first changed among all, how many are left unasked)."""
    # Of a push that a crash cut off nobody wrote down what it replaced: it was what this clone had.
    before = {_at_remote(ref.name): ref.old for ref in rehearsal.refs}
    before |= {ref.name: ref.old for ref in rehearsal.refs}
    pushed = [
        str(e.outcome.data.get("old") or before.get(e.subject))
        for e in state.effects.values()
        if e.action == "push" and e.outcome is not None
    ]
    first = [old for old, _ in first_changed(repo, rehearsal)]
    ids, unasked = choose(rehearsal, sorted(pushed), first)
    return ids, first, unasked


def _at_remote(name: str) -> str:
    """What a remote calls the branch that this clone may know by its remote-tracking name alone."""
    if name.startswith("refs/remotes/") and name.count("/") > 2:
        return "refs/heads/" + name.split("/", 3)[3]
    return name


def _by_id(run: Run, name: str, rehearsal: Rehearsal, swept: Swept | None) -> str:
    ids, first, unasked = old_ids(run.repo, run.state, rehearsal)
    if not ids:
        return ""
    url = remote.address(run.repo, name)
    shown = remote.shown(url.reveal_text())
    clone = private_folder(run.folder / "clone")
    try:
        found = still_served(
            url, ids, clone, unasked=unasked, like=run.repo, progress=run.progress()
        )
    except Error as error:
        # The clone just now went well, so this says little; it is not known, and never "gone".
        run.learn(f"{TOPIC} {name}", Facts(unknown={"old commits by id": error.message}))
        return f"nobody knows whether {shown} still serves old commits by id"
    finally:
        shutil.rmtree(clone, ignore_errors=True)
    found = _and_by_the_host(run, name, found)
    known: dict[str, Json] = {
        "served": list(found.served),
        "gone": len(found.gone),
        "unasked": found.unasked,
    }
    seen = f"{len(found.served)} of {count(len(ids), 'old commit')} handed out"
    evidence = (Evidence("git fetch by id", seen, utc_now()),)
    before = run.knows(f"{TOPIC} {name}")
    if before is None or before.known != known:
        run.learn(f"{TOPIC} {name}", Facts(known, evidence=evidence))
    return _still(run, name, shown, found, first, rehearsal, swept)


def _and_by_the_host(run: Run, name: str, found: ById) -> ById:
    hosted = hosting.host_of(run, name)
    if hosted is None or not isinstance(hosted.host, ServesById) or not found.gone:
        return found
    try:
        shown = hosted.host.still_served(hosted.url, found.gone, run.vendor())
    except Error:
        return found
    more = tuple(oid for oid in found.gone if shown.get(oid) is True)
    gone = tuple(oid for oid in found.gone if oid not in more)
    return replace(found, served=(*found.served, *more), gone=gone)


def _still(
    run: Run,
    name: str,
    shown: str,
    found: ById,
    first: Sequence[str],
    rehearsal: Rehearsal,
    swept: Swept | None,
) -> str:
    key = f"remove-by-id/{name}"
    if not found.served:
        if key in run.state.effects:
            outcome = Outcome(Status.UNCHANGED, "No old commit is handed out by id any more")
            run.effect("remove-by-id", shown, lambda: outcome, key=key)
        return ""
    said = (
        f"{shown} still hands out {count(len(found.served), 'old commit')} to whoever knows the "
        f"{bent(len(found.served), 'id')} "
        f"({found.served[0][:12]}…)"
    )
    return _ask_host(run, name, shown, said, first, rehearsal, swept, served=found.served)


def _ask_host(
    run: Run,
    name: str,
    shown: str,
    said: str,
    first: Sequence[str],
    rehearsal: Rehearsal,
    swept: Swept | None,
    *,
    served: Sequence[str],
) -> str:
    """What is to be done about *said*: nothing while the host is at it, else by its support or people."""
    if swept is not None and swept.pending:
        return f"{said}; {swept.pending}"
    hosted = hosting.host_of(run, name)
    if hosted is None or not isinstance(hosted.host, HasSupport):
        run.advise(
            f"{said}. On the server, once everybody has a new clone: git reflog expire --expire=now "
            "--all && git gc --prune=now — then: remediate resume"
        )
        return said
    case = SupportCase(
        hosted.url,
        _pulls(run, name),
        tuple(first[:20]),
        tuple(sorted(rehearsal.lfs)),
        tuple(served),
        tuple(blobs(run, rehearsal)[:_BLOBS]),
    )
    why_not = f"; by call: {swept.why_not}" if swept is not None and swept.why_not else ""
    outcome = Outcome(
        Status.MANUAL,
        f"Old commits are still served by {shown}",
        reason=said + why_not,
        manual=hosted.host.support(case),
    )
    run.effect("remove-by-id", shown, lambda: outcome, key=f"remove-by-id/{name}")
    return said


def _pulls(run: Run, name: str) -> int:
    """How many pull requests' refs lead to old commits, as far as the push or the host told."""
    facts = run.knows(hosting.topic(run, name))
    kept = [
        e
        for e in run.state.effects.values()
        if e.action == "push"
        and e.subject.startswith("refs/pull/")
        and e.outcome
        and not e.outcome.status.settled
    ]
    known = facts.known.get("pulls") if facts is not None else None
    return len(kept) or (len(known) if isinstance(known, list | tuple) else 0)


def _close_alerts(run: Run, names: Sequence[str]) -> None:
    """Close the alerts that findings came from, of credentials that are dead by now."""
    able = [h for name in names if (h := hosting.host_of(run, name)) is not None]
    if not any(isinstance(hosted.host, ClosesAlerts) for hosted in able):
        return
    for credential in run.credentials():
        killed = [
            e
            for e in run.state.effects.values()
            if e.action == "revoke" and e.subject == credential.id and e.outcome is not None
        ]
        if not killed or not all(e.outcome and e.outcome.status.settled for e in killed):
            continue
        told: dict[str, None] = {}
        for fingerprint in credential.parts.values():
            secret = run.state.secrets.get(fingerprint)
            for place in secret.locations if secret is not None else ():
                told |= {url: None for url in (place.alert, place.url) if url}
            for page in secret.placeless if secret is not None else ():
                run.advise(
                    f"The alert {page} names no place, so nobody can say that where it was seen is clean: "
                    "it stays open. Look there, and close it by hand."
                )
        for url in told:
            _close(run, able, url)


def _close(run: Run, able: Sequence[hosting.Hosted], alert: str) -> None:
    why = f"Revoked, and removed from the history ({run.state.id})."

    def do() -> Outcome:
        for hosted in able:
            if not isinstance(hosted.host, ClosesAlerts):
                continue
            try:
                done = hosted.host.close_alert(hosted.url, alert, why, run.vendor())
            except Error as error:
                return Outcome(
                    Status.UNREACHABLE, f"The alert {alert} was not closed", error.message
                )
            if done is not None:
                return done
        return Outcome(Status.UNCHANGED, "No alert of a repository that was published")

    run.effect("close-alert", alert, do, key=f"close-alert/{alert}")
