"""The notification: what a manager sends on, in plain words, from the record's own parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from remediate.clock import rfc3339
from remediate.incident.rows import Action, Topic
from remediate.record.ledger import Ledger
from remediate.record.model import (
    Communication,
    CredentialEntry,
    CredentialState,
    History,
    IncidentStatus,
    ManualEntry,
    Replacement,
    Search,
    SecretEntry,
    Times,
)
from remediate.record.reading import mapping, maybe, moment, text
from remediate.record.repository import vouching
from remediate.wording import bent, count, share

#: Until the next update: while investigating, and once contained.
_PACE = {
    "critical": (timedelta(minutes=30), timedelta(hours=2)),
    "high": (timedelta(hours=1), timedelta(hours=4)),
    "medium": (timedelta(hours=4), timedelta(hours=24)),
    "low": (timedelta(hours=24), timedelta(hours=72)),
}
#: Effects that a reader of the notification wants to hear of.
_TOLD = frozenset(
    {
        Action.REVOKE,
        Action.REISSUE,
        Action.INSTALL,
        Action.STORE,
        Action.DEPLOY,
        Action.DELETE,
        Action.APPLY,
        Action.PURGE,
        Action.PUSH,
    }
)


def communication(
    book: Ledger,
    status: IncidentStatus,
    times: Times,
    secrets: Sequence[SecretEntry],
    credentials: Sequence[CredentialEntry],
    manual: Sequence[ManualEntry],
    history: History,
    searches: Sequence[Search],
) -> Communication:
    """The template, filled as far as the journal tells."""
    severity = text(book.opening, "severity", "high")
    return Communication(
        severity=severity,
        time_detected=times.detected.at or "not known",
        affected_systems=_systems(book, credentials),
        status=str(status),
        summary=" ".join(
            (
                *_leak(secrets, times),
                *_credentials(credentials),
                *_history(history, searches),
                *_left(manual),
            )
        ),
        impact=_impact(book, credentials),
        actions_taken=_taken(book),
        next_update=_next(book, status, severity),
    )


def _systems(book: Ledger, credentials: Sequence[CredentialEntry]) -> tuple[str, ...]:
    where = maybe(book.opening, "remote") or maybe(book.opening, "repository")
    systems = [f"Repository {where}"] if where else []
    for entry in credentials:
        account = f", account {entry.account}" if entry.account else ""
        owner = f", {entry.owner}" if entry.owner and entry.owner != entry.account else ""
        systems.append(f"{entry.provider or 'unknown issuer'}{account}{owner}")
        systems += [store.store.partition("#")[0] for store in entry.stores]
    return tuple(dict.fromkeys(systems))


def _leak(secrets: Sequence[SecretEntry], times: Times) -> list[str]:
    if not secrets:
        return ["No leaked secret is known."]
    kinds = Counter(secret.kind for secret in secrets)
    listed = ", ".join(f"{n} of {kind}" if n > 1 else kind for kind, n in kinds.items())
    said = [f"{count(len(secrets), 'leaked secret')} in the repository: {listed}."]
    if times.introduced.at:
        said.append(f"First committed {_day(times.introduced.at)}.")
    said.append(
        f"First out {times.first_out.at}."
        if times.first_out.at
        else f"When it was first out is not known: {times.first_out.note}."
    )
    return said


def _credentials(credentials: Sequence[CredentialEntry]) -> list[str]:
    if not credentials:
        return []
    total = len(credentials)
    dead = sum(entry.state is CredentialState.DEAD for entry in credentials)
    alone = sum(entry.state is CredentialState.LEFT_ALONE for entry in credentials)
    placed = sum(entry.replacement is Replacement.IN_PLACE for entry in credentials)
    said = f"{share(dead, total, 'credential', 'is', 'are')} dead"
    said += f" and {placed} replaced" + (f"; {alone} left alone on purpose" if alone else "")
    alive = total - dead - alone
    return [f"{said}.", f"{alive} may still work."] if alive else [f"{said}."]


def _history(history: History, searches: Sequence[Search]) -> list[str]:
    match history.state:
        case "not-begun" | "undone":
            said = ["The git history has not been rewritten."]
        case "rehearsed":
            said = ["The rewrite of the git history is rehearsed, not applied."]
        case "pushed":
            said = [f"{count(history.commits_rewritten, 'commit')} rewritten and pushed."]
        case _:
            said = [f"{count(history.commits_rewritten, 'commit')} rewritten, not pushed."]
    for search in searches:
        if search.stands and search.when == "after-push":
            said.append(
                "The remote was searched again and is clean."
                if search.clean
                else f"The remote was searched again: {said_so}."
                if (said_so := vouching(search))
                else "The remote was searched again and is NOT clean."
            )
    return said


def _left(manual: Sequence[ManualEntry]) -> list[str]:
    left = sum(step.done_at is None for step in manual)
    if not left:
        return []
    return [f"{count(left, 'step')} {bent(left, 'is', 'are')} left for a person."]


def _impact(book: Ledger, credentials: Sequence[CredentialEntry]) -> str:
    said = []
    footholds = sum(len(entry.footholds) for entry in credentials)
    suspicious = sum(
        1
        for entry in credentials
        for event in entry.events
        if isinstance(event, Mapping) and event.get("suspicious")
    )
    if suspicious:
        said.append(f"{count(suspicious, 'suspicious event')} while it was out.")
    if footholds:
        said.append(f"{count(footholds, 'possible foothold')} found.")
    if said:
        said.append("A person has to judge them.")
    asked = [e for e in credentials if (e.id, Topic.EVENTS) in book.facts]
    if not said and asked:
        said.append(
            f"No sign of misuse was found for {len(asked)} of "
            f"{count(len(credentials), 'credential')}, as far as the vendor keeps evidence."
        )
    unknown = any(mapping(book.fact(e.id, Topic.EVENTS), "unknown") for e in asked)
    if unknown:
        said.append("Part of the evidence is not kept by the vendor.")
    if len(asked) < len(credentials):
        said.append(
            "Whether it was misused is not known for the others yet."
            if asked
            else "Whether it was misused is not known yet."
        )
    return " ".join(said) or "None is known."


def _taken(book: Ledger) -> tuple[str, ...]:
    done = [
        (effect.ended_at, text(effect.last, "summary"))
        for effect in book.effects.values()
        if effect.action in _TOLD and effect.settled and effect.ended_at
    ]
    return tuple(f"{at} {summary}" for at, summary in sorted(done))


def _next(book: Ledger, status: IncidentStatus, severity: str) -> str:
    if status is IncidentStatus.RESOLVED:
        return "None is planned: the incident is resolved."
    now = moment(book.at)
    if now is None:
        return "not known"
    pace = _PACE.get(severity.lower(), _PACE["high"])
    try:
        return rfc3339(now + pace[status is IncidentStatus.CONTAINED])
    except OverflowError:
        return "not known"


def _day(at: str) -> str:
    """A moment as people say it; what is none as it stands."""
    when = moment(at)
    return when.strftime("%Y-%m-%d %H:%M UTC") if when is not None else at
