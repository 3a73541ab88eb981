"""Contain: the credential is refused by its vendor from now on. What matters most, as early as can be."""

from __future__ import annotations

from remediate.errors import DeclinedError, ManualStepsError
from remediate.incident.run import Run
from remediate.model import Credential
from remediate.plugins.outcome import Status
from remediate.stages.authority import may_act
from remediate.stages.interface import DONE, WAITING, Result, Stage
from remediate.stages.killing import dies_replaced, kill
from remediate.wording import bent, count, share


def act(run: Run) -> Result:
    """Disable what does not wait for its successor. Raises `DeclinedError`, or `ManualStepsError` for too many."""
    first = [c for c in run.credentials() if not dies_replaced(run, c)]
    later = len(run.credentials()) - len(first)
    ours = [c for c in first if may_act(run, c) is None]
    _limit(run, ours)
    open_ones = [c for c in ours if not _settled(run, c)]
    if open_ones and not run.asks.confirm(
        f"Kill {_names(run, open_ones)} now?",
        option="--yes",
        default=True,
        why="A leaked key is tried by strangers within minutes.\n"
        "Yes: its vendor refuses it from now on. Applications that use it stop working until they "
        "have the new one, which comes next.\n"
        "No: nothing is done here; whoever has the key can go on using it.\n"
        "To take it back: a key that is only disabled (AWS) can be enabled again; a revoked token "
        "can't.",
    ):
        raise DeclinedError(
            "Nothing was killed: you said no. The leaked credentials still work.",
            hint="When you are ready: remediate resume",
        )
    results = kill(run, first)
    dead = sum(outcome.status.settled for outcome in results.values())
    text = f"{share(dead, len(results), 'credential', 'is', 'are')} dead"
    if later:
        text += f"; {later} {bent(later, 'dies after its successor is', 'die after their successors are')} in place"
    left = any(not o.status.settled and o.status is not Status.SKIPPED for o in results.values())
    return Result(WAITING if left else DONE, text)


def _limit(run: Run, ours: list[Credential]) -> None:
    most = run.policy.max_revocations
    if len(ours) > most:
        run.refuse(f"revoke {count(len(ours), 'credential')}", f"max_revocations is {most}")
        raise ManualStepsError(
            f"{count(len(ours), 'credential')} would be killed in one run, and policy allows {most}; "
            "none was.",
            hint="Look through the report. If it is right, set max_revocations in remediate.toml "
            f"([incident]) to {len(ours)}, then: remediate resume",
        )


def _settled(run: Run, credential: Credential) -> bool:
    outcome = run.state.outcome(f"revoke/{credential.id}")
    return outcome is not None and outcome.status.settled


def _names(run: Run, credentials: list[Credential]) -> str:
    shown = [run.called(credential) for credential in credentials[:3]]
    more = len(credentials) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


STAGE = Stage("contain", 30, "Kill the credential at its provider", act, vendors=True)
