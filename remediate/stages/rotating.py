"""A successor from a store that makes its values itself, where no provider can make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from remediate.incident.run import Run
from remediate.incident.state import Effect
from remediate.model import Credential, Json
from remediate.plugins.outcome import Outcome, Status
from remediate.plugins.provider import Provider, Reissued, Reissues
from remediate.plugins.registry import stores
from remediate.plugins.store import Rotates, Target
from remediate.stages.targets import target

Absorb = Callable[[Reissued], Outcome]


def rotated(run: Run, credential: Credential, key: str, absorb: Absorb) -> Outcome | None:
    """The effect that lets a store make the successor; None where none can, or it came to nothing.

    Asked only where the provider would ask a person: a provider's own successor is known to be of the
    same rights, and is there at once.
    """
    if _made_by_provider(run.provider(credential), credential):
        return None
    for spec in run.policy.for_credential(credential).stores:
        where = target(spec, run.repo.work_tree or run.repo.git_dir)
        store = stores.get(where.scheme)
        if not isinstance(store, Rotates):
            continue
        outcome = _by(run, credential, where, store, key, absorb)
        if outcome is None or outcome.status is Status.REFUSED:
            if outcome is not None:
                run.advise(f"{outcome.summary}: {outcome.reason}")
            continue
        return outcome
    return None


def _made_by_provider(provider: Provider | None, credential: Credential) -> bool:
    """Whether *provider* makes successors of such a credential without a person, or says there are none."""
    return isinstance(provider, Reissues) and not any(
        kind.name == credential.kind and kind.reissue == "manual" for kind in provider.kinds
    )


def _by(
    run: Run, credential: Credential, where: Target, store: Rotates, key: str, absorb: Absorb
) -> Outcome | None:
    vendor = run.vendor(credential)
    known = run.state.effects.get(key)
    unfinished = _asked(known, where) if known is not None and known.doubtful else None
    before = unfinished or store.before_rotation(where, vendor)
    if not before:
        return None
    held = run.held(credential, "reissue")
    detail: dict[str, Json] = {"rotation": {"store": where.spec, "before": dict(before)}}
    # No reconcile: `Rotates.rotate` is safe to repeat with the same *before*, which the intent holds.
    return run.effect(
        "reissue",
        credential.id,
        lambda: absorb(store.rotate(where, held, before, vendor)),
        key=key,
        detail=detail,
    )


def _asked(effect: Effect, where: Target) -> Mapping[str, Json] | None:
    """What was known before a rotation of that store, whose end nobody saw."""
    asked = effect.detail.get("rotation")
    if not isinstance(asked, Mapping) or asked.get("store") != where.spec:
        return None
    before = asked.get("before")
    return before if isinstance(before, Mapping) else None
