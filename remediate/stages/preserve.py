"""Preserve: what dies with a credential is written down before it dies. Seconds, never delaying it."""

from __future__ import annotations

from remediate.incident.run import Run
from remediate.model import Credential
from remediate.plugins.provider import Preserves
from remediate.stages.askingall import Ask, ask_all
from remediate.stages.authority import may_act
from remediate.stages.interface import DONE, Result, Stage
from remediate.wording import count


def act(run: Run) -> Result:
    """Ask each provider, once, for what can't be asked afterwards."""
    kept = 0
    asks: list[tuple[Credential, Ask]] = []
    for credential in run.credentials():
        provider = run.provider(credential)
        if not isinstance(provider, Preserves) or may_act(run, credential) is not None:
            continue
        kept += 1
        if run.knows("preserved", credential) is None:
            asks.append((credential, provider.preserve))
    ask_all(run, "preserved", "preserve", asks)
    return Result(DONE, f"what dies with {count(kept, 'credential')} is written down")


STAGE = Stage("preserve", 20, "Save what dies with the credential", act, vendors=True)
