"""What was done to the repository, what was searched, and what nobody could look into."""

from __future__ import annotations

from collections.abc import Iterable

from remediate import wording
from remediate.incident.rows import Action, Row, Thing, things
from remediate.record.ledger import Effect, Ledger
from remediate.record.model import (
    History,
    Lost,
    NotSearched,
    RefMove,
    Remnant,
    Search,
    Vouched,
)
from remediate.record.reading import (
    Data,
    fingerprint_of,
    flag,
    mapping,
    mappings,
    maybe,
    number,
    text,
)

#: The scopes of a verdict, with what they are for people and why one may be missing.
_SCOPES = (
    ("local", "this clone", "no search of it has ended yet"),
    (
        "remote_refs",
        "the remote's branches and tags",
        "they are searched after a push, or by `remediate verify --remote`",
    ),
    (
        "remote_by_id",
        "old commits on the remote, asked for by their ids",
        "a host may hand out what no branch names any more, until it cleans up",
    ),
    (
        "copies",
        "forks, other clones, a host's caches and pull requests, backups, build logs",
        "nobody can search them from here",
    ),
)


_NEW_VALUE = "new-value"


def history(book: Ledger) -> History:
    """What was done to the history, as it stands now."""
    plan = book.rehearsed.data if book.rehearsed else {}
    backup = next((e for e in book.of_action(Action.BACK_UP) if e.settled), None)
    return History(
        state=_state(book),
        commits_total=number(plan, "commits_total"),
        commits_rewritten=number(plan, "commits_rewritten"),
        blobs=number(plan, "blobs"),
        refs=tuple(
            RefMove(text(ref, "name"), text(ref, "old"), text(ref, "new"))
            for ref in mappings(plan, "refs")
        ),
        lost=tuple(Lost(text(x, "kind"), text(x, "object")) for x in mappings(plan, "lost")),
        backup=mapping(backup.last, "data") if backup else None,
        pushed=tuple(e.subject for e in book.of_action(Action.PUSH) if e.settled),
    )


def _state(book: Ledger) -> str:
    for action, name in (
        (Action.PUSH, "pushed"),
        (Action.PURGE, "purged"),
        (Action.APPLY, "applied"),
    ):
        if any(effect.settled for effect in book.of_action(action)):
            return name
    if book.rehearsed is not None:
        return "rehearsed"
    return "undone" if book.undone is not None else "not-begun"


def searches(book: Ledger) -> tuple[Search, ...]:
    """Every search, oldest first."""
    standing = {row.seq for row in _standing(book)}
    return tuple(_search(row, book, stands=row.seq in standing) for row in book.verified)


def _search(row: Row, book: Ledger, *, stands: bool) -> Search:
    data = row.data
    undone = book.undone is not None and row.seq < book.undone.seq
    known = _words(book.past if undone else book.effects.values())
    return Search(
        when=text(data, "when"),
        at=row.at,
        scope=mapping(data, "scope"),
        clean=flag(data, "clean"),
        stands=stands,
        searched=mapping(data, "searched"),
        remnants=tuple(map(_remnant, mappings(data, "remnants"))),
        unreadable=_unreadable(data),
        vouched=tuple(
            Vouched(thing.what, *known[thing])
            for thing in dict.fromkeys(things(data, "unreadable"))
            if thing in known
        ),
    )


def _words(effects: Iterable[Effect]) -> dict[Thing, tuple[str, str]]:
    """Everything that somebody vouched for: (whose word, when)."""
    return {
        thing: effect.word
        for effect in effects
        if effect.action == Action.VOUCH and effect.word is not None
        for thing in things(mapping(effect.last, "data"), "things")
    }


def unvouched(search: Search) -> bool:
    """Whether anything that *search* could not read is vouched for by nobody."""
    return not {thing.what for thing in search.unreadable} <= {one.what for one in search.vouched}


def vouching(search: Search) -> str:
    """What is said of a search that found nothing and could not read all, where people vouch for the rest; else
    nothing."""
    if search.clean or search.remnants or not search.unreadable or unvouched(search):
        return ""
    number = len({one.what for one in search.vouched})
    return wording.vouching(number, (one.by for one in search.vouched))


def _remnant(data: Data) -> Remnant:
    return Remnant(
        fingerprint=fingerprint_of(data),
        where=text(data, "where"),
        encoding=text(data, "encoding"),
        object=maybe(data, "object"),
        path=maybe(data, "path"),
    )


def _unreadable(data: Data) -> tuple[NotSearched, ...]:
    return tuple(
        NotSearched(text(item, "what"), text(item, "reason"))
        for item in mappings(data, "unreadable")
    )


def _standing(book: Ledger) -> list[Row]:
    """The verdicts that still hold: the last of each kind, and none that an undo made void.

    Each search for new values looked for others, so none of them takes another's place.
    """
    void = book.undone.seq if book.undone else 0
    last = {text(row.data, "when"): row for row in book.verified if row.seq > void}
    return [
        row
        for row in book.verified
        if text(row.data, "when") == _NEW_VALUE or last.get(text(row.data, "when")) is row
    ]


def not_searched(book: Ledger) -> tuple[NotSearched, ...]:
    """What could not be looked into, then the scopes that no standing verdict speaks of."""
    verdicts = [row.data for row in _standing(book) if text(row.data, "when") != _NEW_VALUE]
    sources: list[Data] = [*([book.rehearsed.data] if book.rehearsed else []), *verdicts]
    found = dict.fromkeys(item for source in sources for item in _unreadable(source))
    if book.secrets:
        for name, what, reason in _SCOPES:
            if not any(flag(mapping(data, "scope"), name) for data in verdicts):
                found.setdefault(NotSearched(what, reason))
    return tuple(found)
