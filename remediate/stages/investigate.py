"""Investigate: what was done with the credential while it was out; then delete what was disabled."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta

from remediate.clock import parse, rfc3339, utc_now
from remediate.incident.run import Run
from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Deletes, Held, Investigates
from remediate.stages.askingall import Ask, ask_each, unseen
from remediate.stages.authority import may_act
from remediate.stages.interface import DONE, Result, Stage
from remediate.stages.reruns import look_for_reruns, reruns_due
from remediate.stages.triage import exposed_since, footholds
from remediate.wording import bent, count

SETTLING = timedelta(hours=24)
"""How long a disabled credential is kept before it is deleted: vendors' logs lag (CloudTrail by about
15 minutes), and what breaks without the old key shows within a day. Until then it can be enabled
again."""


def act(run: Run) -> Result:
    """Collect evidence anew on each run, until the credential is gone for good."""
    since = exposed_since(run)
    suspicious = deleted = 0
    looked: list[Credential] = []
    later: list[str] = []
    _collect(run, since)
    for credential in run.credentials():
        provider = run.provider(credential)
        if may_act(run, credential) is not None:
            continue
        look_for_reruns(run, credential)
        if isinstance(provider, Investigates) and not _gone(run, credential):
            files = run.answers.of(credential.id)
            if files:
                run.learn("answers", Facts({"files": dict(files)}), credential)
            looked.append(credential)
        found = len(_suspicious(run, credential))
        suspicious += found
        if found and not run.policy.for_credential(credential).insist:
            later.append(
                f"your judgement of {count(found, 'suspicious event')} for {credential.id}"
            )
            run.advise(
                f"{count(found, 'suspicious event')} {bent(found, 'was', 'were')} found for {credential.id}: "
                "look at each in the record "
                "and undo what was not yours. The incident stays open until you say so: insist = true "
                "in its [[credential]] table, then remediate resume."
            )
        due = deletion_due(run, credential)
        if due is None:
            continue
        if parse(utc_now()) < due:
            later.append(f"the deletion of {credential.id} after {rfc3339(due)[:16]}Z")
            run.advise(
                f"{credential.id} is disabled and will be deleted by `remediate resume` after "
                f"{rfc3339(due)[:16]}Z, when the vendor's logs are complete."
            )
        else:
            deleted += _delete(run, credential)
    text = f"{count(len(looked), 'credential')} looked at, {count(suspicious, 'suspicious event')}"
    text += unseen(run, "events", looked)
    return Result(DONE, text + (f", {deleted} deleted" if deleted else ""), "; ".join(later))


def _collect(run: Run, since: str | None) -> None:
    """Ask for the evidence, of many credentials side by side."""
    asks: list[tuple[Credential, Ask]] = []
    for credential in run.credentials():
        provider = run.provider(credential)
        if (
            isinstance(provider, Investigates)
            and may_act(run, credential) is None
            and not _gone(run, credential)
        ):
            asks.append((credential, functools.partial(_ask, provider, since)))
    ask_each(run, "events", "investigate", asks)


def _ask(provider: Investigates, since: str | None, held: Held, vendor: VendorContext) -> Facts:
    return provider.investigate(held, since, vendor)


def deletion_due(run: Run, credential: Credential) -> datetime | None:
    """When the disabled *credential* is to be deleted; None where it is not, or is gone already."""
    revoked = run.state.effects.get(f"revoke/{credential.id}")
    if (
        not isinstance(run.provider(credential), Deletes)
        or run.policy.for_credential(credential).delete == "never"
        or revoked is None
        or revoked.outcome is None
        or not revoked.outcome.status.settled
        or revoked.ended_at is None
        or _gone(run, credential)
    ):
        return None
    signs = _suspicious(run, credential) or footholds(run, credential.id)
    if signs and not run.policy.for_credential(credential).insist:
        run.advise(
            f"{credential.id} stays disabled and is not deleted: there are signs of abuse to look at."
        )
        return None
    return parse(revoked.ended_at) + SETTLING


def _delete(run: Run, credential: Credential) -> bool:
    provider = run.provider(credential)
    assert isinstance(provider, Deletes)
    outcome = run.effect(
        "delete",
        credential.id,
        lambda: provider.delete(run.held(credential, "delete"), run.vendor(credential)),
        key=f"delete/{credential.id}",
    )
    return outcome.status.settled


def _gone(run: Run, credential: Credential) -> bool:
    outcome = run.state.outcome(f"delete/{credential.id}")
    return outcome is not None and outcome.status.settled


def _suspicious(run: Run, credential: Credential) -> list[object]:
    facts = run.knows("events", credential)
    events = facts.known.get("events") if facts else None
    if not isinstance(events, list | tuple):
        return []
    return [event for event in events if isinstance(event, dict) and event.get("suspicious")]


def _again(run: Run) -> bool:
    """Whether jobs had not ended, or could not be asked for, when it was looked which are to be run again."""
    return any(reruns_due(run, credential) for credential in run.credentials())


STAGE = Stage("investigate", 80, "See what was done with it", act, vendors=True, again=_again)
