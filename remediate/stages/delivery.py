"""Delivery: the successor into its stores, then deploy, then a check that it works."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Mapping, Sequence

from remediate.clock import utc_now
from remediate.incident.redaction import forms, harmless
from remediate.incident.run import Run
from remediate.incident.state import Effect
from remediate.model import Credential, ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.provider import ConfirmsNew, Kind
from remediate.plugins.registry import stores
from remediate.secret import Secret
from remediate.stages.targets import target

_COMMAND_SECONDS = 900


def deliver(run: Run, old: Credential, new: Credential) -> bool:
    """Whether *new* is in every store, deployed and seen to work."""
    table = run.policy.for_credential(old)
    _let_go(run, old)
    for spec in table.stores:
        outcome = run.effect(
            "store",
            spec,
            functools.partial(_put, run, spec, old, new),
            key=f"store/{spec}/{old.id}",
        )
        if not outcome.status.settled:
            return False
        _advise_again(run, spec, outcome)
    if table.deploy:
        outcome = run.effect(
            "deploy",
            old.id,
            lambda: _command(run, table.deploy, "deploy", old, new),
            key=f"deploy/{old.id}",
        )
        if not _well(outcome):
            return False
    outcome = run.effect(
        "check-new", old.id, lambda: _check(run, table.check, old, new), key=f"check-new/{old.id}"
    )
    return _well(outcome)


def holding(run: Run, old: Credential) -> set[str]:
    """The stores that took the newest successor of *old*, whether policy still names them or not."""
    return {
        effect.subject
        for effect in _deliveries(run, old)
        if effect.action == "store" and effect.outcome and effect.outcome.status.settled
    }


def recall(run: Run, old: Credential, why: str) -> None:
    """Take back that the successor of *old* was delivered anywhere: another one will be."""
    for effect in _deliveries(run, old):
        run.doubt(effect.key, why)


def _deliveries(run: Run, old: Credential) -> list[Effect]:
    keys = {f"deploy/{old.id}", f"check-new/{old.id}"}
    return [
        effect
        for effect in run.state.effects.values()
        if effect.key in keys
        or (effect.action == "store" and effect.key == f"store/{effect.subject}/{old.id}")
    ]


def _let_go(run: Run, old: Credential) -> None:
    """Settle that nobody waits any more for what policy names no longer: a store, the deploy."""
    table = run.policy.for_credential(old)
    for effect in _deliveries(run, old):
        if effect.outcome is not None and (
            effect.outcome.status.settled or effect.outcome.status is Status.SKIPPED
        ):
            continue
        if effect.action == "store" and effect.subject not in table.stores:
            what = effect.subject
        elif effect.action == "deploy" and not table.deploy:
            what = "The deploy"
        else:
            continue
        if effect.action == "store" and effect.doubtful:
            run.advise(
                f"{what} may have been given a new value before policy stopped naming it: look, and "
                "take it away there."
            )
        run.leave(effect, f"{what} is no longer named", "policy was changed since")


def _advise_again(run: Run, spec: str, outcome: Outcome) -> None:
    """Name the jobs that hold the old value: they began before the store had the new one."""
    going_on = outcome.data.get("running")
    for job in going_on if isinstance(going_on, list | tuple) else []:
        if isinstance(job, Mapping):
            run.advise(
                f"{job.get('workflow')} began with the old value of {spec}: run it again "
                f"({job.get('page')})."
            )


def printed(run: Run, old: Credential) -> dict[str, list[str]]:
    """What deploy and check showed of the new values: command to the fingerprints that it printed."""
    found = {}
    for what in ("deploy", "check-new"):
        outcome = run.state.outcome(f"{what}/{old.id}")
        shown = outcome.data.get("printed") if outcome else None
        if isinstance(shown, list | tuple) and shown:
            found[what] = [str(name) for name in shown]
    return found


def _well(outcome: Outcome) -> bool:
    """Whether it did its work: a command that printed the new value did, and is still to be mended."""
    return outcome.status.settled or bool(outcome.data.get("printed"))


def _put(run: Run, spec: str, old: Credential, new: Credential) -> Outcome:
    other = next(
        (
            effect.key
            for effect in run.state.effects.values()
            if effect.action == "store"
            and effect.subject == spec
            and effect.key != f"store/{spec}/{old.id}"
            # Left out since: nobody's value is there, or nobody's any more.
            and not (effect.outcome and effect.outcome.status is Status.SKIPPED)
        ),
        None,
    )
    if other is not None:
        return Outcome(
            Status.MANUAL,
            f"{spec} was left as it is",
            reason="another leaked credential's successor is there already",
            manual=ManualStep(
                id=f"store-{old.id.replace(':', '-')}",
                title="Name another store for this credential",
                why=f"Two leaked credentials are matched by one table, and {spec} holds one value.",
                instructions=("Give each its own [[credential]] table, matched by fingerprint.",),
            ),
        )
    where = target(spec, run.repo.work_tree or run.repo.git_dir)
    held = run.held(new, f"store {where.scheme}")
    missing = [part for part in new.parts if part not in held.values]
    if missing:
        return _by_hand(run, spec, old)
    try:
        return stores.get(where.scheme).put(where, held.values, run.vendor(old))
    except KeyError as error:
        return Outcome(
            Status.REFUSED,
            f"{spec} was left as it is",
            reason=f"the credential has no part named {error.args[0]!r}; "
            f"it has {', '.join(new.parts)}",
        )


def _by_hand(run: Run, spec: str, old: Credential) -> Outcome:
    """The value is gone, and some other store has it: it can be had from there alone."""
    have = ", ".join(sorted(holding(run, old))) or "whatever has it"
    return Outcome(
        Status.MANUAL,
        f"{spec} was left as it is",
        reason="the new value is not in custody, and no other one is asked for",
        manual=ManualStep(
            id=f"copy-{old.id.replace(':', '-')}",
            title=f"Copy the new {old.kind} into {spec}",
            why="It was in memory alone, and went with its process before every store had it.",
            instructions=(
                f"Take it from {have}, and put it into {spec}.",
                f"Take {spec} out of the stores of its [[credential]] table in remediate.toml.",
                "Then: remediate resume",
            ),
        ),
    )


def _command(
    run: Run, command: Sequence[str], what: str, old: Credential, new: Credential
) -> Outcome:
    """One of the user's own programs, in the repository's root. Its output is redacted and kept.

    Its output is searched for the new value as well: here it reaches nobody, but the same command
    writes it into every log that it is run for.
    """
    redact = run.redactor()
    probe = f"{what}: {' '.join(command)}"
    try:
        done = subprocess.run(
            list(command),
            cwd=run.repo.work_tree or run.repo.git_dir,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_COMMAND_SECONDS,
            check=False,
            env=dict(os.environ),
        )
    except FileNotFoundError:
        return Outcome(Status.REFUSED, f"{what} did not run", reason=f"{command[0]}: not found")
    except PermissionError:
        return Outcome(
            Status.REFUSED, f"{what} did not run", reason=f"{command[0]}: not executable"
        )
    except subprocess.TimeoutExpired:
        return Outcome(
            Status.UNKNOWN, f"{what} did not end", reason=f"stopped after {_COMMAND_SECONDS} s"
        )
    raw = done.stdout + done.stderr
    shown = [
        fingerprint
        for fingerprint, value in secret_parts(run, new).items()
        if any(form in raw for form in forms(value.reveal()))
    ]
    output = redact(raw.decode("utf-8", "replace"))
    last = harmless(output.strip().splitlines()[-1] if output.strip() else "no output")[:200]
    evidence = (Evidence(probe, f"exit {done.returncode}: {last}", utc_now()),)
    if done.returncode != 0:
        return Outcome(
            Status.REFUSED,
            f"{what} failed",
            reason=f"{command[0]} ended with {done.returncode}: {last}",
            evidence=evidence,
        )
    if shown:
        return Outcome(
            Status.MANUAL,
            f"{what} ended well, and printed the new value",
            reason="whoever reads what it prints has the new value too",
            evidence=evidence,
            data={"printed": list(shown)},
            manual=_quiet(what, command[0], old),
        )
    return Outcome(Status.DONE, f"{what} ended well", evidence=evidence)


def _quiet(what: str, command: str, old: Credential) -> ManualStep:
    return ManualStep(
        id=f"quiet-{what}-{old.id.replace(':', '-')}",
        title=f"Let {command} print no secret",
        why=f"Its output, here kept from view, holds the new {old.kind}: in a build log it leaks anew.",
        instructions=(
            "Take the value out of what the command prints.",
            "Look whether a log has it already; if so, the new credential has to be replaced too.",
            "Then: remediate resume",
        ),
        check=f"remediate runs {what} once more and searches its output.",
    )


def secret_parts(run: Run, credential: Credential) -> dict[str, Secret]:
    """Fingerprint to value of each part that is secret and in custody; a public id is not."""
    public = credential.public_id
    return {
        fingerprint: value
        for fingerprint in credential.parts.values()
        if (value := run.value(fingerprint, "looking for the new value")) is not None
        and value.reveal_text() != public
    }


def _no_probe(kinds: Sequence[Kind], credential: Credential) -> bool:
    """Whether the provider itself says that it has no probe for a credential of this kind."""
    return any(kind.name == credential.kind and kind.check == "none" for kind in kinds)


def _check(run: Run, command: Sequence[str], old: Credential, new: Credential) -> Outcome:
    if command:
        return _command(run, command, "check", old, new)
    provider = run.provider(old)
    if not isinstance(provider, ConfirmsNew) or _no_probe(provider.kinds, old):
        return Outcome(
            Status.UNCHANGED,
            "No check of the new credential",
            reason="the provider has no probe for it, and policy names no check",
        )
    held = run.held(new, "check-new")
    if any(part not in held.values for part in new.parts):
        # Every store has it by now, so it is in use, and no other one is made for a look at it.
        run.advise(
            f"The new {old.kind} was not tried, nor looked for in the repository: its value was in "
            "memory alone and is gone. See that what reads it from its store works."
        )
        return Outcome(
            Status.UNCHANGED,
            "No check of the new credential",
            reason="its value was in memory alone, and went with its process",
        )
    found = provider.confirm(held, run.vendor(old))
    if found.alive:
        return Outcome(Status.DONE, "The new credential works", evidence=found.evidence)
    if found.alive is False:
        return Outcome(
            Status.REFUSED,
            "The new credential does not work",
            reason=found.reason or "the vendor refuses it",
            evidence=found.evidence,
        )
    return Outcome(
        Status.UNKNOWN,
        "Nobody could tell whether the new credential works",
        reason=found.reason,
        evidence=found.evidence,
    )
