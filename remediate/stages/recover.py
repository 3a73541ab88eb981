"""Recover: issue the successor, put it where applications read it, deploy, and see that it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from remediate.errors import UsageError
from remediate.incident.rows import Kind
from remediate.incident.run import Run
from remediate.incident.state import Effect
from remediate.model import Credential, Json, ManualStep
from remediate.plugins.outcome import Outcome, Status
from remediate.plugins.provider import Accepts, Installs, Reissued, Reissues
from remediate.secret import Secret
from remediate.stages.authority import may_act
from remediate.stages.delivery import deliver, holding, recall
from remediate.stages.interface import DONE, WAITING, Result, Stage
from remediate.stages.killing import dies_replaced, kill, waits_unasked
from remediate.stages.newvalues import look_for_new_values
from remediate.stages.reruns import look_for_reruns, reruns_said
from remediate.stages.rotating import rotated
from remediate.stages.triage import footholds
from remediate.stages.uses import look_for_uses
from remediate.wording import bent, count

MOST_REISSUES = 2
"""How often a successor is asked for at most: a second time where the first was lost in a crash."""


def act(run: Run) -> Result:
    """Each credential by itself: one that waits does not hold up the others."""
    replaced = waiting = jobs = 0
    for credential in run.credentials():
        if may_act(run, credential) is not None:
            continue
        look_for_uses(run, credential)
        outcome = _successor(run, credential)
        new = run.successor(credential)
        if new is None or not outcome.status.settled:
            waiting += outcome.status is not Status.SKIPPED
            if outcome.status in (Status.MANUAL, Status.REFUSED) and waits_unasked(run, credential):
                # It was spared for a successor that no call makes any more: until a person has made one it
                # would go on living.
                kill(run, [credential])
            continue
        if not _installed(run, credential, new) or not deliver(run, credential, new):
            waiting += 1
            continue
        if dies_replaced(run, credential):
            dead = kill(run, [credential])[credential.id]
            waiting += not dead.status.settled
        jobs += look_for_reruns(run, credential)
        replaced += 1
    nowhere = look_for_new_values(run)
    text = f"{count(replaced, 'credential')} replaced"
    if waiting:
        text += f", {waiting} {bent(waiting, 'waits', 'wait')}"
    text += reruns_said(jobs)
    if not nowhere:
        return Result(WAITING, f"{text}; a new value stands where it does not belong")
    return Result(WAITING if waiting else DONE, text)


def _successor(run: Run, credential: Credential) -> Outcome:
    """The effect that issues the successor, or the manual step that stands for it."""
    key = f"reissue/{credential.id}"
    table = run.policy.for_credential(credential)
    provider = run.provider(credential)
    if not table.stores:
        return run.effect(
            "reissue", credential.id, lambda: _no_store(credential, run.called(credential)), key=key
        )
    if footholds(run, credential.id) and not table.insist:
        return run.effect("reissue", credential.id, lambda: _foothold(run, credential), key=key)
    if _lost(run, credential, key):
        # The stores first: where this is cut off, the next run still sees that not all of them have it.
        why = "the new value was in memory alone, and not every store had it yet"
        recall(run, credential, why)
        run.doubt(key, why)
        run.doubt(f"install/{credential.id}", why)
    known = run.state.outcome(key)
    if known is not None and known.status.settled and run.successor(credential) is not None:
        return known
    if known is not None and known.manual is not None and isinstance(provider, Accepts):
        handed = run.handed.get(known.manual.id)
        if handed is not None:
            return _accept(run, credential, known, provider, handed, key)
    made_there = rotated(run, credential, key, lambda made: _absorb(run, credential, made))
    if made_there is not None:
        return made_there
    if not isinstance(provider, Reissues):
        return run.effect(
            "reissue", credential.id, lambda: _by_hand(credential, run.called(credential)), key=key
        )
    held = run.held(credential, "reissue")
    vendor = run.vendor(credential)
    before = provider.before_reissue(held, vendor)

    def make() -> Outcome:
        return _absorb(run, credential, provider.reissue(held, vendor))

    def reconcile(effect: Effect) -> Outcome | None:
        made = run.successor(credential)
        if made is not None and all(f in run.custody for f in made.parts.values()):
            return Outcome(
                Status.DONE,
                f"Issued {made.public_id or 'a successor'} before the interruption",
                data={"public_id": made.public_id},
            )
        snapshot = effect.detail.get("before")
        found = provider.reconcile_reissue(
            held, snapshot if isinstance(snapshot, Mapping) else {}, vendor
        )
        if not found.status.settled:
            return found
        if _asked(run, key) >= MOST_REISSUES:
            return Outcome(
                Status.MANUAL,
                f"No third successor is asked for in place of {credential.id}",
                reason="two were asked for and lost",
                manual=_by_hand(credential, run.called(credential)).manual,
            )
        return None

    outcome = run.effect(
        "reissue",
        credential.id,
        make,
        key=key,
        detail={"before": dict(before)},
        reconcile=reconcile,
    )
    if outcome.manual is not None and outcome.manual.takes_value and isinstance(provider, Accepts):
        return _typed(run, credential, outcome, provider, outcome.manual, key)
    return outcome


def _typed(
    run: Run,
    credential: Credential,
    waiting: Outcome,
    provider: Accepts,
    step: ManualStep,
    key: str,
) -> Outcome:
    """What a person at the terminal has made by hand, asked for until it is usable or they have none."""
    at = f" at {step.url}" if step.url else ""
    question = (
        f"{step.title}{at}, then paste it here (nothing is shown; Enter alone to do it later)."
    )
    why = (
        "Only a person can make this one, and the applications wait for it.\n"
        "A value: it is tried, kept under lock and put where the applications read it.\n"
        "Enter alone: it stays a step of yours; everything else goes on.\n"
        "To take it back: delete what you made on the same page."
    )
    while True:
        typed = run.asks.secret(question, option=f"remediate resume --value {step.id}", why=why)
        if typed is None:
            return waiting
        outcome = _taken(run, credential, waiting, provider, typed, key)
        if outcome.manual is None:
            return outcome
        why = ""
        question = (
            f"That was not taken: {outcome.reason}. Nothing was changed. Paste the right one "
            "(Enter alone to do it later)."
        )


def _lost(run: Run, credential: Credential, key: str) -> bool:
    """Whether the successor's value is gone before every store had it: it has to be made again.

    One that some stores have goes too, for they are all to hold the same. But where no further one
    will be asked for, what is in use somewhere is left alone, and a person told what to do.
    """
    made = run.successor(credential)
    if made is None or all(name in run.custody for name in made.parts.values()):
        return False
    stores = run.policy.for_credential(credential).stores
    have = holding(run, credential)
    if have.issuperset(stores):
        return False
    return not have or _asked(run, key) < MOST_REISSUES


def _asked(run: Run, key: str) -> int:
    """How often a successor was asked of the vendor: a manual step's turn asked a person."""
    by_hand = sum(
        1
        for row in run.rows
        if row.kind == Kind.OUTCOME and row.key == key and row.data.get("manual")
    )
    return run.attempts(key) - by_hand


def _installed(run: Run, credential: Credential, new: Credential) -> bool:
    """Whether *new* is in force at its vendor; true for what was made there."""
    provider = run.provider(credential)
    if not isinstance(provider, Installs):
        return True
    outcome = run.effect(
        "install",
        credential.id,
        # No reconcile: `Installs.install` is safe to repeat.
        lambda: provider.install(
            run.held(credential, "install"), run.held(new, "install"), run.vendor(credential)
        ),
        key=f"install/{credential.id}",
    )
    return outcome.status.settled


def _accept(
    run: Run,
    credential: Credential,
    waiting: Outcome,
    provider: Accepts,
    value: Secret,
    key: str,
) -> Outcome:
    """Take in a value that a person brought. Raises `UsageError` where it is not usable."""
    outcome = _taken(run, credential, waiting, provider, value, key)
    assert waiting.manual is not None
    run.handed.pop(waiting.manual.id, None)
    if outcome.manual is not None:
        run.refuse(f"take in the value for {waiting.manual.id}", outcome.reason)
        raise UsageError(
            f"The new value was not taken: {outcome.reason}",
            hint=f"Bring another one: remediate resume --value {waiting.manual.id}",
        )
    return outcome


def _taken(
    run: Run,
    credential: Credential,
    waiting: Outcome,
    provider: Accepts,
    value: Secret,
    key: str,
) -> Outcome:
    """*value* as the successor; where it is not usable the step that *waiting* names still, with the reason."""

    def take() -> Outcome:
        made = provider.accept(run.held(credential, "reissue"), value, run.vendor(credential))
        if not made.values:
            return replace(waiting, reason=made.outcome.reason or made.outcome.summary)
        return _absorb(run, credential, made)

    return run.effect("reissue", credential.id, take, key=key)


def _absorb(run: Run, credential: Credential, made: Reissued) -> Outcome:
    """New values into custody first of all, then the successor into the journal."""
    if not made.values:
        return made.outcome
    parts = list(made.values)
    names = run.keep([made.values[part] for part in parts], "new value")
    fingerprints = dict(zip(parts, names, strict=True))
    run.succeed(
        credential,
        Credential(
            id=f"{credential.provider or credential.kind}:{made.public_id or names[0][:12]}",
            provider=credential.provider,
            kind=credential.kind,
            parts=fingerprints,
            public_id=made.public_id,
            account=credential.account,
        ),
    )
    data: dict[str, Json] = {**made.outcome.data, "public_id": made.public_id}
    return replace(made.outcome, data=data)


def _no_store(credential: Credential, name: str) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"Nothing new was issued in place of {credential.id}",
        reason="policy names no store for it",
        manual=ManualStep(
            id=f"place-{credential.id.replace(':', '-')}",
            title=f"Give whatever needs {name} a new one",
            why="No store is named for it, so nobody told remediate where applications read it.",
            instructions=(
                (
                    f'Name its stores in remediate.toml: [[credential]] match = "{credential.kind}", '
                    'stores = ["…"]'
                ),
                "Then: remediate resume",
            ),
        ),
    )


def _foothold(run: Run, credential: Credential) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"Nothing new was issued in place of {credential.id}",
        reason="there are signs that somebody else got in",
        manual=ManualStep(
            id=f"foothold-{credential.id.replace(':', '-')}",
            title="Look at what was left behind before a new key is issued",
            why="A new key for an owner that somebody else controls would be theirs too.",
            instructions=(
                *(f"Look at: {found}" for found in footholds(run, credential.id)[:10]),
                "When it is gone, or is yours: insist = true in its [[credential]] table",
                "Then: remediate resume",
            ),
        ),
    )


def _by_hand(credential: Credential, name: str) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"A successor of {credential.id} has to be made by hand",
        reason="no provider can issue this kind",
        manual=ManualStep(
            id=f"replace-{credential.id.replace(':', '-')}",
            title=f"Make a new one in place of {name} and put it where applications read it",
            why="remediate knows no way to issue one.",
        ),
    )


STAGE = Stage("recover", 50, "Issue the new one and put it in place", act, vendors=True)
