"""Jobs that failed between the credential's death and its successor: listed, with what runs each again.

Asked of each store that has the successor now: when it had it is in the journal, and so is when the old value died,
so that it makes no difference how many days lie between. Nothing is run again here: what a job deploys
is not ours to set off. Jobs that had not ended are looked at again each time the incident is gone on with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from remediate.clock import parse, rfc3339
from remediate.errors import Error
from remediate.incident.redaction import harmless
from remediate.incident.rows import Action, Kind, Topic
from remediate.incident.run import Run
from remediate.incident.state import Effect
from remediate.model import Credential, Json
from remediate.plugins.outcome import Evidence, Facts, Status
from remediate.plugins.registry import stores
from remediate.plugins.reruns import FindsReruns, Window
from remediate.plugins.store import Target
from remediate.stages.targets import target
from remediate.stages.triage import exposed_since
from remediate.wording import count

MUTE = "this kind of store tells of no jobs that read it"
LONGEST = timedelta(days=35)
"""No job that can still be run again is older: GitHub ends a run after 35 days."""


def look_for_reruns(run: Run, credential: Credential) -> int:
    """Ask each store that has the successor of *credential*, write down, and tell; how many jobs there are.

    Not where it was done already, and another look would tell nothing more.
    """
    if not reruns_due(run, credential):
        return len(_rows(run.knows(Topic.RERUNS, credential)))
    found: list[dict[str, Json]] = []
    unknown: dict[str, str] = {}
    seen: list[Evidence] = []
    mute: list[Json] = []
    again = _lives(run, credential)
    for effect in _placed(run, credential):
        spec = effect.subject
        where = target(spec, run.repo.work_tree or run.repo.git_dir)
        store = stores.get(where.scheme)
        if not isinstance(store, FindsReruns):
            unknown[spec] = MUTE
            mute.append(spec)
            continue
        window = Window(_died(run, credential, effect), effect.ended_at or run.state.last_at)
        told = _asked(run, store, where, window, credential)
        here: list[dict[str, Json]] = [{"store": spec, **_shown(run, row)} for row in _rows(told)]
        if told.unknown:
            here += _kept(run, credential, spec, {row.get("id") for row in here})
        found += here
        unknown |= {f"{spec}: {what}": why for what, why in told.unknown.items()}
        seen += told.evidence
        again = again or told.known.get("again") is True
    if _dead_before(run, credential):
        unknown["jobs that failed before remediate came"] = (
            "it was dead already, and since when nobody told"
        )
    _tell(run, credential, found)
    rows: list[Json] = [*found]
    known: dict[str, Json] = {"reruns": rows, "again": again}
    run.learn(
        Topic.RERUNS,
        Facts(known | ({"mute": mute} if mute else {}), unknown, tuple(seen)),
        credential,
    )
    return len(found)


def reruns_due(run: Run, credential: Credential) -> bool:
    """Whether stores have the successor of *credential*, and nobody has looked, or not all had ended by then.

    Not of one that nobody meant to end: with it alive, nothing fails for it.
    """
    facts = run.knows(Topic.RERUNS, credential)
    if facts is not None:
        return facts.known.get("again") is True
    checked = run.state.outcome(f"check-new/{credential.id}")
    # A check that printed the new value is still to be mended, but it found that the value works.
    works = checked is not None and (checked.status.settled or bool(checked.data.get("printed")))
    meant = f"revoke/{credential.id}" in run.state.effects
    return works and meant and bool(_placed(run, credential))


def reruns_said(jobs: int) -> str:
    """What a stage's summary has of them; empty for none."""
    return f", {count(jobs, 'job')} to run again" if jobs else ""


def _placed(run: Run, credential: Credential) -> list[Effect]:
    """The stores that took its successor."""
    return [
        effect
        for effect in run.state.effects.values()
        if effect.action == Action.STORE
        and effect.key == f"store/{effect.subject}/{credential.id}"
        and effect.outcome is not None
        and effect.outcome.status.settled
    ]


def _died(run: Run, credential: Credential, stored: Effect) -> str:
    """From when on jobs may have failed for it: the first that was meant to end it, at the latest the new value.

    What was dead before is taken to have died when it came out: a vendor that looks for leaks ends it then.
    """
    replaced = parse(stored.ended_at or run.state.last_at)
    key = f"revoke/{credential.id}"
    meant = (row.at for row in run.rows if row.kind == Kind.INTENT and row.key == key)
    times = [replaced, *(parse(at) for at in meant)]
    if _dead_before(run, credential):
        times += _out(run)
    return rfc3339(max(min(times), replaced - LONGEST))


def _out(run: Run) -> list[datetime]:
    try:
        found = parse(exposed_since(run) or "")
    except ValueError:
        return []
    return [found] if found.tzinfo is not None else []


def _dead_before(run: Run, credential: Credential) -> bool:
    """Whether it was found dead at the first attempt; at a later one that was our own doing."""
    key = f"revoke/{credential.id}"
    killed = run.state.outcome(key)
    return killed is not None and killed.status is Status.UNCHANGED and run.attempts(key) == 1


def _lives(run: Run, credential: Credential) -> bool:
    """Whether its end is still to come, so that what holds it may fail yet."""
    killed = run.state.outcome(f"revoke/{credential.id}")
    return killed is None or not killed.status.settled


def _asked(
    run: Run, store: FindsReruns, where: Target, window: Window, credential: Credential
) -> Facts:
    try:
        return store.reruns(where, window, run.vendor(credential))
    except Error:
        raise
    except Exception as error:
        # It is for a list: a fault here stops nothing. Its text may hold a value.
        return Facts(
            {"again": True}, {"jobs": f"a fault inside remediate ({type(error).__name__})"}
        )


def _kept(run: Run, credential: Credential, spec: str, seen: set[Json]) -> list[dict[str, Json]]:
    """What an earlier look found there, and this one, which could not read all, did not."""
    earlier = _rows(run.knows(Topic.RERUNS, credential))
    return [dict(r) for r in earlier if r.get("store") == spec and r.get("id") not in seen]


def _shown(run: Run, row: Mapping[str, Json]) -> dict[str, Json]:
    """A row fit for journal and terminal: a branch, or a commit's first line, is whatever somebody typed."""
    redact = run.redactor()
    return {n: harmless(redact(v)) if isinstance(v, str) else v for n, v in row.items()}


def _tell(run: Run, credential: Credential, found: list[dict[str, Json]]) -> None:
    """An event for each that was not told before as it is now."""
    before = [
        {name: row.get(name) for name in ("store", "id", "state")}
        for row in _rows(run.knows(Topic.RERUNS, credential))
    ]
    for row in found:
        if {name: row.get(name) for name in ("store", "id", "state")} not in before:
            run.emit("rerun", credential=credential.id, **row)


def _rows(facts: Facts | None) -> list[Mapping[str, Json]]:
    found = facts.known.get("reruns") if facts is not None else None
    return [r for r in found if isinstance(r, Mapping)] if isinstance(found, list | tuple) else []
