"""Triage: a first look for what a thief would have left behind, before anything new is issued."""

from __future__ import annotations

from collections.abc import Mapping

from remediate.incident.run import Run
from remediate.plugins.provider import Triages
from remediate.stages.authority import may_act
from remediate.stages.interface import DONE, Result, Stage
from remediate.wording import count


def act(run: Run) -> Result:
    """Look, and write down. `recover` issues nothing for an owner with footholds."""
    since = exposed_since(run)
    looked = signs = 0
    for credential in run.credentials():
        provider = run.provider(credential)
        if not isinstance(provider, Triages) or may_act(run, credential) is not None:
            continue
        if run.knows("footholds", credential) is None:
            held = run.held(credential, "triage")
            run.learn("footholds", provider.triage(held, since, run.vendor(credential)), credential)
        looked += 1
        signs += bool(footholds(run, credential.id))
    return Result(
        DONE, f"looked at {count(looked, 'credential')}; {signs} with signs of a foothold"
    )


def exposed_since(run: Run) -> str | None:
    """When the leak was first out, else when it came in, else None (RFC 3339)."""
    facts = run.knows("exposure")
    if facts is None:
        return None
    since = facts.known.get("first_out") or facts.known.get("introduced")
    return since if isinstance(since, str) else None


def footholds(run: Run, credential_id: str) -> list[str]:
    """What was found at the credential's owner that a thief may have left there."""
    facts = run.state.facts.get((credential_id, "footholds"))
    found = facts.known.get("footholds") if facts else None
    return [_told(item) for item in found] if isinstance(found, list) else []


def _told(foothold: object) -> str:
    """One as a person reads it: ``access key AKIA…, 2026-11-25T03:46:09Z: it was made after the leak``."""
    if not isinstance(foothold, Mapping):
        return str(foothold)
    named = " ".join(str(foothold[k]) for k in ("what", "id") if foothold.get(k))
    when = f", {foothold['at']}" if foothold.get("at") else ""
    why = f": {foothold['why']}" if foothold.get("why") else ""
    return f"{named}{when}{why}"


STAGE = Stage("triage", 40, "Look for footholds", act, vendors=True)
