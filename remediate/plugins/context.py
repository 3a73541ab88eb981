"""`VendorContext`: what a provider or store is given beside the credential. Its only way out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from remediate.clock import utc_now
from remediate.model import Json
from remediate.secret import Secret

REISSUED = "reissued"
"""The name in `VendorContext.known` under which stands what making the successor told (`Outcome.data`)."""


class Asks(Protocol):
    """The person at the keyboard, or the flags that speak for one."""

    def confirm(
        self, question: str, *, option: str, default: bool, why: str = "", typed: str = ""
    ) -> bool:
        """Yes or no. Under ``--yes`` the default; with nobody to ask, `MissingOptionError`.

        *why*: what it is about; what follows yes and no; how to take it back. *typed*: for a step that is
        severe, a name that a person who is being guided types instead of a yes.
        """
        ...

    def secret(self, question: str, *, option: str, why: str = "") -> Secret | None:
        """A value, typed without echo; None where the person has none now, or nobody is there.

        *why*: what it is for, what follows from a value and from none, and how to take it back.
        """
        ...


@dataclass(frozen=True)
class VendorContext:
    """One effect's surroundings. Nothing in it is global, so that tests replace what they need."""

    environment: Mapping[str, str]
    """Where the responder's own credentials and base addresses are looked up."""
    asks: Asks
    use_leaked: bool = True
    """Whether the leaked credential may be used for read-only identity calls on itself."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """The policy's ``[[credential]]`` table for this credential, if any."""
    known: Mapping[str, Json] = field(default_factory=dict)
    """What describing and preserving it have told: `Facts.known`, by name; empty where nothing did. Under
    `REISSUED` the data of its successor's making, where there is one."""
    known_of: Callable[[str], Mapping[str, Json]] | None = None
    """The same of another credential, by its id: a batch has one context."""
    remotes: Callable[[], Sequence[str]] = lambda: ()
    """Addresses of the remotes of the repository that it leaked in, without user info: for a vendor that hosts it."""
    root: Path | None = None
    """Where the user's own programs are run: the root of the work tree."""
    now: Callable[[], str] = utc_now
    """UTC, RFC 3339, ``Z``."""
    sleep: Callable[[float], None] = time.sleep
    progress: Callable[[str], None] = lambda _message: None
    """A line for the person who waits. No secret."""
    deadline: Callable[[], float] = field(default=lambda: time.monotonic() + 120)
    """When patience for polling ends, on the clock of `time.monotonic`."""
    redact: Callable[[str], str] = lambda text: text
    """Takes every value in custody out of a text: for a vendor's error message, before it is kept."""
    keep: Callable[[str, object], None] = lambda _name, _answer: None
    """Keeps a raw answer (bytes, text or JSON) under a name in the incident's folder, secrets removed: for
    whoever has to look at the evidence itself."""

    def about(self, credential_id: str, batch: Sized) -> VendorContext:
        """The same surroundings with what is known of that credential of *batch*.

        What is known of one proves nothing about another: where nobody can tell them apart, nothing is known.
        """
        if self.known_of is not None:
            return replace(self, known=self.known_of(credential_id))
        return self if len(batch) == 1 else replace(self, known={})
