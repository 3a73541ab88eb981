"""Who uses the old value: what stands beside the stores of its successor, before anything is written there.

A store knows its own place alone. Another place that holds the same value, or a secret of the same name that shows
its value to nobody, is named: whether it gets the new one is a person's to say.
"""

from __future__ import annotations

from collections.abc import Mapping

from remediate.incident.run import Run
from remediate.model import Credential, Json
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.registry import stores
from remediate.plugins.store import FindsUses
from remediate.stages.targets import target

TOPIC = "uses"
MOST = 10
"""Places that are told one by one."""


def look_for_uses(run: Run, credential: Credential) -> None:
    """Ask each store of *credential* once that can tell; write it down, and advise."""
    if run.knows(TOPIC, credential) is not None:
        return
    specs = run.policy.for_credential(credential).stores
    found: dict[str, Mapping[str, Json]] = {}
    unknown: dict[str, str] = {}
    seen: list[Evidence] = []
    asked = False
    for spec in specs:
        where = target(spec, run.repo.work_tree or run.repo.git_dir)
        store = stores.get(where.scheme)
        if not isinstance(store, FindsUses):
            continue
        asked = True
        held = run.held(credential, "looking who uses it")
        told = store.uses(where, held.values, run.vendor(credential))
        rows = told.known.get("uses")
        for row in rows if isinstance(rows, list | tuple) else ():
            if isinstance(row, Mapping) and not _named(str(row.get("spec") or ""), specs):
                found.setdefault(str(row.get("where")), row)
        unknown |= {f"{name}, of {spec}": why for name, why in told.unknown.items()}
        seen += told.evidence
    if not asked:
        return
    uses: list[Json] = [dict(row) for row in found.values()]
    run.learn(TOPIC, Facts({TOPIC: uses}, unknown, tuple(seen)), credential)
    for row in list(found.values())[:MOST]:
        sure = "holds" if row.get("sure") is True else "may hold"
        if not row.get("workflow"):
            run.advise(
                f"{row.get('where')} {sure} the old value of {credential.id} ({row.get('what')}), and is no store of "
                "its successor: name it in the policy, or see to it."
            )


def _named(spec: str, specs: tuple[str, ...]) -> bool:
    """Whether a place is itself one that gets the new value."""
    return bool(spec) and any(one == spec or one.startswith(f"{spec}=") for one in specs)
