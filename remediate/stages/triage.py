"""Triage: a first look for what a thief would have left behind, before anything new is issued."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from remediate.errors import Error
from remediate.incident.policy import CredentialPolicy
from remediate.incident.rows import Topic
from remediate.incident.run import Run
from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held, Triages, TriagesTogether
from remediate.stages.askingall import Ask, ask_each, unseen
from remediate.stages.authority import may_act
from remediate.stages.holders import look_for_holders
from remediate.stages.interface import DONE, Result, Stage
from remediate.wording import count


def act(run: Run) -> Result:
    """Look, and write down. `recover` issues nothing for an owner with footholds."""
    since = exposed_since(run)
    asks: list[tuple[Credential, Ask]] = []
    together: dict[tuple[str, CredentialPolicy], list[Credential]] = {}
    looked: list[Credential] = []
    ours = [c for c in run.credentials() if may_act(run, c) is None]
    for credential in ours:
        provider = run.provider(credential)
        if not isinstance(provider, Triages):
            continue
        looked.append(credential)
        if run.knows(Topic.FOOTHOLDS, credential) is not None:
            continue
        if isinstance(provider, TriagesTogether):
            same = (provider.name, run.policy.for_credential(credential))
            together.setdefault(same, []).append(credential)
        else:
            asks.append((credential, functools.partial(_triage, provider, since)))
    for batch in together.values():
        _look_at_all(run, batch, since)
    ask_each(run, Topic.FOOTHOLDS, "triage", asks)
    signs = sum(bool(footholds(run, credential.id)) for credential in looked)
    used = look_for_holders(run, ours)
    text = f"looked at {count(len(looked), 'credential')}; {signs} with signs of a foothold"
    text += unseen(run, Topic.FOOTHOLDS, looked)
    more = f"; {count(used, 'place')} at a vendor to be given the new value" if used else ""
    return Result(DONE, text + more)


def _look_at_all(run: Run, batch: Sequence[Credential], since: str | None) -> None:
    """Several of one provider and one policy: what belongs to none of them alone is read once."""
    provider = run.provider(batch[0])
    assert isinstance(provider, TriagesTogether)
    held = run.held_all(batch, "triage")
    try:
        told = provider.triage_all(held, since, run.vendor(batch[0]))
    except Error:
        raise
    except Exception as error:
        # Its text may hold a value.
        why = {Topic.FOOTHOLDS: f"a fault inside remediate ({type(error).__name__})"}
        told = {credential.id: Facts(unknown=why) for credential in batch}
    run.learn_all(Topic.FOOTHOLDS, [(credential, told[credential.id]) for credential in batch])


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
