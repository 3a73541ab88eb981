"""Killing credentials: the one way in which contain (revoke-first) and recover (replace-first) do it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from remediate.incident.policy import CredentialPolicy
from remediate.incident.run import Run
from remediate.model import Credential, ManualStep
from remediate.plugins.outcome import Outcome, Status
from remediate.plugins.provider import ReplacesItself, Revokes
from remediate.stages.authority import may_act


def kill(run: Run, credentials: Sequence[Credential]) -> dict[str, Outcome]:
    """Revoke *credentials*, those of one provider and one policy together; credential id to outcome.

    One that the responder acts with is killed last: with it dead, no other could be.
    """
    results: dict[str, Outcome] = {}
    batches: dict[tuple[bool, str, CredentialPolicy], list[Credential]] = {}
    for credential in sorted(credentials, key=lambda one: _acted_with(run, one)):
        no = may_act(run, credential)
        if no is None and not isinstance(run.provider(credential), Revokes):
            no = _by_hand(credential, run.called(credential))
        if no is None:
            table = run.policy.for_credential(credential)
            batch = (_acted_with(run, credential), credential.provider, table)
            batches.setdefault(batch, []).append(credential)
        else:
            results[credential.id] = run.effect(
                "revoke", credential.id, functools.partial(_same, no), key=_key(credential)
            )
    for together in batches.values():
        results |= _batch(run, together)
    return results


def _acted_with(run: Run, credential: Credential) -> bool:
    """Whether it is the responder's own, by comparison (`remediate.stages.assess`)."""
    facts = run.knows("responder", credential)
    return facts is not None and facts.known.get("leaked") is True


def dies_replaced(run: Run, credential: Credential) -> bool:
    """Whether *credential* dies once its successor is in place, and not before.

    By policy, or where nobody else can make the successor and there is a store for it.
    """
    table = run.policy.for_credential(credential)
    if table.strategy == "replace-first":
        return True
    provider = run.provider(credential)
    if not table.stores or not isinstance(provider, ReplacesItself):
        return False
    return provider.replaces_itself(run.held(credential, "revoke"), run.vendor(credential))


def waits_unasked(run: Run, credential: Credential) -> bool:
    """Whether *credential* dies replaced though policy says that it dies first."""
    first = run.policy.for_credential(credential).strategy == "revoke-first"
    return first and dies_replaced(run, credential)


def _batch(run: Run, batch: Sequence[Credential]) -> dict[str, Outcome]:
    provider = run.provider(batch[0])
    assert isinstance(provider, Revokes)
    by_id = {credential.id: credential for credential in batch}

    def revoke(ids: Sequence[str]) -> Mapping[str, Outcome]:
        held = run.held_all([by_id[name] for name in ids], "revoke")
        return provider.revoke(held, run.vendor(by_id[ids[0]]))

    # No reconcile: `Revokes.revoke` is safe to repeat on what is dead already.
    return run.effects({c.id: _key(c) for c in batch}, "revoke", revoke)


def _same(outcome: Outcome) -> Outcome:
    return outcome


def _key(credential: Credential) -> str:
    return f"revoke/{credential.id}"


def _by_hand(credential: Credential, name: str) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"{name} has to be killed by hand",
        reason="no provider knows this kind of value",
        manual=ManualStep(
            id=f"revoke-{credential.id.replace(':', '-')}",
            title=f"Revoke {name} where it was issued",
            why="remediate does not know who issued it.",
            instructions=(
                "Find out what it opens: the places that the record names say where it was used.",
                "Change or revoke it there.",
                "Until then it stays open in the record.",
            ),
        ),
    )
