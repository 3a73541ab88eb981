"""One scan a run, shared by whichever stage needs it first. Kept in memory, never in the journal."""

from __future__ import annotations

import weakref

from remediate.history.model import Scan
from remediate.history.scan import scan as scan_history
from remediate.incident.run import Run

_SCANS: weakref.WeakKeyDictionary[Run, Scan] = weakref.WeakKeyDictionary()


def scan(run: Run) -> Scan:
    """Everything found of the leaked secrets, as the repository is now."""
    known = _SCANS.get(run)
    if known is None:
        known = _SCANS[run] = scan_history(run.repo, run.needles(), progress=run.progress())
    return known


def forget(run: Run) -> None:
    """The repository has changed: the next `scan` looks again."""
    _SCANS.pop(run, None)
    run.forget_ruled()
