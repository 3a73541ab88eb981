"""Preserve: what dies with a credential is written down before it dies. Seconds, never delaying it."""

from __future__ import annotations

from remediate.incident.run import Run
from remediate.plugins.provider import Preserves
from remediate.stages.authority import may_act
from remediate.stages.interface import DONE, Result, Stage


def act(run: Run) -> Result:
    """Ask each provider, once, for what can't be asked afterwards."""
    kept = 0
    for credential in run.credentials():
        provider = run.provider(credential)
        if not isinstance(provider, Preserves) or may_act(run, credential) is not None:
            continue
        if run.knows("preserved", credential) is None:
            facts = provider.preserve(run.held(credential, "preserve"), run.vendor(credential))
            run.learn("preserved", facts, credential)
        kept += 1
    return Result(DONE, f"what dies with {kept} credentials is written down")


STAGE = Stage("preserve", 20, "Save what dies with the credential", act, vendors=True)
