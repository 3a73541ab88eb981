"""The stations of a leak's life, and how long the response took between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from remediate.incident.rows import Action, Topic
from remediate.record.credentials import leaked
from remediate.record.ledger import Effect, Ledger
from remediate.record.model import (
    CredentialEntry,
    CredentialState,
    Milestone,
    Moment,
    Replacement,
    ResponseTime,
    Search,
    Times,
)
from remediate.record.reading import latest, mapping, maybe, moment, text
from remediate.record.repository import vouching
from remediate.wording import count

CONTAINMENT_TARGET = 15 * 60.0
"""Seconds from detection to containment: a key in public is tried by strangers within minutes."""

_ENDED = (CredentialState.DEAD, CredentialState.LEFT_ALONE)
_REPLACED = (Replacement.IN_PLACE, Replacement.LEFT_OUT)


def milestones(
    book: Ledger,
    times: Times,
    credentials: Sequence[CredentialEntry],
    searches: Sequence[Search],
) -> tuple[Milestone, ...]:
    """All nine, in order; what is not reached or not known says so."""
    return (
        _introduced(book, times),
        _from_moment("pushed", times.first_out, "person", "A secret was first out"),
        _public(book, times),
        _detected(book, times),
        _revoked(book, times, credentials),
        _replaced(book, credentials),
        _of_effect(book, "rewritten", Action.APPLY, "the history here is as it was"),
        _of_effect(book, "published", Action.PUSH, "the remote still has the old history"),
        _verified(searches),
    )


def _from_moment(name: str, when: Moment, who: str, what: str) -> Milestone:
    if when.at is None:
        return Milestone(name, None, "", "", when.note or "the journal does not say")
    return Milestone(name, when.at, who, what, when.note)


def _introduced(book: Ledger, times: Times) -> Milestone:
    commit = maybe(book.known(None, Topic.EXPOSURE), "introduced_by")
    what = (
        f"A secret was first committed ({commit[:12]})"
        if commit
        else "A secret was first committed"
    )
    return _from_moment("introduced", times.introduced, "person", what)


def _public(book: Ledger, times: Times) -> Milestone:
    exposure = book.fact(None, Topic.EXPOSURE)
    public = mapping(exposure, "known").get("public")
    if public is False:
        return Milestone("public", None, "", "", "the repository is not public")
    if public is True and times.first_out.at:
        return Milestone("public", times.first_out.at, "person", "Anybody could read it", "")
    reason = text(mapping(exposure, "unknown"), "public")
    if public is True:
        reason = "the repository is public; since when the secret was there is not known"
    return Milestone(
        "public", None, "", "", reason or "whether strangers can read it was not asked"
    )


def _detected(book: Ledger, times: Times) -> Milestone:
    report = text(mapping(book.opening, "report"), "format")
    what = f"The leak was detected ({report})" if report else "The leak was detected"
    who = "person" if times.detected.note else "scanner"
    return _from_moment("detected", times.detected, who, what)


def _revoked(book: Ledger, times: Times, credentials: Sequence[CredentialEntry]) -> Milestone:
    dead = sum(entry.state is CredentialState.DEAD for entry in credentials)
    what = f"{dead} of {len(credentials)} dead"
    if times.contained.at is None:
        note = f"{times.contained.note} ({what})" if credentials else times.contained.note
        return Milestone("revoked", None, "", "", note)
    probes = [entry.proof.probe for entry in credentials if entry.proof]
    seen = f", seen by {_listed(probes)}" if probes else ""
    return Milestone(
        "revoked", times.contained.at, _who(book.of_action(Action.REVOKE)), what + seen, ""
    )


def _replaced(book: Ledger, credentials: Sequence[CredentialEntry]) -> Milestone:
    placed = [e for e in credentials if e.replacement is Replacement.IN_PLACE]
    what = f"{len(placed)} of {len(credentials)} replaced"
    if not credentials:
        return Milestone("replaced", None, "", "", "no credential is known")
    if not all(entry.replacement in _REPLACED for entry in credentials):
        return Milestone("replaced", None, "", "", f"{what}, work is left")
    if not placed:
        return Milestone("replaced", None, "", "", "no new credential was wanted")
    names = (Action.REISSUE, Action.STORE, Action.DEPLOY, Action.CHECK_NEW)
    effects = [e for name in names for e in book.of_action(name) if e.settled]
    stores = {store.store for entry in placed for store in entry.stores}
    where = f", in {count(len(stores), 'place')}" if stores else ""
    return Milestone(
        "replaced", latest(*(e.ended_at for e in effects)), _who(effects), what + where, ""
    )


def _of_effect(book: Ledger, name: str, action: str, not_yet: str) -> Milestone:
    settled = [e for e in book.of_action(action) if e.settled]
    if not settled:
        return Milestone(name, None, "", "", not_yet)
    what = text(settled[-1].last, "summary") or action
    return Milestone(name, latest(*(e.ended_at for e in settled)), _who(settled), what, "")


def _verified(searches: Sequence[Search]) -> Milestone:
    """By the widest search that stands: the remote's, else this clone's."""
    standing = [s for s in searches if s.stands and s.when in ("after-push", "after-purge")]
    remote = [s for s in standing if s.when == "after-push"]
    last = (remote or standing)[-1:]
    if not last:
        return Milestone("verified", None, "", "", "nothing was searched after the rewrite")
    note = "" if remote else "this clone alone; the remote was not searched"
    if said := vouching(last[0]):
        words = [one.at for one in last[0].vouched]
        return Milestone(
            "verified", latest(last[0].at, *words), "person", f"Searched: {said}", note
        )
    if not last[0].clean:
        return Milestone("verified", None, "", "", "what was searched is NOT clean")
    return Milestone("verified", last[0].at, "remediate", "Searched again: clean", note)


def _who(effects: Iterable[Effect]) -> str:
    names = sorted({effect.actor for effect in effects if effect.settled})
    return " and ".join(names)


def _listed(names: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:3]) + (", …" if len(distinct) > 3 else "")


def response(book: Ledger, times: Times, reached: Sequence[Milestone]) -> tuple[ResponseTime, ...]:
    """The parts of the response that have a beginning."""
    at = {milestone.name: milestone.at for milestone in reached}
    nobody = not leaked(book)
    return (
        _took("out-before-detection", times.first_out.at or times.introduced.at, times.detected.at),
        _took(
            "detection-to-containment",
            times.detected.at,
            at["revoked"],
            now=None if nobody or times.contained.note.startswith("every") else book.at,
            target=CONTAINMENT_TARGET,
        ),
        _took("detection-to-replacement", times.detected.at, at["replaced"]),
        _took("detection-to-verified", times.detected.at, at["verified"]),
    )


def _took(
    name: str,
    start: str | None,
    end: str | None,
    *,
    now: str | None = None,
    target: float | None = None,
) -> ResponseTime:
    seconds = _between(start, end)
    so_far = _between(start, now) if end is None else None
    met = None
    if target is not None:
        if seconds is not None:
            met = seconds <= target
        elif so_far is not None and so_far > target:
            met = False
    return ResponseTime(name, seconds, so_far, target, met)


def _between(start: str | None, end: str | None) -> float | None:
    first, last = moment(start), moment(end)
    if first is None or last is None or last < first:
        return None
    return round((last - first).total_seconds(), 3)
