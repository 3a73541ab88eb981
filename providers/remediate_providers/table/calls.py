"""What a vendor's calls look like, as data: asking, looking up, ending, and what proves death.

A template's ``{value}`` is the credential itself, ``{id}`` what a lookup found, any other name a part of the
value (`Calls.parts`) or a variable of the responder's environment (`Calls.needs`). In a path everything is
quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from remediate.secret import Secret

BEARER = "Authorization: Bearer {}"
PLAIN = "Authorization: {}"
BASIC = "basic"
"""The responder's two variables as a user name and a password."""

Who = Literal["leaked", "own", "either", "nobody"]
"""Whose credential a call goes out with; *either* is the responder's own where they have one."""
Fits = Literal["equal", "start", "end", "ends"]
"""How an entry shows its credential: whole, its beginning, its end, or both around dots."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One call."""

    method: str
    path: str
    who: Who = "leaked"
    auth: str = BEARER
    """A header with ``{}`` for the credential; ``basic NAME:{}`` or ``basic {}:`` for HTTP's own; empty where
    it stands elsewhere."""
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, object] | None = None
    form: Mapping[str, str] | None = None
    query: Mapping[str, str] | None = None
    base: str = ""
    """Another host than the vendor's usual one."""
    good: frozenset[int] = frozenset({200})
    """The statuses that mean that it was done."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What tells whether a credential is accepted. An answer that is neither proves nothing."""

    ask: Ask
    alive: frozenset[int] = frozenset({200})
    dead: frozenset[int] = frozenset({401})
    alive_says: tuple[str, ...] = ()
    """One of these words has to stand in the answer as well."""
    dead_says: tuple[str, ...] = ()
    tells: Mapping[str, str] = field(default_factory=dict)
    """Fact to its place in a living credential's answer, dots between."""


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """How the vendor's id of a credential is found: by the one entry of a list that fits it."""

    ask: Ask
    entries: str = ""
    """Where the list stands in the answer; empty where the answer is the list."""
    shows: str = ""
    """Where an entry shows its credential; empty where the answer is about the asking one alone."""
    fits: Fits = "equal"
    id: str = "id"
    most: int = 100
    """As many entries as one answer holds: where there are as many, there may be more."""


@dataclass(frozen=True, kw_only=True)
class Renew:
    """How a successor is made, with the rights of the old one, by the responder's own credential."""

    ask: Ask
    value: str
    """Where the answer holds the new value."""
    id: str
    """Where it holds the new one's id."""
    ids: Ask
    """The list of ids, to know again one that was made when its answer was lost."""
    entries: str
    entry: str
    """Where an entry of the list holds its id."""
    drop: Ask
    """Ends the one of ``{id}``."""
    copies: tuple[str, ...] = ()
    """Facts of the old one (`Probe.tells`) that the new one is made from."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Everything that one kind's vendor offers by API."""

    base: str | None
    """The vendor's address; None where there is none to know: then `address` has to be set."""
    address: str
    """The variable that names another address."""
    check: Probe
    revoke: Ask | None = None
    lookup: Lookup | None = None
    renew: Renew | None = None
    own: tuple[str, ...] = ()
    """The variables where the responder's own credential is: one, or two for `BASIC`."""
    needs: tuple[str, ...] = ()
    """Further variables that the calls are made from."""
    parts: Callable[[Secret], Mapping[str, str]] | None = None
    """What the value itself tells of its id; empty for a value that tells nothing."""
    regions: bool = False
    """The vendor has several addresses that do not know each other's credentials: a refusal proves death
    only where this address accepted the same credential before."""
    permission: str = ""
    """What the revoking credential needs."""
    source: str
    """Where the facts are from."""
    checked: bool = True
    """Whether they were found in the vendor's documentation or in public code; else they are from memory."""
    note: str = ""
    """What else there is to know."""
