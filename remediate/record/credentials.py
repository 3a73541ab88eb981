"""What became of each leaked secret and credential."""

from __future__ import annotations

import re
from collections.abc import Iterable

from remediate.incident.rows import Action, Topic
from remediate.plugins.outcome import Status
from remediate.record.ledger import Effect, Ledger
from remediate.record.model import (
    CredentialEntry,
    CredentialState,
    Location,
    Place,
    Proof,
    Replacement,
    SecretEntry,
    StoreEntry,
    Successor,
)
from remediate.record.reading import (
    Data,
    earliest,
    fingerprint_of,
    listed,
    mapping,
    mappings,
    maybe,
    maybe_number,
    proofs,
    text,
    texts,
)

#: Where vendors say whose a credential is, the most telling first.
_OWNER_NAMES = ("owner", "user", "login", "user_name", "username", "arn", "name", "email")
#: How vendors' answers look for what is dead; the first such evidence is when it was seen to be.
_REFUSED = re.compile(
    r"\b(40[1347]|410|inactive|disabled|revoked|expired|refused|deleted)\b", re.IGNORECASE
)
REPLACES = "replaces"
"""The label of a successor: the id of the credential that it stands in for."""


def leaked(book: Ledger) -> dict[str, Data]:
    """The leaked credentials by id, successors left out, in the order found."""
    return {
        name: row.data
        for name, row in book.credentials.items()
        if REPLACES not in mapping(row.data, "labels")
    }


def secret_entries(book: Ledger) -> tuple[SecretEntry, ...]:
    """Every distinct leaked value, in the order found."""
    parts = {
        fingerprint: (credential, part)
        for credential, data in leaked(book).items()
        for part, fingerprint in mapping(data, "parts").items()
        if isinstance(fingerprint, str)
    }
    rehearsed = book.rehearsed.data if book.rehearsed else {}
    places: dict[str, list[Data]] = {}
    for place in mappings(rehearsed, "places"):
        places.setdefault(fingerprint_of(place), []).append(place)
    return tuple(
        _secret(data, parts.get(name, (None, None)), places.get(name, []))
        for name, data in book.secrets.items()
    )


def _secret(data: Data, part: tuple[str | None, str | None], places: Iterable[Data]) -> SecretEntry:
    locations = tuple(map(_location, mappings(data, "locations")))
    found = tuple(map(_place, places))
    return SecretEntry(
        fingerprint=text(data, "fingerprint"),
        kind=text(data, "kind", "secret"),
        credential=part[0],
        part=part[1],
        rules=texts(data, "rules"),
        detected_at=maybe(data, "detected_at"),
        introduced=earliest(*(p.date for p in locations), *(p.date for p in found)),
        locations=locations,
        places=found,
    )


def _location(data: Data) -> Location:
    return Location(
        commit=maybe(data, "commit"),
        path=maybe(data, "path"),
        start_line=maybe_number(data, "start_line"),
        end_line=maybe_number(data, "end_line"),
        url=maybe(data, "url"),
        date=maybe(data, "date"),
    )


def _place(data: Data) -> Place:
    return Place(
        where=text(data, "where"),
        commit=maybe(data, "commit"),
        path=maybe(data, "path"),
        line=maybe_number(data, "line"),
        encoding=text(data, "encoding"),
        author=maybe(data, "author"),
        date=maybe(data, "date"),
    )


def credential_entries(book: Ledger) -> tuple[CredentialEntry, ...]:
    """Every leaked credential, in the order found."""
    made = _successors(book)
    return tuple(_credential(book, name, d, made.get(name)) for name, d in leaked(book).items())


def _credential(
    book: Ledger, name: str, data: Data, successor: Successor | None
) -> CredentialEntry:
    identity = book.known(name, Topic.IDENTITY)
    revoked = book.find(Action.REVOKE, name)
    deleted = book.find(Action.DELETE, name)
    state, reason, ended = _state(book, revoked, deleted)
    seen = proofs(ended.last) if ended else ()
    proof = next((one for one in seen if _REFUSED.search(one.saw)), seen[-1] if seen else None)
    stores = tuple(_store(effect) for effect in _stores(book, name))
    replacement, waits_for = _replacement(book, name, successor, stores)
    return CredentialEntry(
        id=name,
        provider=text(data, "provider"),
        kind=text(data, "kind", "secret"),
        parts=mapping(data, "parts"),
        public_id=maybe(data, "public_id"),
        account=maybe(data, "account") or maybe(identity, "account"),
        owner=next((found for key in _OWNER_NAMES if (found := maybe(identity, key))), None),
        labels=mapping(data, "labels"),
        state=state,
        state_reason=reason,
        dead_since=_since(ended, proof),
        proof=proof,
        deleted_at=deleted.ended_at if deleted and deleted.settled else None,
        replacement=replacement,
        replacement_reason=waits_for,
        successor=successor,
        stores=stores,
        footholds=listed(book.known(name, Topic.FOOTHOLDS), "footholds"),
        events=listed(book.known(name, Topic.EVENTS), "events"),
    )


def _state(
    book: Ledger, revoked: Effect | None, deleted: Effect | None
) -> tuple[CredentialState, str, Effect | None]:
    """The state, why it is not dead, and the effect that ended it."""
    ended = next((e for e in (revoked, deleted) if e is not None and e.settled), None)
    if ended is not None:
        return CredentialState.DEAD, "", ended
    if revoked is None:
        skipped = book.stages.get("contain")
        why = text(skipped.data, "reason") if skipped else ""
        told = f"contain was left out: {why}" if why else "nothing was done to it yet"
        return CredentialState.ASSUMED_ALIVE, told, None
    reason = text(revoked.last, "reason") or text(revoked.last, "summary")
    if revoked.status == Status.SKIPPED:
        return CredentialState.LEFT_ALONE, reason, None
    if revoked.status == Status.UNKNOWN:
        return CredentialState.UNKNOWN, reason, None
    if not revoked.outcomes:
        told = "it was about to be ended; nobody wrote down what came of it"
        return CredentialState.UNKNOWN, told, None
    return CredentialState.ASSUMED_ALIVE, reason, None


def _since(ended: Effect | None, proof: Proof | None) -> str | None:
    if ended is None:
        return None
    # The probe's own time is nearer to the truth than the row's.
    return earliest(proof.at if proof else None) or ended.ended_at


def _successors(book: Ledger) -> dict[str, Successor]:
    """The newest successor of each: after one that was lost in a crash there may be another."""
    return {
        old: Successor(text(row.data, "id"), maybe(row.data, "public_id"), row.at)
        for row in book.credentials.values()
        if (old := text(mapping(row.data, "labels"), REPLACES))
    }


def _stores(book: Ledger, name: str) -> list[Effect]:
    """A store's key ends in the id of the leaked credential whose successor it takes."""
    return [e for e in book.of_action(Action.STORE) if e.key.endswith(f"/{name}")]


def _store(effect: Effect) -> StoreEntry:
    return StoreEntry(
        store=effect.subject,
        status=effect.status,
        summary=text(effect.last, "summary"),
        reason=text(effect.last, "reason"),
        at=effect.ended_at,
    )


def _replacement(
    book: Ledger, name: str, successor: Successor | None, stores: tuple[StoreEntry, ...]
) -> tuple[Replacement, str]:
    asked = book.find(Action.REISSUE, name)
    checked = book.find(Action.CHECK_NEW, name)
    if successor is not None:
        if checked is not None and checked.settled:
            return Replacement.IN_PLACE, text(checked.last, "reason")
        stuck = [e for e in _delivery(book, name) if e.outcomes and not e.settled]
        return Replacement.ISSUED, text(stuck[-1].last, "reason") if stuck else ""
    if asked is None:
        skipped = book.stages.get("recover")
        why = text(skipped.data, "reason") if skipped else ""
        if why:
            return Replacement.LEFT_OUT, f"recover was left out: {why}"
        return Replacement.NOT_BEGUN, ""
    reason = text(asked.last, "reason") or text(asked.last, "summary")
    if asked.status == Status.SKIPPED:
        return Replacement.LEFT_OUT, reason
    if asked.settled and all(store.status in (Status.DONE, Status.UNCHANGED) for store in stores):
        return Replacement.IN_PLACE, reason
    return Replacement.WAITING, reason


def _delivery(book: Ledger, name: str) -> list[Effect]:
    steps = (book.find(Action.DEPLOY, name), book.find(Action.CHECK_NEW, name))
    return [*_stores(book, name), *(step for step in steps if step is not None)]
