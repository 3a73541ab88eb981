"""What an auditor asks of a run beside its effects: what was allowed, and what had changed since the last.

The other half is in `remediate.incident.run`: each taking of a value out of custody, each refusal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from remediate.incident import approval
from remediate.incident.policy import Policy, changed, settings
from remediate.incident.rows import Kind, Row
from remediate.model import Json


def policy_row(policy: Policy, rows: Iterable[Row]) -> dict[str, Json]:
    """The data of a `Kind.POLICY` row for *policy*; *rows* are the journal's so far."""
    said = settings(policy)
    signers = approval.signers(policy) if policy.approve else None
    listed: dict[str, Json] | None = None
    if signers is not None:
        digest = hashlib.sha256(signers).hexdigest()
        listed = {"path": str(approval.signers_path(policy)), "sha256": digest}
    row: dict[str, Json] = {
        "source": policy.source,
        "sha256": policy.digest,
        "signers": listed,
        "settings": said,
    }
    known = list(rows)
    before = next((r.data for r in reversed(known) if r.kind == Kind.POLICY), None)
    return {**row, "changed": [*_flags(known), *(_changes(before, row) if before else [])]}


def _changes(before: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    old, new = before.get("settings"), now["settings"]
    assert isinstance(new, Mapping)
    found = changed(old if isinstance(old, Mapping) else {}, new)
    if before.get("source") != now["source"]:
        found.append(f"file: {before.get('source') or 'none'}, now {now['source'] or 'none'}")
    elif before.get("sha256") != now["sha256"] and not found:
        found.append("file: its text, not what it says")
    if before.get("signers") != now["signers"] and before.get("signers") is not None:
        found.append("the list of allowed signers")
    return found


def _flags(rows: Iterable[Row]) -> list[str]:
    """How the flags of the newest run differ from those of the run before it."""
    asked = [
        options
        for row in rows
        if row.kind in (Kind.OPENED, Kind.RESUMED)
        and isinstance(options := row.data.get("options"), Mapping)
    ]
    if len(asked) < 2:
        return []
    return [f"flag {line}" for line in changed(asked[-2], asked[-1])]
