"""Triage: a first look for what a thief would have left behind, before anything new is issued."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from remediate.incident.run import Run
from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held, Triages
from remediate.stages.askingall import Ask, ask_each
from remediate.stages.authority import may_act
from remediate.stages.holders import look_for_holders
from remediate.stages.interface import DONE, Result, Stage
from remediate.wording import count


def act(run: Run) -> Result:
    """Look, and write down. `recover` issues nothing for an owner with footholds."""
    since = exposed_since(run)
    asks: list[tuple[Credential, Ask]] = []
    looked: list[Credential] = []
    ours = [c for c in run.credentials() if may_act(run, c) is None]
    for credential in ours:
        provider = run.provider(credential)
        if not isinstance(provider, Triages):
            continue
        looked.append(credential)
        if run.knows("footholds", credential) is None:
            asks.append((credential, functools.partial(_triage, provider, since)))
    ask_each(run, "footholds", "triage", asks)
    signs = sum(bool(footholds(run, credential.id)) for credential in looked)
    used = look_for_holders(run, ours)
    text = f"looked at {count(len(looked), 'credential')}; {signs} with signs of a foothold"
    more = f"; {count(used, 'place')} at a vendor to be given the new value" if used else ""
    return Result(DONE, text + more)


def _triage(provider: Triages, since: str | None, held: Held, vendor: VendorContext) -> Facts:
    return provider.triage(held, since, vendor)


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
